"""State, Start and Stop, the address, and what to paste into a client."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


class ConnectionSection:
    """The first section.

    Parameters
    ----------
    logic
        `AgentBridgeLogic`.
    on_change
        Called when the bridge was started or stopped.
    """

    def __init__(self, logic: Any, on_change: Callable[[], None]) -> None:
        self._logic = logic
        self._on_change = on_change
        self._problem = ""
        self.widget = qt.QGroupBox(_("Connection"))
        self.widget.setObjectName("AgentBridgeConnection")
        layout = qt.QVBoxLayout(self.widget)
        self._state = self._label(layout, "AgentBridgeState")
        self._toggle = self._button(layout, "AgentBridgeToggle", self._on_toggle)
        self._address = qt.QLineEdit()
        self._address.setObjectName("AgentBridgeAddress")
        self._address.setReadOnly(True)
        layout.addWidget(self._address)
        self._copy = self._button(layout, "AgentBridgeCopy", self._on_copy)
        self._copy.setText(_("Copy connection (curl)"))
        self._renew = self._button(layout, "AgentBridgeNewToken", self._on_new_token)
        self._renew.setText(_("New token"))
        self._renew.setToolTip(_("Clients that use the present token have to be told the new one."))

    def refresh(self) -> None:
        """Show the present state, in a color and a word."""
        url = self._logic.url
        word, color = (_("Listening"), "#1b7f3b") if url else (_("Stopped"), "#8a8f98")
        if self._problem:
            word, color = self._problem, "#b3261e"
        self._state.setText(word)
        self._state.setStyleSheet(f"font-weight: bold; color: {color};")
        self._toggle.setText(_("Stop") if url else _("Start"))
        self._toggle.setEnabled(bool(url) or not self._logic.missingPackages())
        self._address.setText(url)
        self._copy.setEnabled(bool(url))
        self._renew.setEnabled(self._logic.bridge is not None)

    def snippet(self) -> str:
        """Give a line that can be pasted into a terminal."""
        return f'curl -H "Authorization: Bearer {self._logic.token}" {self._logic.url}/scene'

    def _on_toggle(self) -> None:
        self._problem = ""
        try:
            self._logic.stop() if self._logic.url else self._logic.start()
        except Exception:
            logging.getLogger("AgentBridge").exception("The bridge could not start")
            self._problem = _("Could not start: see Slicer's log")
        self._on_change()

    def _on_copy(self) -> None:
        qt.QApplication.clipboard().setText(self.snippet())

    def _on_new_token(self) -> None:
        self._logic.bridge.renew_token()
        self._on_change()

    def _label(self, layout: Any, name: str) -> Any:
        label = qt.QLabel("")
        label.setObjectName(name)
        layout.addWidget(label)
        return label

    def _button(self, layout: Any, name: str, on_clicked: Callable[[], None]) -> Any:
        button = qt.QPushButton("")
        button.setObjectName(name)
        button.clicked.connect(guarded(on_clicked))
        layout.addWidget(button)
        return button
