"""Environment variables that must stand before Qt and VTK are imported; the probe for a driver."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Emulated packages with Slicer's own names: `import qt`, `import ctk`.
PYTHON_PATH = Path(__file__).parent / "pythonpath"
#: Emulated scripted modules, as in Slicer's folder of the same purpose (`lib/Slicer-X.Y/qt-scripted-modules`).
SCRIPTED_MODULES_PATH = Path(__file__).parent / "scripted_modules"


def prepare() -> None:
    """Choose an offscreen Qt platform and EGL rendering unless the caller already chose.

    Under an X server (`QT_QPA_PLATFORM=xcb`) the Qt windows are real and the views stay offscreen.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if sys.platform.startswith("linux"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    for folder in (SCRIPTED_MODULES_PATH, PYTHON_PATH):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def can_render() -> bool:
    """Tell whether views can be made; without a driver the first view would end the process."""
    import vtk

    window_class = getattr(vtk, "vtkEGLRenderWindow", vtk.vtkRenderWindow)
    return bool(window_class().SupportsOpenGL())
