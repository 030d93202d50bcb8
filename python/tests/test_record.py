"""PyTorch networks recorded while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import redyn
from conftest import every_call

torch = pytest.importorskip("torch", reason="no PyTorch here")
nn = torch.nn

N_IMAGES, N_CLASSES = 22, 3


class Stepwise(nn.Module):
    """A recurrent network that reads out at every step."""

    def __init__(self, steps: int = 4) -> None:
        super().__init__()
        self.steps = steps
        self.drive, self.lateral = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        self.area, self.gap, self.fc = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Linear(5, N_CLASSES)

    def forward(self, images: Any) -> Any:
        drive, state, said = self.drive(images), None, []
        for _ in range(self.steps):
            total = drive if state is None else drive + self.lateral(state)
            state = self.area(total.clone())
            said.append(self.fc(self.gap(state).flatten(1)))
        return said


class Settling(Stepwise):
    """The same network, read out once it has settled."""

    def forward(self, images: Any) -> Any:
        drive, state = self.drive(images), None
        for _ in range(self.steps):
            state = self.area((drive if state is None else drive + self.lateral(state)).clone())
        return self.fc(self.gap(state).flatten(1))


class Passwise(nn.Module):
    """A feedforward network run several times, each pass under the last one's influence."""

    def __init__(self, passes: int = 3) -> None:
        super().__init__()
        self.passes = passes
        self.early, self.late, self.back = nn.Linear(12, 8), nn.Linear(8, 6), nn.Linear(6, 8)
        self.classify = nn.Linear(6, N_CLASSES)

    def forward(self, images: Any) -> Any:
        gain = torch.zeros(len(images), 8)
        for _ in range(self.passes):
            late = torch.relu(self.late(torch.relu(self.early(images.flatten(1)[:, :12])) * (1 + gain)))
            gain = torch.tanh(self.back(late))
        return self.classify(late)


class Memory(nn.Module):
    """An LSTM over rows of pixels; all steps come from one call."""

    def __init__(self, batch_first: bool, every_step: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 7, batch_first=batch_first)
        self.fc = nn.Linear(7, N_CLASSES)
        self.batch_first, self.every_step = batch_first, every_step

    def forward(self, images: Any) -> Any:
        rows = images.mean(1)
        states, _ = self.lstm(rows if self.batch_first else rows.transpose(0, 1))
        if self.every_step:
            return self.fc(states)
        return self.fc(states[:, -1] if self.batch_first else states[-1])


