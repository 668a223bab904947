"""Slicer's `qt` on machines without Slicer: PySide6 behind a facade that is as strict as PythonQt.

Classes are made on first use. See `EmbeddedSlicer/pythonqt/facade.py` for the laws and `differences.py` there
for what the facade cannot catch.
"""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from EmbeddedSlicer.pythonqt.extras import EXTRAS, REFUSED
from EmbeddedSlicer.pythonqt.facade import is_object_class, make_facade

_MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools)


def SIGNAL(signature: str) -> str:
    """Mark the text as a signal; PythonQt takes the bare text as well."""
    return signature


def SLOT(signature: str) -> str:
    """Mark the text as a slot; PythonQt takes the bare text as well."""
    return signature


def __getattr__(name: str) -> Any:
    if name in REFUSED:
        message = f"qt.{name} must not be used: {REFUSED[name]}"
        raise AttributeError(message)
    native = next((found for module in _MODULES if (found := getattr(module, name, None)) is not None), None)
    if native is None or name.startswith("_"):
        message = f"qt has no {name}"
        raise AttributeError(message)
    value = make_facade(native, EXTRAS.get(name)) if is_object_class(native) else native
    globals()[name] = value
    return value
