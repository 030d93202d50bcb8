"""Networks beside brains, as `redyn compare` lays them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from redyn import _redyn
from redyn._analyses import view_of
from redyn._errors import InputError, need
from redyn._options import Choices, options_of
from redyn._progress import bar
from redyn._results import Record, Table, Tables, lifted
from redyn._trajectories import Trajectories, open

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: A name, an array with the names of its first axes, and times; without an array, the name is of a file.
_Brain = tuple[str, "np.ndarray | None", "str | None", "list[float] | None"]


class Comparison(Tables):
    """How alike the RDMs of networks and brains are; made by `redyn.compare`.

    `matches` holds every network, area and step with every brain and time, `ceilings` what the best possible
    model would reach. The same as tables: `comparison["model_brain"]`, `comparison["noise_ceiling"]`.
    """

    def __init__(self, found: dict[str, Any], tables: list[dict[str, Any]]) -> None:
        super().__init__("comparison", tables)
        self.values: Record = lifted(found)

    @property
    def options(self) -> Record:
        """How RDMs were made and compared."""
        return self.values.options

    @property
    def matches(self) -> list[Any]:
        """Of every network, area, step, brain and time: `over_images`, `over_subjects` and `p`."""
        return self.values.matches

    @property
    def ceilings(self) -> list[Any]:
        """Of every brain and time: `n_subjects`, and `bounds` with `lower` and `upper`, or None for one subject."""
        return self.values.ceilings

    @property
    def brains(self) -> list[str]:
        """Names of the brains."""
        return list(dict.fromkeys(ceiling.brain for ceiling in self.ceilings))

    def best(self, brain: str | None = None, area: str | None = None) -> Any:
        """The match that is most alike, of one brain and area or of all; None where nothing has a value."""
        wanted = [one for one in self._of(brain, area) if one.over_images is not None]
        return max(wanted, key=lambda one: one.over_images.value, default=None)

    def plot(self, brain: str | None = None, area: str | None = None, ax: Any = None) -> Any:
        """Similarity to a brain (default: the first); gives matplotlib's axes.

        Over steps, a line per network and area with its interval over images; the grey band is the noise
        ceiling. For a brain in time, one area (default: the last) over steps and times, and the best
        step at each time.
        """
        pyplot = need("matplotlib.pyplot", "plot")
        brain = self.brains[0] if brain is None else brain
        matches = self._of(brain, area)
        axes = pyplot.subplots()[1] if ax is None else ax
        if matches[0].time is None:
            self._lines(axes, matches, brain)
        else:
            last = matches[-1]
            one = [match for match in matches if (match.network, match.area) == (last.network, last.area)]
            self._plane(axes, one)
        axes.set_xlabel("step")
        return axes

    def _lines(self, axes: Any, matches: list[Any], brain: str) -> None:
        bounds = next(ceiling.bounds for ceiling in self.ceilings if ceiling.brain == brain)
        if bounds is not None and bounds.lower is not None and bounds.upper is not None:
            low, high = bounds.lower.value, bounds.upper.value
            axes.axhspan(low, high, color="0.85", linewidth=0, label="noise ceiling")
        for name in dict.fromkeys((match.network, match.area) for match in matches):
            of_one = [one for one in matches if (one.network, one.area) == name and one.over_images is not None]
            steps, found = [one.step for one in of_one], [one.over_images for one in of_one]
            line = axes.plot(steps, [one.value for one in found], marker="o", markersize=3, label=" ".join(name))[0]
            if all(one.low is not None for one in found):
                low, high = [one.low for one in found], [one.high for one in found]
                axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        axes.set_ylabel(f"similarity to {brain} ({self.options.comparison.replace('_', ' ')})")
        axes.legend(fontsize="small")

    def _plane(self, axes: Any, matches: list[Any]) -> None:
        steps = sorted({match.step for match in matches})
        times = sorted({match.time for match in matches})
        values = np.full((len(times), len(steps)), np.nan)
        for match in matches:
            if match.over_images is not None:
                values[times.index(match.time), steps.index(match.step)] = match.over_images.value
        drawn = axes.pcolormesh(steps, times, values, shading="nearest", cmap="viridis")
        first = matches[0]
        axes.figure.colorbar(drawn, ax=axes, label=f"similarity ({self.options.comparison.replace('_', ' ')})")
        known = ~np.isnan(values).all(axis=1)
        best = [steps[at] for at in np.nanargmax(values[known], axis=1)]
        axes.plot(best, np.array(times)[known], "w.", markersize=6)
        axes.set_ylabel(f"time, {first.brain}")
        axes.set_title(f"{first.network} {first.area}; dots: best step")

    def _of(self, brain: str | None, area: str | None) -> list[Any]:
        if brain is not None and brain not in self.brains:
            raise InputError(f"no brain `{brain}` was compared", f"brains: {', '.join(self.brains)}")
        areas = list(dict.fromkeys(match.area for match in self.matches))
        if area is not None and area not in areas:
            raise InputError(f"no area `{area}` was compared", f"areas: {', '.join(areas)}")
        return [one for one in self.matches if brain in (None, one.brain) and area in (None, one.area)]

    def __repr__(self) -> str:
        lines = ["<redyn.Comparison"]
        for brain in self.brains:
            one = self.best(brain)
            if one is not None:
                time = "" if one.time is None else f" at {one.time:g}"
                lines.append(f"  {brain}{time}: {one.over_images} by {one.network} {one.area}, step {one.step}")
        return "\n".join(lines) + ">"


def compare(
    trajectories: Trajectories | str | os.PathLike[str] | Iterable[Trajectories | str | os.PathLike[str]],
    brain: Any,
    *,
    axes: str | Sequence[str] | None = None,
    times: Sequence[float] | None = None,
    areas: Sequence[str] = (),
    progress: bool | None = None,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compare networks with brains: the RDMs of every area and step with those of subjects.

    Parameters
    ----------
    trajectories
        Trajectories, or the stores they are in; one or several.
    brain
        RDMs of the same images in the same order: an array `[..., image, image]`, a dict of such arrays by
        name, rsatoolbox's `RDMs`, or files as `redyn compare --brain` takes them (`"it.npy:subject,time"`).
    axes
        The axes before the two of images: `subject`, `session` or `time`. One alone is subjects. Sessions
        are averaged. (`RDMs` tell theirs: see `redyn.bridges.from_rsatoolbox_rdms`.)
    times
        The times of the axis `time` (default 0, 1, 2, ...).
    areas
        Only these areas (default: all). Maps become vectors as was chosen when the trajectories were opened.
    choices
        As of every analysis. `rdm_images` is not heard: all images are compared.

    Raises
    ------
    InputError
        RDMs that are not square, not symmetric, not finite, or of another number of images.
    """
    single = isinstance(trajectories, (str, os.PathLike)) or not isinstance(trajectories, Iterable)
    several: Any = [trajectories] if single else trajectories
    views = [view_of(open(one) if isinstance(one, (str, os.PathLike)) else one) for one in several]
    if not views:
        raise InputError("no trajectories are given", "make them with redyn.Trajectories or redyn.open")
    options = options_of(choices)
    brains = _brains(brain, axes, times)
    wanted = [areas] if isinstance(areas, str) else list(areas)
    with bar("compare", len(views), progress) as told:
        text, notes = _redyn.compare(views, wanted, brains, options, told)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    found = json.loads(text)
    return Comparison(found["found"], found["tables"])


