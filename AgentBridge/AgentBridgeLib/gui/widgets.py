"""Small makers of widgets, in the idioms that PythonQt and PySide6 have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

# Role to color on a light and on a dark palette; each has a contrast of at least 4.5 to its background.
_COLORS = {
    "good": ("#1b6b34", "#6fd68f"),
    "bad": ("#b3261e", "#ff9a90"),
    "notice": ("#7a4f00", "#f0c060"),
    "quiet": ("#5a616b", "#a6adb8"),
}


_ROLE, _WEIGHT = "agentBridgeRole", "agentBridgeBold"  # dynamic properties, to paint again on another palette


class _Palette:
    """What all texts are painted for. A label with a style sheet does not tell: it keeps the palette of its polish."""

    is_dark = False


def follow_palette(root: Any) -> bool:
    """Look at the palette of the panel again; tells whether it turned dark or light."""
    was_dark = _Palette.is_dark
    _Palette.is_dark = root.property("palette").color(qt.QPalette.Window).lightness() < 128
    return was_dark != _Palette.is_dark


def color(role: str) -> str:
    """Give the color of a role on the present palette."""
    return _COLORS[role][int(_Palette.is_dark)]


def paint(label: Any, role: str, *, bold: bool = False) -> None:
    """Give a text the color of its role (none: as all text); the word itself must say it too."""
    label.setProperty(_ROLE, role)
    label.setProperty(_WEIGHT, bold)
    weight = "font-weight: bold; " if bold else ""
    label.setStyleSheet(f"{weight}color: {color(role) if role else 'palette(window-text)'};")


def paint_again(root: Any) -> None:
    """Give every painted text its color on the present palette."""
    for label in (*root.findChildren(qt.QLabel), *root.findChildren(qt.QPushButton)):
        role = label.property(_ROLE)
        if role is not None:
            paint(label, str(role), bold=bool(label.property(_WEIGHT)))


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
