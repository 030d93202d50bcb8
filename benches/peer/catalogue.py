"""Recurrent networks of the catalogue in PyTorch, in the manner of their authors' loops.

Whatever the authors compute anew at every step is computed anew here. BL and the ConvRNN are
TensorFlow graphs in the original; here they stand on the same library as the others. Weights
go by the names of the authors' files, in PyTorch's layout, so that sizes follow from them.
"""

import math

import torch
from torch.nn import functional as F


def log_probabilities(logits):
    return torch.log(torch.clamp(F.softmax(logits, dim=1), 1e-10, 1.0))


class Network(torch.nn.Module):
    """Weights by name; `forward(images, steps)` gives log-probabilities at every step."""

    def load_state_dict(self, tensors):
        self.names = list(tensors)
        self.values = torch.nn.ParameterList(tensors.values())

    def forward(self, images, steps):
        weights = dict(zip(self.names, self.values))
        return [log_probabilities(logits) for logits in self.logits(weights, images, steps)]


class CornetRT(Network):
    """Every area reads what the one below was a step ago; V1 reads the image at every step."""

    AREAS = ("V1", "V2", "V4", "IT")

    @staticmethod
    def norm(w, name, x):
        channels = x.shape[1]
        groups = math.gcd(32, channels)
        return F.relu(F.group_norm(x, groups, w[f"{name}.weight"], w[f"{name}.bias"], 1e-5))

    def area(self, w, name, below, state):
        drive = state
        if below is not None:
            stride, padding = (4, 3) if name == "V1" else (2, 1)
            conv = f"{name}.conv_input"
            x = F.conv2d(below, w[f"{conv}.weight"], w[f"{conv}.bias"], stride, padding)
            drive = self.norm(w, f"{name}.norm_input", x) + state
        return self.norm(w, f"{name}.norm1", F.conv2d(drive, w[f"{name}.conv1.weight"], padding=1))

    def logits(self, w, images, steps):
        batch, _, side, _ = images.shape
        states = []
        for name in self.AREAS:
            side = (side + 2 * 3 - 7) // 4 + 1 if name == "V1" else (side + 2 - 3) // 2 + 1
            channels = w[f"{name}.conv1.weight"].shape[0]
            states.append(images.new_zeros(batch, channels, side, side))
        logits = []
        for step in range(steps):
            below = [images] + [None if step == 0 else state for state in states[:-1]]
            states = [self.area(w, *each) for each in zip(self.AREAS, below, states)]
            pooled = states[-1].mean((2, 3))
            logits.append(F.linear(pooled, w["decoder.linear.weight"], w["decoder.linear.bias"]))
        return logits


class BL(Network):
    """Seven layers with laterals, a batch norm for every layer and step; the first layer's
    convolution of the image is computed once, as in the original."""

    @staticmethod
    def conv(w, name, x):
        kernel = w[f"{name}/kernel"]
        return F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)

    def logits(self, w, images, steps):
        first = self.conv(w, "RCL_0_BConv", images)
        states, logits = [None] * 7, []
        for step in range(steps):
            x = None
            for layer in range(7):
                drive = first if layer == 0 else self.conv(w, f"RCL_{layer}_BConv", F.max_pool2d(x, 2))
                if step > 0:
                    drive = drive + self.conv(w, f"RCL_{layer}_LConv", states[layer])
                norm = f"BatchNorm_Layer_{layer}_Time_{step}"
                mean, variance = w[f"{norm}/moving_mean"], w[f"{norm}/moving_variance"]
                scale, shift = w[f"{norm}/gamma"], w[f"{norm}/beta"]
                x = F.relu(F.batch_norm(drive, mean, variance, scale, shift, eps=1e-3))
                states[layer] = x
            logits.append(F.linear(x.mean((2, 3)), w["ReadoutDense/kernel"], w["ReadoutDense/bias"]))
        return logits


class LRM3(Network):
    """AlexNet in passes, with long-range modulatory feedback from the pass before."""

    LAYERS = (  # name, stride, padding, and whether a pool follows
        ("features.0", 4, 2, True),
        ("features.3", 1, 2, True),
        ("features.6", 1, 1, False),
        ("features.8", 1, 1, False),
        ("features.10", 1, 1, True),
    )
    FEEDBACK = (  # source, destination
        ("classifier.6", "features.8"),
        ("features.9", "features.0"),
        ("classifier.6", "features.10"),
        ("features.12", "features.3"),
        ("classifier.2", "features.6"),
    )

    @staticmethod
    def sent(w, source, destination, value, size):
        """What one connection brings to a destination of a size."""
        word = lambda name: name.replace(".", "_")
        name = f"lrm.{word(destination)}_modulation.from_{word(source)}_to_{word(destination)}"
        scale, shift = w[f"{name}.rescale.norm.weight"], w[f"{name}.rescale.norm.bias"]
        resize = lambda x, size: F.interpolate(x, size=size, mode="bilinear", align_corners=True)
        if value.dim() == 4:
            here = value.shape[-2:]
            scale, shift = (resize(x.unsqueeze(0), here).squeeze(0) for x in (scale, shift))
        x = torch.tanh(F.layer_norm(value, value.shape[1:], scale, shift, 1e-5))
        x = x[..., None, None] if value.dim() == 2 else resize(x, size)
        x = torch.where(x < 0, x * w[f"{name}.neg_scale"], x * w[f"{name}.pos_scale"])
        return F.conv2d(x, w[f"{name}.modulation.weight"], w[f"{name}.modulation.bias"])

    def one_pass(self, w, images, stored):
        x, now = images, {}
        for name, stride, padding, pooled in self.LAYERS:
            layer = f"feedforward.{name}"
            x = F.conv2d(x, w[f"{layer}.weight"], w[f"{layer}.bias"], stride, padding)
            sources = [source for source, destination in self.FEEDBACK if destination == name]
            if stored:
                feedback = torch.zeros_like(x)
                for source in sources:
                    feedback = feedback + self.sent(w, source, name, stored[source], x.shape[-2:])
                x = F.relu(x + x * feedback)
            index = int(name.split(".")[1])
            x = now[f"features.{index + 1}"] = F.relu(x)
            if pooled:
                x = now[f"features.{index + 2}"] = F.max_pool2d(x, 3, 2)
        x = torch.flatten(F.adaptive_avg_pool2d(x, 6), 1)
        for index in (1, 4, 6):
            layer = f"feedforward.classifier.{index}"
            x = now[f"classifier.{index}"] = F.linear(x, w[f"{layer}.weight"], w[f"{layer}.bias"])
            if index < 6:
                x = now[f"classifier.{index + 1}"] = F.relu(x)
        return x, now

    def logits(self, w, images, steps):
        stored, logits = {}, []
        for _ in range(steps):
            answer, stored = self.one_pass(w, images, stored)
            logits.append(answer)
        return logits


