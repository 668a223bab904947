"""The safety settings once more, in Slicer's application settings dialog."""

from __future__ import annotations

from typing import Any

import ctk
import qt

from AgentBridgeLib.gui.palette import PaletteWatch
from AgentBridgeLib.gui.preferences import Preferences
from AgentBridgeLib.gui.safety_section import SafetySection


class SettingsPage:
    """What fills the page. The page itself stays in the dialog for good, so a reload fills it anew.

    Parameters
    ----------
    page
        `ctk.ctkSettingsPanel` of `make_page`.
    logic
        `AgentBridgeLogic`.
    """

    def __init__(self, page: Any, logic: Any) -> None:
        self._content = qt.QWidget()
        self._content.setObjectName("AgentBridgeSettingsContent")
        self.section = SafetySection(self._content, Preferences(logic), self.refresh)
        area = qt.QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(qt.QFrame.NoFrame)
        area.setWidget(self._content)
        self._area = area
        page.layout().addWidget(area)
        self._palette = PaletteWatch(self._content, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the settings in force."""
        self._palette.look()
        self.section.refresh()

    def close(self) -> None:
        """Leave the page; it may be gone already."""
        self.section.close()
        self._palette.close()
        try:
            self._area.hide()
            self._area.deleteLater()
        except (ValueError, RuntimeError):  # PythonQt and PySide6 say so when Qt has deleted it
            return


def make_page() -> Any:
    """Make an empty page."""
    page = ctk.ctkSettingsPanel()
    page.setObjectName("AgentBridgeSettingsPage")
    qt.QVBoxLayout(page)
    return page
