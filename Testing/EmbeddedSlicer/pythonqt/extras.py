"""Members of single classes that Slicer or PythonQt treat in a way of their own."""

from __future__ import annotations

import importlib
from typing import Any

from PySide6 import QtCore

from EmbeddedSlicer.not_emulated import NotEmulatedError
from EmbeddedSlicer.pythonqt.facade import plain


def single_shot(*_: object) -> None:
    """Refuse: Slicer replaces it with one that keeps every timer and closure forever."""
    message = "qt.QTimer.singleShot: in Slicer it keeps a timer per call forever; keep one persistent timer"
    raise NotEmulatedError(message)


def put_setting(self: Any, key: str, value: object, /) -> None:
    """Store what an INI file gives back: text. Numbers and booleans become text at once."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, (int, float)):
        value = str(value)
    elif value is not None and not isinstance(value, str):
        message = f"store {key} as JSON text: lists, dictionaries and bytes change their type in an INI file"
        raise TypeError(message)
    QtCore.QSettings.setValue(self, key, value)


def get_setting(self: Any, key: str, default: object = None, /) -> Any:
    """Read the stored text, or the default if there is none."""
    value = QtCore.QSettings.value(self, key)
    return default if value is None else plain(value)


def create_widget(self: Any, class_name: str, parent: Any = None, name: str = "") -> Any:
    """Make the widgets of a .ui file strict as well. An unknown class is an error, not a plain QWidget."""
    source = importlib.import_module("ctk" if class_name.startswith("ctk") else "qt")
    widget = getattr(source, class_name)(*([parent] if parent else []))
    widget.setObjectName(name)
    return widget


def create_layout(self: Any, class_name: str, parent: Any = None, name: str = "") -> Any:
    """Make the layouts of a .ui file strict as well."""
    layout = getattr(importlib.import_module("qt"), class_name)()
    layout.setObjectName(name)
    if parent is not None and parent.layout() is None:
        parent.setLayout(layout)
    return layout


EXTRAS: dict[str, dict[str, object]] = {
    "QTimer": {"singleShot": staticmethod(single_shot)},
    "QSettings": {"setValue": put_setting, "value": get_setting},
    "QUiLoader": {"createWidget": create_widget, "createLayout": create_layout},
}

#: Names that shipped code must not use, and why; they are missing here.
REFUSED = {
    "QThread": "missing in Slicer 5.8, and later ones run Python in it without the interpreter lock",
    "QtSvg": "missing or without documentation in PythonQt",
    "QtXml": "missing or without documentation in PythonQt",
    "QtSql": "missing or without documentation in PythonQt",
    "QtTest": "missing or without documentation in PythonQt",
}