class Once(nn.Module):
    """A plain network of one step that knows nothing of redyn."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(20, N_CLASSES))

    def forward(self, images: Any) -> Any:
        return self.head(self.layer2(self.layer1(images)))


class Hookable(nn.Module):
    """A network with a place to watch for every step, whose readout is called by keyword and feeds back."""

    def __init__(self, steps: int = 4) -> None:
        super().__init__()
        self.drive, self.back, self.fc = nn.Linear(108, 6), nn.Linear(N_CLASSES, 6), nn.Linear(6, N_CLASSES)
        self.read = Readout(self.fc)
        self.watched = nn.ModuleList(nn.Identity() for _ in range(steps))

    def forward(self, images: Any) -> Any:
        drive, said, states = self.drive(images.flatten(1)), [], []
        back: Any = 0
        for step, watched in enumerate(self.watched):
            states.append(torch.relu(drive + back))
            watched(states[-1] if step > 0 else None)
            logits, back = self.read(features=states[-1])
            said.append(logits)
            back = self.back(back)
        return said, states


class Readout(nn.Module):
    """Gives logits, and what is fed back."""

    def __init__(self, fc: Any) -> None:
        super().__init__()
        self.fc = fc

    def forward(self, features: Any) -> Any:
        logits = self.fc(features)
        return logits, torch.softmax(logits, 1)


@pytest.fixture
def images() -> Any:
    return torch.randn(N_IMAGES, 3, 6, 6, generator=torch.Generator().manual_seed(1))


LABELS = torch.arange(N_IMAGES) % N_CLASSES


def made(kind: Any, *choices: Any) -> Any:
    torch.manual_seed(3)
    return kind(*choices).eval()


def loader(images: Any, size: int = 5) -> list[Any]:
    return [(images[i : i + size], LABELS[i : i + size]) for i in range(0, len(images), size)]


def recorded(model: Any, images: Any, taps: Any, readout: str | None = None, **how: Any) -> redyn.Trajectories:
    how.setdefault("labels", LABELS)
    with redyn.record(model, taps, readout, **how) as rec, torch.no_grad():
        for batch, _ in rec.batches(loader(images)):
            model(batch)
    return rec.trajectories()


def test_every_call_of_a_stepwise_network_is_a_step(images: Any) -> None:
    model = made(Stepwise)
    traj = recorded(model, images, ["area", "gap"], "fc")
    assert (traj.area, traj.areas, traj.n_steps, traj.n_units) == ("gap", ["area", "gap"], 4, 5)
    with torch.no_grad():
        drive, state = model.drive(images), None
        for step, logits in enumerate(model(images)):
            state = torch.relu(drive if state is None else drive + model.lateral(state))
            maps = traj.select("area", "flatten").representations[:, step]
            np.testing.assert_allclose(maps, state.flatten(1).numpy(), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(traj.logits[:, step], logits.numpy(), rtol=1e-5, atol=1e-6)
    weight, bias = traj.readout
    np.testing.assert_array_equal(weight, model.fc.weight.detach().numpy())
    np.testing.assert_array_equal(bias, model.fc.bias.detach().numpy())
    assert len(traj.accuracy(replicates=10).per_step) == 4


def test_a_plain_loop_records_too(images: Any) -> None:
    model = made(Stepwise)
    with redyn.record(model, ["gap"], "fc", labels=LABELS) as rec:
        for batch, labels in loader(images, 8):
            rec.check(labels)
            model(batch)
    by_batches = recorded(model, images, ["gap"], "fc")
    np.testing.assert_allclose(rec.trajectories().logits, by_batches.logits, rtol=1e-5, atol=1e-6)
    assert not model.gap._forward_hooks and not model._forward_pre_hooks


def test_passes_are_steps_and_an_answer_at_the_end_is_of_the_last(images: Any) -> None:
    model = made(Passwise)
    traj = recorded(model, images, ["early", "late"], "classify")
    # What is classified is `relu(late)`, which no tapped module gives.
    assert traj.areas == ["early", "late", "classify.input"]
    assert (traj.area, traj.n_steps) == ("classify.input", 1)
    late = traj.select("late")
    assert late.n_steps == 1
    np.testing.assert_array_equal(np.maximum(late.representations[:, 0], 0), traj.representations[:, 0])
    stored = redyn.open(traj._about["path"], "early")
    assert stored.n_units == 8


def test_a_network_that_reads_out_at_its_end_can_be_read_at_every_step(images: Any) -> None:
    stepwise = recorded(made(Stepwise), images, ["area"], "fc")
    settling = made(Settling)
    at_its_end = recorded(settling, images, ["area"], "fc")
    assert (at_its_end.n_steps, at_its_end.select("area").n_steps) == (1, 1)
    traj = recorded(settling, images, ["area"], "fc", reads="area")
    assert (traj.area, traj.areas, traj.n_steps) == ("fc.input", ["area", "fc.input"], 4)
    np.testing.assert_array_equal(traj.logits, stepwise.logits)
    np.testing.assert_array_equal(traj.representations, stepwise.representations)
    np.testing.assert_array_equal(traj.logits[:, -1:], at_its_end.logits)
    assert traj.select("area", "flatten").n_steps == 4
    steps = {"drive": [0], "area": [1, 2, 3, 4]}
    later = recorded(settling, images, ["drive", "area"], "fc", reads="area", steps=steps)
    np.testing.assert_array_equal(later.logits, traj.logits)
    assert "no area `gap` is recorded (areas: area)" in refused(settling, images, ["area"], "fc", reads="gap")
    assert "`area` cannot be read out, as no readout is named" in refused(settling, images, ["area"], reads="area")
    wide = refused(made(Passwise), images, ["early"], "classify", reads="early")
    assert "`classify` reads 6 units, `early` has 8: shape (5, 8)" in wide


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("every_step", [True, False])
def test_an_lstm_gives_all_its_steps_at_once(images: Any, batch_first: bool, every_step: bool) -> None:
    model = made(Memory, batch_first, every_step)
    traj = recorded(model, images, ["lstm"], "fc")
    with torch.no_grad():
        rows = images.mean(1)
        states = model.lstm(rows if batch_first else rows.transpose(0, 1))[0]
        states = (states if batch_first else states.transpose(0, 1)).numpy()
    assert (traj.area, traj.n_steps) == ("lstm", 6 if every_step else 1)
    expected = states if every_step else states[:, -1:]
    np.testing.assert_allclose(traj.representations, expected, rtol=1e-5, atol=1e-6)
    weight, bias = traj.readout
    np.testing.assert_allclose(traj.logits, expected @ weight.T + bias, rtol=1e-4, atol=1e-5)


def test_an_untouched_network_has_one_step(images: Any) -> None:
    model = made(Once)
    traj = recorded(model, images, {"early": "layer1", "late": "layer2"}, "head.1")
    assert (traj.n_steps, traj.area) == (1, "late")
    assert traj.select("late", "flatten").readout is not None
    without = recorded(model, images, ["layer1"])
    with torch.no_grad():
        np.testing.assert_allclose(without.logits[:, 0], model(images).numpy(), rtol=1e-5, atol=1e-6)


def test_torchvisions_resnet_has_one_step() -> None:
    networks = pytest.importorskip("torchvision.models", reason="no torchvision here")
    photographs = torch.randn(N_IMAGES, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    model = networks.resnet18(weights=None).eval()
    traj = recorded(model, photographs, ["layer3", "avgpool"], "fc")
    assert (traj.area, traj.areas, traj.n_steps, traj.n_units) == ("avgpool", ["layer3", "avgpool"], 1, 512)
    with torch.no_grad():
        seen = every_call(model, ["layer3", "avgpool", "fc"], [batch for batch, _ in loader(photographs)])
    for area in ("layer3", "avgpool"):
        found = traj.select(area, "flatten").representations
        np.testing.assert_array_equal(found[:, 0], seen[area][0].reshape(N_IMAGES, -1))
    np.testing.assert_array_equal(traj.logits[:, 0], seen["fc"][0])
    np.testing.assert_array_equal(traj.readout[0], model.fc.weight.detach().numpy())
    np.testing.assert_array_equal(traj.readout[1], model.fc.bias.detach().numpy())


def test_several_modules_can_be_the_steps_of_an_area(images: Any) -> None:
    model = made(Hookable)
    with torch.no_grad():
        said, states = (np.stack(one, axis=1) for one in model(images))
    # At the first step there is nothing to watch: it gives `None`.
    area = {"area": [f"watched.{step}" for step in (1, 2, 3)]}
    traj = recorded(model, images, area, "fc", steps={"area": [1, 2, 3], "fc": [0, 1, 2, 3]})
    np.testing.assert_allclose(traj.select("area").representations, states[:, 1:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(traj.logits, said, rtol=1e-5, atol=1e-6)
    message = refused(model, images, area, "fc", steps={"fc": [0, 1, 2, 3]})
    assert "`area` was called 3 times in one forward pass, others 4 times (say which steps" in message
    absent = refused(model, images, {"area": [f"watched.{step}" for step in range(4)]}, "fc")
    assert "`area` gives NoneType, a tensor is needed" in absent


def test_a_readout_called_by_keyword_says_its_logits(images: Any) -> None:
    model = made(Hookable)
    traj = recorded(model, images, ["drive"], "read", steps={"drive": [0], "read": [0, 1, 2, 3]})
    with torch.no_grad():
        said = np.stack(model(images)[0], axis=1)
    assert traj.areas == ["drive"]
    np.testing.assert_allclose(traj.logits, said[:, :1], rtol=1e-5, atol=1e-6)


def test_of_what_a_model_gives_the_first_are_its_logits(images: Any) -> None:
    model = made(Hookable)
    with torch.no_grad():
        said, states = (np.stack(one, axis=1) for one in model(images))
    traj = recorded(model, images, ["read.fc"])
    np.testing.assert_allclose(traj.logits, said, rtol=1e-5, atol=1e-6)
    once = nn.Module()
    once.fc = nn.Linear(states.shape[2], N_CLASSES)
    once.forward = lambda units: (once.fc(units), units)  # type: ignore[method-assign]
    units = torch.from_numpy(states[:, -1])
    alone = recorded(once.eval(), units, ["fc"])
    assert alone.n_steps == 1
    with torch.no_grad():
        np.testing.assert_allclose(alone.logits[:, 0], once.fc(units).numpy(), rtol=1e-5, atol=1e-6)


def test_a_loop_outside_the_model_is_one_forward_pass(images: Any) -> None:
    cell, fc = made(nn.GRUCell, 18, 7), made(nn.Linear, 7, N_CLASSES)
    model = nn.ModuleDict({"cell": cell, "fc": fc}).eval()
    step = nn.Module()
    step.cell, step.fc = cell, fc
    step.forward = lambda rows, state: (lambda new: (fc(new), new))(cell(rows, state))  # type: ignore[method-assign]
    step.eval()
    with redyn.record(step, ["cell"], "fc", labels=LABELS) as rec, torch.no_grad():
        for batch, _ in rec.batches(loader(images)):
            with rec.forward():
                state = torch.zeros(len(batch), 7)
                for row in range(6):
                    _, state = step(batch[:, :, row].flatten(1), state)
    traj = rec.trajectories()
    assert (traj.area, traj.n_steps, len(model)) == ("cell", 6, 2)


def test_an_interrupted_recording_continues_to_the_same_bytes(images: Any, tmp_path: Path) -> None:
    model, taps = made(Stepwise), ["area", "gap"]

    def files(path: Path) -> dict[str, bytes]:
        return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    whole, broken = tmp_path / "whole.zarr", tmp_path / "broken.zarr"
    how: dict[str, Any] = dict(labels=LABELS, memory="8K")
    recorded(model, images, taps, "fc", out=whole, **how)
    with pytest.raises(RuntimeError, match="pulled"):
        with redyn.record(model, taps, "fc", broken, **how) as rec, torch.no_grad():
            for place, (batch, _) in enumerate(rec.batches(loader(images))):
                if place == 3:
                    raise RuntimeError("the plug is pulled")
                model(batch)
    there = redyn.open(broken, partial=True).n_images
    assert 0 < there < N_IMAGES
    ran = 0
    with redyn.record(model, taps, "fc", broken, **how) as rec, torch.no_grad():
        for batch, _ in rec.batches(loader(images)):
            model(batch)
            ran += len(batch)
    assert ran < N_IMAGES
    assert files(broken) == files(whole)
    # Complete: only the last batch is run again, and nothing changes.
    recorded(model, images, taps, "fc", out=broken, **how)
    assert files(broken) == files(whole)


def test_another_networks_recording_is_not_continued(images: Any, tmp_path: Path) -> None:
    recorded(made(Stepwise), images, ["gap"], "fc", out=tmp_path / "a.zarr")
    other = made(Stepwise)
    with torch.no_grad():
        other.fc.weight.add_(1)
    with pytest.raises(redyn.InputError, match="was begun with `weights_digest`"):
        recorded(other, images, ["gap"], "fc", out=tmp_path / "a.zarr")


def test_the_loaders_order_is_checked(images: Any) -> None:
    model = made(Stepwise)
    shuffled = loader(images)[::-1]
    with pytest.raises(redyn.InputError, match="the loader's image 0 has label 2, `labels` says 0") as caught:
        with redyn.record(model, ["gap"], "fc", labels=LABELS) as rec:
            for batch, _ in rec.batches(shuffled):
                model(batch)
    assert "shuffle=False" in (caught.value.hint or "")
    named = [(batch, labels, ["x"] * len(labels)) for batch, labels in loader(images)]
    with pytest.raises(redyn.InputError, match="the loader's image 0 is `x`, `image_ids` says `0`"):
        with redyn.record(model, ["gap"], "fc", labels=LABELS) as rec:
            for batch in rec.batches(named):
                model(batch[0])


def test_a_loop_that_ends_early_can_be_continued(images: Any, tmp_path: Path) -> None:
    model = made(Stepwise)
    with pytest.raises(redyn.RedynError, match="10 of 22 images were recorded") as caught:
        with redyn.record(model, ["gap"], "fc", tmp_path / "a.zarr", labels=LABELS):
            for batch, _ in loader(images)[:2]:
                model(batch)
    assert caught.value.hint == "run the same loop again: it continues"
    assert recorded(model, images, ["gap"], "fc", out=tmp_path / "a.zarr").n_images == N_IMAGES


def refused(model: Any, images: Any, taps: Any, readout: str | None = None, **how: Any) -> str:
    with pytest.raises(redyn.InputError) as caught:
        recorded(model, images, taps, readout, **how)
    return f"{caught.value} ({caught.value.hint})"


def test_what_cannot_be_recorded_is_said_in_one_sentence(images: Any) -> None:
    model = made(Stepwise)
    assert "no module `gapp` (did you mean `gap`?" in refused(model, images, ["gapp"], "fc")
    assert "in training mode" in refused(Stepwise(), images, ["gap"], "fc")
    wrong = refused(model, images, ["drive", "area"], "fc")
    assert "`drive` was called 1 times in one forward pass, others 4 times (say which steps" in wrong
    chosen = recorded(model, images, ["drive", "area"], "fc", steps={"drive": [0]})
    assert chosen.select("drive").n_steps == 1
    assert "the loader came to image 4, there are 4 labels" in refused(model, images, ["gap"], "fc", labels=LABELS[:4])
    with pytest.raises(redyn.InputError, match="image 0 has label 9, the outputs have 3 classes"):
        with redyn.record(model, ["gap"], "fc", labels=LABELS + 9):
            model(images)
    with pytest.raises(redyn.InputError, match="the loop came to image 21, there are 4 labels"):
        with redyn.record(model, ["gap"], "fc", labels=LABELS[:4]):
            model(images)
    divided = nn.DataParallel(model).eval()
    divided.device_ids = [0, 1]
    assert "divided among 2 GPUs, which call its modules in any order (record model.module)" in refused(
        divided, images, ["module.gap"], "module.fc"
    )
    broken = made(Stepwise)
    with torch.no_grad():
        broken.fc.bias[0] = float("nan")
    with pytest.raises(redyn.RedynError, match="NaN|not finite"):
        recorded(broken, images, ["gap"], "fc")


def test_tensors_are_trajectories_without_a_copy(images: Any) -> None:
    from redyn._arrays import Array

    states = torch.randn(N_IMAGES, 4, 7, requires_grad=True)
    assert np.shares_memory(Array("it", states).source, states.detach().numpy())
    fc = nn.Linear(7, N_CLASSES)
    traj = redyn.Trajectories(states, LABELS, readout=fc)
    np.testing.assert_array_equal(traj.representations, states.detach().numpy())
    halved = redyn.Trajectories(states.bfloat16(), LABELS, readout=fc.weight, bias=fc.bias)
    np.testing.assert_array_equal(halved.representations, states.detach().bfloat16().float().numpy())
    turned = redyn.Trajectories(states.transpose(1, 2), LABELS, readout=fc, axes="image unit step")
    np.testing.assert_array_equal(turned.logits, traj.logits)
