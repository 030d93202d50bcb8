"""Any PyTorch network's trajectories, recorded while it runs.

Every call of a module within one forward pass is a step of its own: networks that loop over steps,
networks of several passes, recurrent layers that give all steps at once, and plain networks of one
step are recorded alike.
"""

from __future__ import annotations

import difflib
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
from redyn._errors import InputError, RedynError, need
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
        gpus = getattr(model, "device_ids", None) or []
        if isinstance(model, self._torch.nn.DataParallel) and len(gpus) > 1:
            raise InputError(
                f"the model is divided among {len(gpus)} GPUs, which call its modules in any order",
                "record model.module",
            )
        # A module may have several names.
        modules = dict(model.named_modules(remove_duplicate=False))
        self._taps = {area: [_module(modules, name) for name in names] for area, names in taps.items()}
        self._readout_name = readout
        self._readout = None if readout is None else _module(modules, readout)
        if classes is None and hasattr(labels, "classes"):
            classes = list(labels.classes)
        self._classes = classes
        self.labels = whole_numbers("labels", getattr(labels, "targets", labels))
        self.image_ids = [str(n) for n in range(len(self.labels))] if image_ids is None else list(map(str, image_ids))
        if len(self.image_ids) != len(self.labels):
            raise InputError(f"{len(self.image_ids)} names of images for {len(self.labels)} labels")
        self._steps, self._step_axis = steps, step_axis
        if reads is not None and readout is None:
            raise InputError(f"`{reads}` cannot be read out, as no readout is named", "readout=\"fc\"")
        self._reads, self._asking = reads, False
        of_areas = [area for area in [*steps, *step_axis] if area != readout]
        for area in of_areas if reads is None else [*of_areas, reads]:
            if area not in self._taps:
                raise InputError(f"no area `{area}` is recorded", f"areas: {', '.join(self._taps)}")
        self._temporary = tempfile.TemporaryDirectory(prefix="redyn-") if out is None else None
        self.path = os.path.join(self._temporary.name, "store.zarr") if self._temporary else os.fspath(out)  # type: ignore[arg-type]
        self._hooks: list[Any] = []
        self._calls: dict[str, list[np.ndarray]] = {}
        self._inputs: list[np.ndarray] = []
        self._together = False
        self._layout: _Layout | None = None
        self._writer: _redyn.Writer | None = None
        self._skipped = 0
        self._seen = 0

    @property
    def n_images(self) -> int:
        """Number of images to record."""
        return len(self.labels)

    def __enter__(self) -> Recorder:
        watch = self._hooks.append
        watch(self._model.register_forward_pre_hook(lambda *_: self._begin()))
        for area, modules in self._taps.items():
            for module in modules:
                watch(module.register_forward_hook(self._listener(area)))
        if self._readout is not None:
            watch(self._readout.register_forward_hook(self._readout_called))
        watch(self._model.register_forward_hook(lambda _module, _inputs, output: self._end(output)))
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
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
        self._calls, self._inputs, self._together = {}, [], True
        self._said: list[np.ndarray] = []
        try:
            yield
        finally:
            self._together = False
        self._finish(self._said)

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

    def _begin(self) -> None:
        if self._model.training:
            raise InputError(
                "the model is in training mode: dropout and batch statistics would be recorded", "call model.eval()"
            )
        if not self._together:
            self._calls, self._inputs = {}, []

    def _listener(self, area: str) -> Any:
        def called(module: Any, _inputs: Any, output: Any) -> None:
            if area not in self._step_axis and isinstance(module, self._torch.nn.RNNBase):
                self._step_axis[area] = 1 if module.batch_first else 0
            self._calls.setdefault(area, []).append(self._copied(area, output))
            if area == self._reads:
                self._ask_readout(output)

        return called

    def _ask_readout(self, output: Any) -> None:
        """What the readout says of an area now, which `_readout_called` hears."""
        readout, units = self._readout, _first(output)
        assert readout is not None
        if isinstance(readout, self._torch.nn.Linear):
            if units.ndim == 4:
                units = self._torch.nn.functional.adaptive_avg_pool2d(units, 1).flatten(1)
            if units.shape[-1] != readout.in_features:
                raise InputError(
                    f"`{self._readout_name}` reads {readout.in_features} units, `{self._reads}` has "
                    f"{units.shape[-1]}: shape {tuple(_first(output).shape)}"
                )
        self._asking = True
        try:
            readout(units)
        finally:
            self._asking = False

    def _readout_called(self, _module: Any, inputs: Any, output: Any) -> None:
        if self._reads is not None and not self._asking:
            # The network's own: what it reads is read out already.
            return
        name = f"{self._readout_name}"
        # What is given by keyword, a hook does not see.
        if inputs:
            self._inputs.append(self._copied(f"{name}.input", inputs))
        self._calls.setdefault(" readout", []).append(self._copied(name, output))

    def _copied(self, area: str, output: Any) -> np.ndarray:
        """A module's output as it is now: what follows may change it in place."""
        output = _first(output)
        if not isinstance(output, self._torch.Tensor):
            raise InputError(f"`{area}` gives {type(output).__name__}, a tensor is needed", "tap a module within it")
        return output.detach().to("cpu", self._torch.float32, copy=True).numpy()

    def _end(self, output: Any) -> None:
        said: list[np.ndarray] = []
        if self._readout is None:
            # Of what a model gives beside its logits, the logits come first.
            while isinstance(output, (tuple, list)) and output and not self._are_steps(output):
                output = output[0]
            steps = output if self._are_steps(output) else [output]
            said = [self._copied("the model", one) for one in steps]
        if self._together:
            self._said.extend(said)
        else:
            self._finish(said)

    def _are_steps(self, output: Any) -> bool:
        """Whether a model's output is logits of one step after another."""
        return isinstance(output, (tuple, list)) and bool(output) and all(
            isinstance(one, self._torch.Tensor) and one.ndim == 2 and one.shape == output[0].shape for one in output
        )

    def _finish(self, said: list[np.ndarray]) -> None:
        """One forward pass is over."""
        silent = [area for area in self._taps if area not in self._calls]
        if silent:
            raise InputError(f"`{silent[0]}` was not called in this forward pass", "tap a module that the model runs")
        said = said or self._calls.pop(" readout", [])
        if not said:
            raise InputError(f"the readout `{self._readout_name}` was not called in this forward pass")
        areas = {area: _in_order(calls, self._step_axis.get(area)) for area, calls in self._calls.items()}
        if self._layout is None:
            self._layout = self._laid_out(areas, said)
        layout = self._layout
        if layout.own is not None:
            areas[layout.own] = _in_order(self._inputs, layout.axis)
        outputs = _in_order(said, layout.axis)
        batch = outputs.shape[0]
        for area, values in [*areas.items(), ("outputs", outputs)]:
            expected = (batch, *layout.shapes[area])
            if values.shape != expected:
                raise InputError(
                    f"`{area}` has shape {values.shape} in this forward pass, the first says {expected}: "
                    "image, step, unit",
                    "every image takes the same steps",
                )
        if self._seen + batch > self.n_images:
            raise InputError(f"the loop came to image {self._seen + batch - 1}, there are {self.n_images} labels")
        if self._writer is None:
            self._writer = self._opened(areas, outputs)
        self._writer.push([areas[area] for area in layout.steps], outputs)
        self._seen += batch

    def _laid_out(self, areas: dict[str, np.ndarray], said: list[np.ndarray]) -> _Layout:
        """Which steps everything is of, told from the first forward pass."""
        counts = {area: values.shape[1] for area, values in areas.items()}
        reads, places, axis = _reading(self._inputs, areas)
        own = None
        axis = self._step_axis.get(f"{self._readout_name}", axis)
        if self._inputs and reads is None:
            own = f"{self._readout_name}.input"
            counts[own] = _in_order(self._inputs, axis).shape[1]
        n_steps = max(counts.values(), default=_in_order(said, axis).shape[1])
        for chosen in self._steps.values():
            n_steps = max(n_steps, *(int(step) + 1 for step in chosen))
        steps = {area: self._steps_of(area, count, n_steps) for area, count in counts.items() if area != own}
        n_said = _in_order(said, axis).shape[1]
        if reads is not None:
            output_steps = [steps[reads][place] for place in places]
        elif self._reads is not None:
            output_steps = steps[self._reads]
        elif n_said == 1:
            # Said once, when all steps are over.
            output_steps = [n_steps - 1]
        else:
            output_steps = self._steps_of(f"{self._readout_name or 'outputs'}", n_said, n_steps)
        if own is not None:
            steps[own] = output_steps
        outputs = _in_order(said, axis)
        if outputs.ndim != 3:
            raise InputError(f"the logits have shape {outputs.shape}, expected image, step, class")
        shapes = {area: values.shape[1:] for area, values in areas.items()}
        if own is not None:
            shapes[own] = _in_order(self._inputs, axis).shape[1:]
        return _Layout(steps, output_steps, n_steps, reads or own, own, axis, {**shapes, "outputs": outputs.shape[1:]})

    def _steps_of(self, area: str, count: int, n_steps: int) -> list[int]:
        chosen = self._steps.get(area)
        if chosen is None and count == n_steps:
            return list(range(n_steps))
        if chosen is None:
            raise InputError(
                f"`{area}` was called {count} times in one forward pass, others {n_steps} times",
                f"say which steps these are: steps={{'{area}': [...]}}",
            )
        if len(chosen) != count:
            raise InputError(f"{len(chosen)} steps are named for `{area}`, it was called {count} times")
        return [int(step) for step in chosen]

    def _opened(self, areas: dict[str, np.ndarray], outputs: np.ndarray) -> _redyn.Writer:
        layout, n_classes = self._layout, outputs.shape[2]
        assert layout is not None
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
        if layout.reads is not None and isinstance(self._readout, self._torch.nn.Linear):
            bias = self._readout.bias
            readout = (
                self._copied("readout", self._readout.weight),
                None if bias is None else self._copied("bias", bias),
                layout.reads,
                0,
            )
        writer = _redyn.Writer(self.path, json.dumps(words), self.labels, readout, self._memory)
        writer.skip(self._skipped)
        return writer


