"""Several trajectories at once, as the command line takes them: analyses, claims, the report.

Which trajectories are a network's untrained twin, its other seeds, its controls or its lesions, they say
themselves (`network`, `seed`, `epoch`, and for stores their edges); see `redyn analyze --help`.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redyn import _redyn
from redyn._analyses import ANALYSES, view_of
from redyn._errors import InputError
from redyn._options import Choices, options_of
from redyn._progress import bar
from redyn._results import Record, Result, Tables, lifted
from redyn._trajectories import Trajectories

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Claims(Tables):
    """What became of the published claims.

    Its tables are items: `claims["claims"]`, `claims["curves"]`, `claims["published"]`.
    """

    def __init__(self, judged: dict[str, Any], tables: list[dict[str, Any]]) -> None:
        super().__init__("the judgement", tables)
        self.values: Record = lifted(judged)

    @property
    def networks(self) -> list[Any]:
        """One per network: its claims, the curves over its seeds, the published numbers."""
        return self.values.networks

    def plot(self, table: str | None = None, ax: Any = None) -> Any:
        """Effects with their intervals; gives matplotlib's axes."""
        return self._main(table).plot(ax)

    def __repr__(self) -> str:
        verdicts = [claim.verdict for network in self.networks for claim in network.claims]
        counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("holds", "reversed", "undecided"))
        names = ", ".join(network.name for network in self.networks)
        return f"<redyn.Claims of {names}: {counts}>"


class Results:
    """Every analysis of several networks; made by `redyn.analyze`.

    `results["LA"].stable_step` is one network's result of one analysis.
    """

    def __init__(self, examined: _redyn.Examined) -> None:
        self._examined = examined
        found = json.loads(examined.results())
        self.options: Record = lifted(found["results"]["options"])
        self.networks: dict[str, Record] = {}
        #: For each network, what was left out and why.
        self.omitted: dict[str, list[Record]] = {}
        for network, tables in zip(found["results"]["networks"], found["tables"]):
            about = {key: value for key, value in network.items() if key not in ("findings", "omitted")}
            about["options"] = found["results"]["options"]
            self.networks[network["name"]] = Record(
                {
                    finding["analysis"]: Result.of(ANALYSES[finding["analysis"]], about, finding, of_one)
                    for finding, of_one in zip(network["findings"], tables)
                }
            )
            self.omitted[network["name"]] = lifted(network["omitted"])
        #: How alike the networks' RDMs are at all their steps: `results.between["rdm_between"]`; None for one network.
        self.between = Tables("the comparison of networks", found["between"]) if found["between"] else None
        judged = found["judged"]
        #: What became of the published claims; None where single analyses were asked for.
        self.claims = None if judged is None else Claims(judged["judged"], judged["tables"])

    def __getitem__(self, network: str) -> Record:
        if network not in self.networks:
            raise InputError(f"no network `{network}` was analysed", f"networks: {', '.join(self.networks)}")
        return self.networks[network]

    def __iter__(self) -> Iterator[str]:
        return iter(self.networks)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `results.json` and one CSV per table, as `redyn analyze` does."""
        self._examined.save(folder)
        return Path(folder)

    def report(
        self, path: str | os.PathLike[str] = "report.html", title: str = "Representation dynamics"
    ) -> Path:
        """Write the report: one page if `path` ends in `.html`, else a folder of page, figures and data."""
        return Path(self._examined.report(path, title))

    def __repr__(self) -> str:
        of = ", ".join(f"{name} ({len(found)} analyses)" for name, found in self.networks.items())
        return f"<redyn.Results: {of}>"

    def _repr_html_(self) -> str:
        return "".join(result._repr_html_() for network in self.networks.values() for result in network.values())


def analyze(
    trajectories: Trajectories | Iterable[Trajectories],
    *,
    only: Sequence[str] = (),
    jacobians: Sequence[str | os.PathLike[str]] = (),
    properties: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    **choices: Unpack[Choices],
) -> Results:
    """Every analysis that the data allow, of one or several networks, and the published claims.

    `only` names single analyses; `jacobians` are files of `redyn stability`, `properties` one of
    `redyn data properties`. Which trajectories belong together they say themselves. Further choices are
    those of each analysis.
    """
    views = views_of(trajectories)
    return examined(views, asked_of(only, jacobians, properties), options_of(choices), (), progress)


def asked_of(
    only: Sequence[str],
    jacobians: Sequence[str | os.PathLike[str]],
    properties: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """What is analysed, with what beside the trajectories."""
    files = [jacobians] if isinstance(jacobians, (str, os.PathLike)) else list(jacobians)
    return {"only": list(only), "jacobians": files, "properties": properties}


def examined(
    views: list[_redyn.View], asked: dict[str, Any], options: str, known: Sequence[str], progress: bool | None
) -> Results:
    """Analyse trajectories of which some rows may be known."""
    with bar("analyze", sum(len(view.labels()) for view in views), progress) as told:
        found, notes = _redyn.examine(views, asked, options, list(known), told)
    results = Results(found)
    # What the data do not allow is in the results; all else is news.
    left_out = [one.reason for left in results.omitted.values() for one in left]
    for note in notes:
        if not any(reason in note for reason in left_out):
            warnings.warn(note, stacklevel=3)
    return results


def claims(
    trajectories: Trajectories | Iterable[Trajectories],
    *,
    progress: bool | None = None,
    **choices: Unpack[Choices],
) -> Claims:
    """Hold trajectories against the published claims: holds, reversed or undecided."""
    views = views_of(trajectories)
    options = options_of(choices)
    with bar("claims", sum(len(view.labels()) for view in views), progress) as told:
        found = json.loads(_redyn.judge(views, options, told))
    return Claims(found["judged"], found["tables"])


def report(
    of: Results | Trajectories | Iterable[Trajectories],
    path: str | os.PathLike[str] = "report.html",
    *,
    title: str = "Representation dynamics",
    progress: bool | None = None,
    only: Sequence[str] = (),
    **choices: Unpack[Choices],
) -> Path:
    """Analyze trajectories and write the report: one page if `path` ends in `.html`, else a folder of page,
    figures and data. Results of `redyn.analyze` are taken as they are; all else goes to it."""
    results = of if isinstance(of, Results) else analyze(of, only=only, progress=progress, **choices)
    return results.report(path, title)


def views_of(trajectories: Trajectories | Iterable[Trajectories]) -> list[_redyn.View]:
    """What is beneath trajectories that are given, at least one."""
    several = trajectories if isinstance(trajectories, Iterable) else [trajectories]
    views = [view_of(one) for one in several]
    if not views:
        raise InputError("no trajectories are given", "make them with redyn.Trajectories or redyn.open")
    return views
