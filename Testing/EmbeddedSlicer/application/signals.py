"""Signals of emulated objects that are no QObjects, with PythonQt's rules.

PythonQt (`PythonQtSignalReceiver.cpp`): receivers are kept alive by the sender, arguments are trimmed to what
the slot takes, an exception in a slot is printed and the next slot runs.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from EmbeddedSlicer.not_emulated import Emulated

if TYPE_CHECKING:
    from collections.abc import Callable


class Signal(Emulated):
    """One signal of one object."""

    stands_for = "signal"

    def __init__(self) -> None:
        self._slots: list[Callable[..., Any]] = []

    def connect(self, slot: Callable[..., Any], /) -> bool:
        """Add a receiver; the same one may be added twice."""
        self._slots.append(slot)
        return True

    def disconnect(self, slot: Callable[..., Any], /) -> bool:
        """Remove a receiver; False if it was not connected."""
        if slot not in self._slots:
            return False
        self._slots.remove(slot)
        return True

    def emit(self, *arguments: object) -> None:
        """Call all receivers in the order of connecting; SystemExit passes, as it ends Slicer."""
        for slot in tuple(self._slots):
            try:
                slot(*arguments[: _accepted(slot)])
            except Exception:
                sys.excepthook(*sys.exc_info())

    __call__ = emit


class Emitter(Emulated):
    """An emulated QObject: signals are attributes, and `connect("signal(type)", slot)` finds them."""

    def connect(self, signature: str, slot: Callable[..., Any], /) -> bool:
        """Connect by the signal's text."""
        return self._signal(signature).connect(slot)

    def disconnect(self, signature: str, slot: Callable[..., Any], /) -> bool:
        """Disconnect by the signal's text."""
        return self._signal(signature).disconnect(slot)

    def _signal(self, signature: str) -> Signal:
        found = getattr(self, signature.lstrip("12").partition("(")[0])
        if not isinstance(found, Signal):
            message = f"{signature} is not a signal of {self.stands_for}"
            raise AttributeError(message)
        return found


def _accepted(slot: Callable[..., Any]) -> int | None:
    """Count the positional arguments that a slot takes; None if it takes any number."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters)
