#!/usr/bin/env python3
"""Two small pictures, and what torchvision's transforms make of them.

    python3 make.py        (needs pillow and numpy; written with Pillow 11.3)

On pictures torchvision's Resize is Pillow's `resize(..., BILINEAR)`, with the sizes and places of
`torchvision/transforms/functional.py`; where torchvision is installed its own transforms are compared. Pillow 13 begins with another axis where a
picture is squashed, and is then off by one in places.
"""
import pathlib

import numpy as np
from PIL import Image

here = pathlib.Path(__file__).resolve().parent


def to_short(image, n):
    width, height = image.size
    short = min(width, height)
    size = (n, int(n * height / width)) if width == short else (int(n * width / height), n)
    return image.resize(size, Image.BILINEAR)


def centre(image, n):
    width, height = image.size
    left, top = int(round((width - n) / 2.0)), int(round((height - n) / 2.0))
    return image.crop((left, top, left + n, top + n))


frames = {
    "fill": lambda image, n: centre(to_short(image, n), n),
    "centre": lambda image, n: centre(to_short(image, n * 8 // 7), n),
    "square": lambda image, n: centre(image, min(image.size)).resize((n, n), Image.BILINEAR),
    "squash": lambda image, n: image.resize((n, n), Image.BILINEAR),
}

rng = np.random.default_rng(1)
for name, (width, height) in {"wide": (29, 21), "tall": (19, 30)}.items():
    # Coarse noise under fine noise: edges, flat places and full range.
    coarse = rng.integers(0, 256, ((height + 7) // 8, (width + 7) // 8, 3)).repeat(8, 0).repeat(8, 1)
    pixels = coarse[:height, :width] + rng.integers(-60, 61, (height, width, 3))
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    picture.save(here / f"{name}.png")
    for n in (9, 24):
        for frame, make in frames.items():
            made = make(picture, n)
            made.save(here / f"{name}_{frame}_{n}.png")
            try:
                from torchvision import transforms as t
            except ImportError:
                continue
            short = min(picture.size)
            theirs = {
                "fill": t.Compose([t.Resize(n), t.CenterCrop(n)]),
                "centre": t.Compose([t.Resize(n * 8 // 7), t.CenterCrop(n)]),
                "square": t.Compose([t.CenterCrop(short), t.Resize((n, n))]),
                "squash": t.Resize((n, n)),
            }[frame]
            assert np.array_equal(np.asarray(theirs(picture)), np.asarray(made)), (name, frame, n)
