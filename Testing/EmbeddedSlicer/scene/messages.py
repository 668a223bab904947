"""VTK's errors and warnings, caught and handed on instead of printed.

In Slicer `ctkErrorLogVTKMessageHandler` installs its own vtkOutputWindow and feeds the application's error
log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import vtk

if TYPE_CHECKING:
    from collections.abc import Callable


class VTKMessages:
    """Installs an output window that tells `on_message(level, text)`; level is "Error" or "Warning"."""

    def __init__(self, on_message: Callable[[str, str], None]) -> None:
        self._on_message = on_message
        self._window = vtk.vtkOutputWindow()
        self._window.SetDisplayModeToNever()
        vtk.vtkOutputWindow.SetInstance(self._window)
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
        for event in ("ErrorEvent", "WarningEvent"):
            self._window.AddObserver(event, self._on_event)

    @vtk.calldata_type(vtk.VTK_STRING)
    def _on_event(self, _caller: Any, event: str, text: str) -> None:
        self._on_message(event.removesuffix("Event"), text.strip())
