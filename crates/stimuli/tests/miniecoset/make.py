#!/usr/bin/env python3
"""Small HDF5 files in MiniEcoset's layout, sound and faulty, as h5py writes them.

    python3 make.py        (needs h5py, numpy; written with h5py 3.7, HDF5 1.10)

Image i of split s (train 0, test 1) is filled with 40 * s + 7 * i + channel; its label is i mod 3.
"""
import pathlib

import h5py
import numpy as np

here = pathlib.Path(__file__).resolve().parent


def write(name, labels=np.int64, data=np.uint8, statistics=np.float64, storage=None, names=None, change=None, **file):
    with h5py.File(here / name, "w", **file) as f:
        for s, (split, n) in enumerate([("train", 7), ("test", 4)]):
            pixels = 40 * s + 7 * np.arange(n)[:, None, None, None] + np.arange(3) + np.zeros((n, 8, 8, 3))
            f.create_dataset(f"{split}/data", data=pixels.astype(data), **(storage or {}))
            f[f"{split}/labels"] = (np.arange(n) % 3).astype(labels)
        names = names or np.asarray([b"ant", b"bee", b"wasp"])
        f["categories"] = names
        f["train_img_mean_channels"] = np.asarray([20, 21, 22], statistics)
        f["train_img_std_channels"] = np.asarray([14, 15, 16], statistics)
        if change:
            change(f)


def without(key):
    def change(f):
        del f[key]
    return change


def replaced(key, value):
    def change(f):
        del f[key]
        f[key] = value
    return change


write("contiguous.h5")
write("chunked.h5", storage=dict(chunks=(2, 8, 8, 3)))
write("gzip.h5", labels=np.uint8, storage=dict(chunks=(3, 4, 8, 3), compression="gzip", shuffle=True, fletcher32=True))
write("latest.h5", labels=np.int16, statistics=np.float32, storage=dict(chunks=(1, 8, 8, 3)), libver="latest")
write("big_endian.h5", labels=">u4", statistics=">f4")
write("variable_names.h5", labels=np.uint64, names=["ant", "bee", "wasp"])
write("no_labels.h5", change=without("test/labels"))
write("no_categories.h5", change=without("categories"))
write("no_mean.h5", change=without("train_img_mean_channels"))
write("float_data.h5", data=np.float32)
write("float_labels.h5", labels=np.float64)
write("flat_data.h5", change=replaced("train/data", np.zeros((7, 192), np.uint8)))
write("short_labels.h5", change=replaced("train/labels", np.zeros(6, np.int64)))
write("label_out_of_range.h5", change=replaced("train/labels", np.asarray([0, 1, 2, 0, 3, 1, 2])))
write("negative_label.h5", change=replaced("train/labels", np.asarray([0, 1, 2, 0, -1, 1, 2])))
write("nan_mean.h5", change=replaced("train_img_mean_channels", np.asarray([1.0, np.nan, 2.0])))
write("zero_std.h5", change=replaced("train_img_std_channels", np.asarray([1.0, 0.0, 2.0])))
write("two_means.h5", change=replaced("train_img_mean_channels", np.asarray([1.0, 2.0])))
