"""Scripted modules: the object that a script gets as `parent`, and its panel.

Follows `Base/QTGUI/qSlicerScriptedLoadableModule.cxx` (setPythonSource, setup, createLogic) and
`qSlicerScriptedLoadableModuleWidget.cxx` (setPythonSource, reload, self). Here too `logic()` is a bare VTK
logic; the script's own logic lives in its widget, where `slicer.util.getModuleLogic` finds it.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import qt
import slicer

from EmbeddedSlicer.modules.module import Module


class ScriptedModule(Module):
    """qSlicerScriptedLoadableModule. The script's module class writes its titles and categories on it."""

    stands_for = "qSlicerScriptedLoadableModule"
    isBuiltIn = False

    def __init__(self, path: str) -> None:
        super().__init__(Path(path).stem, slicer.vtkMRMLAbstractLogic(), path)
        self._widget: Any = None
        self._self: Any = None

    def construct(self) -> None:
        """Import the script and make its module class with this object as `parent`."""
        script = import_script(self.name, self.path)
        self._self = getattr(script, self.name)(self)
        setattr(slicer.modules, f"{self.name}Instance", self._self)
        setattr(slicer.modules, self.name.lower(), self)
        self.widgetRepresentationCreationEnabled = hasattr(script, f"{self.name}Widget")

    def setup(self) -> None:
        """Call the script's `setup`, if it has one."""
        setup = getattr(self._self, "setup", None)
        if setup is not None:
            setup()

    def self(self) -> Any:
        """Give the script's module object."""
        return self._self

    def widgetRepresentation(self) -> Any:
        """Give the module's panel; made and set up at the first call. None without a widget class."""
        if self._widget is None and self.widgetRepresentationCreationEnabled:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self) -> Any:
        """Make another panel."""
        widget = ScriptedModuleWidget()
        widget.setPythonSource(self.path)
        widget.setup()
        return widget

    def inherits(self, class_name: str, /) -> bool:
        """Tell whether the C++ class derives from another one."""
        bases = {
            "QObject",
            "qSlicerAbstractCoreModule",
            "qSlicerAbstractModule",
            "qSlicerScriptedLoadableModule",
        }
        return class_name in bases


class MRMLWidget(qt.QWidget):  # type: ignore[misc]
    """qMRMLWidget: a widget that knows a scene (`Libs/MRML/Widgets/qMRMLWidget.h`)."""

    def __init__(self, *arguments: Any) -> None:
        qt.QWidget.__init__(self, *arguments)
        self._scene = None

    def setMRMLScene(self, scene: Any, /) -> None:
        """Give the widget a scene."""
        self._scene = scene

    def mrmlScene(self) -> Any:
        """Give the widget's scene."""
        return self._scene


class ScriptedModuleWidget(MRMLWidget):
    """qSlicerScriptedLoadableModuleWidget: the panel around the script's widget object."""

    def __init__(self) -> None:
        MRMLWidget.__init__(self)
        self.setLayout(qt.QVBoxLayout())
        self.setMRMLScene(slicer.mrmlScene)
        self._path = ""
        self._self: Any = None

    def setPythonSource(self, path: str, /) -> bool:
        """Make the script's widget object with this panel as parent."""
        name = Path(path).stem
        self._path = path
        self._self = getattr(import_script(name, path), f"{name}Widget")(self)
        setattr(slicer.modules, f"{name}Widget", self._self)
        return True

    def setup(self) -> None:
        """Call the script's `setup`."""
        self._self.setup()

    def reload(self) -> None:
        """Make the script's widget object again, and with it a new logic."""
        self.setPythonSource(self._path)
        self.setup()

    def enter(self) -> None:
        """Tell the script that the user opened the module."""
        getattr(self._self, "enter", lambda: None)()

    def exit(self) -> None:
        """Tell the script that the user left the module."""
        getattr(self._self, "exit", lambda: None)()

    def self(self) -> Any:
        """Give the script's widget object."""
        return self._self


def import_script(name: str, path: str) -> Any:
    """Give the script's Python module, imported once (`qSlicerScriptedUtils::loadSourceAsModule`)."""
    found = sys.modules.get(name)
    if found is not None and hasattr(found, name):
        return found
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        message = f"{path} is no Python file"
        raise ImportError(message)
    script = importlib.util.module_from_spec(specification)
    sys.modules[name] = script
    try:
        specification.loader.exec_module(script)
    except BaseException:
        del sys.modules[name]
        raise
    return script
