"""Round trips through the real packages of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import redyn
from redyn import bridges


@pytest.fixture
def timed(toy: Any) -> redyn.Trajectories:
    return redyn.Trajectories(
        toy.representations,
        toy.labels,
        readout=toy.readout,
        classes=["pug", "mug", "kite", "bus"],
        image_ids=[f"{index}.png" for index in range(60)],
        times=[25.0, 75.0, 125.0, 175.0, 225.0],
        name="IT",
    )


def same(there: redyn.Trajectories, back: redyn.Trajectories) -> None:
    np.testing.assert_array_equal(back.representations, there.representations)
    np.testing.assert_array_equal(back.labels, there.labels)
    assert (back.image_ids, back.time) == (there.image_ids, there.time)


def test_an_assembly_comes_back_as_it_went(toy: Any, timed: redyn.Trajectories, trajectories: redyn.Trajectories) -> None:
    pytest.importorskip("xarray")
    assembly = bridges.to_assembly(timed)
    assert assembly.dims == ("presentation", "neuroid", "time_bin")
    assert assembly.sel(time_bin=125.0).sizes["presentation"] == 60
    same(timed, bridges.from_assembly(assembly, readout=toy.readout))
    by_name = bridges.from_assembly(assembly.transpose("time_bin", "presentation", "neuroid"), "class", readout=toy.readout)
    same(timed, by_name)
    same(trajectories, bridges.from_assembly(bridges.to_assembly(trajectories), readout=toy.readout))
    with pytest.raises(redyn.InputError, match="no coordinate `kind`"):
        bridges.from_assembly(assembly, "kind", readout=toy.readout)


def test_an_rsatoolbox_dataset_comes_back_as_it_went(toy: Any, timed: redyn.Trajectories) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    dataset = bridges.to_rsatoolbox(timed)
    assert isinstance(dataset, rsatoolbox.data.TemporalDataset)
    same(timed, bridges.from_rsatoolbox(dataset, readout=toy.readout))
    rdms = rsatoolbox.rdm.calc_rdm_movie(dataset, method="euclidean", descriptor="image_id")
    assert rdms.dissimilarities.shape == (5, 60 * 59 // 2)
    one = dataset.subset_time("time", 125.0, 125.0).convert_to_dataset("time")
    single = bridges.from_rsatoolbox(one, readout=toy.readout)
    np.testing.assert_array_equal(single.representations[:, 0], toy.representations[:, 2])


def test_epochs_are_trajectories_in_milliseconds(toy: Any, tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    info = mne.create_info([f"EEG{unit}" for unit in range(8)], 100.0, "eeg")
    events = np.stack([np.arange(60) * 10, np.zeros(60, int), toy.labels * 2 + 5], axis=1)
    names = {"pug": 5, "mug": 7, "kite": 9, "bus": 11}
    values = toy.representations.transpose(0, 2, 1).astype(np.float64)
    epochs = mne.EpochsArray(values, info, events, tmin=0.1, event_id=names, verbose="error")
    made = bridges.from_mne(epochs, readout=toy.readout)
    np.testing.assert_array_equal(made.representations, toy.representations)
    np.testing.assert_array_equal(made.labels, toy.labels)
    assert made.classes == list(names)
    np.testing.assert_allclose(made.time[0], [100, 110, 120, 130, 140])


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files_keep_their_axes(toy: Any, tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.mat"
    if version == "5":
        pytest.importorskip("scipy.io").savemat(path, {"it": toy.representations})
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w", userblock_size=512) as file:
            file["it"] = toy.representations.T
        with open(path, "r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(128))
    np.testing.assert_array_equal(bridges.read_mat(path, "it"), toy.representations)
    with pytest.raises(redyn.InputError, match="has no array `v4`"):
        bridges.read_mat(path, "v4")
