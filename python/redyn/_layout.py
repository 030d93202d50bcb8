"""Which steps the calls of modules are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from redyn._calls import Heard
from redyn._errors import InputError


class Layout:
    """Which steps everything is of, told from the first forward pass; the same in all others.

    `readout` is its name; `asked` the area that is given to it at every step; `chosen` are the steps of
    areas that somebody named, `step_axis` the axes of steps of modules that give several at once.
    """

    def __init__(
        self,
        first: Heard,
        readout: str | None,
        asked: str | None,
        chosen: Mapping[str, Sequence[int]],
        step_axis: Mapping[str, int],
    ) -> None:
        self._chosen, self._step_axis = chosen, step_axis
        areas = self._areas(first)
        counts = {area: values.shape[1] for area, values in areas.items()}
        read, places, axis = _reading(first.inputs, areas)
        #: The axis on which the readout gets several steps at once.
        self._axis = step_axis.get(f"{readout}", axis)
        #: The area of the readout's inputs, where they are no other's.
        self._own = f"{readout}.input" if first.inputs and read is None else None
        outputs = _in_order(first.said, self._axis)
        if outputs.ndim != 3:
            raise InputError(f"the logits have shape {outputs.shape}, expected image, step, class")
        n_said = outputs.shape[1]
        n_read = [] if self._own is None else [_in_order(first.inputs, self._axis).shape[1]]
        n_steps = max([*counts.values(), *n_read], default=n_said)
        #: The number of steps.
        self.n_steps = max([n_steps, *(int(step) + 1 for steps in chosen.values() for step in steps)])
        #: The steps of every area.
        self.steps = {area: self._steps_of(area, count) for area, count in counts.items()}
        #: The steps of the logits.
        if read is not None:
            self.output_steps = [self.steps[read][place] for place in places]
        elif asked is not None:
            self.output_steps = self.steps[asked]
        elif n_said == 1:
            # Said once, when all steps are over.
            self.output_steps = [self.n_steps - 1]
        else:
            self.output_steps = self._steps_of(readout or "outputs", n_said)
        if self._own is not None:
            self.steps[self._own] = self.output_steps
        #: The area that the readout reads.
        self.reads = read or self._own
        self._shapes: dict[str, tuple[int, ...]] = {}

    def arranged(self, heard: Heard) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What every area did and what was said in a forward pass: `[image, step, unit...]` and `[image, step, class]`."""
        areas, outputs = self._areas(heard), _in_order(heard.said, self._axis)
        if self._own is not None:
            areas[self._own] = _in_order(heard.inputs, self._axis)
        for area, values in [*areas.items(), ("outputs", outputs)]:
            expected = (outputs.shape[0], *self._shapes.setdefault(area, values.shape[1:]))
            if values.shape != expected:
                raise InputError(
                    f"`{area}` has shape {values.shape} in this forward pass, the first says {expected}: "
                    "image, step, unit",
                    "every image takes the same steps",
                )
        return areas, outputs

    def _areas(self, heard: Heard) -> dict[str, np.ndarray]:
        return {area: _in_order(calls, self._step_axis.get(area)) for area, calls in heard.areas.items()}

    def _steps_of(self, area: str, count: int) -> list[int]:
        chosen = self._chosen.get(area)
        if chosen is None and count == self.n_steps:
            return list(range(self.n_steps))
        if chosen is None:
            raise InputError(
                f"`{area}` was called {count} times in one forward pass, others {self.n_steps} times",
                f"say which steps these are: steps={{'{area}': [...]}}",
            )
        if len(chosen) != count:
            raise InputError(f"{len(chosen)} steps are named for `{area}`, it was called {count} times")
        return [int(step) for step in chosen]


def _in_order(calls: list[np.ndarray], step_axis: int | None) -> np.ndarray:
    """Calls as `[image, step, unit...]`."""
    parts = [call[:, None] if step_axis is None else _steps_second(call, step_axis) for call in calls]
    return np.concatenate(parts, axis=1) if len(parts) > 1 else np.ascontiguousarray(parts[0])


def _steps_second(call: np.ndarray, axis: int) -> np.ndarray:
    """`[image, step, unit...]` of one call that holds several steps; images are on the other leading axis."""
    return np.moveaxis(call, axis, 1)


def _reading(
    inputs: list[np.ndarray], areas: dict[str, np.ndarray]
) -> tuple[str | None, list[int], int | None]:
    """The area that a readout's inputs are of, at which places among its steps, and on which axis the
    inputs hold several steps."""
    for area, values in reversed(areas.items()) if inputs else ():
        flat = values.reshape(*values.shape[:2], -1)
        # Of maps a readout may read the whole, or, of one place, what flattening leaves.
        for axis in (None, 1, 0):
            if any(given.ndim != (2 if axis is None else 3) for given in inputs):
                continue
            given = _in_order(inputs, axis)
            if given.shape[0] != flat.shape[0] or given.shape[2] != flat.shape[2]:
                continue
            places: list[int] = []
            for step in range(given.shape[1]):
                after = places[-1] + 1 if places else 0
                same = (j for j in range(after, flat.shape[1]) if np.array_equal(flat[:, j], given[:, step]))
                found = next(same, None)
                if found is None:
                    break
                places.append(found)
            if len(places) == given.shape[1]:
                return area, places, axis
    return None, [], None
