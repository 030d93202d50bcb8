"""What goes wrong, and what to do about it."""

from __future__ import annotations

from types import ModuleType


class RedynError(Exception):
    """The work could not be done. `hint` says what to do about it, where that is known."""

    hint: str | None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        # From Python 3.11 on, tracebacks show notes below the sentence.
        if hint is not None and hasattr(self, "add_note"):
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[type, tuple[str, str | None]]:
        return type(self), (str(self), self.hint)


class InputError(RedynError, ValueError):
    """Something that was given is wrong."""


class MissingPackage(RedynError, ImportError):
    """An optional package is not installed."""


def need(package: str, purpose: str, install: str | None = None) -> ModuleType:
    """Import an optional package, or say in one sentence that it is missing and what pip is to install."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise MissingPackage(f"{purpose} needs {name}: {error}", f"pip install {install or name}") from None
