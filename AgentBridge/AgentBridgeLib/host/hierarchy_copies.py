"""The subject hierarchy as values: which item lies in which folder, study or patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import vtk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONTAINERS = ("Patient", "Study", "Folder")


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item. `node_id` is None for a container; items are in an order in which parents come first."""

    item: int
    parent: int
    node_id: str | None
    level: str
    name: str
    uids: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


def record_hierarchy(hierarchy: Any) -> list[ItemRecord]:
    """Note all containers and data nodes of the hierarchy."""
    return [] if hierarchy is None else list(_walk(hierarchy, hierarchy.GetSceneItemID()))


def restore_hierarchy(hierarchy: Any, records: Sequence[ItemRecord], scene: Any) -> None:
    """Put items back into their folders; containers that were not there then, and are empty now, go."""
    if hierarchy is None:
        return
    places = {record.parent: record.parent for record in records[:1]}
    places[_scene_of(records, hierarchy)] = hierarchy.GetSceneItemID()
    for record in records:
        parent = places.get(record.parent, hierarchy.GetSceneItemID())
        item = _find_or_make(hierarchy, record, parent, scene)
        if item:
            places[record.item] = item
            _apply(hierarchy, item, parent, record)
    kept = set(places.values())
    for item in [entry.item for entry in record_hierarchy(hierarchy) if entry.node_id is None][::-1]:
        if item not in kept and not _children(hierarchy, item):
            hierarchy.RemoveItem(item, False, False)


def record_places(hierarchy: Any, nodes: Sequence[Any]) -> tuple[tuple[str, int], ...]:
    """Note in which container some nodes lie: id of the node, item of the container."""
    if hierarchy is None:
        return ()
    items = ((node.GetID(), hierarchy.GetItemByDataNode(node)) for node in nodes)
    return tuple((node_id, hierarchy.GetItemParent(item)) for node_id, item in items if item)


def restore_places(hierarchy: Any, places: Sequence[tuple[str, int]], scene: Any) -> None:
    """Put nodes back into their containers, as far as both are still there; a folder that is left empty goes."""
    for node_id, container in places:
        node = scene.GetNodeByID(node_id)
        item = hierarchy.GetItemByDataNode(node) if node is not None else 0
        left = hierarchy.GetItemParent(item) if item else 0
        if not item or left == container or not hierarchy.GetItemLevel(container):
            continue
        hierarchy.SetItemParent(item, container)
        while hierarchy.GetItemLevel(left) == "Folder" and not _children(hierarchy, left):
            left, empty = hierarchy.GetItemParent(left), left
            hierarchy.RemoveItem(empty, False, False)


def _scene_of(records: Sequence[ItemRecord], hierarchy: Any) -> int:
    return records[0].parent if records else int(hierarchy.GetSceneItemID())


def _walk(hierarchy: Any, parent: int) -> Iterator[ItemRecord]:
    for item in _children(hierarchy, parent):
        node = hierarchy.GetItemDataNode(item)
        level = hierarchy.GetItemLevel(item)
        if node is None and level not in _CONTAINERS:
            continue  # such as a segment below its segmentation, which a plugin makes
        yield ItemRecord(
            item,
            parent,
            None if node is None else node.GetID(),
            level,
            hierarchy.GetItemName(item),
            {name: hierarchy.GetItemUID(item, name) for name in hierarchy.GetItemUIDNames(item)},
            {name: hierarchy.GetItemAttribute(item, name) for name in hierarchy.GetItemAttributeNames(item)},
        )
        yield from _walk(hierarchy, item)


def _find_or_make(hierarchy: Any, record: ItemRecord, parent: int, scene: Any) -> int:
    if record.node_id is not None:
        node = scene.GetNodeByID(record.node_id)
        found = hierarchy.GetItemByDataNode(node) if node is not None else 0
        return int(found or (hierarchy.CreateItem(parent, node) if node is not None else 0))
    is_there = (
        hierarchy.GetItemLevel(record.item) == record.level if _exists(hierarchy, record.item) else False
    )
    if is_there:
        hierarchy.SetItemName(record.item, record.name)
        return record.item
    make = {
        "Patient": hierarchy.CreateSubjectItem,
        "Study": hierarchy.CreateStudyItem,
        "Folder": hierarchy.CreateFolderItem,
    }
    return int(make[record.level](parent, record.name))


def _exists(hierarchy: Any, item: int) -> bool:
    waiting = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), waiting, True)
    return bool(waiting.IsId(item) >= 0)


def _apply(hierarchy: Any, item: int, parent: int, record: ItemRecord) -> None:
    if hierarchy.GetItemParent(item) != parent:
        hierarchy.SetItemParent(item, parent)
    for name, value in record.uids.items():
        if hierarchy.GetItemUID(item, name) != value:
            hierarchy.SetItemUID(item, name, value)
    for name in hierarchy.GetItemAttributeNames(item):
        if name not in record.attributes:
            hierarchy.RemoveItemAttribute(item, name)
    for name, value in record.attributes.items():
        if hierarchy.GetItemAttribute(item, name) != value:
            hierarchy.SetItemAttribute(item, name, value)


def _children(hierarchy: Any, item: int) -> list[int]:
    found = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, found, False)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]
