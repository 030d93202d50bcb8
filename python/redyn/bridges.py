"""To and from the tools people already use; each needs its own package, and says so where it is absent.

| what | there | here |
|---|---|---|
| brain-score's assemblies: xarray, `presentation × neuroid × time_bin` | `to_assembly` | `from_assembly` |
| rsatoolbox's `TemporalDataset` (`obs × channel × time`) and `Dataset` | `to_rsatoolbox` | `from_rsatoolbox` |
| MNE's epochs (`epoch × channel × time`) | | `from_mne` |
| MATLAB's `.mat`, version 5 and 7.3 | | `read_mat` |

What comes in still needs a `readout` or `logits`: see `redyn.Trajectories`, which takes all further words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from redyn._errors import InputError, need
from redyn._trajectories import Trajectories

__all__ = ["from_assembly", "from_mne", "from_rsatoolbox", "read_mat", "to_assembly", "to_rsatoolbox"]


def to_assembly(trajectories: Trajectories) -> Any:
    """An `xarray.DataArray` with brain-score's dimensions and coordinates.

    Coordinates: `stimulus_id`, `label` and `class` of presentations, `neuroid_id` and `region` of
    neuroids, `time_bin` in the recording's unit, or the step.
    """
    xarray = need("xarray", "to_assembly")
    representations, _ = trajectories.read()
    labels = trajectories.labels
    classes = np.array(trajectories.classes, dtype=object)
    times, unit = _times(trajectories)
    return xarray.DataArray(
        representations.transpose(0, 2, 1),
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", np.array(trajectories.image_ids, dtype=object)),
            "label": ("presentation", labels),
            "class": ("presentation", classes[labels]),
            "neuroid_id": ("neuroid", np.arange(trajectories.n_units)),
            "region": ("neuroid", np.array([trajectories.area] * trajectories.n_units, dtype=object)),
            "time_bin": ("time_bin", times, {"units": unit}),
        },
        name=trajectories.name,
        attrs={"network": trajectories.network, "classes": trajectories.classes},
    )


def from_assembly(assembly: Any, label: str = "label", **choices: Any) -> Trajectories:
    """Trajectories of an xarray assembly, whatever the order of its dimensions.

    `label` names the coordinate of the true classes, numbers or names. Names of images are taken from
    `stimulus_id` or `image_id`, times from `time_bin` or `time_bin_start`, where they are there.
    """
    if label not in assembly.coords:
        raise InputError(f"the assembly has no coordinate `{label}`", f"coordinates: {', '.join(map(str, assembly.coords))}")
    for name in ("stimulus_id", "image_id"):
        if name in assembly.coords:
            choices.setdefault("image_ids", [str(value) for value in assembly[name].values])
    for name in ("time_bin", "time_bin_start"):
        if name in assembly.coords and assembly[name].ndim == 1 and assembly[name].dtype.kind in "iuf":
            unit = assembly[name].attrs.get("units", "ms")
            if unit != "step":
                choices.setdefault("times", [float(value) for value in assembly[name].values])
                choices.setdefault("unit_of_time", unit)
    if "classes" in assembly.attrs:
        choices.setdefault("classes", list(assembly.attrs["classes"]))
    if assembly.name is not None:
        choices.setdefault("name", str(assembly.name))
    return Trajectories(assembly, assembly[label].values, **choices)


def to_rsatoolbox(trajectories: Trajectories) -> Any:
    """A `rsatoolbox.data.TemporalDataset`, `obs × channel × time`.

    Descriptors: `image_id`, `label` and `class` of observations, `unit` of channels, `time`, and `name`,
    `network` and `area` of the whole.
    """
    data = need("rsatoolbox.data", "to_rsatoolbox")
    representations, _ = trajectories.read()
    labels = trajectories.labels
    return data.TemporalDataset(
        representations.transpose(0, 2, 1),
        descriptors={"name": trajectories.name, "network": trajectories.network, "area": trajectories.area},
        obs_descriptors={
            "image_id": list(trajectories.image_ids),
            "label": labels,
            "class": [trajectories.classes[index] for index in labels],
        },
        channel_descriptors={"unit": np.arange(trajectories.n_units)},
        time_descriptors={"time": np.asarray(_times(trajectories)[0])},
    )


def from_rsatoolbox(dataset: Any, label: str = "label", **choices: Any) -> Trajectories:
    """Trajectories of an rsatoolbox `TemporalDataset`, or of a `Dataset` (one step).

    `label` names the observation descriptor of the true classes. Names of images are taken from the
    descriptor `image_id`, times from the descriptor `time`, where they are there.
    """
    observed = dataset.obs_descriptors
    if label not in observed:
        raise InputError(f"the dataset has no observation descriptor `{label}`", f"descriptors: {', '.join(observed)}")
    if "image_id" in observed:
        choices.setdefault("image_ids", [str(name) for name in observed["image_id"]])
    measured = np.asarray(dataset.measurements)
    if measured.ndim == 3:
        measured = measured.transpose(0, 2, 1)
        times = getattr(dataset, "time_descriptors", {}).get("time")
        if times is not None and list(times) != list(range(measured.shape[1])):
            choices.setdefault("times", [float(time) for time in times])
    choices.setdefault("name", str(dataset.descriptors.get("name", "dataset")))
    return Trajectories(measured, np.asarray(observed[label]), **choices)


def from_mne(epochs: Any, labels: Any = None, *, picks: Any = None, **choices: Any) -> Trajectories:
    """Trajectories of MNE's epochs: channels are units, samples are steps, in milliseconds.

    The true classes are the events (`epochs.event_id` names them in its order), or given as `labels`.
    `epochs` may be a `.fif` file.
    """
    if isinstance(epochs, (str, os.PathLike)):
        epochs = need("mne", "from_mne").read_epochs(epochs, verbose="error")
    if labels is None:
        named = sorted(epochs.event_id, key=lambda name: epochs.event_id[name])
        place = {epochs.event_id[name]: index for index, name in enumerate(named)}
        labels = np.array([place[code] for code in epochs.events[:, 2]])
        choices.setdefault("classes", named)
    values = epochs.get_data(picks=picks)
    choices.setdefault("times", [float(time) * 1000.0 for time in epochs.times])
    choices.setdefault("axes", "image unit step")
    return Trajectories(values, labels, **choices)


def read_mat(path: str | os.PathLike[str], key: str) -> np.ndarray:
    """An array of a MATLAB file, version 5 (by scipy) or 7.3 (by h5py), with MATLAB's order of axes."""
    if _is_hdf5(path):
        h5py = need("h5py", "a .mat file of version 7.3")
        with h5py.File(path, "r") as file:
            _known(path, key, [name for name in file if not name.startswith("#")])
            # MATLAB counts the first axis fastest; HDF5 lists it last.
            return np.asarray(file[key]).T
    io = need("scipy.io", "a .mat file")
    names = [name for name, *_ in io.whosmat(path)]
    _known(path, key, names)
    return io.loadmat(path, variable_names=[key])[key]


def _is_hdf5(path: str | os.PathLike[str]) -> bool:
    # MATLAB writes 512 bytes of its own before the HDF5 file.
    with open(path, "rb") as file:
        return any(file.seek(at) == at and file.read(8) == b"\x89HDF\r\n\x1a\n" for at in (0, 512))


def _known(path: str | os.PathLike[str], key: str, names: Sequence[str]) -> None:
    if key not in names:
        raise InputError(f"`{os.fspath(path)}` has no array `{key}`", f"arrays: {', '.join(names)}")


def _times(trajectories: Trajectories) -> tuple[np.ndarray, str]:
    time = trajectories.time
    if time is None:
        return np.arange(trajectories.n_steps), "step"
    return np.array(time[0]), time[1]
