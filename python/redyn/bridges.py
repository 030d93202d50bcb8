"""To and from the tools people already use; each needs its own package, and says so where it is absent.

| what | there | here |
|---|---|---|
| brain-score's assemblies: xarray, `presentation × neuroid × time_bin` | `to_assembly` | `from_assembly` |
| rsatoolbox's `TemporalDataset` (`obs × channel × time`) and `Dataset` | `to_rsatoolbox` | `from_rsatoolbox` |
| rsatoolbox's `RDMs` with descriptors | `to_rsatoolbox_rdms` | `from_rsatoolbox_rdms` |
| MNE's epochs (`epoch × channel × time`) | | `from_mne` |
| NWB: spikes of units, or a series, around trials | | `from_nwb` |
| MATLAB's `.mat`, version 5 and 7.3 | | `read_mat` |

What comes in still needs a `readout` or `logits`, or `decode=True` for recordings: see `redyn.Trajectories`,
which takes all further words.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from redyn import _redyn
from redyn._analyses import view_of
from redyn._errors import InputError, need
from redyn._options import DEFAULTS, Choices, options_of
from redyn._trajectories import Trajectories

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "from_assembly",
    "from_mne",
    "from_nwb",
    "from_rsatoolbox",
    "from_rsatoolbox_rdms",
    "read_mat",
    "to_assembly",
    "to_rsatoolbox",
    "to_rsatoolbox_rdms",
]


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


def to_rsatoolbox_rdms(trajectories: Trajectories, items: str = "images", **choices: Unpack[Choices]) -> Any:
    """The RDM of every step, as a `rsatoolbox.rdm.RDMs`.

    `items` says what is compared: all `"images"`, in their order, or `"classes"` by the means of their images.
    `rdm_metric` and `rdm_scaling` say how, as for every analysis. Steps without an RDM are left out, with a
    warning that says why.

    Descriptors: `step` and, of recordings, `time` of RDMs; `image_id`, `label` and `class` of images, the
    latter two of classes; `name`, `network`, `area` and `scaling` of the whole.
    """
    rdm = need("rsatoolbox.rdm", "to_rsatoolbox_rdms")
    steps, places, values, note = _redyn.rdms(view_of(trajectories), items, options_of(choices))
    if note is not None:
        warnings.warn(note, stacklevel=2)
    chosen: Choices = {**DEFAULTS, **choices}
    of_rdms: dict[str, Any] = {"step": steps}
    if trajectories.time is not None:
        of_rdms["time"] = [trajectories.time[0][step] for step in steps]
    labels = [int(label) for label in trajectories.labels[places]] if items == "images" else places
    of_items: dict[str, Any] = {"label": labels, "class": [trajectories.classes[label] for label in labels]}
    if items == "images":
        of_items["image_id"] = [trajectories.image_ids[place] for place in places]
    # rsatoolbox calls the mean squared difference by the first half of its name.
    measure = {"euclidean": "squared euclidean"}.get(chosen["rdm_metric"], chosen["rdm_metric"])
    return rdm.RDMs(
        values,
        dissimilarity_measure=measure,
        descriptors={
            "name": trajectories.name,
            "network": trajectories.network,
            "area": trajectories.area,
            "scaling": chosen["rdm_scaling"],
        },
        rdm_descriptors=of_rdms,
        pattern_descriptors=of_items,
    )


def from_rsatoolbox_rdms(rdms: Any, subject: str = "subject", time: str = "time") -> dict[str, Any]:
    """What `redyn.compare` takes of rsatoolbox's `RDMs`: `redyn.compare(traj, **from_rsatoolbox_rdms(rdms))`.

    `subject` and `time` name the descriptors of RDMs that say whose and of when they are. Without a `time`,
    a `step` is taken for it; without either, every RDM is of a subject of its own.
    """
    squares, of = np.asarray(rdms.get_matrices()), rdms.rdm_descriptors
    time = time if time in of or "step" not in of else "step"
    if subject not in of and time not in of:
        return {"brain": squares, "axes": "subject", "times": None}
    whose = [str(name) for name in of.get(subject, [""] * len(squares))]
    when = [float(at) for at in of.get(time, [0.0] * len(squares))]
    place = {pair: index for index, pair in enumerate(zip(whose, when))}
    if len(place) < len(squares):
        known = " and ".join(name for name in (subject, time) if name in of)
        raise InputError(
            f"two RDMs are of the same {known}", f"descriptors: {', '.join(of)}; average what was measured twice"
        )
    subjects, times = list(dict.fromkeys(whose)), sorted(set(when))
    lacking = [(name, at) for name in subjects for at in times if (name, at) not in place]
    if lacking:
        name, at = lacking[0]
        raise InputError(f"{subject} `{name}` has no RDM of {time} {at:g}, others have")
    brain = np.stack([[squares[place[name, at]] for at in times] for name in subjects])
    return {"brain": brain, "axes": "subject time", "times": times if time in of else None}


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


def from_nwb(
    nwb: Any,
    label: str,
    *,
    window: tuple[float, float],
    bin: float = 25.0,
    trials: str = "trials",
    align: str = "start_time",
    units: Sequence[int] | None = None,
    series: str | None = None,
    **choices: Any,
) -> Trajectories:
    """Trajectories of a NWB file around its trials, which become images; steps are times in milliseconds.

    Without a `series`, spikes of the file's units are counted: `rate[trial, step, unit]` in Hz is the number of
    spikes in `[start + step * bin, start + (step + 1) * bin)` over `bin`, and the time of a step is the middle
    of its bin.

    Parameters
    ----------
    nwb
        A `pynwb.NWBFile`, or the path of a file.
    label
        The column of the table of trials that holds the true classes, numbers or names.
    window, bin
        From when to when around every trial, and the width of bins, in milliseconds.
    trials, align
        The table of trials (`"trials"`, or one of the file's intervals) and its column of times that
        `window` counts from.
    units
        Places of units in the file's table (default: all).
    series
        The name of an acquired time series `[sample, channel]` to cut, in its own unit and at its own rate,
        instead of counting spikes.
    """
    if isinstance(nwb, (str, os.PathLike)):
        with need("pynwb", "from_nwb").NWBHDF5IO(os.fspath(nwb), "r") as file:
            # Everything is read before the file is closed.
            return from_nwb(
                file.read(), label, window=window, bin=bin, trials=trials, align=align, units=units, series=series,
                **choices,
            )
    table = _trials(nwb, trials)
    for column in (label, align):
        if column not in table.colnames:
            raise InputError(f"`{trials}` has no column `{column}`", f"columns: {', '.join(table.colnames)}")
    starts = np.asarray(table[align][:], dtype=np.float64)
    if not np.isfinite(starts).all():
        raise InputError(f"`{align}` of trial {np.flatnonzero(~np.isfinite(starts))[0]} is not finite")
    if not window[0] < window[1]:
        raise InputError(f"`window` is {window}", "give its begin and its end in milliseconds: (-100, 500)")
    if series is None:
        values, times = _rates(nwb, starts, window, bin, units)
    else:
        values, times = _cut(nwb, series, starts, window)
    choices.setdefault("image_ids", [str(name) for name in table.id[:]])
    choices.setdefault("times", times)
    choices.setdefault("name", str(nwb.identifier))
    labels = np.asarray(table[label][:])
    if labels.dtype.kind == "O":
        labels = np.array([str(name) for name in labels])
    return Trajectories(values, labels, **choices)


def _trials(nwb: Any, name: str) -> Any:
    tables = dict(nwb.intervals or {})
    if nwb.trials is not None:
        tables["trials"] = nwb.trials
    if name not in tables:
        raise InputError(f"the file has no table of trials `{name}`", f"tables: {', '.join(tables) or 'none'}")
    return tables[name]


def _rates(
    nwb: Any, starts: np.ndarray, window: tuple[float, float], bin: float, units: Sequence[int] | None
) -> tuple[np.ndarray, list[float]]:
    if nwb.units is None:
        raise InputError("the file has no sorted units", "name a series to cut instead: series=...")
    n_bins = round((window[1] - window[0]) / bin) if bin > 0 else 0
    if n_bins < 1 or not np.isclose(n_bins * bin, window[1] - window[0], rtol=1e-9):
        raise InputError(f"a window of {window[1] - window[0]:g} ms is no whole number of bins of {bin:g} ms")
    edges = starts[:, None] + (window[0] + bin * np.arange(n_bins + 1)) / 1000.0
    chosen = range(len(nwb.units)) if units is None else units
    rates = np.empty((len(starts), n_bins, len(chosen)), dtype=np.float32)
    for place, unit in enumerate(chosen):
        spikes = np.sort(np.asarray(nwb.units["spike_times"][unit], dtype=np.float64))
        rates[:, :, place] = np.diff(np.searchsorted(spikes, edges), axis=1) * (1000.0 / bin)
    return rates, [float(window[0] + bin * (step + 0.5)) for step in range(n_bins)]


def _cut(
    nwb: Any, name: str, starts: np.ndarray, window: tuple[float, float]
) -> tuple[np.ndarray, list[float]]:
    if name not in nwb.acquisition:
        raise InputError(f"the file has no series `{name}`", f"series: {', '.join(nwb.acquisition) or 'none'}")
    series = nwb.acquisition[name]
    if series.rate is None:
        raise InputError(f"`{name}` has no constant rate", "sample it evenly first")
    n_samples = int(np.floor((window[1] - window[0]) / 1000.0 * series.rate * (1 + 1e-12)))
    begins = np.round((starts + window[0] / 1000.0 - series.starting_time) * series.rate).astype(int)
    outside = np.flatnonzero((begins < 0) | (begins + n_samples > len(series.data)))
    if n_samples < 1 or outside.size:
        which = f"trial {outside[0]}" if outside.size else "every trial"
        raise InputError(f"the window of {which} holds samples that `{name}` does not have")
    scale: Any = np.float64(series.conversion)
    if getattr(series, "channel_conversion", None) is not None:
        scale = scale * np.asarray(series.channel_conversion[:])
    parts = [np.asarray(series.data[begin : begin + n_samples]) * scale + series.offset for begin in begins]
    values = np.stack(parts).astype(np.float32)
    if values.ndim == 2:
        values = values[..., None]
    return values, [float(window[0] + 1000.0 * sample / series.rate) for sample in range(n_samples)]


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
