"""Folders of the subject hierarchy: where a node lies, and moving it.

Folders lie within the patient and study of a node: moving a node into a folder never takes it away from its patient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtkmodules.vtkCommonCore import vtkIdList

from AgentBridgeLib.errors import NodeTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATOR = "/"
_FOLDER = "Folder"  # vtkMRMLSubjectHierarchyConstants::GetSubjectHierarchyLevelFolder
_DEEPEST = 32


class FolderReader:
    """Tells the folders of many nodes; what nodes of one place share is read once. For one look at a scene.

    Parameters
    ----------
    scene
        `vtkMRMLScene`.
    """

    def __init__(self, scene: Any) -> None:
        self._hierarchy = scene.GetSubjectHierarchyNode()
        self._paths: dict[int, str | None] = {}

    def folder_of(self, node: Any) -> str | None:
        """Give the path of the folder that a node lies in; None when it lies in none.

        Returns
        -------
        str | None
            Names from the outermost folder on, separated by slashes, below the node's study or patient if it has one.
        """
        item = self._hierarchy.GetItemByDataNode(node) if self._hierarchy is not None else 0
        if not item:
            return None
        place = self._hierarchy.GetItemParent(item)
        if place not in self._paths:
            names = [self._hierarchy.GetItemName(folder) for folder in _folders_above(self._hierarchy, item)]
            self._paths[place] = SEPARATOR.join(reversed(names)) or None
        return self._paths[place]


def check_movable(scene: Any, node: Any) -> None:
    """Refuse a node that folders cannot hold.

    Raises
    ------
    NodeTypeError
        Slicer does not show the node among its data.
    """
    hierarchy = scene.GetSubjectHierarchyNode()
    if hierarchy is None or not hierarchy.GetItemByDataNode(node):
        raise NodeTypeError(f"{node.GetID()} is a {node.GetClassName()}, which Slicer keeps in no folder.")


def move(scene: Any, node: Any, path: str | None) -> None:
    """Put a node into a folder, which is made if necessary; None takes it out of all folders.

    The node must have passed `check_movable`.
    """
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node)
    place = hierarchy.GetItemParent(item)
    for folder in _folders_above(hierarchy, item):
        place = hierarchy.GetItemParent(folder)
    for name in (path or "").split(SEPARATOR) if path else ():
        place = _child_folder(hierarchy, place, name) or hierarchy.CreateFolderItem(place, name)
    if hierarchy.GetItemParent(item) != place:
        hierarchy.SetItemParent(item, place)


def nodes_in(scene: Any, path: str) -> set[str]:
    """Give the ids of the nodes that lie in folders of this path, or in folders below it."""
    hierarchy = scene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return set()
    folders = [item for item in _descendants(hierarchy, hierarchy.GetSceneItemID()) if _is(hierarchy, item)]
    chosen = [item for item in folders if _path(hierarchy, item) == path.strip(SEPARATOR)]
    nodes = (hierarchy.GetItemDataNode(item) for folder in chosen for item in _descendants(hierarchy, folder))
    return {node.GetID() for node in nodes if node is not None}


def _path(hierarchy: Any, folder: int) -> str:
    above = [hierarchy.GetItemName(item) for item in _folders_above(hierarchy, folder)]
    return SEPARATOR.join([*reversed(above), hierarchy.GetItemName(folder)])


def _folders_above(hierarchy: Any, item: int) -> Iterator[int]:
    """Walk over the folders around an item, from the inside out, as far as its study or patient."""
    for _ in range(_DEEPEST):
        item = hierarchy.GetItemParent(item)
        if not item or hierarchy.GetItemLevel(item) in {"Patient", "Study"}:
            return
        if _is(hierarchy, item):
            yield item


def _child_folder(hierarchy: Any, parent: int, name: str) -> int:
    children = _items(hierarchy, parent, deep=False)
    return next(
        (item for item in children if _is(hierarchy, item) and hierarchy.GetItemName(item) == name), 0
    )


def _descendants(hierarchy: Any, parent: int) -> list[int]:
    return _items(hierarchy, parent, deep=True)


def _items(hierarchy: Any, parent: int, *, deep: bool) -> list[int]:
    found = vtkIdList()
    hierarchy.GetItemChildren(parent, found, deep)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]


def _is(hierarchy: Any, item: int) -> bool:
    return bool(hierarchy.GetItemLevel(item) == _FOLDER)
