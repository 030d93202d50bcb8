#!/usr/bin/env python3
"""Reference outputs of torchvision's TrivialAugmentWide operations on uint8 tensors.

    python3 make.py        (needs torch, torchvision, numpy; written with torch 1.13, torchvision 0.14)

Writes beside itself:
    images.npy    the 16 x 16 input and, for bins 0, 7, 15, 22 and 30 and both signs, every operation's
                  output, uint8 [case, row, column, channel]
    cases.tsv     what each row of images.npy is
    digests.tsv   for inputs of 16, 32, 64 and 128 pixels and every operation: SHA-256 over the outputs of
                  all bins in order (of a signed operation: plus before minus)

An input of n pixels has the value of pixel (row, column, channel) in the top 8 bits of splitmix64's
finaliser at i * 0x9e3779b97f4a7c15 (mod 2^64), i = 1 + channel + 3 * (column / 2 + n * (row / 2)), / rounding down.
"""
import hashlib
import pathlib

import numpy as np
import torch
from torchvision.transforms import InterpolationMode, TrivialAugmentWide
from torchvision.transforms.autoaugment import _apply_op

here = pathlib.Path(__file__).resolve().parent


def picture(n):
    row, column, channel = np.meshgrid(np.arange(n), np.arange(n), np.arange(3), indexing="ij")
    i = (1 + channel + 3 * (column // 2 + n * (row // 2))).astype(np.uint64)
    with np.errstate(over="ignore"):
        z = i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(56)).astype(np.uint8)


def outputs(image, space):
    tensor = torch.from_numpy(image.transpose(2, 0, 1).copy())
    for name, (magnitudes, signed) in space.items():
        values = [float(m) for m in magnitudes] if magnitudes.ndim else [0.0]
        for index, value in enumerate(values):
            for sign in (1, -1) if signed else (1,):
                out = _apply_op(tensor, name, sign * value, InterpolationMode.NEAREST, None)
                yield name, index, sign, out.numpy().transpose(1, 2, 0).copy()


space = TrivialAugmentWide()._augmentation_space(31)
images, cases, digests = [picture(16)], ["operation\tbin\tsign\n", "input\t0\t1\n"], ["size\toperation\tsha256\n"]
for size in (16, 32, 64, 128):
    hashes = {}
    for name, index, sign, out in outputs(picture(size), space):
        hashes.setdefault(name, hashlib.sha256()).update(out.tobytes())
        if size == 16 and index in (0, 7, 15, 22, 30):
            images.append(out)
            cases.append(f"{name}\t{index}\t{sign}\n")
    digests += [f"{size}\t{name}\t{h.hexdigest()}\n" for name, h in hashes.items()]
np.save(here / "images.npy", np.stack(images))
(here / "cases.tsv").write_text("".join(cases))
(here / "digests.tsv").write_text("".join(digests))
