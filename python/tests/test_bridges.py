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


def test_an_assembly_of_brain_score_is_read_by_its_own_names(toy: Any) -> None:
    xarray = pytest.importorskip("xarray")
    names = np.array(["pug", "mug", "kite", "bus"])[toy.labels]
    starts = np.arange(70, 170, 20)
    plain = xarray.DataArray(
        toy.representations.transpose(2, 0, 1),
        dims=("neuroid", "presentation", "time_bin"),
        coords={
            "stimulus_id": ("presentation", [f"{index}.png" for index in range(60)]),
            "object_name": ("presentation", names),
            "neuroid_id": ("neuroid", np.arange(8)),
            "region": ("neuroid", ["IT"] * 8),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 20),
        },
    )
    # brain-score gathers coordinates in one index per dimension.
    packed = plain.set_index(
        presentation=["stimulus_id", "object_name"],
        neuroid=["neuroid_id", "region"],
        time_bin=["time_bin_start", "time_bin_end"],
    )
    for assembly in (plain, packed):
        made = bridges.from_assembly(assembly, "object_name", decode=True)
        np.testing.assert_array_equal(made.representations, toy.representations)
        assert [made.classes[label] for label in made.labels] == names.tolist()
        assert (made.time, made.image_ids[3]) == (([70.0, 90.0, 110.0, 130.0, 150.0], "ms"), "3.png")


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


def test_rdms_are_those_of_rsatoolbox_with_descriptors(timed: redyn.Trajectories) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    dataset = bridges.to_rsatoolbox(timed)
    for metric, method in [("correlation", "correlation"), ("euclidean", "euclidean")]:
        rdms = bridges.to_rsatoolbox_rdms(timed, rdm_metric=metric)
        theirs = rsatoolbox.rdm.calc_rdm_movie(dataset, method=method, descriptor="image_id")
        order = [list(theirs.pattern_descriptors["image_id"]).index(name) for name in timed.image_ids]
        theirs.reorder(order)
        np.testing.assert_allclose(rdms.dissimilarities, theirs.dissimilarities, rtol=1e-5, atol=1e-6)
        one = dataset.subset_time("time", 125.0, 125.0).convert_to_dataset("time")
        assert rdms.dissimilarity_measure == rsatoolbox.rdm.calc_rdm(one, method=method).dissimilarity_measure
    assert rdms.rdm_descriptors["time"] == timed.time[0] and rdms.rdm_descriptors["step"] == [0, 1, 2, 3, 4]
    assert rdms.pattern_descriptors["class"][:2] == ["pug", "mug"]
    assert rdms.subset("time", 125.0).n_rdm == 1 and rdms.subset_pattern("class", "kite").n_cond == 15
    classes = bridges.to_rsatoolbox_rdms(timed, "classes")
    assert classes.pattern_descriptors["class"] == timed.classes and classes.n_cond == 4
    means = np.stack([timed.representations[timed.labels == label].mean(0) for label in range(4)])
    expected = 1 - np.corrcoef(means[:, 2])[np.triu_indices(4, 1)]
    np.testing.assert_allclose(classes.dissimilarities[2], expected, rtol=1e-5)
    with pytest.raises(redyn.InputError, match="`items` is `trials`"):
        bridges.to_rsatoolbox_rdms(timed, "trials")


def test_rdms_of_rsatoolbox_are_a_brain(timed: redyn.Trajectories) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rdms = bridges.to_rsatoolbox_rdms(timed)
    found = redyn.compare(timed, rdms, replicates=0)
    for at, time in enumerate(timed.time[0]):
        same = next(one for one in found.matches if one.time == time and one.step == at)
        assert same.over_images.value == pytest.approx(1.0, abs=1e-12)
    squares = rdms.get_matrices()
    whose = rsatoolbox.rdm.RDMs(
        squares[[0, 1, 1, 0]], rdm_descriptors={"subject": ["a", "a", "b", "b"], "time": [9.0, 5.0, 5.0, 9.0]}
    )
    given = bridges.from_rsatoolbox_rdms(whose)
    assert (given["axes"], given["times"]) == ("subject time", [5.0, 9.0])
    np.testing.assert_array_equal(given["brain"], squares[[[1, 0], [1, 0]]])
    subjects = bridges.from_rsatoolbox_rdms(rsatoolbox.rdm.RDMs(squares[:2]))
    assert (subjects["axes"], subjects["times"]) == ("subject", None)
    with pytest.raises(redyn.InputError, match="subject `b` has no RDM of time 9, others have"):
        bridges.from_rsatoolbox_rdms(whose.subset("index", [0, 1, 2]))
    with pytest.raises(redyn.InputError, match="two RDMs are of the same time"):
        bridges.from_rsatoolbox_rdms(whose, subject="nobody")


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
    epochs.save(tmp_path / "toy-epo.fif", fmt="double", verbose="error")
    read = bridges.from_mne(tmp_path / "toy-epo.fif", readout=toy.readout)
    np.testing.assert_array_equal(read.representations, made.representations)
    np.testing.assert_array_equal(read.labels, made.labels)
    np.testing.assert_allclose(read.time[0], made.time[0])


