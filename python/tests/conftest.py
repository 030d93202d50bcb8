"""What the tests share: a toy network's trajectories, and the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import redyn

N_IMAGES, N_STEPS, N_UNITS, N_CLASSES = 60, 5, 8, 4


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """A network that makes up its mind: representations drift to the readout vector of their class."""
    draw = np.random.default_rng(7)
    readout = draw.normal(size=(N_CLASSES, N_UNITS)).astype(np.float32)
    labels = np.arange(N_IMAGES) % N_CLASSES
    start = draw.normal(size=(N_IMAGES, N_UNITS)) * 2.0
    drift = readout[labels] + draw.normal(size=(N_IMAGES, N_UNITS)) * 0.4
    share = np.linspace(0.1, 1.0, N_STEPS)[None, :, None]
    representations = (start[:, None] * (1 - share) + drift[:, None] * share).astype(np.float32)
    bias = np.zeros(N_CLASSES, dtype=np.float32)
    return SimpleNamespace(representations=representations, labels=labels, readout=readout, bias=bias)


@pytest.fixture(scope="session")
def trajectories(toy: SimpleNamespace) -> redyn.Trajectories:
    return redyn.Trajectories(toy.representations, toy.labels, readout=toy.readout, name="toy", area="it")


@pytest.fixture(scope="session")
def store(trajectories: redyn.Trajectories, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "toy.zarr"
    trajectories.save(path)
    return path


def command(*words: object, **how: object) -> subprocess.CompletedProcess[str]:
    """The command line, as Python starts it."""
    line = [sys.executable, "-m", "redyn", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, **how)  # type: ignore[call-overload]


def every_call(model: Any, names: Iterable[str], batches: Iterable[Any]) -> dict[str, list[np.ndarray]]:
    """What plain hooks see of PyTorch's modules: for each the outputs (of several, the first) of every call, with all images."""
    calls: dict[str, list[list[np.ndarray]]] = {name: [] for name in names}

    def listener(name: str) -> Any:
        def called(_module: Any, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            calls[name][-1].append(first.detach().clone().numpy())

        return called

    hooks = [model.get_submodule(name).register_forward_hook(listener(name)) for name in calls]
    for batch in batches:
        for of_one in calls.values():
            of_one.append([])
        model(batch)
    for hook in hooks:
        hook.remove()
    return {name: [np.concatenate(step) for step in zip(*of_one)] for name, of_one in calls.items()}
