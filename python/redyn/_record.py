"""Any PyTorch network's trajectories, recorded while it runs.

Every call of a module within one forward pass is a step of its own: networks that loop over steps,
networks of several passes, recurrent layers that give all steps at once, and plain networks of one
step are recorded alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from redyn import _redyn
from redyn._arrays import whole_numbers
from redyn._calls import Calls, Heard
from redyn._errors import InputError, RedynError, need
from redyn._layout import Layout
from redyn._options import bytes_of
from redyn._trajectories import Trajectories, open


def record(
    model: Any,
    taps: Sequence[str] | Mapping[str, str | Sequence[str]],
    readout: str | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    labels: Any,
    image_ids: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    reads: str | None = None,
    steps: Mapping[str, Sequence[int]] | None = None,
    step_axis: Mapping[str, int] | None = None,
    name: str | None = None,
    network: str | None = None,
    epoch: int | None = None,
    seed: int | None = None,
    memory: int | str = "256M",
) -> Recorder:
    """Record what modules of a PyTorch network do, into a store on disk.

        with redyn.record(model, taps=["layer3", "gap"], readout="fc", out="net.zarr", labels=labels) as rec:
            for images, targets in rec.batches(loader):
                model(images)

    A plain loop over the loader does, too: every forward pass is the next batch. `batches` checks the
    loader's order and leaves out what an interrupted run has recorded.

    Parameters
    ----------
    model
        A `torch.nn.Module` in evaluation mode.
    taps
        Names of modules, as `model.named_modules()` has them; or a dict from areas to modules. A network
        with a module for every step has several for an area: their calls are its steps.
    readout
        The module whose outputs are the logits. If it is a `torch.nn.Linear`, its weight and bias are
        recorded, and what it reads: one of the taps, or else its input as the area `READOUT.input`.
        Without a readout the model's own output is taken, a list being one of steps; where it gives several
        things, the first of them.
    out
        The store to write, or to continue; a temporary one if left out.
    labels
        True class of every image, in the loader's order; or a data set with `targets`.
    image_ids, classes
        Names of images and of classes (default: numbered from 0).
    reads
        For a network that reads out once, at its end: the area that it reads, which is then given to the
        readout at every step; to a `torch.nn.Linear` with its maps averaged over space.
    steps
        For each area whose module is called less often than others, the steps it is called at.
    step_axis
        For each area whose output holds several steps at once, the axis they are on. Known of
        `torch.nn.RNN`, `GRU` and `LSTM`.
    name, network, epoch, seed
        What it is called. An `epoch` of -1 is a network before training.
    memory
        For what is gathered until it is written: bytes, or "256M". A batch's own comes on top.
    """
    named = taps.items() if isinstance(taps, Mapping) else zip(taps, taps)
    return Recorder(
        model,
        {area: [tap] if isinstance(tap, str) else list(tap) for area, tap in named},
        readout,
        out,
        labels=labels,
        image_ids=image_ids,
        classes=classes,
        reads=reads,
        steps=dict(steps or {}),
        step_axis=dict(step_axis or {}),
        about={"name": name, "network": network, "epoch": epoch, "seed": seed},
        memory=bytes_of(memory),
    )


class Recorder:
    """A network being recorded; made by `redyn.record`."""

    def __init__(
        self,
        model: Any,
        taps: dict[str, list[str]],
        readout: str | None,
        out: str | os.PathLike[str] | None,
        *,
        labels: Any,
        image_ids: Sequence[str] | None,
        classes: Sequence[str] | None,
        reads: str | None,
        steps: dict[str, Sequence[int]],
        step_axis: dict[str, int],
        about: dict[str, Any],
        memory: int,
    ) -> None:
        self._torch = need("torch", "record")
        self._model, self._memory, self._about = model, memory, about
        if reads is not None and readout is None:
            raise InputError(f"`{reads}` cannot be read out, as no readout is named", "readout=\"fc\"")
        of_areas = [area for area in [*steps, *step_axis] if area != readout]
        for area in of_areas if reads is None else [*of_areas, reads]:
            if area not in taps:
                raise InputError(f"no area `{area}` is recorded", f"areas: {', '.join(taps)}")
        self._readout, self._reads, self._steps = readout, reads, steps
        self._calls = Calls(model, taps, readout, reads, step_axis)
        if classes is None and hasattr(labels, "classes"):
            classes = list(labels.classes)
        self._classes = classes
        self.labels = whole_numbers("labels", getattr(labels, "targets", labels))
        self.image_ids = [str(n) for n in range(len(self.labels))] if image_ids is None else list(map(str, image_ids))
        if len(self.image_ids) != len(self.labels):
            raise InputError(f"{len(self.image_ids)} names of images for {len(self.labels)} labels")
        self._temporary = tempfile.TemporaryDirectory(prefix="redyn-") if out is None else None
        self.path = os.path.join(self._temporary.name, "store.zarr") if self._temporary else os.fspath(out)  # type: ignore[arg-type]
        self._layout: Layout | None = None
        self._writer: _redyn.Writer | None = None
        self._skipped = 0
        self._seen = 0

    @property
    def n_images(self) -> int:
        """Number of images to record."""
        return len(self.labels)

    def __enter__(self) -> Recorder:
        self._calls.listen(self._finish)
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._calls.stop()
        if self._writer is None:
            if kind is None:
                raise RedynError("no image was recorded", "call the model within the `with`")
            return
        done = self._seen
        if kind is not None or done < self.n_images:
            self._writer.close()
            if kind is None:
                raise RedynError(
                    f"{done} of {self.n_images} images were recorded in `{self.path}`",
                    "run the same loop again: it continues",
                )
            return
        self._writer.finish()

    def trajectories(self, area: str | None = None, spatial: str = "average") -> Trajectories:
        """What was recorded, when all of it is."""
        made = open(self.path, area, spatial)
        # A temporary store stays as long as somebody looks at it.
        made._kept = self._temporary  # type: ignore[attr-defined]
        return made

    def batches(self, loader: Iterable[Any]) -> Iterator[Any]:
        """The batches of a loader that are still to be recorded, its order checked against labels and names.

        A batch is a tuple that begins with images and labels; a third member that is a list of texts is
        the images' names.
        """
        done, place = self._done(), 0
        for batch in loader:
            labels = batch[1] if isinstance(batch, (tuple, list)) and len(batch) > 1 else None
            size = len(batch[0] if isinstance(batch, (tuple, list)) else batch)
            names = batch[2] if labels is not None and len(batch) > 2 else None
            self._check(place, size, labels, names if _texts(names) else None)
            place += size
            # The last batch is run even if it is there, to bring the store to its end.
            if place <= done and place < self.n_images:
                self._skipped += size
                self._seen = place
                continue
            yield batch

    def check(self, labels: Any, names: Sequence[str] | None = None) -> None:
        """In a plain loop: the next forward pass is of images with these labels, and names."""
        self._check(self._seen, len(labels), labels, names)

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Several calls of the model that make one forward pass: a loop over steps outside of it."""
        with self._calls.together():
            yield

    def _done(self) -> int:
        """Images that an interrupted run has recorded."""
        if not os.path.exists(self.path):
            return 0
        try:
            return open(self.path, partial=True).n_images
        except RedynError:
            # Whatever is there, the writer says what is wrong with it.
            return 0

    def _check(self, place: int, size: int, labels: Any, names: Sequence[str] | None) -> None:
        end = place + size
        if end > self.n_images:
            raise InputError(f"the loader came to image {end - 1}, there are {self.n_images} labels")
        if labels is not None:
            found = whole_numbers("the loader's labels", labels)
            wrong = np.flatnonzero(found != self.labels[place:end])
            if wrong.size:
                image = place + int(wrong[0])
                raise InputError(
                    f"the loader's image {image} has label {found[wrong[0]]}, `labels` says {self.labels[image]}",
                    "a recording needs one order: DataLoader(..., shuffle=False)",
                )
        if names is not None:
            for image, name in zip(range(place, end), names):
                if str(name) != self.image_ids[image]:
                    raise InputError(
                        f"the loader's image {image} is `{name}`, `image_ids` says `{self.image_ids[image]}`",
                        "a recording needs one order: DataLoader(..., shuffle=False)",
                    )

    def _finish(self, heard: Heard) -> None:
        """One forward pass is over."""
        if self._layout is None:
            self._layout = Layout(heard, self._readout, self._reads, self._steps, self._calls.step_axis)
        areas, outputs = self._layout.arranged(heard)
        batch = outputs.shape[0]
        if self._seen + batch > self.n_images:
            raise InputError(f"the loop came to image {self._seen + batch - 1}, there are {self.n_images} labels")
        if self._writer is None:
            self._writer = self._opened(self._layout, areas, outputs)
        self._writer.push([areas[area] for area in self._layout.steps], outputs)
        self._seen += batch

    def _opened(self, layout: Layout, areas: dict[str, np.ndarray], outputs: np.ndarray) -> _redyn.Writer:
        n_classes = outputs.shape[2]
        classes = [str(index) for index in range(n_classes)] if self._classes is None else list(self._classes)
        if len(classes) != n_classes:
            raise InputError(f"{len(classes)} names of classes, the outputs have {n_classes}: shape {outputs.shape}")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= n_classes))
        if wrong.size:
            raise InputError(
                f"image {wrong[0]} has label {self.labels[wrong[0]]}, the outputs have {n_classes} classes",
                "labels count from 0, in the order of the outputs",
            )
        kind = type(self._model).__name__
        words = {
            "about": {
                "name": self._about["name"] or kind,
                "network": self._about["network"] or self._about["name"] or kind,
                "epoch": self._about["epoch"],
                "seed": self._about["seed"],
                "weights_digest": _digest(self._model),
                "kernel_path": f"torch {self._torch.__version__} {_device(self._model)}",
                "tool_version": _redyn.VERSION,
                "classes": [str(name) for name in classes],
            },
            "n_steps": layout.n_steps,
            "outputs": "logits",
            "output_steps": layout.output_steps,
            "taps": [_tap(area, areas[area], steps) for area, steps in layout.steps.items()],
            "image_ids": self.image_ids,
        }
        readout = None
        linear, copied = self._calls.readout, self._calls.copied
        if layout.reads is not None and isinstance(linear, self._torch.nn.Linear):
            readout = (
                copied("readout", linear.weight),
                None if linear.bias is None else copied("bias", linear.bias),
                layout.reads,
                0,
            )
        writer = _redyn.Writer(self.path, json.dumps(words), self.labels, readout, self._memory)
        writer.skip(self._skipped)
        return writer


def _tap(area: str, values: np.ndarray, steps: list[int]) -> dict[str, Any]:
    names = {3: ["unit"], 4: ["place", "unit"], 5: ["channel", "height", "width"]}
    axes = names.get(values.ndim, [f"axis{index}" for index in range(values.ndim - 2)])
    shape = [{"name": axis, "size": size} for axis, size in zip(axes, values.shape[2:])]
    return {"area": area, "shape": shape, "steps": steps, "depends_on_image_from": steps[0]}


def _texts(names: Any) -> bool:
    return isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)


def _device(model: Any) -> str:
    first = next(iter(model.parameters()), None)
    return "cpu" if first is None else str(first.device)


def _digest(model: Any) -> str:
    """sha256 of all weights, by name."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
