"""Small makers of widgets, in the idioms that PythonQt and PySide6 have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


def text_label(text: str = "", name: str = "") -> Any:
    """Make a label that wraps and takes no markup from what it shows."""
    label = qt.QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextFormat(qt.Qt.PlainText)
    label.setMinimumWidth(80)
    return label


def button(text: str, name: str, on_clicked: Callable[[], None], tip: str = "") -> Any:
    """Make a push button."""
    made = qt.QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    made.clicked.connect(guarded(on_clicked))
    return made


def check_box(text: str, name: str, on_toggled: Callable[[], None]) -> Any:
    """Make a check box. `on_toggled` also comes when code changes it."""
    made = qt.QCheckBox(text)
    made.setObjectName(name)
    made.toggled.connect(guarded(on_toggled))
    return made


def line_edit(name: str, hint: str = "") -> Any:
    """Make a line to write in."""
    made = qt.QLineEdit()
    made.setObjectName(name)
    made.setPlaceholderText(hint)
    return made


def row(*widgets: Any) -> Any:
    """Lay widgets beside each other; the first takes the space that is left."""
    layout = qt.QHBoxLayout()
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, int(index == 0))
    return layout


def column(body: Any) -> Any:
    """Give the body of a section its layout."""
    layout = qt.QVBoxLayout(body)
    layout.setContentsMargins(6, 6, 6, 6)
    return layout


def without_signals(widget: Any, change: Callable[[], None]) -> None:
    """Change a widget without its telling."""
    was_blocked = widget.blockSignals(True)
    try:
        change()
    finally:
        widget.blockSignals(was_blocked)
