"""What can be chosen about an analysis, as the command line calls it."""

from __future__ import annotations

import json
from typing import TypedDict

from redyn._errors import InputError

_POWERS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def bytes_of(memory: int | str) -> int:
    """Bytes, from a number or from what people write: `"512M"`, `"1.5GiB"`."""
    if not isinstance(memory, str):
        return int(memory)
    number = memory.rstrip("KMGTkmgtiBb ")
    unit = memory[len(number) :].strip().upper().removesuffix("B").removesuffix("I")
    try:
        found = int(float(number) * 2 ** _POWERS[unit])
    except (ValueError, KeyError, OverflowError):
        found = 0
    if found < 1:
        raise InputError(f"`{memory}` is no amount of memory", "write a number with K, M, G or T: 512M")
    return found


class Choices(TypedDict, total=False):
    """What can be chosen about every analysis."""

    minimum_run: int
    allow_return: bool
    replicates: int
    level: float
    seed: int
    rdm_metric: str
    rdm_scaling: str
    rdm_comparison: str
    rdm_images: int
    paper: str
    base: int | None
    after: int | None
    centroid: str
    folds: int
    memory: int | str


#: What is chosen where nothing is said: as on the command line.
DEFAULTS: Choices = {
    "minimum_run": 2,
    "allow_return": False,
    "replicates": 1000,
    "level": 0.95,
    "seed": 0,
    "rdm_metric": "correlation",
    "rdm_scaling": "raw",
    "rdm_comparison": "spearman",
    "rdm_images": 100,
    "paper": "thorat2023",
    "base": None,
    "after": None,
    "centroid": "leave_one_out",
    "folds": 5,
    "memory": "256M",
}

_WORDS = {
    "rdm_metric": ("correlation", "cosine", "euclidean"),
    "rdm_scaling": ("raw", "over_steps", "within_step"),
    "rdm_comparison": ("spearman", "pearson", "kendall", "cosine"),
    "paper": ("thorat2023", "luo2026"),
    "centroid": ("leave_one_out", "whole"),
}


def options_of(choices: Choices) -> str:
    """Every choice, as JSON."""
    unknown = [name for name in choices if name not in DEFAULTS]
    if unknown:
        raise TypeError(f"there is no choice `{unknown[0]}`; choices: {', '.join(DEFAULTS)}")
    of: Choices = {**DEFAULTS, **choices}
    if of["minimum_run"] not in (1, 2):
        raise InputError(f"`minimum_run` is {of['minimum_run']}", "it is 2, as published, or 1")
    if not 0.0 < of["level"] < 1.0:
        raise InputError(f"`level` is {of['level']}", "it is between 0 and 1, ends excluded: 0.95")
    if of["replicates"] < 0 or of["seed"] < 0:
        raise InputError(f"`replicates` is {of['replicates']} and `seed` {of['seed']}: neither may be below 0")
    if of["folds"] < 2 or of["rdm_images"] < 0:
        raise InputError(f"`folds` is {of['folds']} and `rdm_images` {of['rdm_images']}", "at least 2, and 3")
    words = {}
    for name, known in _WORDS.items():
        words[name] = str(of[name]).replace("-", "_")  # type: ignore[literal-required]
        if words[name] not in known:
            raise InputError(f"`{name}` is `{words[name]}`", f"choices: {', '.join(known)}")
    comparison = words["rdm_comparison"]
    return json.dumps(
        {
            "stable": {
                "minimum_run": "one" if of["minimum_run"] == 1 else "two",
                "first_occurrence": "ignored" if of["allow_return"] else "required",
            },
            "uncertainty": {
                "replicates": int(of["replicates"]),
                "level": float(of["level"]),
                "seed": int(of["seed"]),
            },
            "rdm": {
                "metric": words["rdm_metric"],
                "scaling": words["rdm_scaling"],
                "comparison": "kendall_tau_a" if comparison == "kendall" else comparison,
                "n_images": int(of["rdm_images"]),
            },
            "categories": {
                "states": {"base": of["base"], "after": of["after"]},
                "centroid": words["centroid"],
            },
            "paper": words["paper"],
            "decoding": {"folds": int(of["folds"])},
            "memory": bytes_of(of["memory"]),
        }
    )
