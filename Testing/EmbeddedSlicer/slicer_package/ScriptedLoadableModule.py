"""`slicer.ScriptedLoadableModule`: base classes of scripted modules.

Follows the documented interface of `Base/Python/slicer/ScriptedLoadableModule.py`. The developer section
(reload, test, edit buttons) has no buttons here; `onReload` works.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

import qt
import slicer

__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]

_UNLOAD_SIGNAL = "moduleAboutToBeUnloaded(QString)"


class ScriptedLoadableModule:
    """The module object of a script; `parent` is `slicer.modules.<name>`."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = (
            "This module was created from a template and the help section has not yet been updated."
        )
        parent.acknowledgementText = ""
        self._set_icon()
        slicer.selfTests[self.moduleName] = self.runTest

    def _set_icon(self) -> None:
        for suffix in (".svg", ".png"):
            path = self.resourcePath(f"Icons/{self.moduleName}{suffix}")
            if Path(path).is_file():
                self.parent.icon = qt.QIcon(path)
                return

    def resourcePath(self, filename: str) -> str:
        """Give the path of a file in the module's Resources folder."""
        return str(Path(self.parent.path).parent / "Resources" / filename)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """Give a paragraph that links to the documentation."""
        base = slicer.app.documentationBaseUrl
        url = base + docPage if docPage else slicer.app.moduleDocumentationUrl(self.moduleName)
        return f'<p>For more information, see the <a href="{url}">online documentation</a>.</p>'

    def runTest(self, msec: int = 100, **keywords: Any) -> None:
        """Run the script's test class `<name>Test`."""
        script = sys.modules[type(self).__module__]
        test_class = getattr(script, f"{self.moduleName}Test", None)
        if test_class is None:
            message = f"Test case class not found: {script.__name__}.{self.moduleName}Test"
            raise AssertionError(message)
        case = test_class()
        case.messageDelay = msec
        case.runTest(**keywords)


class ScriptedLoadableModuleWidget:
    """The panel object of a script; `parent` is the widget around it."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = slicer.util.settingsValue(
            "Developer/DeveloperMode", False, converter=slicer.util.toBool
        )
        self.parent = parent or self._make_parent()
        self.layout = self.parent.layout()
        if not parent:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect(_UNLOAD_SIGNAL, self._onModuleAboutToBeUnloaded)

    @staticmethod
    def _make_parent() -> Any:
        parent = slicer.qMRMLWidget()
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        return parent

    def resourcePath(self, filename: str) -> str:
        """Give the path of a file in the module's Resources folder."""
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / filename)

    def setup(self) -> None:
        """Build the panel; a script's own comes after this."""
        self.setupDeveloperSection()

    def setupDeveloperSection(self) -> None:
        """Add the developer's buttons: none here."""

    def cleanup(self) -> None:
        """Let go of everything; called before the module is unloaded, and by a reload."""

    def _onModuleAboutToBeUnloaded(self, moduleName: str) -> None:
        if moduleName == self.moduleName:
            self.cleanup()
            slicer.app.moduleManager().disconnect(_UNLOAD_SIGNAL, self._onModuleAboutToBeUnloaded)

    def onReload(self) -> None:
        """Load the script again and build a new panel with a new logic."""
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    """The logic of a script."""

    def __init__(self, parent: Any = None) -> None:
        del parent
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """Give the module's parameter node; makes it if there is none."""
        if self.isSingletonParameterNode:
            found = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if found is not None:
                found.SetAttribute("ModuleName", self.moduleName)
                return found
        else:
            all_nodes = self.getAllParameterNodes()
            if all_nodes:
                return all_nodes[0]
        return slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list[Any]:
        """Give all parameter nodes of the module."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self) -> Any:
        """Make a parameter node that is not in the scene yet."""
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """The test of a script."""

    messageDelay: int | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.moduleTestNames = [
            name for name in dir(self) if "test" in name and callable(getattr(self, name))
        ]

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        """Show a message for a moment."""
        choices = (self.messageDelay, msec, requestedDelay)
        slicer.util.delayDisplay(message, next((choice for choice in choices if choice is not None), 100))

    def runTest(self) -> None:
        """Run the tests; a script's own replaces this."""
