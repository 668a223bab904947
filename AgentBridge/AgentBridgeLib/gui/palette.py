"""Colors of texts, on a light and on a dark palette, also when it turns while Slicer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

COLORS = {
    "good": ("#1b6b34", "#6fd68f"),
    "bad": ("#b3261e", "#ff9a90"),
    "notice": ("#7a4f00", "#f0c060"),
    "quiet": ("#5a616b", "#a6adb8"),
}
"""Role to color on a light and on a dark palette; each has a contrast of at least 4.5 to its background."""

_ROLE, _WEIGHT = "agentBridgeRole", "agentBridgeBold"  # dynamic properties, to paint again on another palette
_SOON_MS = 50
"""Widgets get a new palette after the application has told of it."""


class _Palette:
    """What all texts are painted for. A label with a style sheet does not tell: it keeps the palette of its polish."""

    is_dark = False


def color(role: str) -> str:
    """Give the color of a role on the present palette."""
    return COLORS[role][int(_Palette.is_dark)]


def paint(label: Any, role: str, *, bold: bool = False) -> None:
    """Give a text the color of its role (none: as all text); the word itself must say it too."""
    label.setProperty(_ROLE, role)
    label.setProperty(_WEIGHT, bold)
    weight = "font-weight: bold; " if bold else ""
    label.setStyleSheet(f"{weight}color: {color(role) if role else 'palette(window-text)'};")


class PaletteWatch:
    """Gives the painted texts of a widget their colors again when the palette turns dark or light.

    Parameters
    ----------
    root
        What is watched, with all in it.
    on_turn
        Called after that, for colors that no label has.
    """

    def __init__(self, root: Any, on_turn: Callable[[], None]) -> None:
        self._root, self._on_turn = root, on_turn
        self._is_painted_dark: bool | None = None
        self._timer = qt.QTimer(root)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(guarded(self._on_time))
        self._slot = guarded(self._on_palette)
        self._signal = getattr(qt.QApplication.instance(), "paletteChanged", None)
        if self._signal is not None:
            self._signal.connect(self._slot)

    def look(self) -> bool:
        """Paint again if the palette has turned; tells whether it did."""
        _Palette.is_dark = self._root.property("palette").color(qt.QPalette.Window).lightness() < 128
        if _Palette.is_dark == self._is_painted_dark:
            return False
        self._is_painted_dark = _Palette.is_dark
        _paint_again(self._root)
        return True

    def close(self) -> None:
        """Watch no longer; the widget may be gone already. Safe to repeat."""
        signal, self._signal = self._signal, None
        if signal is not None:
            signal.disconnect(self._slot)

    def _on_palette(self, *_: object) -> None:
        self._timer.start(_SOON_MS)

    def _on_time(self) -> None:
        if self.look():
            self._on_turn()


def _paint_again(root: Any) -> None:
    for label in (*root.findChildren(qt.QLabel), *root.findChildren(qt.QPushButton)):
        role = label.property(_ROLE)
        if role is not None:
            paint(label, str(role), bold=bool(label.property(_WEIGHT)))
