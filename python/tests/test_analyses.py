"""Analyses from Python: the numbers of the command line, to the last bit."""

from __future__ import annotations

import inspect
import json
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import command

import redyn
from redyn._results import lifted

def equal(a: Any, b: Any) -> bool:
    """The same values to the bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


@pytest.fixture(scope="module")
def by_command(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    said = command("analyze", store, "--out", folder, "--replicates", 50, "--seed", 3)
    assert said.returncode == 0, said.stderr
    return folder


@pytest.mark.parametrize("name", redyn.ANALYSES)
def test_numbers_are_those_of_the_command_line_to_the_last_bit(
    name: str, trajectories: redyn.Trajectories, store: Path, by_command: Path
) -> None:
    (network,) = json.loads((by_command / "results.json").read_text())["results"]["networks"]
    expected = [finding for finding in network["findings"] if finding.pop("analysis") == name]
    for source in (trajectories, redyn.open(store)):
        if not expected:
            # What the data do not allow is left out there and an error here.
            with pytest.raises(redyn.RedynError):
                getattr(source, name)(replicates=50, seed=3)
            continue
        found = getattr(source, name)(replicates=50, seed=3)
        assert equal(found.values, lifted(expected[0]))
        for table in found.tables.values():
            written = (by_command / "tables" / "toy" / f"{table.name}.csv").read_text()
            assert written.splitlines()[0] == ",".join(column.name for column in table.columns)
            assert len(written.splitlines()) == len(table) + 1


def test_every_analysis_is_a_function_and_a_method(trajectories: redyn.Trajectories) -> None:
    for name, entry in redyn.ANALYSES.items():
        function, method = getattr(redyn, name), getattr(redyn.Trajectories, name)
        assert entry.summary in function.__doc__ and entry.reference in method.__doc__
        assert "untrained" in inspect.signature(function).parameters
    assert equal(redyn.accuracy(trajectories).values, trajectories.accuracy().values)


def test_the_running_example_gives_numbers_with_intervals(trajectories: redyn.Trajectories) -> None:
    accuracy = trajectories.accuracy(replicates=200)
    answers = trajectories.logits.argmax(axis=2)
    expected = (answers == trajectories.labels[:, None]).mean(axis=0)
    assert [estimate.value for estimate in accuracy.per_step] == expected.tolist()
    last = accuracy.last.estimate
    assert last.low <= float(last) <= last.high and last.n == trajectories.n_images
    assert trajectories.stable_step().correct_by_step.dtype == np.int64


def test_a_twin_controls_and_properties_are_given_by_name(toy: SimpleNamespace) -> None:
    traj = redyn.Trajectories(toy.representations, toy.labels, readout=toy.readout, name="trained")
    twin = redyn.Trajectories(toy.representations[:, ::-1] * 0.5, toy.labels, readout=toy.readout, epoch=-1, name="twin")
    control = redyn.Trajectories(toy.representations[:, :1], toy.labels, readout=toy.readout, name="B")
    found = traj.feedforward_norm(controls=[control], untrained=twin, replicates=20)
    assert found.about.controls[0][0] == "B" and found.about.untrained[0] == "twin"
    lesion = traj.lesion(lesions={"it.lateral": twin}, replicates=20)
    assert "it.lateral" in json.dumps(lesion.values, default=str)
    size = np.linspace(0, 1, len(toy.labels))
    size[4] = np.nan
    by_size = traj.image_properties(properties={"size": size, "contrast": np.cos(9 * size[::-1])}, replicates=20)
    assert "size" in json.dumps(by_size.values, default=str)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        (dict(level=95.0), "`level` is 95.0"),
        (dict(minimum_run=3), "`minimum_run` is 3"),
        (dict(replicates=-1), "neither may be below 0"),
        (dict(memory="much"), "`much` is no amount of memory"),
        (dict(rdm_metric="correlatoin"), "`rdm_metric` is `correlatoin`"),
        (dict(folds=1), "`folds` is 1"),
        (dict(paper="luo2023"), "`paper` is `luo2023`"),
        (dict(untrained=3), "trajectories are needed, not int"),
        (dict(properties={"size": [1.0, 2.0]}), "property `size` has shape (2,), there are 60 images"),
    ],
)
def test_choices_that_make_no_sense_are_refused(
    trajectories: redyn.Trajectories, choices: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(redyn.InputError) as caught:
        trajectories.accuracy(**choices)
    assert sentence in str(caught.value)


def test_what_the_data_do_not_allow_is_an_error_with_a_hint(toy: SimpleNamespace) -> None:
    logits = np.zeros((60, 5, 4), dtype=np.float32)
    without = redyn.Trajectories(toy.representations, toy.labels, logits=logits, name="plain")
    with pytest.raises(redyn.InputError, match="`plain` has no linear readout, which `boundary` reads") as caught:
        without.boundary()
    assert caught.value.hint


def test_choices_are_the_command_lines(trajectories: redyn.Trajectories, store: Path, tmp_path: Path) -> None:
    line = "--rdm-metric euclidean --rdm-scaling over-steps --rdm-comparison kendall --rdm-images 12 --minimum-run 1"
    said = command("analyze", store, "--only", "rdm_movie,stable_step", "--out", tmp_path, "--replicates", 0, *line.split())
    assert said.returncode == 0, said.stderr
    there = json.loads((tmp_path / "results.json").read_text())["results"]
    choices: dict[str, Any] = dict(
        rdm_metric="euclidean", rdm_scaling="over_steps", rdm_comparison="kendall", rdm_images=12, minimum_run=1
    )
    for finding in there["networks"][0]["findings"]:
        found = getattr(trajectories, finding.pop("analysis"))(replicates=0, **choices)
        assert equal(found.values, lifted(finding))
        assert equal(found.about.options, lifted(there["options"]))
    with pytest.raises(TypeError, match="there is no choice `replicas`"):
        trajectories.accuracy(replicas=3)


def test_results_do_not_depend_on_memory(trajectories: redyn.Trajectories) -> None:
    assert equal(trajectories.change(memory="1K").values, trajectories.change(memory="1G").values)


def many(n_images: int) -> redyn.Trajectories:
    draw = np.random.default_rng(1)
    representations = draw.normal(size=(n_images, 8, 64)).astype(np.float32)
    readout = draw.normal(size=(20, 64))
    return redyn.Trajectories(representations, np.arange(n_images) % 20, readout=readout, progress=False)


def test_python_goes_on_while_an_analysis_runs() -> None:
    trajectories, moves = many(4000), []
    thread = threading.Thread(target=lambda: trajectories.boundary(replicates=2000))
    thread.start()
    while thread.is_alive():
        moves.append(thread.is_alive())
        time.sleep(0.005)
    assert len(moves) > 3


def test_ctrl_c_is_heard_within_a_second() -> None:
    trajectories = many(6000)
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    # Programs started in the background are born deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            for _ in range(100):
                trajectories.boundary(replicates=5000)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - sent[0] < 1.0


def test_progress_is_told_as_tqdm_tells_it(trajectories: redyn.Trajectories, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    from redyn._progress import bar

    with bar("accuracy", 10, True) as told:
        assert told is not None
        told(4)
        told(12)
    with bar("accuracy", 10, False) as told:
        assert told is None
    trajectories.accuracy()
    assert "accuracy" not in capsys.readouterr().out
