"""What watched modules of a PyTorch network do in one forward pass."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from redyn._errors import InputError, need


@dataclass
class Heard:
    """All calls of one forward pass, in their order."""

    #: Of every area, what its modules gave.
    areas: dict[str, list[np.ndarray]] = field(default_factory=dict)
    #: What was said: by the readout, or by the model itself.
    said: list[np.ndarray] = field(default_factory=list)
    #: What the readout read.
    inputs: list[np.ndarray] = field(default_factory=list)


class Calls:
    """Hooks that hear every call of the modules of some areas, and of a readout."""

    def __init__(
        self,
        model: Any,
        taps: dict[str, list[str]],
        readout: str | None,
        reads: str | None,
        step_axis: dict[str, int],
    ) -> None:
        self._torch = need("torch", "record")
        gpus = getattr(model, "device_ids", None) or []
        if isinstance(model, self._torch.nn.DataParallel) and len(gpus) > 1:
            raise InputError(
                f"the model is divided among {len(gpus)} GPUs, which call its modules in any order",
                "record model.module",
            )
        # A module may have several names.
        modules = dict(model.named_modules(remove_duplicate=False))
        self._model = model
        self._taps = {area: [_module(modules, name) for name in names] for area, names in taps.items()}
        self._readout_name = readout
        self.readout = None if readout is None else _module(modules, readout)
        self._reads, self._asking = reads, False
        #: The axis of steps of areas whose modules give several at once.
        self.step_axis = step_axis
        self._hooks: list[Any] = []
        self._together = False
        self._heard = Heard()

    def listen(self, over: Callable[[Heard], None]) -> None:
        """Hear every forward pass from now on; `over` is told what it was."""
        self._over = over
        watch = self._hooks.append
        watch(self._model.register_forward_pre_hook(lambda *_: self._begin()))
        for area, modules in self._taps.items():
            for module in modules:
                watch(module.register_forward_hook(self._listener(area)))
        if self.readout is not None:
            watch(self.readout.register_forward_hook(self._readout_called))
        watch(self._model.register_forward_hook(lambda _module, _inputs, output: self._end(output)))

    def stop(self) -> None:
        """Leave the model as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several calls of the model are one forward pass."""
        self._heard, self._together = Heard(), True
        try:
            yield
        finally:
            self._together = False
        self._finish()

    def copied(self, what: str, output: Any) -> np.ndarray:
        """A module's output as it is now: what follows may change it in place."""
        output = _first(output)
        if not isinstance(output, self._torch.Tensor):
            raise InputError(f"`{what}` gives {type(output).__name__}, a tensor is needed", "tap a module within it")
        return output.detach().to("cpu", self._torch.float32, copy=True).numpy()

    def _begin(self) -> None:
        if self._model.training:
            raise InputError(
                "the model is in training mode: dropout and batch statistics would be recorded", "call model.eval()"
            )
        if not self._together:
            self._heard = Heard()

    def _listener(self, area: str) -> Any:
        def called(module: Any, _inputs: Any, output: Any) -> None:
            if area not in self.step_axis and isinstance(module, self._torch.nn.RNNBase):
                self.step_axis[area] = 1 if module.batch_first else 0
            self._heard.areas.setdefault(area, []).append(self.copied(area, output))
            if area == self._reads:
                self._ask_readout(output)

        return called

    def _ask_readout(self, output: Any) -> None:
        """What the readout says of an area now, which `_readout_called` hears."""
        readout, units = self.readout, _first(output)
        assert readout is not None
        if isinstance(readout, self._torch.nn.Linear):
            if units.ndim == 4:
                units = self._torch.nn.functional.adaptive_avg_pool2d(units, 1).flatten(1)
            if units.shape[-1] != readout.in_features:
                raise InputError(
                    f"`{self._readout_name}` reads {readout.in_features} units, `{self._reads}` has "
                    f"{units.shape[-1]}: shape {tuple(_first(output).shape)}"
                )
        self._asking = True
        try:
            readout(units)
        finally:
            self._asking = False

    def _readout_called(self, _module: Any, inputs: Any, output: Any) -> None:
        if self._reads is not None and not self._asking:
            # The network's own: what it reads is read out already.
            return
        # What is given by keyword, a hook does not see.
        if inputs:
            self._heard.inputs.append(self.copied(f"{self._readout_name}.input", inputs))
        self._heard.said.append(self.copied(f"{self._readout_name}", output))

    def _end(self, output: Any) -> None:
        if self.readout is None:
            # Of what a model gives beside its logits, the logits come first.
            while isinstance(output, (tuple, list)) and output and not self._are_steps(output):
                output = output[0]
            steps = output if self._are_steps(output) else [output]
            self._heard.said.extend(self.copied("the model", one) for one in steps)
        if not self._together:
            self._finish()

    def _are_steps(self, output: Any) -> bool:
        """Whether a model's output is logits of one step after another."""
        return isinstance(output, (tuple, list)) and bool(output) and all(
            isinstance(one, self._torch.Tensor) and one.ndim == 2 and one.shape == output[0].shape for one in output
        )

    def _finish(self) -> None:
        silent = [area for area in self._taps if area not in self._heard.areas]
        if silent:
            raise InputError(f"`{silent[0]}` was not called in this forward pass", "tap a module that the model runs")
        if not self._heard.said:
            raise InputError(f"the readout `{self._readout_name}` was not called in this forward pass")
        self._over(self._heard)


def _first(output: Any) -> Any:
    """What comes first of all that a module gives."""
    while isinstance(output, (tuple, list)) and len(output):
        output = output[0]
    return output


def _module(modules: dict[str, Any], name: str) -> Any:
    if name in modules and name:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=1)
    all_of_them = ", ".join(list(filter(None, modules))[:30])
    raise InputError(
        f"the model has no module `{name}`",
        f"did you mean `{near[0]}`? modules: {all_of_them}" if near else f"modules: {all_of_them}",
    )
