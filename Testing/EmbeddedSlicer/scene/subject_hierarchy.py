"""Subject hierarchy items for new nodes.

In Slicer the Qt plugins of `Modules/Loadable/SubjectHierarchy/Widgets/qSlicerSubjectHierarchyPluginLogic.cxx`
make them (onNodeAdded, addNodeToSubjectHierarchy); here an observer of the scene does.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk


def observe(scene: Any) -> int:
    """Make an item for every node that comes; returns the observer's tag."""
    get = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode
    get(scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def on_added(_caller: Any, _event: str, node: Any) -> None:
        if node is None or not _is_wanted(node):
            return
        hierarchy = get(scene)
        if hierarchy is not None and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    tag: int = scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, on_added)
    return tag


def _is_wanted(node: Any) -> bool:
    """Follow `qSlicerSubjectHierarchyDefaultPlugin`: displayable and editable nodes only."""
    if node.GetHideFromEditors() or node.GetAttribute("SubjectHierarchy.ExcludeFromTree"):
        return False
    return not node.IsA("vtkMRMLSubjectHierarchyNode")