class _Layout:
    """Which steps everything is of; the same in every forward pass."""

    def __init__(
        self,
        steps: dict[str, list[int]],
        output_steps: list[int],
        n_steps: int,
        reads: str | None,
        own: str | None,
        axis: int | None,
        shapes: dict[str, tuple[int, ...]],
    ) -> None:
        self.steps, self.output_steps, self.n_steps = steps, output_steps, n_steps
        #: The area that the readout reads, and whether it is its own input.
        self.reads, self.own = reads, own
        #: The axis on which the readout gets several steps at once.
        self.axis = axis
        #: `[step, unit...]`
        self.shapes = shapes


def _first(output: Any) -> Any:
    """What comes first of all that a module gives."""
    while isinstance(output, (tuple, list)) and len(output):
        output = output[0]
    return output


def _in_order(calls: list[np.ndarray], step_axis: int | None) -> np.ndarray:
    """Calls as `[image, step, unit...]`."""
    parts = [call[:, None] if step_axis is None else _steps_second(call, step_axis) for call in calls]
    return np.concatenate(parts, axis=1) if len(parts) > 1 else np.ascontiguousarray(parts[0])


def _steps_second(call: np.ndarray, axis: int) -> np.ndarray:
    """`[image, step, unit...]` of one call that holds several steps; images are on the other leading axis."""
    return np.moveaxis(call, axis, 1)


