"""`slicer.modules.<name>` of a command line module.

Follows `Base/QTCLI/qSlicerCLIModule.h` and `Libs/MRML/CLI/vtkSlicerCLIModuleLogic.h`: the logic makes nodes and
runs them without blocking. Only Python modules that exchange volumes are run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from EmbeddedSlicer.cli.run import Run
from EmbeddedSlicer.modules.module import Module
from EmbeddedSlicer.not_emulated import Emulated

FOLDER = Path(__file__).resolve().parent.parent / "cli_modules"


class CommandLineNode(slicer.vtkMRMLCommandLineModuleNode):
    """vtkMRMLCommandLineModuleNode; progress and parameters are kept here, as the wheel has no description parser."""

    fraction = 0.0

    def GetProgress(self) -> int:
        """Give the progress in percent."""
        return round(self.fraction * 100)


class CLIModuleLogic(Emulated):
    """vtkSlicerCLIModuleLogic."""

    stands_for = "vtkSlicerCLIModuleLogic"

    def __init__(self, path: str) -> None:
        self._path = path
        self._runs: list[Run] = []

    def CreateNodeInScene(self) -> Any:
        """Make a node of this module."""
        node = CommandLineNode()
        node.SetName(Path(self._path).stem)
        slicer.mrmlScene.AddNode(node)
        return node

    def start(self, node: Any, parameters: dict[str, Any]) -> None:
        """Run; what `SetParameterAs...` and `Apply` do together."""
        run = Run(self._path, node, parameters, self._runs.remove)
        self._runs.append(run)
        run.start()


class CLIModule(Module):
    """qSlicerCLIModule."""

    stands_for = "qSlicerCLIModule"

    def __init__(self, path: str) -> None:
        super().__init__(Path(path).stem, CLIModuleLogic(path), path)

    def inherits(self, class_name: str, /) -> bool:
        """Tell whether the module's C++ class derives from another one."""
        return class_name in {
            "QObject",
            "qSlicerAbstractCoreModule",
            "qSlicerAbstractModule",
            "qSlicerCLIModule",
        }


def load_modules(manager: Any) -> None:
    """Load the command line modules of the embedded host."""
    for path in sorted(FOLDER.glob("*.py")):
        module = CLIModule(str(path))
        setattr(slicer.modules, module.name.lower(), module)
        setattr(slicer.moduleNames, module.name, module.name)
        manager.add(module)
