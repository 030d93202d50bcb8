"""What can be chosen about an analysis, as the command line calls it."""

from __future__ import annotations

import json

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


def options_of(
    minimum_run: int, allow_return: bool, replicates: int, level: float, seed: int, memory: int | str
) -> str:
    """Every choice, as JSON."""
    if minimum_run not in (1, 2):
        raise InputError(f"`minimum_run` is {minimum_run}", "it is 2, as published, or 1")
    if not 0.0 < level < 1.0:
        raise InputError(f"`level` is {level}", "it is between 0 and 1, ends excluded: 0.95")
    if replicates < 0 or seed < 0:
        raise InputError(f"`replicates` is {replicates} and `seed` {seed}: neither may be below 0")
    return json.dumps(
        {
            "stable": {
                "minimum_run": "one" if minimum_run == 1 else "two",
                "first_occurrence": "ignored" if allow_return else "required",
            },
            "uncertainty": {"replicates": int(replicates), "level": float(level), "seed": int(seed)},
            "memory": bytes_of(memory),
        }
    )
