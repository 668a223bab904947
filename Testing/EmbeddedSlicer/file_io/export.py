"""Copies of nodes in a temporary scene, so that exporting leaves the real one alone.

Follows `qSlicerCoreIOManager::exportNodes`.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk


class TemporaryScene:
    """A scene with copies of nodes that are to be written."""

    def __init__(self, source: Any) -> None:
        self.scene = slicer.vtkMRMLScene()
        source.CopyDefaultNodesToScene(self.scene)
        source.CopyRegisteredNodesToScene(self.scene)
        source.CopySingletonNodesToScene(self.scene)
        self.scene.SetDataIOManager(source.GetDataIOManager())

    def copy(self, node: Any, harden: bool) -> Any:
        """Copy a node with its display properties; `harden` applies its parent transforms to the copy."""
        copy = self.scene.AddNewNodeByClass(node.GetClassName())
        copy.CopyContent(node, harden)  # hardening may change the data: a deep copy then
        if harden and node.IsA("vtkMRMLTransformableNode") and node.GetParentTransformNode() is not None:
            self._harden(copy, node.GetParentTransformNode())
        copy.AddDefaultStorageNode()
        if node.IsA("vtkMRMLDisplayableNode") and node.GetDisplayNode() is not None:
            display = self.scene.AddNewNodeByClass(node.GetDisplayNode().GetClassName())
            display.CopyContent(node.GetDisplayNode(), False)
            copy.SetAndObserveDisplayNodeID(display.GetID())
        return copy

    def _harden(self, copy: Any, parent: Any) -> None:
        from_world = vtk.vtkGeneralTransform()
        parent.GetTransformFromWorld(from_world)
        composite = self.scene.AddNewNodeByClass("vtkMRMLTransformNode")
        composite.SetAndObserveTransformFromParent(from_world)
        copy.SetAndObserveTransformNodeID(composite.GetID())
        copy.HardenTransform()
