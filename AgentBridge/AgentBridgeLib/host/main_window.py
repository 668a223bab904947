"""Slicer's main window, as far as the panel needs it; there is none with ``--no-main-window``."""

from __future__ import annotations

from typing import Any

import slicer
import slicer.util

MODULE = "AgentBridge"


def exists() -> bool:
    """Whether there is a main window, so that a person can be asked."""
    return slicer.util.mainWindow() is not None


def status_bar() -> Any:
    """Give the status bar; None without a main window."""
    window = slicer.util.mainWindow()
    return None if window is None else window.statusBar()


def open_panel() -> None:
    """Show the module's panel."""
    if exists():
        slicer.util.selectModule(MODULE)
