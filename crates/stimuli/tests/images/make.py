#!/usr/bin/env python3
"""Small image files of every kind a folder may hold, and what Pillow makes of them.

    python3 make.py        (needs pillow, numpy; written with Pillow 9.4)

For each NAME.EXTENSION, NAME.npy holds Pillow's `exif_transpose(image).convert("RGB")`, uint8 [row, column, 3].
"""
import pathlib

import numpy as np
from PIL import Image, ImageOps

here = pathlib.Path(__file__).resolve().parent
y, x = np.mgrid[0:24, 0:32]
rgb = np.stack([8 * x, 10 * y, 4 * x + 5 * y], -1).astype(np.uint8)
colour = Image.fromarray(rgb)
grey = Image.fromarray(rgb[..., 2])
turned = Image.Exif()
turned[0x0112] = 6

files = {
    "colour.JPG": (colour, dict(format="JPEG", quality=95)),
    "progressive.jpeg": (colour, dict(format="JPEG", quality=95, progressive=True)),
    "turned.jpg": (colour, dict(format="JPEG", quality=95, exif=turned.tobytes())),
    "grey.jpg": (grey, dict(format="JPEG", quality=95)),
    "cmyk.jpg": (colour.convert("CMYK"), dict(format="JPEG", quality=95)),
    "colour.PNG": (colour, dict(format="PNG")),
    "palette.png": (colour.convert("P", palette=Image.ADAPTIVE, colors=16), dict(format="PNG")),
    "alpha.png": (Image.fromarray(np.dstack([rgb, rgb[..., 0]])), dict(format="PNG")),
    "grey_alpha.png": (Image.fromarray(rgb[..., :2], mode="LA"), dict(format="PNG")),
    "bits.png": (Image.fromarray(rgb[..., 2] > 100), dict(format="PNG")),
    "lossless.webp": (colour, dict(format="WEBP", lossless=True)),
    "lossy.WebP": (colour, dict(format="WEBP", quality=95)),
    "a_png_by_content.jpeg": (colour, dict(format="PNG")),
    "no_ending": (colour, dict(format="PNG")),
}
for name, (image, how) in files.items():
    image.save(here / name, **how)
    back = ImageOps.exif_transpose(Image.open(here / name)).convert("RGB")
    np.save(here / f"{name}.npy", np.asarray(back))

# Pillow cuts 16-bit grey off at 255; the value meant is the high byte, rounded.
deep = (rgb[..., 2].astype(np.uint16) * 257)
Image.fromarray(deep).save(here / "grey16.png")
np.save(here / "grey16.png.npy", np.repeat(rgb[..., 2:], 3, -1))
