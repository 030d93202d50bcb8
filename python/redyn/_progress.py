"""Progress, by tqdm where it is installed; silent off a terminal or notebook, and for quick work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(what: str, total: int, shown: bool | None, unit: str = "image") -> Iterator[Callable[[int], None] | None]:
    """Something to call with the number of pieces done, or None where nobody looks.

    `shown`: True always shows a bar, False never, None where a person looks.
    """
    tqdm, inside = _tqdm() if shown is not False else (None, False)
    if tqdm is None:
        yield None
        return
    # A notebook's stream is no terminal; its bars are shown all the same.
    disable = False if shown or inside else None
    with tqdm(total=total, desc=what, unit=unit, leave=False, delay=0.5, disable=disable) as drawn:

        def told(done: int) -> None:
            drawn.total = max(drawn.total, done)
            drawn.update(done - drawn.n)

        yield told


def _tqdm():
    """The class of bars that fits here, and whether here is a notebook."""
    try:
        from tqdm.auto import tqdm
        from tqdm.notebook import tqdm as notebook
    except ImportError:
        return None, False
    return tqdm, issubclass(tqdm, notebook)
