"""What is missing before the bridge can start, and the button that installs it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from AgentBridgeLib.gui.widgets import button, column, text_label

if TYPE_CHECKING:
    from collections.abc import Callable


class PackagesSection:
    """Shown only while packages are missing.

    Parameters
    ----------
    frame
        Shown only while packages are missing.
    body
        Widget to fill, in the frame.
    logic
        `AgentBridgeLogic`.
    on_installed
        Called after an installation, successful or not.
    """

    def __init__(self, frame: Any, body: Any, logic: Any, on_installed: Callable[[], None]) -> None:
        self._logic = logic
        self._on_installed = on_installed
        self.widget = frame
        layout = column(body)
        self._explanation = text_label()
        layout.addWidget(self._explanation)
        self._button = button(_("Install"), "AgentBridgeInstall", self._on_install)
        layout.addWidget(self._button)

    def refresh(self, problem: str = "") -> None:
        """Show what is missing; `problem` says why the last installation failed."""
        missing = self._logic.missingPackages()
        self.widget.setVisible(bool(missing))
        listed = ", ".join(missing)
        text = _("Agent Bridge needs packages that Slicer does not bring: {listed}.").format(listed=listed)
        advice = _(
            "They are installed from the Python package index into this Slicer, when you press the button."
        )
        self._explanation.setText("\n".join(part for part in (text, advice, problem) if part))

    def _on_install(self) -> None:
        self._button.setEnabled(False)
        problem = ""
        try:
            self._logic.installPackages()
        except Exception:
            logging.getLogger("AgentBridge").exception("The required packages could not be installed")
            problem = _(
                "The installation failed. Slicer's log says why; is this computer connected to the internet?"
            )
        self._button.setEnabled(True)
        self._on_installed()
        if problem:
            self.refresh(problem)