def _reading(
    inputs: list[np.ndarray], areas: dict[str, np.ndarray]
) -> tuple[str | None, list[int], int | None]:
    """The area that a readout's inputs are of, at which places among its steps, and on which axis the
    inputs hold several steps."""
    for area, values in reversed(areas.items()) if inputs else ():
        flat = values.reshape(*values.shape[:2], -1)
        # Of maps a readout may read the whole, or, of one place, what flattening leaves.
        for axis in (None, 1, 0):
            if any(given.ndim != (2 if axis is None else 3) for given in inputs):
                continue
            given = _in_order(inputs, axis)
            if given.shape[0] != flat.shape[0] or given.shape[2] != flat.shape[2]:
                continue
            places: list[int] = []
            for step in range(given.shape[1]):
                after = places[-1] + 1 if places else 0
                same = (j for j in range(after, flat.shape[1]) if np.array_equal(flat[:, j], given[:, step]))
                found = next(same, None)
                if found is None:
                    break
                places.append(found)
            if len(places) == given.shape[1]:
                return area, places, axis
    return None, [], None


def _tap(area: str, values: np.ndarray, steps: list[int]) -> dict[str, Any]:
    names = {3: ["unit"], 4: ["place", "unit"], 5: ["channel", "height", "width"]}
    axes = names.get(values.ndim, [f"axis{index}" for index in range(values.ndim - 2)])
    shape = [{"name": axis, "size": size} for axis, size in zip(axes, values.shape[2:])]
    return {"area": area, "shape": shape, "steps": steps, "depends_on_image_from": steps[0]}


def _module(modules: dict[str, Any], name: str) -> Any:
    if name in modules and name:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=1)
    all_of_them = ", ".join(list(filter(None, modules))[:30])
    raise InputError(
        f"the model has no module `{name}`",
        f"did you mean `{near[0]}`? modules: {all_of_them}" if near else f"modules: {all_of_them}",
    )


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
