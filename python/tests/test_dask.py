"""Analyses on workers of Dask: processes of their own, one of which is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import redyn
import redyn.dask
from conftest import command


@pytest.fixture(scope="module")
def stores(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A network and its untrained twin, in blocks of a few images."""
    folder = tmp_path_factory.mktemp("stores")
    noise = np.random.default_rng(5).normal(size=toy.representations.shape).astype(np.float32)
    for name, representations, epoch in (("LA", toy.representations, 20), ("untrained", noise, -1)):
        of = {"network": "toy", "area": "it", "seed": 1}
        made = redyn.Trajectories(representations, toy.labels, readout=toy.readout, name=name, epoch=epoch, **of)
        made.save(folder / f"{name}.zarr", memory="4K")
    return [folder / "LA.zarr", folder / "untrained.zarr"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    workers = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**workers) as cluster, distributed.Client(cluster) as client:
        yield client


def files(found: Path) -> dict[str, bytes]:
    """Every file of some results but for the command that made them."""
    all_of_them = {str(path.relative_to(found)): path.read_bytes() for path in found.rglob("*") if path.is_file()}
    results = json.loads(all_of_them.pop("results.json"))
    del results["command"]
    # JSON has every number to the bit.
    return {**all_of_them, "results.json": json.dumps(results).encode()}


@pytest.fixture(scope="module")
def expected(stores: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the command line makes of the stores by itself."""
    out = tmp_path_factory.mktemp("expected")
    ended = command("analyze", *stores, "--replicates", 20, "--out", out)
    assert ended.returncode == 0, ended.stderr
    return files(out)


def stall(folder: str) -> None:
    """In a worker: begin a task, leave a note of who did, and never end it."""

    def never(*_: Any, **__: Any) -> None:
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(600)

    redyn.dask._rows = never


@pytest.mark.parametrize("tasks", [1, 7, None])
def test_the_bytes_are_those_of_the_command_line(
    stores: list[Path], client: Any, expected: dict[str, bytes], tmp_path: Path, tasks: int | None
) -> None:
    found = redyn.dask.analyze(stores, client, tasks=tasks, replicates=20)
    assert files(found.save(tmp_path)) == expected


def test_single_analyses_of_trajectories_that_are_open(stores: list[Path], client: Any) -> None:
    trajectories = redyn.open(stores[0])
    found = redyn.dask.analyze(trajectories, client, only=["accuracy"], replicates=20)
    alone = redyn.analyze(trajectories, only=["accuracy"], replicates=20)
    assert found._examined.results() == alone._examined.results()


def test_a_worker_that_is_killed_changes_nothing(
    stores: list[Path], client: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    client.run(stall, str(notes), workers=[next(iter(client.scheduler_info()["workers"]))])
    with ThreadPoolExecutor(1) as aside:
        found = aside.submit(redyn.dask.analyze, stores, client, tasks=12, replicates=20)
        begun = time.monotonic()
        while not any(notes.iterdir()):
            assert time.monotonic() - begun < 60 and not found.done(), "no task reached the worker"
            time.sleep(0.01)
        (victim,) = (int(note.name) for note in notes.iterdir())
        os.kill(victim, signal.SIGKILL)
        assert files(found.result(timeout=120).save(tmp_path / "found")) == expected
    assert victim not in client.run(os.getpid).values()


def test_rows_of_another_version_are_refused(stores: list[Path], client: Any) -> None:
    workers = list(client.scheduler_info()["workers"])

    def become(version: str) -> None:
        redyn._redyn.VERSION = version

    client.run(become, "0.0.0", workers=workers[:1])
    try:
        refused = f"the worker {workers[0]} has redyn 0.0.0, the client has {redyn.__version__}: their rows cannot be joined"
        with pytest.raises(redyn.InputError, match=re.escape(refused)) as caught:
            redyn.dask.analyze(stores, client, only=["accuracy"], tasks=12, replicates=20)
        assert caught.value.hint == "install one version of redyn for all workers and the client"
    finally:
        client.run(become, redyn.__version__, workers=workers[:1])


def test_mistakes_are_said_in_one_sentence(
    stores: list[Path], client: Any, trajectories: redyn.Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(redyn.InputError, match="`toy` is in the memory of this process") as caught:
        redyn.dask.analyze(trajectories, client)
    assert "save it as a store" in (caught.value.hint or "")
    with pytest.raises(redyn.InputError, match="`tasks` is 0"):
        redyn.dask.analyze(stores, client, tasks=0)
    with pytest.raises(redyn.InputError, match="a client of a Dask cluster is needed, not str"):
        redyn.dask.analyze(stores, "scheduler:8786")
    # What a worker finds wrong reaches the client as it is.
    with pytest.raises(redyn.InputError, match="no area `itt`"):
        what: dict[str, Any] = {"version": redyn.__version__, "asked": {}, "options": "", "of": 1}
        client.submit(redyn.dask._rows, 0, places=[(str(stores[0]), "itt", "average")], **what).result()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(redyn.MissingPackage, match="redyn.dask needs distributed") as missing:
        redyn.dask.analyze(stores, client)
    assert missing.value.hint == "pip install redyn[dask]"
