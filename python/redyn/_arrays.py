"""Other libraries' arrays, as images, steps and units.

NumPy arrays of any order, memory maps, PyTorch tensors, anything that speaks DLPack, xarray, and
arrays on disk that are sliced like NumPy's (h5py, zarr, dask). Nothing is copied but some images at a
time, when they are read: brought to `float32` and to `[image, step, unit...]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from redyn._errors import InputError

#: What other tools call the axes that have a meaning here.
_KNOWN = {
    "presentation": "image",
    "stimulus": "image",
    "stimulus_id": "image",
    "obs": "image",
    "trial": "image",
    "time_bin": "step",
    "time": "step",
    "neuroid": "unit",
    "neuron": "unit",
    "logit": "class",
}

_BY_RANK = {
    2: ("image", "unit"),
    3: ("image", "step", "unit"),
    5: ("image", "step", "channel", "height", "width"),
}


class Array:
    """An array with a name, its axes in order: `shape` is `[image, step, unit...]`."""

    def __init__(self, name: str, source: Any, axes: str | Sequence[str] | None = None) -> None:
        self.name = name
        dims = getattr(source, "dims", None)
        if axes is None and dims is not None and hasattr(source, "data"):
            axes = [_KNOWN.get(str(dim), str(dim)) for dim in dims]
        self.source = _sliceable(name, source)
        self.given = tuple(int(size) for size in self.source.shape)
        self.axes = self._axes(axes)
        image = self.axes.index("image")
        self._image = image
        step = self.axes.index("step") if "step" in self.axes else None
        others = [axis for axis in range(len(self.axes)) if axis not in (image, step)]
        self._has_step, self._has_unit = step is not None, bool(others)
        self._order = [image, *([] if step is None else [step]), *others]
        units = [self.given[axis] for axis in others] or [1]
        self.shape = [self.given[image], 1 if step is None else self.given[step], *units]
        self.units = [self.axes[axis] for axis in others] or ["unit"]

    def _axes(self, axes: str | Sequence[str] | None) -> list[str]:
        if axes is None:
            if len(self.given) not in _BY_RANK:
                raise InputError(
                    f"`{self.name}` has shape {self.given}, which does not tell what its axes are",
                    'name them, for example axes="image step channel height width"',
                )
            return list(_BY_RANK[len(self.given)])
        named = axes.replace(",", " ").split() if isinstance(axes, str) else [str(axis) for axis in axes]
        if len(named) != len(self.given):
            raise InputError(f"`{self.name}` has shape {self.given}, but {len(named)} axes are named: {named}")
        if "image" not in named or len(set(named)) != len(named):
            raise InputError(
                f"`{self.name}`: its axes are {named}; one must be `image`, and none may be there twice",
                "the others are `step`, and axes of units: `unit`, or `channel`, `height` and `width`",
            )
        return named

    def read(self, first: int, end: int) -> np.ndarray:
        """Some images as `float32`, `[image, step, unit...]`."""
        key = [slice(None)] * len(self.given)
        key[self._image] = slice(first, end)
        part = _numpy(self.source[tuple(key)]).transpose(self._order)
        if not self._has_step:
            part = part[:, None]
        if not self._has_unit:
            part = part[..., None]
        # What is too large for 32 bits becomes infinite, and is refused as such.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.ascontiguousarray(part, dtype=np.float32)


def _sliceable(name: str, source: Any) -> Any:
    """What can be sliced like NumPy's arrays and holds numbers."""
    if hasattr(source, "dims") and hasattr(source, "data"):
        source = source.data
    if _is_tensor(source):
        return _tensor(source)
    if hasattr(source, "__dlpack__") and not isinstance(source, np.ndarray):
        source = np.from_dlpack(source)
    elif not all(hasattr(source, what) for what in ("shape", "dtype", "__getitem__")):
        try:
            source = np.asarray(source)
        except ValueError as error:
            raise InputError(f"`{name}` is no array: {error}", "all its rows must be of one length") from None
    dtype = np.dtype(source.dtype)
    if dtype.kind not in "fiub" and dtype.name != "bfloat16":
        what = "objects" if dtype.kind == "O" else str(dtype)
        raise InputError(
            f"`{name}` holds {what}, numbers are needed: shape {tuple(source.shape)}",
            "lists of different lengths make arrays of objects" if dtype.kind == "O" else None,
        )
    return source


def _is_tensor(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "torch" and hasattr(source, "detach")


def _tensor(tensor: Any) -> Any:
    """A tensor's own memory as a NumPy array, where NumPy can read it."""
    tensor = tensor.detach()
    if tensor.device.type != "cpu" or str(tensor.dtype) == "torch.bfloat16":
        return tensor
    return np.from_dlpack(tensor)


def _numpy(part: Any) -> np.ndarray:
    return part.float().cpu().numpy() if _is_tensor(part) else np.asarray(part)


def small(name: str, source: Any, axes: tuple[str, ...]) -> np.ndarray:
    """A readout's weight or bias, whole, as `float32`."""
    found = _numpy(_sliceable(name, source)[...])
    if found.ndim != len(axes):
        raise InputError(f"`{name}` has shape {found.shape}, expected axes {', '.join(axes)}")
    return np.ascontiguousarray(found, dtype=np.float32)


def whole_numbers(name: str, source: Any) -> np.ndarray:
    """Labels as `int64`, `[image]`."""
    found = _numpy(_sliceable(name, source)[...])
    if found.ndim != 1:
        raise InputError(f"`{name}` has shape {found.shape}, expected one label per image")
    if found.dtype.kind == "f":
        wrong = np.flatnonzero(found != np.round(found))
        if wrong.size:
            raise InputError(
                f"`{name}` must be whole numbers: image {wrong[0]} has {found[wrong[0]]}",
                "a label is the place of the class in the order of the logits, from 0",
            )
    return np.ascontiguousarray(found, dtype=np.int64)
