"""The patients and studies of the subject hierarchy, and what they say about the patient.

The hierarchy node changes with every data node in it. Its thousands of items are only walked through after one came,
went or moved; else only the known patients, studies and folders are read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import vtk

from AgentBridgeLib.host.dicom_keywords import PREFIX, of_keyword, pair
from AgentBridgeLib.host.observers import caller_observer

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTAINERS = ("Patient", "Study", "Folder")  # vtkMRMLSubjectHierarchyConstants
_UID_KINDS = {"Patient": "PatientID", "Study": "StudyInstanceUID"}
_NAME_KINDS = {"Patient": "PatientName", "Study": "StudyDescription"}


class HierarchyReader:
    """Reads one hierarchy node again and again."""

    def __init__(self) -> None:
        self._node: Any = None
        self._tags: list[int] = []
        self._containers: list[int] | None = None

    def read(self, hierarchy: Any) -> Iterator[tuple[str, str]]:
        """Walk over identifying value and kind of patients, studies and the series below them."""
        if hierarchy is not self._node:
            self._watch(hierarchy)
        if self._containers is None:
            self._containers = list(find_containers(hierarchy))
        for item in self._containers:
            level = hierarchy.GetItemLevel(item)
            if level in _UID_KINDS:
                yield from _item_identifiers(hierarchy, item, level)
                yield from _series_identifiers(hierarchy, item)

    def close(self) -> None:
        """Remove the observers."""
        if self._node is not None:
            for tag in self._tags:
                self._node.RemoveObserver(tag)
        self._tags.clear()
        self._node = None
        self._containers = None

    def _watch(self, hierarchy: Any) -> None:
        self.close()
        self._node = hierarchy
        forget = caller_observer(self._forget_containers)
        events = (
            hierarchy.SubjectHierarchyItemAddedEvent,
            hierarchy.SubjectHierarchyItemRemovedEvent,
            hierarchy.SubjectHierarchyItemReparentedEvent,
            hierarchy.SubjectHierarchyEndResolveEvent,
        )
        self._tags = [hierarchy.AddObserver(event, forget) for event in events]

    def _forget_containers(self, _hierarchy: Any) -> None:
        self._containers = None


def find_containers(hierarchy: Any) -> Iterator[int]:
    """Walk over the items that are patients, studies or folders."""
    waiting = _children(hierarchy, hierarchy.GetSceneItemID())
    while waiting:
        item = waiting.pop()
        if hierarchy.GetItemLevel(item) in _CONTAINERS:
            yield item
            waiting.extend(_children(hierarchy, item))


def _item_identifiers(hierarchy: Any, item: int, level: str) -> Iterator[tuple[str, str]]:
    yield from pair(_NAME_KINDS[level], hierarchy.GetItemName(item))
    yield from pair(_UID_KINDS[level], hierarchy.GetItemUID(item, "DICOM"))
    yield from _attributes(hierarchy, item)


def _series_identifiers(hierarchy: Any, parent: int) -> Iterator[tuple[str, str]]:
    for item in _children(hierarchy, parent):
        if hierarchy.GetItemLevel(item) not in _UID_KINDS:
            yield from pair("SeriesInstanceUID", hierarchy.GetItemUID(item, "DICOM"))
            yield from of_keyword("instanceUIDs", hierarchy.GetItemUID(item, "DICOMInstanceUID"))
            yield from _attributes(hierarchy, item)


def _attributes(hierarchy: Any, item: int) -> Iterator[tuple[str, str]]:
    for name in hierarchy.GetItemAttributeNames(item):
        yield from of_keyword(name.removeprefix(PREFIX), hierarchy.GetItemAttribute(item, name))


def _children(hierarchy: Any, item: int) -> list[int]:
    found = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, found, False)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]
