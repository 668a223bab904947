"""Subject hierarchy items for nodes that come and go.

In Slicer `Modules/Loadable/SubjectHierarchy/Widgets/qSlicerSubjectHierarchyPluginLogic.cxx` does this (onNodeAdded,
onNodeAboutToBeRemoved, onSceneImportEnded, onSceneCloseEnded), and Qt plugins say which nodes they claim
(canAddNodeToSubjectHierarchy).
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

#: What the plugins of Slicer's own modules claim.
CLAIMED = (
    "vtkMRMLScalarVolumeNode",
    "vtkMRMLModelNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLTransformNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
)


class SubjectHierarchyPlugins:
    """Observes a scene as the plugin logic does."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._hierarchy()
        for event, slot in (
            (slicer.vtkMRMLScene.NodeAddedEvent, self._on_added),
            (slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, self._on_about_to_be_removed),
            (slicer.vtkMRMLScene.EndImportEvent, self._on_import_ended),
            (slicer.vtkMRMLScene.EndCloseEvent, self._on_close_ended),
        ):
            scene.AddObserver(event, slot)

    def _hierarchy(self) -> Any:
        """Give the scene's one hierarchy node; makes it if it is gone and merges imported ones."""
        return slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_added(self, _caller: Any, _event: str, node: Any) -> None:
        if node is None:
            return
        if node.IsA("vtkMRMLSubjectHierarchyNode"):
            self._hierarchy()
        elif not self._scene.IsImporting():  # an imported scene may bring its own hierarchy
            self._add(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_about_to_be_removed(self, _caller: Any, _event: str, node: Any) -> None:
        if node is None or self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
        item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _on_import_ended(self, *_: object) -> None:
        self._hierarchy()
        for index in range(self._scene.GetNumberOfNodes()):
            self._add(self._scene.GetNthNode(index))

    def _on_close_ended(self, *_: object) -> None:
        self._hierarchy()

    def _add(self, node: Any) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(class_name) for class_name in CLAIMED):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
        if hierarchy is not None and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