@pytest.fixture(scope="module")
def nwb(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A file of five units that fire at random, of twelve trials, and of a signal that counts its samples."""
    pynwb = pytest.importorskip("pynwb")
    from datetime import datetime, timezone

    draw = np.random.default_rng(4)
    file = pynwb.NWBFile("a toy", "toy", datetime(2020, 1, 1, tzinfo=timezone.utc))
    file.add_trial_column("picture", "what was shown")
    file.add_trial_column("onset", "when it was shown")
    for trial in range(12):
        start = 1.0 + trial
        file.add_trial(start_time=start, stop_time=start + 1, picture=["pug", "mug", "kite"][trial % 3], onset=start + 0.25)
    for _ in range(5):
        file.add_unit(spike_times=np.sort(draw.uniform(0, 14, size=400)))
    signal = np.stack([np.arange(1400), -np.arange(1400)], axis=1)
    file.add_acquisition(pynwb.TimeSeries(name="lfp", data=signal, unit="volts", starting_time=0.0, rate=100.0, conversion=0.5))
    path = tmp_path_factory.mktemp("nwb") / "toy.nwb"
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)
    return file, path


def test_spikes_of_a_file_are_counted_around_its_trials(nwb: Any) -> None:
    file, path = nwb
    how: dict[str, Any] = dict(window=(-100.0, 500.0), bin=50.0, align="onset", decode=True)
    made = bridges.from_nwb(path, "picture", **how)
    assert (made.n_images, made.n_units, made.classes) == (12, 5, ["kite", "mug", "pug"])
    assert made.time == ([-75.0 + 50.0 * step for step in range(12)], "ms")
    for trial in range(12):
        for step in range(12):
            begin = 1.25 + trial + (-100 + 50 * step) / 1000
            for unit in range(5):
                spikes = file.units["spike_times"][unit]
                n = sum(begin <= spike < begin + 0.05 for spike in spikes)
                assert made.representations[trial, step, unit] == 20 * n
    same(made, bridges.from_nwb(file, "picture", **how))
    chosen = bridges.from_nwb(file, "picture", units=[3, 1], **how)
    np.testing.assert_array_equal(chosen.representations, made.representations[:, :, [3, 1]])


def test_a_series_of_a_file_is_cut_around_its_trials(nwb: Any) -> None:
    made = bridges.from_nwb(nwb[1], "picture", window=(-100.0, 200.0), series="lfp", decode=True)
    assert (made.n_images, made.n_steps, made.n_units) == (12, 30, 2)
    assert made.time[0][:3] == [-100.0, -90.0, -80.0]
    first = 100 * np.arange(12) + 90
    expected = (first[:, None] + np.arange(30)) * 0.5
    np.testing.assert_array_equal(made.representations, np.stack([expected, -expected], axis=2))


def test_what_a_file_does_not_hold_is_named(nwb: Any) -> None:
    def refused(sentence: str, label: str = "picture", **how: Any) -> None:
        with pytest.raises(redyn.InputError, match=sentence):
            bridges.from_nwb(nwb[1], label, **{"window": (0.0, 100.0), "decode": True, **how})

    refused("`trials` has no column `kind`", "kind")
    refused("no table of trials `passive`", trials="passive")
    refused("a window of 100 ms is no whole number of bins of 30 ms", bin=30.0)
    refused("`window` is", window=(100.0, 0.0))
    refused("the file has no series `eeg`", series="eeg")
    refused("the window of trial 11 holds samples that `lfp` does not have", series="lfp", window=(0.0, 3000.0))


def test_names_of_classes_are_enough_where_a_readout_is_fitted(toy: Any) -> None:
    names = np.array(["pug", "mug", "kite", "bus"], dtype=object)[toy.labels]
    made = redyn.Trajectories(toy.representations, names, decode=True)
    assert made.classes == ["bus", "kite", "mug", "pug"]
    assert [made.classes[label] for label in made.labels] == names.tolist()
    pandas = pytest.importorskip("pandas")
    assert redyn.Trajectories(toy.representations, pandas.Series(names), decode=True).classes == made.classes
    with pytest.raises(redyn.InputError, match="nothing tells the order of the classes"):
        redyn.Trajectories(toy.representations, names, readout=toy.readout)


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
