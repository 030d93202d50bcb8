"""Analyses on a cluster of Dask workers.

    from dask.distributed import Client
    import redyn.dask

    results = redyn.dask.analyze(["LA.zarr", "LA-untrained.zarr"], Client("scheduler:8786"))

The workers read the stores, each some images, and send what every image did; what spans images is computed
where the client is. The results have the bits of `redyn.analyze`, however many workers there were and
whichever of them died meanwhile: Dask runs their tasks again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from redyn import _redyn
from redyn._errors import InputError, need
from redyn._options import Choices, options_of
from redyn._progress import bar
from redyn._study import Results, asked_of, examined, views_of
from redyn._trajectories import Trajectories, open

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["analyze"]

#: Tasks for every thread of the cluster: so many that none waits long for the last.
_TASKS_PER_THREAD = 4

_Store = str | os.PathLike[str] | Trajectories


def analyze(
    stores: _Store | Iterable[_Store],
    client: Any,
    *,
    only: Sequence[str] = (),
    jacobians: Sequence[str | os.PathLike[str]] = (),
    properties: str | os.PathLike[str] | None = None,
    tasks: int | None = None,
    progress: bool | None = None,
    **choices: Unpack[Choices],
) -> Results:
    """`redyn.analyze` with trajectories read by the workers of `client`, a `dask.distributed.Client`.

    `stores` are paths that every worker can open, or trajectories from `redyn.open`. `tasks` is the number
    of parts in which they are read (default: four for every thread of the cluster). Each task computes on
    the threads that `RAYON_NUM_THREADS` allows its worker. All else is as for `redyn.analyze`.
    """
    distributed = need("distributed", "redyn.dask", "redyn[dask]")
    if not isinstance(client, distributed.Client):
        what = type(client).__name__
        raise InputError(f"a client of a Dask cluster is needed, not {what}", "dask.distributed.Client(...)")
    several = [stores] if isinstance(stores, (str, os.PathLike, Trajectories)) else list(stores)
    trajectories = [one if isinstance(one, Trajectories) else open(one) for one in several]
    views, places = views_of(trajectories), [_place(one) for one in trajectories]
    asked, options = asked_of(only, jacobians, properties), options_of(choices)
    n = tasks if tasks is not None else _TASKS_PER_THREAD * max(1, sum(client.nthreads().values()))
    if n < 1:
        raise InputError(f"`tasks` is {n}", "at least one")
    # Rows depend on no other file; whatever one of them is, it need not be where the workers are.
    alone = asked_of(only, (), None)
    same: dict[str, Any] = {"places": places, "asked": alone, "options": options, "of": n}
    futures = client.map(_rows, range(n), version=_redyn.VERSION, pure=False, **same)
    rows: list[str] = []
    with bar("read", n, progress, unit="task") as told:
        for _, of_one in distributed.as_completed(futures, with_results=True):
            rows.append(of_one)
            if told is not None:
                told(len(rows))
    return examined(views, asked, options, rows, progress)


def _place(trajectories: Trajectories) -> tuple[str, str, str]:
    """Path, area and way with maps, by which a worker opens trajectories."""
    about = trajectories._about
    if about["path"] is None:
        raise InputError(
            f"`{trajectories.name}` is in the memory of this process, where no worker can read it",
            "save it as a store that all workers can open: trajectories.save(path)",
        )
    return os.path.abspath(about["path"]), about["area"], about["spatial"]


def _rows(
    shard: int, *, version: str, places: list[tuple[str, str, str]], asked: dict[str, Any], options: str, of: int
) -> str:
    """What a worker does: one shard's rows, which a client of the same version can join."""
    if version != _redyn.VERSION:
        from distributed import get_worker

        raise InputError(
            f"the worker {get_worker().address} has redyn {_redyn.VERSION}, the client has {version}: "
            "their rows cannot be joined",
            "install one version of redyn for all workers and the client",
        )
    return _redyn.rows(views_of([open(*place) for place in places]), asked, options, shard, of)
