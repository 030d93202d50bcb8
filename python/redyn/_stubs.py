"""Writes `_analyses.pyi`, the types of what `_analyses.py` makes of the registry.

`python -m redyn._stubs FILE` after an analysis was added; a test says when it is due.
"""

from __future__ import annotations

import sys
from pathlib import Path

from redyn._analyses import ANALYSES
from redyn._options import Choices

_HEAD = '''\
# Made by `python -m redyn._stubs`.

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from redyn import _redyn
from redyn._results import Result
from redyn._trajectories import Trajectories

class Analysis(NamedTuple):
    name: str
    title: str
    summary: str
    description: str
    reference: str

ANALYSES: dict[str, Analysis]
PARAMETERS: str

def view_of(trajectories: Trajectories) -> _redyn.View: ...
'''

_CHOICES = '''\
    *,
    untrained: Trajectories | None = ...,
    controls: Iterable[Trajectories] = ...,
    lesions: Mapping[str, Trajectories] | None = ...,
    jacobians: str | os.PathLike[str] | None = ...,
    properties: Any = ...,
    progress: bool | None = ...,
''' + "".join(f"    {name}: {kind.__forward_arg__} = ...,\n" for name, kind in Choices.__annotations__.items())


def stub() -> str:
    """The text of `_analyses.pyi`."""
    parts = [_HEAD, f"\ndef analyse(\n    trajectories: Trajectories,\n    name: str,\n{_CHOICES}) -> Result: ...\n"]
    for name in ANALYSES:
        parts.append(f"def {name}(\n    trajectories: Trajectories,\n    /,\n{_CHOICES}) -> Result: ...\n")
    parts.append("\nclass Analyses:\n")
    indented = _CHOICES.replace("    ", "        ")
    for name, entry in ANALYSES.items():
        parts.append(f"    def {name}(\n        self,\n        /,\n{indented}    ) -> Result:\n")
        parts.append(f'        """{entry.title}: {entry.summary}."""\n')
    names = "".join(f'    "{name}",\n' for name in ANALYSES)
    parts.append(f"\n__all__ = [\n{names}]\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(stub(), encoding="utf-8")
