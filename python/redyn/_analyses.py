"""Every analysis of the registry, as a function and as a method of trajectories.

None is written down here: names and texts come from the registry, `_analyses.pyi` is made of it by
`python -m redyn._stubs`.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from redyn import _redyn
from redyn._errors import InputError
from redyn._options import DEFAULTS, Choices, options_of
from redyn._progress import bar
from redyn._results import Result

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Analysis(NamedTuple):
    """An analysis of the registry."""

    name: str
    title: str
    summary: str
    description: str
    reference: str


#: Every analysis there is, in the order of the report.
ANALYSES: dict[str, Analysis] = {
    entry["name"]: Analysis(**entry) for entry in json.loads(_redyn.analyses())
}

#: What every analysis takes beside trajectories.
PARAMETERS = '''\
    Parameters
    ----------
    untrained
        Trajectories of the same network before training, of the same images and steps.
    controls
        Feedforward networks that saw the same images: trajectories of one step.
    lesions
        The same network with edges cut or scaled: words for what was done, and trajectories.
    jacobians
        A file that `redyn stability` wrote.
    properties
        Properties of the images: a CSV file of `redyn data properties`, or a dict or DataFrame with
        one number per image.
    minimum_run, allow_return
        When an answer counts as stable: how many steps its last run lasts at least (2 as published,
        or 1), and whether it may have been given, and left, before.
    replicates, level, seed
        Bootstrap replicates and permutations, the share of them inside an interval, and their seed.
    rdm_metric, rdm_scaling, rdm_comparison, rdm_images
        How RDMs are made (`correlation`, `cosine`, `euclidean`; of `raw` values, or scaled `over_steps` or
        `within_step`) and compared (`spearman`, `pearson`, `kendall`, `cosine`), and of how many images.
    folds
        Parts in which the trials of a recording are dealt, where a readout is fitted to it.
    memory
        For trajectories: bytes, or "256M". No result depends on it.
    progress
        Whether to show progress (default: where a person looks and tqdm is installed).
'''


def analyse(
    trajectories: Any,
    name: str,
    *,
    untrained: Any = None,
    controls: Iterable[Any] = (),
    lesions: Mapping[str, Any] | None = None,
    jacobians: str | os.PathLike[str] | None = None,
    properties: Any = None,
    progress: bool | None = None,
    **choices: Unpack[Choices],
) -> Result:
    """Run the analysis of this name."""
    options = options_of(choices)
    view = view_of(trajectories)
    is_file = isinstance(properties, (str, os.PathLike))
    beside = {
        "untrained": None if untrained is None else view_of(untrained),
        "controls": [view_of(one) for one in controls],
        "lesions": [(str(what), view_of(run)) for what, run in (lesions or {}).items()],
        "jacobians": jacobians,
        "properties": properties if is_file else None,
        "measured": None if is_file or properties is None else _measured(properties, len(trajectories)),
    }
    with bar(name, len(trajectories), progress) as told:
        found = json.loads(_redyn.analyse(name, view, beside, options, told))
    network = found["results"]["networks"][0]
    about = {key: value for key, value in network.items() if key != "findings"}
    about["options"] = found["results"]["options"]
    return Result.of(ANALYSES[name], about, network["findings"][0], found["tables"][0])


def view_of(trajectories: Any) -> _redyn.View:
    view = getattr(trajectories, "_view", None)
    if view is None:
        what = type(trajectories).__name__
        raise InputError(f"trajectories are needed, not {what}", "make them with redyn.Trajectories or redyn.open")
    return view


def _measured(properties: Any, n_images: int) -> str:
    """One number per image of every property, as JSON; NaN where an image has none."""
    columns = {str(name): np.asarray(properties[name], dtype=np.float64) for name in properties}
    for name, values in columns.items():
        if values.shape != (n_images,):
            raise InputError(f"property `{name}` has shape {values.shape}, there are {n_images} images")
    rows = zip(*columns.values())
    values = [[None if np.isnan(value) else float(value) for value in row] for row in rows]
    return json.dumps({"names": list(columns), "values": values})


def _of(entry: Analysis, first: str) -> Callable[..., Result]:
    def run(trajectories: Any, **choices: Any) -> Result:
        return analyse(trajectories, entry.name, **choices)

    parameters = inspect.signature(analyse).parameters.values()
    given = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    chosen = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=of) for name, of in DEFAULTS.items()]
    subject = inspect.Parameter(first, inspect.Parameter.POSITIONAL_ONLY)
    run.__name__ = run.__qualname__ = entry.name
    run.__signature__ = inspect.Signature([subject, *given, *chosen], return_annotation="Result")  # type: ignore[attr-defined]
    run.__doc__ = (
        f"{entry.title}: {entry.summary}.\n\n{entry.description}\n\n"
        f"{inspect.cleandoc(PARAMETERS)}\n\nReference: {entry.reference}\n"
    )
    return run


class Analyses:
    """What has every analysis as a method."""


for _entry in ANALYSES.values():
    globals()[_entry.name] = _of(_entry, "trajectories")
    setattr(Analyses, _entry.name, _of(_entry, "self"))

__all__ = list(ANALYSES)
