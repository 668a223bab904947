"""Small makers of widgets, in the idioms that PythonQt and PySide6 have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


_LONG_WORD = re.compile(r"\S{40}")


def text_label(text: str = "", name: str = "") -> Any:
    """Make a label that wraps and takes no markup from what it shows."""
    label = qt.QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextFormat(qt.Qt.PlainText)
    label.setMinimumWidth(80)
    policy = qt.QSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)  # no word makes the panel wider
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


def visible(text: str, kept: str = "") -> str:
    """Show what cannot be seen, or turns what stands beside it: whoever chose a text may want to look like another.

    Long words may be broken; `kept` are signs that stay, such as line breaks.
    """
    shown = "".join(sign if sign.isprintable() or sign in kept else "\ufffd" for sign in text)
    return _LONG_WORD.sub("\\g<0>\u200b", shown)


def long_text(text: str, name: str, lines: int = 8) -> Any:
    """Make a box that shows some lines of a text, all of it by scrolling; Tab leaves it."""
    box = qt.QPlainTextEdit()
    box.setObjectName(name)
    box.setReadOnly(True)
    box.setTabChangesFocus(True)
    box.setPlainText(text)
    box.setFixedHeight(lines * box.fontMetrics().lineSpacing() + 12)
    return box


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
