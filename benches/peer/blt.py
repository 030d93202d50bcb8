"""BLT networks in PyTorch, in the manner of the published loop (Thorat et al. 2023).

An area is three convolutions, a layer norm over the whole map and a ReLU. At every step V1
and V2's bottom-up drive are computed anew, as in the published loop, although they never
change; `hoisted=True` is the same network with both computed once.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Area(nn.Module):
    """Convolutions into one area: from below, from itself, from above."""

    def __init__(self, below, channels, lateral, above):
        super().__init__()
        self.bottom_up = nn.Conv2d(below, channels, 3, padding=1, bias=False)
        if lateral:
            self.lateral = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        if above:
            self.top_down = nn.ConvTranspose2d(
                above, channels, 3, stride=2, padding=1, output_padding=1, bias=False
            )


class Pooled(nn.Module):
    """The average of the last area, with a lateral matrix of its own."""

    def __init__(self, channels):
        super().__init__()
        self.lateral = nn.Linear(channels, channels, bias=False)


class BLT(nn.Module):
    def __init__(self, channels, size, classes, lateral, top_down, multiplicative, hoisted):
        super().__init__()
        self.has_lateral, self.has_top_down = lateral, top_down
        self.multiplicative, self.hoisted = multiplicative, hoisted
        retina, v1, v2, v4, it = channels
        above = lambda channels: channels if top_down else None
        self.retina = nn.Conv2d(3, retina, 3, padding=1)
        self.v1 = Area(retina, v1, lateral, above(v2))  # its recurrent weights are never used
        self.v2 = Area(v1, v2, lateral, above(v4))
        self.v4 = Area(v2, v4, lateral, above(it))
        self.it = Area(v4, it, lateral, None)
        if lateral:
            self.gap = Pooled(it)
        self.v1_ln = nn.LayerNorm([v1, size, size])
        self.v2_ln = nn.LayerNorm([v2, size // 2, size // 2])
        self.v4_ln = nn.LayerNorm([v4, size // 4, size // 4])
        self.it_ln = nn.LayerNorm([it, size // 8, size // 8])
        self.gap_ln = nn.LayerNorm([it])
        self.readout = nn.Linear(it, classes, bias=False)
        self.one_step = self.step

    def combine(self, drive, lateral, top_down):
        if not self.multiplicative:
            drive = drive if lateral is None else drive + lateral
            return drive if top_down is None else drive + top_down
        if lateral is None and top_down is None:
            return drive
        factor = 1.0 if lateral is None else 1.0 + lateral
        return drive * (factor if top_down is None else factor + top_down)

    def v2_drive(self, retina):
        v1 = F.relu(self.v1_ln(self.v1.bottom_up(retina)))
        return self.v2.bottom_up(F.max_pool2d(v1, 2))

    def step(self, bottom, states):
        """One step: everything from what never changes and the states of the step before."""
        v2, v4, it, gap = states if states is not None else (None,) * 4
        lateral = self.has_lateral and states is not None
        top_down = self.has_top_down and states is not None

        drive = bottom if self.hoisted else self.v2_drive(bottom)
        drive = self.combine(
            drive,
            self.v2.lateral(v2) if lateral else None,
            self.v2.top_down(v4) if top_down else None,
        )
        v2 = F.relu(self.v2_ln(drive))

        drive = self.combine(
            self.v4.bottom_up(F.max_pool2d(v2, 2)),
            self.v4.lateral(v4) if lateral else None,
            self.v4.top_down(it) if top_down else None,
        )
        v4 = F.relu(self.v4_ln(drive))

        drive = self.it.bottom_up(F.max_pool2d(v4, 2))
        it = F.relu(self.it_ln(self.combine(drive, self.it.lateral(it) if lateral else None, None)))

        drive = F.avg_pool2d(it, it.shape[-1]).flatten(1)
        gap = F.relu(self.gap_ln(self.combine(drive, self.gap.lateral(gap) if lateral else None, None)))

        probabilities = F.softmax(self.readout(gap), dim=1)
        return torch.log(torch.clamp(probabilities, 1e-10, 1.0)), (v2, v4, it, gap)

    def forward(self, images, steps):
        bottom = F.relu(self.retina(images))
        if self.hoisted:
            bottom = self.v2_drive(bottom)
        states, outputs = None, []
        for _ in range(steps):
            output, states = self.one_step(bottom, states)
            outputs.append(output)
        return outputs
