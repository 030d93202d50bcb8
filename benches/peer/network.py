"""Forward passes and training steps of a BLT network in PyTorch, timed."""

import json
import struct
import time

import blt
import numpy
import torch
from torch.nn import functional as F

# Beyond so many steps a compiled step is called in a loop; below, the whole loop is compiled.
STEPS_COMPILED_AS_ONE = 10


def read_tensors(path):
    """A safetensors file: length of the header, header, values."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = file.read()
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            array = numpy.frombuffer(values[begin:end], "<f4").reshape(about["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


class Case:
    """One network in one mode, with its images, ready to run."""

    def __init__(self, request):
        mode = request["mode"].split("+")
        self.steps = request["steps"]
        model = blt.BLT(hoisted=request["variant"] == "hoisted", **request["network"])
        model.load_state_dict(read_tensors(request["weights"]))
        data = read_tensors(request["images"])
        images = data["images"].permute(0, 3, 1, 2).contiguous()
        self.labels = data["labels"].long()
        if "channels_last" in mode:
            model = model.to(memory_format=torch.channels_last)
            images = images.to(memory_format=torch.channels_last)
        self.model, self.images, self.run = model, images, model
        if "compiled" in mode and self.steps <= STEPS_COMPILED_AS_ONE:
            self.run = torch.compile(model)
        elif "compiled" in mode:
            model.one_step = torch.compile(model.step)
        self.optimiser = adam(model.parameters())

    def forward(self):
        with torch.no_grad():
            return self.run(self.images, self.steps)

    def train(self):
        """One update; the loss before it, summed over steps."""
        self.optimiser.zero_grad()
        outputs = self.run(self.images, self.steps)
        loss = sum(F.nll_loss(output, self.labels) for output in outputs)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def adam(parameters):
    """The published optimiser, in its fastest form where this torch has it on CPUs."""
    parameters = list(parameters)
    try:
        optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        probe = torch.zeros(1, requires_grad=True)
        probe.grad = torch.zeros(1)
        torch.optim.Adam([probe], fused=True).step()
        return optimiser
    except (RuntimeError, TypeError, ValueError):
        return torch.optim.Adam(parameters, lr=1e-3)


CASES = {}


def load(request):
    """Prepare a case under a name; nothing of it is timed."""
    CASES[request["name"]] = Case(request)
    return {}


def drop(_):
    """Forget all cases and whatever was compiled for them."""
    CASES.clear()
    if hasattr(torch, "_dynamo"):
        torch._dynamo.reset()
    return {}


def log_probabilities(request):
    """Write `[step, image, class]` as f32 to a file."""
    outputs = CASES[request["name"]].forward()
    torch.stack(outputs).contiguous().numpy().astype("<f4").tofile(request["out"])
    return {}


def losses(request):
    """Losses before each of some updates."""
    case = CASES[request["name"]]
    return {"losses": [case.train() for _ in range(request["updates"])]}


def seconds(request):
    """Seconds of some forward passes or training steps."""
    case = CASES[request["name"]]
    work = {"forward": case.forward, "train": case.train}[request["what"]]
    start = time.perf_counter()
    for _ in range(request["repetitions"]):
        work()
    return {"seconds": time.perf_counter() - start}
