"""The second form of connecting: `object.connect("clicked(bool)", slot)`.

Follows PythonQt's `PythonQtMemberFunction connect/disconnect` of QObject. Slicer's own modules use it; it
must stand in each facade's own body, because PySide6 looks `connect` up there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from PySide6 import QtCore

if TYPE_CHECKING:
    from collections.abc import Callable

Slot = "Callable[..., Any]"


def members() -> dict[str, object]:
    """Give the members that every facade carries."""
    return {"connect": connect, "disconnect": disconnect}


def connect(self: Any, signature: str, slot: Callable[..., Any], /) -> bool:
    """Connect by the signal's text; an unknown signal is a message and False, not an error."""
    signal = _find(self, signature)
    if signal is None:
        logging.getLogger("qt").warning("connect: %s has no signal %s", type(self).__name__, signature)
        return False
    target = _target(self, slot)
    self._legacy_slots[signature, slot] = target
    signal.connect(target)
    return True


def disconnect(self: Any, signature: str, slot: Callable[..., Any], /) -> bool:
    """Disconnect what was connected in the same form."""
    target = self._legacy_slots.pop((signature, slot), None)
    signal = _find(self, signature)
    return bool(target is not None and signal is not None and signal.disconnect(target))


def _target(self: Any, slot: Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(self, QtCore.QSocketNotifier):
        return slot
    number = int(self.socket())  # "activated(int)" passes the descriptor as a number

    def with_descriptor(*_: object) -> object:
        return slot(number)

    return with_descriptor


def _find(self: Any, signature: str) -> Any:
    name = signature.lstrip("12").partition("(")[0]
    signal = getattr(self, name, None)
    return signal if isinstance(signal, QtCore.SignalInstance) else None
