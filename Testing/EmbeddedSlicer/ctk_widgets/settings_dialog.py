"""`slicer.app.settingsDialog()`: panels of settings, added once and never removed.

Follows CTK `Libs/Widgets/ctkSettingsDialog.h`: `addPanel(panel)`, `addPanel(label, panel)`, `addPanel(label,
icon, panel)`.
"""

from __future__ import annotations

from typing import Any

import qt

from EmbeddedSlicer.not_emulated import Emulated


class SettingsDialog(Emulated):
    """ctkSettingsDialog, without the dialog's own buttons."""

    stands_for = "ctkSettingsDialog"
    currentPanel: Any = None

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._panels: dict[str, Any] = {}
        self._dialog: Any = None

    @property
    def settings(self) -> Any:
        """The settings that the panels write."""
        return self._settings

    def addPanel(self, *arguments: Any) -> None:
        """Add a panel under its label; the window title is the label if none is given."""
        if not 1 <= len(arguments) <= 4:
            message = "addPanel takes a panel, or a label, an icon and a panel"
            raise ValueError(message)
        labels = [argument for argument in arguments if isinstance(argument, str)]
        panel = next(argument for argument in arguments if hasattr(argument, "registerProperty"))
        self._panels[labels[0] if labels else panel.property("windowTitle")] = panel
        if panel.settings is None:
            panel.settings = self._settings

    def setCurrentPanel(self, which: Any, /) -> None:
        """Show a panel, given by label or itself."""
        self.currentPanel = self._panels[which] if isinstance(which, str) else which

    def applySettings(self) -> None:
        """Apply all panels."""
        for panel in self._panels.values():
            panel.applySettings()

    def resetSettings(self) -> None:
        """Reset all panels."""
        for panel in self._panels.values():
            panel.resetSettings()

    def restoreDefaultSettings(self) -> None:
        """Restore the defaults of all panels."""
        for panel in self._panels.values():
            panel.restoreDefaultSettings()

    def reloadSettings(self) -> None:
        """Read all panels from the settings."""
        for panel in self._panels.values():
            panel.reloadSettings()

    def open(self) -> None:
        """Show the panels as tabs of a window."""
        self._dialog = qt.QTabWidget()
        for label, panel in self._panels.items():
            self._dialog.addTab(panel, label)
        self._dialog.show()