def _brains(brain: Any, axes: str | Sequence[str] | None, times: Sequence[float] | None) -> list[_Brain]:
    said = axes.replace(",", " ").split() if isinstance(axes, str) else None if axes is None else list(axes)
    at = None if times is None else [float(time) for time in times]
    if isinstance(brain, Mapping):
        found = [_brain(str(name), of, said, at) for name, of in brain.items()]
    elif isinstance(brain, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in brain):
        found = [_brain("", file, said, at) for file in brain]
    else:
        found = [_brain("brain", brain, said, at)]
    if not found:
        raise InputError("no brain is given", "give RDMs [..., image, image], or files of them")
    return found


def _brain(name: str, of: Any, axes: list[str] | None, times: list[float] | None) -> _Brain:
    if isinstance(of, (str, os.PathLike)):
        return os.fspath(of) + (f":{','.join(axes)}" if axes else ""), None, None, times
    if hasattr(of, "get_matrices"):
        from redyn.bridges import from_rsatoolbox_rdms

        given = from_rsatoolbox_rdms(of)
        of, axes = given["brain"], given["axes"].split()
        times = given["times"] if times is None else times
    array = np.asarray(of)
    if array.dtype.kind not in "fiub":
        raise InputError(f"`{name}` holds {array.dtype}, RDMs are numbers: shape {array.shape}")
    return name, np.ascontiguousarray(array, dtype=np.float64), None if axes is None else " ".join(axes), times
