"""Published networks' own code, with random weights, recorded and held against hooks of PyTorch.

Runs where `REDYN_PUBLISHED` names a folder of their repositories, as `scripts/test-published` makes one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import redyn
from conftest import every_call

torch = pytest.importorskip("torch", reason="no PyTorch here")
FOLDER = Path(os.environ.get("REDYN_PUBLISHED", ""))
pytestmark = pytest.mark.skipif("REDYN_PUBLISHED" not in os.environ, reason="REDYN_PUBLISHED names no repositories")

LABELS = [0, 1, 2, 3]


def batches(size: int) -> list[Any]:
    images = torch.randn(len(LABELS), 3, size, size, generator=torch.Generator().manual_seed(1))
    return [images[:2], images[2:]]


def code(repository: str, path: str) -> Any:
    """One file of a repository, run."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, FOLDER / repository / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(kind: Any, *given: Any, **settings: Any) -> Any:
    torch.manual_seed(5)
    return kind(*given, **settings).eval()


def recorded(model: Any, images: list[Any], taps: Any, readout: str, **how: Any) -> redyn.Trajectories:
    with redyn.record(model, taps, readout, labels=LABELS, **how) as rec, torch.no_grad():
        for batch in images:
            model(batch)
    return rec.trajectories()


def hooked(model: Any, images: list[Any], names: list[str]) -> dict[str, np.ndarray]:
    """`[image, step, unit]` of every module."""
    with torch.no_grad():
        seen = every_call(model, names, images)
    return {name: np.stack([call.reshape(len(LABELS), -1) for call in calls], axis=1) for name, calls in seen.items()}


def states(traj: redyn.Trajectories, area: str) -> np.ndarray:
    return traj.select(area, "flatten").representations


@pytest.mark.parametrize("flags", [{}, {"topdown_connections": False}, {"LT_interaction": "multiplicative"}])
def test_blt(flags: dict[str, Any]) -> None:
    model = made(code("BLT-pytorch-CCN23", "BLT_analyse/models/BLT_net.py").BLT_net_64, timesteps=4, **flags)
    images, areas = batches(64), ["v1_ln", "v2_ln", "v4_ln", "it_ln", "gap_ln"]
    traj = recorded(model, images, areas, "readout")
    seen = hooked(model, images, [*areas, "readout"])
    for area in areas:
        np.testing.assert_array_equal(states(traj, area), seen[area])
    # What it gives beside its outputs are the states that are read out.
    with torch.no_grad():
        said, read = zip(*(model(batch) for batch in images))
    read = np.concatenate([np.stack(one, axis=1) for one in read])
    assert (traj.area, traj.n_steps) == ("readout.input", 4)
    np.testing.assert_array_equal(traj.representations, read)
    np.testing.assert_array_equal(traj.logits, seen["readout"])
    # Without a readout its own outputs, log-probabilities, are taken.
    with redyn.record(model, ["gap_ln"], labels=LABELS) as rec, torch.no_grad():
        for batch in images:
            model(batch)
    own = np.concatenate([np.stack(one, axis=1) for one in said])
    np.testing.assert_array_equal(rec.trajectories().logits, own)


@pytest.mark.parametrize("kind", ["cornet_rt", "cornet_r"])
def test_cornets_of_one_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER / "CORnet"))
    model = made(getattr(importlib.import_module("cornet"), kind), times=5).module
    images, areas = batches(224), ["V1", "V2", "V4", "IT"]
    traj = recorded(model, images, areas, "decoder.linear", reads="IT")
    seen = hooked(model, images, [*areas, "decoder.linear"])
    for area in areas:
        assert seen[area].shape[1] == 5
        np.testing.assert_array_equal(states(traj, area), seen[area])
    # It reads out once, at the end; recorded are all steps.
    assert seen["decoder.linear"].shape[1] == 1 and traj.n_steps == 5
    np.testing.assert_array_equal(traj.logits[:, 4:], seen["decoder.linear"])
    it = traj.select("IT").representations
    np.testing.assert_allclose(traj.representations, it, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(traj.readout[0], model.decoder.linear.weight.detach().numpy())


def test_cornet_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER / "CORnet"))
    model = made(importlib.import_module("cornet").cornet_s).module
    images = batches(224)
    # An area runs to its end before the next one begins.
    steps = {"V1": [0], "V2": [1, 2], "V4": [3, 4, 5, 6], "IT": [7, 8]}
    modules = {area: f"{area}.output" for area in steps}
    traj = recorded(model, images, modules, "decoder.linear", reads="IT", steps=steps)
    seen = hooked(model, images, [*modules.values(), "decoder.linear"])
    for area, module in modules.items():
        assert seen[module].shape[1] == len(steps[area])
    np.testing.assert_array_equal(states(traj, "IT"), seen["IT.output"])
    np.testing.assert_array_equal(traj.logits[:, 1:], seen["decoder.linear"])


@pytest.mark.parametrize("steering", [False, True])
def test_long_range_modulation(steering: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchvision", reason="no torchvision here")
    monkeypatch.syspath_prepend(str(FOLDER / "lrm-steering"))
    kind = importlib.import_module("lrm_models").alexnet_lrm3
    model = made(kind, pretrained=False, steering=steering)
    model.forward_passes = 3
    images = batches(224)
    areas = [f"feedforward.{name}" for name in ("features.0", "features.3", "features.12", "classifier.5")]
    traj = recorded(model, images, areas, "feedforward.classifier.6")
    with torch.no_grad():
        said = np.concatenate([np.stack(model(batch), axis=1) for batch in images])
    seen = hooked(model, images, areas)
    for area in areas:
        assert seen[area].shape[1] == 3
        np.testing.assert_array_equal(states(traj, area), seen[area])
    assert np.abs(np.diff(traj.logits, axis=1)).max() > 0
    assert traj.area == areas[-1]
    np.testing.assert_array_equal(traj.logits, said)


@pytest.mark.parametrize("biological", [False, True])
def test_blt_vs(biological: bool) -> None:
    kind = code("BLT-VS", "blt_vs_model/blt_vs.py").BLT_VS
    n_steps, first = (6, 4) if biological else (3, 0)
    model = made(kind, n_steps, 20, bio_unroll=biological, image_size=128, hook_type="concat")
    # Biologically unrolled, an area begins when something reaches it.
    begins = {"V1": 2, "V4": 3, "LOC": 4} if biological else {"V1": 0, "V4": 0, "LOC": 0}
    steps: dict[str, list[int]] = {area: list(range(begin, n_steps)) for area, begin in begins.items()}
    places = {area: [f"{area}_{step}" for step in of_one] for area, of_one in steps.items()}
    readout = {"connections.Readout": list(range(first, n_steps))}
    images = batches(128)
    traj = recorded(model, images, places, "connections.Readout", steps={**steps, **readout})
    seen = hooked(model, images, sum(places.values(), []))
    for area, modules in places.items():
        both = np.concatenate([seen[module] for module in modules], axis=1)
        np.testing.assert_array_equal(states(traj, area), both[:, first - begins[area] :])
    with torch.no_grad():
        said = np.concatenate([np.stack(model(batch), axis=1) for batch in images])
    np.testing.assert_array_equal(traj.logits, said)
