"""Networks beside brains: the numbers of the command line, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import command
from test_analyses import equal

import redyn
from redyn._results import lifted

COURSE = [4, 2, 0]
TIMES = [100.0, 200.0, 300.0]


def squares(representations: np.ndarray, step: int) -> np.ndarray:
    return 1.0 - np.corrcoef(representations[:, step].astype(np.float64))


@pytest.fixture(scope="module")
def brain(toy: Any) -> np.ndarray:
    """Six subjects that see at three times what the network sees at the steps of the course, with noise."""
    draw = np.random.default_rng(2)
    noise = draw.normal(size=(6, 3, 60, 60)) * 0.05
    noise = noise + noise.swapaxes(2, 3)
    noise[..., np.arange(60), np.arange(60)] = 0.0
    return np.stack([squares(toy.representations, step) for step in COURSE]) + noise


def by_command(store: Path, brain: np.ndarray, folder: Path, *words: object) -> Any:
    np.save(folder / "it.npy", brain)
    np.save(folder / "times.npy", TIMES)
    axes = "it.npy:subject,time" if brain.ndim == 4 else "it.npy"
    line = ["compare", store, "--brain", axes, "--replicates", 50, "--seed", 3, "--out", "found", *words]
    said = command(*line, cwd=folder)
    assert said.returncode == 0, said.stderr
    return json.loads((folder / "found" / "comparison.json").read_text())


def test_a_brain_in_time_has_the_numbers_of_the_command_line(
    trajectories: redyn.Trajectories, store: Path, brain: np.ndarray, tmp_path: Path
) -> None:
    expected = lifted(by_command(store, brain, tmp_path, "--times", "times.npy"))
    for source in (trajectories, redyn.open(store), store, [str(store)]):
        found = redyn.compare(source, {"it": brain}, axes="subject time", times=TIMES, replicates=50, seed=3)
        assert equal(found.values, expected)
    file = redyn.compare(store, f"{tmp_path / 'it.npy'}:subject,time", times=TIMES, replicates=50, seed=3)
    assert equal(file.values, expected)
    named = redyn.compare(store, tmp_path / "it.npy", axes=["subject", "time"], times=TIMES, replicates=50, seed=3)
    assert equal(named.values, expected)
    for time, step in zip(TIMES, COURSE):
        here = [match for match in found.matches if match.time == time]
        assert max(here, key=lambda match: match.over_images.value).step == step


def test_a_static_brain_and_every_choice_are_the_command_lines(
    trajectories: redyn.Trajectories, store: Path, brain: np.ndarray, tmp_path: Path
) -> None:
    line = "--rdm-metric euclidean --rdm-scaling over-steps --rdm-comparison kendall --areas it"
    expected = lifted(by_command(store, brain[:, 0], tmp_path, *line.split()))
    found = redyn.compare(
        trajectories, {"it": brain[:, 0]}, areas="it", replicates=50, seed=3,
        rdm_metric="euclidean", rdm_scaling="over_steps", rdm_comparison="kendall",
    )  # fmt: skip
    assert equal(found.values, expected)
    table = (tmp_path / "found" / "tables" / "model_brain.csv").read_text().splitlines()
    assert table[0] == ",".join(column.name for column in found["model_brain"].columns)
    assert len(table) == len(found["model_brain"]) + 1 == trajectories.n_steps + 1


def test_the_value_is_the_mean_over_subjects_of_a_plain_loop(
    toy: Any, trajectories: redyn.Trajectories, brain: np.ndarray
) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = redyn.compare(trajectories, brain[:, 0], replicates=0)
    above = np.triu_indices(60, 1)
    for match in found.matches:
        own = squares(toy.representations, match.step)[above]
        each = [stats.spearmanr(own, subject[above]).statistic for subject in brain[:, 0]]
        np.testing.assert_allclose(match.over_images.value, np.mean(each), rtol=1e-9)


def test_a_comparison_becomes_frames_and_figures(trajectories: redyn.Trajectories, brain: np.ndarray) -> None:
    pytest.importorskip("pandas")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    static = redyn.compare(trajectories, brain[:, 0], replicates=20)
    frame = static.to_pandas()
    assert len(frame) == trajectories.n_steps and frame["value"].tolist() == [
        match.over_images.value for match in static.matches
    ]
    axes = static.plot()
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"noise ceiling", "toy it"}
    assert axes.lines[0].get_ydata().tolist() == frame["value"].tolist()
    timed = redyn.compare(trajectories, brain, axes="subject time", times=TIMES, replicates=0)
    axes = timed.plot()
    # The steps that the brain goes through, by time.
    assert axes.lines[0].get_xdata().tolist() == COURSE
    assert "brain at" in repr(timed) and "<table>" in timed._repr_html_()
    alone = redyn.compare(trajectories, brain[0, 0], replicates=0)
    assert alone.ceilings[0].bounds is None and alone.plot().lines
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("given", "choices", "sentence"),
    [
        (np.zeros((60, 59)), {}, r"`brain` has shape \[60, 59\], which holds no square RDMs"),
        (np.zeros((2, 3, 60, 60)), {}, r"has shape \[2, 3, 60, 60\]: what are its first 2 axes\?"),
        (np.zeros((2, 60, 60)), {"axes": "place"}, "RDMs have no axis `place`"),
        (np.zeros((2, 60, 60)), {"axes": "time", "times": [1.0]}, "RDMs of 2 times, 1 times are named"),
        (np.ones((3, 9, 9)), {}, "RDMs of 60 items cannot be compared with RDMs of 9"),
        (np.full((60, 60), np.nan), {}, "NaN"),
        ({}, {}, "no brain is given"),
        (np.zeros((60, 60)), {"areas": ["v9"]}, "v9"),
        ("nowhere.npy", {}, "nowhere.npy"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(
    trajectories: redyn.Trajectories, given: Any, choices: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(redyn.RedynError, match=sentence):
        redyn.compare(trajectories, given, **choices)


def test_a_name_that_was_not_compared_is_refused(trajectories: redyn.Trajectories, brain: np.ndarray) -> None:
    found = redyn.compare(trajectories, brain[:, 0], replicates=0)
    with pytest.raises(redyn.InputError, match="no brain `v1` was compared"):
        found.best("v1")
    with pytest.raises(redyn.InputError, match="no area `v4` was compared"):
        found.plot(area="v4")
    with pytest.raises(redyn.InputError, match="comparison has no table `matches`"):
        found["matches"]
