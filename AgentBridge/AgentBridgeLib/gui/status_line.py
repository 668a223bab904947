"""A word in the status bar of Slicer's main window: whether the bridge listens, and how many requests wait."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button
from AgentBridgeLib.host import main_window

_MESSAGE_MS = 8000


class StatusLine:
    """Nothing without a main window; a press opens the panel."""

    def __init__(self) -> None:
        self._button: Any = None
        self._waiting = 0
        bar = main_window.status_bar()
        if bar is not None:
            self._button = button(
                "", "AgentBridgeStatus", main_window.open_panel, _("Open the Agent Bridge panel")
            )
            self._button.setFlat(True)
            bar.addPermanentWidget(self._button)
            self._button.hide()

    def show(self, *, is_listening: bool, is_stopped: bool, waiting: int) -> None:
        """Show the state; a new request is also announced as a message."""
        if self._button is None:
            return
        text, role = _("Agent Bridge"), "good"
        if is_stopped:
            text, role = _("Agent Bridge: all stopped"), "bad"
        elif waiting:
            text, role = _("Agent Bridge: {count} waiting for you").format(count=waiting), "notice"
        self._button.setText(text)
        self._button.setVisible(is_listening or is_stopped or bool(waiting))
        paint(self._button, role, bold=bool(waiting))
        asks = _("An agent asks for your approval: see Agent Bridge.")
        bar = main_window.status_bar()
        if waiting > self._waiting:
            bar.showMessage(asks, _MESSAGE_MS)
        elif not waiting and bar.currentMessage() == asks:
            bar.clearMessage()
        self._waiting = waiting

    def close(self) -> None:
        """Take it away; the window may be gone already."""
        made, self._button = self._button, None
        if made is None:
            return
        try:
            made.hide()
            made.deleteLater()
        except (ValueError, RuntimeError):  # PythonQt and PySide6 say so when Qt has deleted it
            return