class RgcIntermediate(Network):
    """Ten nodes, seven of them reciprocal gated cells, with feedback; every node reads what its
    predecessors gave a step ago."""

    TAU, GAMMA = 0.9219348064291611, 0.7006566684988862
    POOLED = (1, 4, 6, 7, 10)
    FEEDBACK = {5: (8,), 6: (7, 9), 7: (10,), 9: (10,)}
    IMAGE_OFF = 12

    @staticmethod
    def same(x, kernel, bias=None, stride=1, groups=1):
        """A convolution padded as TensorFlow does: the smaller half first."""
        size, side = kernel.shape[-1], x.shape[-1]
        total = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
        before = total // 2
        if total == 2 * before:
            return F.conv2d(x, kernel, bias, stride, before, 1, groups)
        x = F.pad(x, (before, total - before) * 2)
        return F.conv2d(x, kernel, bias, stride, 0, 1, groups)

    def separable(self, w, name, x):
        x = self.same(x, w[f"{name}/depthwise_weights"], groups=x.shape[1])
        return F.conv2d(x, w[f"{name}/pointwise_weights"], w[f"{name}/bias"])

    def cell(self, w, node, x, states, feedback):
        scope = f"tnn_model/conv{node}/ReciprocalGateCell"
        pre = f"tnn_model/conv{node}/pre_0"
        u = F.elu(self.same(x, w[f"{pre}/weights_basenet"], w[f"{pre}/bias"]))
        into = f"{scope}/cell/input_to_cell"
        entering = self.same(u, w[f"{into}_weights"], w[f"{into}_bias"])
        c, h = states
        if c is None:
            c, h = torch.zeros_like(entering), torch.zeros_like(u)
        kept = self.TAU * (1 - torch.sigmoid(self.separable(w, f"{scope}/cell/tau", c))) * c
        gate = self.GAMMA * (1 - torch.tanh(self.separable(w, f"{scope}/cell/out_to_cell", h)))
        cell = F.elu(kept + gate * entering)
        out = f"{scope}/out/input_to_out"
        driven = self.same(u, w[f"{out}_weights"], w[f"{out}_bias"])
        residual = w.get(f"{scope}/out/residual_add_weights")
        driven = driven + (x if residual is None else F.conv2d(x, residual))
        if feedback is not None:
            back = f"{scope}/out/feedback_to_out"
            driven = driven + F.conv2d(feedback, w[f"{back}_weights"], w[f"{back}_bias"])
        kept = self.TAU * (1 - torch.sigmoid(self.separable(w, f"{scope}/out/tau", h))) * h
        gate = self.GAMMA * (1 - torch.tanh(self.separable(w, f"{scope}/out/gate", c)))
        return cell, F.elu(kept + gate * driven)

    def logits(self, w, images, steps):
        blank = torch.full_like(images, 0.5)
        sides, channels = [math.ceil(images.shape[-1] / 2)], []
        for node in range(1, 11):
            channels.append(w[f"tnn_model/conv{node}/pre_0/weights_basenet"].shape[0])
            side = sides[-1]
            sides.append(math.ceil(side / 2) if node in self.POOLED else side)
        before = [
            images.new_zeros(len(images), channels[node - 1], sides[node], sides[node])
            for node in range(1, 11)
        ]
        states = [(None, None)] * 11
        logits = []
        for step in range(steps):
            now = []
            for node in range(1, 11):
                frame = images if step < self.IMAGE_OFF else blank
                x = frame if node == 1 else before[node - 2]
                if node < 4:
                    pre = f"tnn_model/conv{node}/pre_0"
                    stride = 2 if node == 1 else 1
                    h = F.elu(self.same(x, w[f"{pre}/weights_basenet"], w[f"{pre}/bias"], stride))
                else:
                    sources = [before[source - 1] for source in self.FEEDBACK.get(node, ())]
                    resized = [
                        F.interpolate(source, size=x.shape[-2:], mode="bilinear", align_corners=True)
                        for source in sources
                    ]
                    feedback = torch.cat(resized, 1) if resized else None
                    states[node] = self.cell(w, node, x, states[node], feedback)
                    h = states[node][1]
                now.append(F.max_pool2d(h, 2, ceil_mode=True) if node in self.POOLED else h)
            pooled = before[-1].mean((2, 3))
            readout = "tnn_model/imnetds/pre_3"
            logits.append(F.linear(pooled, w[f"{readout}/weights"], w[f"{readout}/bias"]))
            before = now
        return logits


NETWORKS = {
    "cornet_rt": CornetRT,
    "bl": BL,
    "lrm3": LRM3,
    "rgc_intermediate": RgcIntermediate,
}
