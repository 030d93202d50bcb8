"""Forward passes and training steps of a network in PyTorch, timed.

Images begin and answers end in main memory, wherever the network is.
"""

import contextlib
import json
import struct
import time

import blt
import catalogue
import numpy
import torch
from torch.nn import functional as F

ROUNDED = {"bf16": torch.bfloat16, "f16": torch.float16}
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


def build(network, variant):
    """A network of the catalogue by its name, or a BLT network by its sizes."""
    if network["name"] in catalogue.NETWORKS:
        return catalogue.NETWORKS[network["name"]]()
    sizes = {key: value for key, value in network.items() if key != "name"}
    return blt.BLT(hoisted=variant == "hoisted", **sizes)


class Case:
    """One network in one mode, with its images, ready to run."""

    def __init__(self, request):
        mode = request["mode"].split("+")
        self.steps = request["steps"]
        self.device = torch.device(request["device"])
        model = build(request["network"], request["variant"])
        model.load_state_dict(read_tensors(request["weights"]))
        model = model.to(self.device)
        data = read_tensors(request["images"])
        images = data["images"].permute(0, 3, 1, 2).contiguous()
        labels = data["labels"].long()
        if "channels_last" in mode:
            model = model.to(memory_format=torch.channels_last)
            images = images.to(memory_format=torch.channels_last)
        if self.device.type == "cuda":
            images, labels = images.pin_memory(), labels.pin_memory()
            torch.backends.cudnn.benchmark = True
        self.model, self.images, self.labels, self.run = model, images, labels, model
        compiling = {"mode": "reduce-overhead"} if "graphs" in mode else {}
        if not {"compiled", "graphs"}.isdisjoint(mode):
            if self.steps <= STEPS_COMPILED_AS_ONE or not hasattr(model, "one_step"):
                self.run = torch.compile(model, **compiling)
            else:
                model.one_step = torch.compile(model.step, **compiling)
        rounding = ROUNDED.keys() & mode
        self.rounding = ROUNDED[rounding.pop()] if rounding else None
        # Scales the loss as ours does, and does nothing where gradients need no scale.
        self.scaler = scaler(self.device, self.rounding == torch.float16)
        self.optimiser = adam(model.parameters(), self.device)

    def on_device(self, tensor):
        return tensor.to(self.device, non_blocking=True)

    def precision(self):
        """PyTorch's own mixed precision: norms, softmax and loss stay in f32."""
        if self.rounding is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.rounding)

    def forward(self):
        with torch.no_grad(), self.precision():
            outputs = self.run(self.on_device(self.images), self.steps)
        return [output.float().cpu() for output in outputs]

    def train(self):
        """One update; the loss before it, summed over steps."""
        self.optimiser.zero_grad()
        labels = self.on_device(self.labels)
        with self.precision():
            outputs = self.run(self.on_device(self.images), self.steps)
            loss = sum(F.nll_loss(output.float(), labels) for output in outputs)
        if self.scaler is None:
            loss.backward()
            self.optimiser.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimiser)
            self.scaler.update()
        return loss.item()


def scaler(device, needed):
    """The scaler of losses for f16; None where there is nothing to scale."""
    if not needed:
        return None
    if hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler(device.type)
    return torch.cuda.amp.GradScaler()


def adam(parameters, device):
    """The published optimiser, in its fastest form where this torch has it on the device."""
    parameters = list(parameters)
    try:
        optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        probe = torch.zeros(1, requires_grad=True, device=device)
        probe.grad = torch.zeros(1, device=device)
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
