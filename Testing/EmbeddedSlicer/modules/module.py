"""`slicer.modules.<name>` of a loadable (C++) module: its name, title and real logic.

Follows `Base/QTCore/qSlicerAbstractCoreModule.h`.
"""

from __future__ import annotations

from typing import Any

from EmbeddedSlicer.not_emulated import Emulated


class Module(Emulated):
    """qSlicerAbstractCoreModule."""

    stands_for = "qSlicerAbstractCoreModule"

    name = title = path = helpText = acknowledgementText = ""
    categories: Any = ()
    contributors: Any = ()
    dependencies: Any = ()
    associatedNodeTypes: Any = ()
    index = -1
    hidden = False
    isBuiltIn = True
    isInstalled = False
    icon: Any = None
    widgetRepresentationCreationEnabled = True

    def __init__(self, name: str, logic: Any = None, path: str = "") -> None:
        self.name = self.title = name
        self.path = path
        self._logic = logic

    def logic(self) -> Any:
        """Give the module's logic."""
        return self._logic

    def widgetRepresentation(self) -> Any:
        """Give the module's widget: none here, as Slicer's Qt widgets are not in the wheel."""
        return None

    def inherits(self, class_name: str, /) -> bool:
        """Tell whether the module's C++ class derives from another one."""
        return class_name in {
            "QObject",
            "qSlicerAbstractCoreModule",
            "qSlicerAbstractModule",
            "qSlicerLoadableModule",
        }
