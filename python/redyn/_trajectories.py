"""Trajectories: what analyses take, wherever the numbers are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from redyn import _redyn
from redyn._analyses import Analyses
from redyn._arrays import Array, small, whole_numbers
from redyn._errors import InputError
from redyn._options import bytes_of
from redyn._progress import bar


class Trajectories(Analyses):
    """What a network, or a brain, represents of every image at every step; every analysis is a method.

    Parameters
    ----------
    representations
        `[image, step, unit]`, or `[image, unit]`, or `[image, step, channel, height, width]`: arrays of
        NumPy, PyTorch, xarray, h5py, zarr, or anything that speaks DLPack. Several areas: a dict of them.
        Not copied: leave them as they are while they are analysed.
    labels
        True class of every image: whole numbers from 0 in the order of the classes, or names of classes
        (with `decode`, their order is alphabetical if `classes` gives no other).
    readout, bias
        Linear readout, `[class, unit]` and `[class]`; or a `torch.nn.Linear`.
    logits, log_probs
        What the network said, `[image, step, class]`; computed by the readout if left out.
    decode
        For recordings, which come without both: fit a cross-validated linear readout to every step.
    steps
        The steps at which representations have values (default 0, 1, 2, ...); a dict for several areas.
    axes
        Names of the axes in the arrays' order, if another: `"step image unit"`. xarray names its own.
    reads, delay
        The area that the readout reads (default: the last), and how many steps earlier.
    output_steps
        The steps of the logits (default: those of the area that the readout reads).
    times, unit_of_time
        Time of every step, for recordings.
    hierarchy
        For each level, widest first, the group of every class: `{"superordinate": [...], ...}`.
    name, network, area, epoch, seed
        What it is called. An `epoch` of -1 is a network before training.
    progress
        Whether to show progress (default: where a person looks and tqdm is installed).

    Raises
    ------
    InputError
        One sentence that names what does not fit, with both shapes.
    """

    def __init__(
        self,
        representations: Any,
        labels: Any,
        *,
        readout: Any = None,
        bias: Any = None,
        logits: Any = None,
        log_probs: Any = None,
        decode: bool = False,
        steps: Any = None,
        axes: str | Sequence[str] | None = None,
        reads: str | None = None,
        delay: int = 0,
        output_steps: Sequence[int] | None = None,
        classes: Sequence[str] | None = None,
        image_ids: Sequence[str] | None = None,
        hierarchy: Mapping[str, Sequence[str]] | None = None,
        times: Sequence[float] | None = None,
        unit_of_time: str = "ms",
        name: str = "trajectories",
        network: str | None = None,
        area: str = "area",
        epoch: int | None = None,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> None:
        given = representations if isinstance(representations, Mapping) else {area: representations}
        if not given:
            raise InputError("no area is given: an empty dict of representations")
        called = "representations" if len(given) == 1 else None
        arrays = {area: Array(called or f"{area}", array, axes) for area, array in given.items()}
        said, outputs = _outputs(logits, log_probs)
        read = reads if reads is not None else list(arrays)[-1]
        if read not in arrays:
            raise InputError(f"the readout reads `{read}`, the areas are {', '.join(arrays)}")
        weight, bias = _readout(readout, bias, arrays[read])
        if decode and classes is None and weight is None and said is None:
            classes = _names(labels)
        n_classes = _n_classes(weight, said, classes, labels if decode else None)
        named = [str(index) for index in range(n_classes)] if classes is None else [str(c) for c in classes]
        labels = _labels(labels, named if classes is not None else None, n_classes)
        for array in [*arrays.values(), *([] if said is None else [said])]:
            _same_images(array, labels)
        at = {area: _steps(area, array, steps) for area, array in arrays.items()}
        spoken = _output_steps(said, output_steps, [step + delay for step in at[read]])
        last = max(step for found in [*at.values(), spoken] for step in found)
        words = {
            "about": {
                "name": name,
                "network": name if network is None else network,
                "classes": named,
                "seed": seed,
                "epoch": epoch,
                "kernel_path": "imported",
                "tool_version": _redyn.VERSION,
                "hierarchy": _hierarchy(hierarchy, n_classes),
                "time": None if times is None else {"unit": unit_of_time, "times": [float(t) for t in times]},
            },
            "n_steps": last + 1 if times is None else len(list(times)),
            "outputs": outputs,
            "output_steps": spoken,
            "taps": [_tap(area, array, at[area]) for area, array in arrays.items()],
            "image_ids": _image_ids(image_ids, len(labels)),
        }
        given_readout = None if weight is None else (weight, bias, read, delay)
        total = len(labels) * (len(arrays) + (said is not None))
        with bar("look through", total, progress) as told:
            self._view = _redyn.View.held(
                json.dumps(words), labels, given_readout, list(arrays.values()), said, read, "average", told
            )
        self._about = json.loads(self._view.about())

    @classmethod
    def _of(cls, view: _redyn.View) -> Trajectories:
        made = cls.__new__(cls)
        made._view, made._about = view, json.loads(view.about())
        return made

    def select(self, area: str | None = None, spatial: str = "average") -> Trajectories:
        """Another area of the same recording.

        `spatial` says how feature maps become vectors: `"average"` over the map, or `"flatten"`.
        """
        return Trajectories._of(self._view.seen(area or self.area, spatial))

    def read(self, first: int = 0, end: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Representations `[image, step, unit]` and logits `[image, step, class]` of some images."""
        return self._view.read(first, self.n_images if end is None else end)

    def save(
        self, path: str | os.PathLike[str], memory: int | str = "512M", progress: bool | None = None
    ) -> Trajectories:
        """Write them as a store at `path`, within `memory`; gives the store. Interrupted, it continues."""
        with bar("save", self.n_images, progress) as told:
            self._view.save(path, bytes_of(memory), told)
        return open(path, self.area)

    @property
    def name(self) -> str:
        """Short name."""
        return self._about["name"]

    @property
    def network(self) -> str:
        """The network, or the recording."""
        return self._about["network"]

    @property
    def area(self) -> str:
        """The area that is looked at."""
        return self._about["area"]

    @property
    def areas(self) -> list[str]:
        """Every area there is."""
        return list(self._about["areas"])

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of labels and logits."""
        return list(self._about["classes"])

    @property
    def n_images(self) -> int:
        """Number of images."""
        return self._about["n_images"]

    @property
    def n_steps(self) -> int:
        """Number of steps at which both area and logits have values."""
        return self._about["n_steps"]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self._about["n_units"]

    @property
    def time(self) -> tuple[list[float], str] | None:
        """Time of every step and its unit, for recordings."""
        time = self._about["time"]
        return None if time is None else (time["times"], time["unit"])

    @property
    def digest(self) -> str:
        """A short text that stands for the numbers."""
        return self._about["digest"]

    @property
    def labels(self) -> np.ndarray:
        """True class of every image, `[image]`."""
        return self._view.labels()

    @property
    def image_ids(self) -> list[str]:
        """Name of every image."""
        return self._view.image_ids()

    @property
    def readout(self) -> tuple[np.ndarray, np.ndarray | None] | None:
        """Weight `[class, unit]` and bias `[class]` of the linear readout of this area, if there is one."""
        return self._view.readout()

    @property
    def representations(self) -> np.ndarray:
        """All representations, `[image, step, unit]`. `read` gives some images of them."""
        return self.read()[0]

    @property
    def logits(self) -> np.ndarray:
        """All logits, `[image, step, class]`."""
        return self.read()[1]

    def __len__(self) -> int:
        return self.n_images

    def __repr__(self) -> str:
        shape = f"{self.n_images} images, {self.n_steps} steps, {self.n_units} units"
        return f"<redyn.Trajectories {self.name!r}, area {self.area!r}: {shape}, {len(self.classes)} classes>"


def open(
    path: str | os.PathLike[str],
    area: str | None = None,
    spatial: str = "average",
    *,
    partial: bool = False,
) -> Trajectories:
    """Open a store, a published `.npz`, or a manifest (`.json`) of other people's arrays.

    `area` is the one to look at (default: the one that is read out); `spatial` says how feature maps
    become vectors, `"average"` or `"flatten"`. With `partial`, a store that is still being written is
    read as far as it goes.
    """
    return Trajectories._of(_redyn.View.open(path, area, spatial, partial))


def _outputs(logits: Any, log_probs: Any) -> tuple[Array | None, str]:
    if logits is not None and log_probs is not None:
        raise InputError("both `logits` and `log_probs` are given", "give one of them")
    kind = "logits" if log_probs is None else "log_probs"
    source = logits if log_probs is None else log_probs
    if source is None:
        return None, kind
    dims = getattr(source, "dims", None)
    rank = len(getattr(source, "shape", np.shape(source)))
    axes = None if dims is not None else ("image", "step", "class") if rank == 3 else ("image", "class")
    array = Array(kind, source, axes)
    if len(array.shape) != 3:
        raise InputError(f"`{kind}` has shape {array.given}, expected axes image, step, class")
    return array, kind


def _readout(readout: Any, bias: Any, array: Array) -> tuple[np.ndarray | None, np.ndarray | None]:
    if readout is None:
        if bias is not None:
            raise InputError("a `bias` is given without a `readout`")
        return None, None
    if hasattr(readout, "weight") and callable(readout):
        bias = readout.bias if bias is None else bias
        readout = readout.weight
    weight = small("readout", readout, ("class", "unit"))
    if bias is not None:
        bias = small("bias", bias, ("class",))
        if bias.shape[0] != weight.shape[0]:
            raise InputError(f"`bias` has shape {bias.shape}, `readout` has shape {weight.shape}: class, unit")
    pairs = zip(array.units, array.shape[2:])
    average = int(np.prod([size for axis, size in pairs if axis not in ("height", "width")]))
    if weight.shape[1] not in (average, int(np.prod(array.shape[2:]))):
        turned = " (is it transposed?)" if weight.shape[0] == average else ""
        raise InputError(
            f"`readout` has shape {weight.shape}: it reads {weight.shape[1]} units, "
            f"`{array.name}` has {average}, its shape is {array.given}{turned}",
            "a readout is [class, unit]",
        )
    for name, values in (("readout", weight), ("bias", bias)):
        if values is not None and not np.isfinite(values).all():
            raise InputError(f"`{name}` holds values that are not finite")
    return weight, bias


def _n_classes(
    weight: np.ndarray | None, said: Array | None, classes: Sequence[str] | None, labels: Any
) -> int:
    """How many classes there are; `labels` are given where they are to be decoded."""
    if weight is None and said is None:
        if labels is None:
            raise InputError(
                "neither a readout nor logits are given: nothing tells what was answered at each step",
                "give readout=W, with bias=b if there is one, or logits=...; of a recording, decode=True",
            )
        return len(classes) if classes is not None else int(whole_numbers("labels", labels).max(initial=0)) + 1
    if weight is not None and said is not None and said.shape[2] != weight.shape[0]:
        raise InputError(
            f"`{said.name}` has {said.shape[2]} classes in shape {said.given}, "
            f"`readout` has {weight.shape[0]} in shape {weight.shape}"
        )
    n_classes = weight.shape[0] if weight is not None else said.shape[2]  # type: ignore[union-attr]
    if classes is not None and len(classes) != n_classes:
        raise InputError(f"{len(classes)} names of classes for {n_classes} classes")
    return n_classes


def _texts(labels: Any) -> np.ndarray | None:
    """Labels that are names."""
    values = getattr(labels, "values", labels)
    if hasattr(values, "to_numpy"):
        # pandas keeps texts in arrays of its own.
        values = values.to_numpy(dtype=object)
    texts = np.asarray(values) if isinstance(values, (list, tuple, np.ndarray)) else None
    if texts is not None and (texts.dtype.kind in "US" or texts.dtype == object and _all_texts(texts)):
        return texts
    return None


def _names(labels: Any) -> list[str] | None:
    """The classes that names of classes tell, in alphabetical order: where a readout is yet to be fitted, any will do."""
    texts = _texts(labels)
    return None if texts is None else sorted({str(text) for text in texts.tolist()})


def _labels(labels: Any, classes: list[str] | None, n_classes: int) -> np.ndarray:
    texts = _texts(labels)
    if texts is not None:
        if classes is None:
            raise InputError(
                "labels are names, and nothing tells the order of the classes",
                "name them in the order of the logits: classes=[...]",
            )
        place = {name: index for index, name in enumerate(classes)}
        unknown = [text for text in texts.tolist() if str(text) not in place]
        if unknown:
            raise InputError(f"label `{unknown[0]}` is none of the {n_classes} classes")
        return np.array([place[str(text)] for text in texts.tolist()], dtype=np.int64)
    found = whole_numbers("labels", labels)
    if found.size == 0:
        raise InputError("`labels` holds no image: shape (0,)")
    wrong = np.flatnonzero((found < 0) | (found >= n_classes))
    if wrong.size:
        raise InputError(
            f"image {wrong[0]} has label {found[wrong[0]]}, but there are {n_classes} classes",
            "labels count from 0, in the order of the classes",
        )
    return found


def _all_texts(array: np.ndarray) -> bool:
    return array.size > 0 and all(isinstance(value, str) for value in array.ravel())


def _same_images(array: Array, labels: np.ndarray) -> None:
    if array.shape[0] == len(labels):
        return
    hint = None
    if len(labels) in array.given:
        axis = array.given.index(len(labels))
        named = ["?"] * len(array.given)
        named[axis] = "image"
        hint = f'axis {axis} has as many: name the axes in their order, axes="{" ".join(named)}"'
    raise InputError(
        f"`{array.name}` has {array.shape[0]} images in shape {array.given}, "
        f"`labels` has {len(labels)} in shape {labels.shape}",
        hint,
    )


def _steps(area: str, array: Array, steps: Any) -> list[int]:
    chosen = steps.get(area) if isinstance(steps, Mapping) else steps
    if chosen is None:
        return list(range(array.shape[1]))
    chosen = [int(step) for step in chosen]
    if len(chosen) != array.shape[1]:
        raise InputError(
            f"{len(chosen)} steps are named, `{array.name}` has {array.shape[1]} in shape {array.given}"
        )
    return chosen


def _output_steps(said: Array | None, chosen: Sequence[int] | None, read: list[int]) -> list[int]:
    if said is None:
        return read
    found = read if chosen is None else [int(step) for step in chosen]
    if len(found) != said.shape[1]:
        raise InputError(
            f"`{said.name}` has {said.shape[1]} steps in shape {said.given}, "
            f"the representations have {len(found)}",
            "say which steps they are: output_steps=[...]",
        )
    return found


def _hierarchy(hierarchy: Mapping[str, Sequence[str]] | None, n_classes: int) -> Any:
    if hierarchy is None:
        return None
    levels = {str(level): [str(group) for group in hierarchy[level]] for level in hierarchy}
    for level, groups in levels.items():
        if len(groups) != n_classes:
            raise InputError(f"hierarchy level `{level}` has {len(groups)} groups, there are {n_classes} classes")
    return {"levels": list(levels), "groups": [list(groups) for groups in zip(*levels.values())]}


def _image_ids(ids: Sequence[str] | None, n_images: int) -> list[str]:
    if ids is None:
        return [str(index) for index in range(n_images)]
    if len(ids) != n_images:
        raise InputError(f"{len(ids)} names of images for {n_images} labels")
    return [str(name) for name in ids]


def _tap(area: str, array: Array, steps: list[int]) -> dict[str, Any]:
    shape = [{"name": axis, "size": size} for axis, size in zip(array.units, array.shape[2:])]
    return {"area": area, "shape": shape, "steps": steps, "depends_on_image_from": steps[0] if steps else 0}
