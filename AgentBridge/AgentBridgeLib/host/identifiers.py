"""Patient-identifying texts in the scene, so that the identifier policy can find them in answers.

Sources: the subject hierarchy's patient and study items with their attributes and UIDs, the UIDs of what lies below
them, and node attributes that begin with ``DICOM.``. Only what changed since the last call is looked at again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.host.dicom_keywords import attribute_identifiers
from AgentBridgeLib.host.subject_hierarchy import HierarchyReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.host.revision import SceneTracker


class IdentifierCollector:
    """Keeps the identifying texts of one scene, by revision.

    Parameters
    ----------
    scene
        Read at each call.
    tracker
        Knows what changed.
    """

    def __init__(self, scene: Any, tracker: SceneTracker) -> None:
        self._scene = scene
        self._tracker = tracker
        self._revision = -1
        self._hierarchy = HierarchyReader()
        self._by_node: dict[str, dict[str, str]] = {}
        self._all: Mapping[str, str] = MappingProxyType({})

    def collect(self) -> Mapping[str, str]:
        """Give value to kind (DICOM keyword)."""
        revision = self._tracker.revision
        if revision != self._revision:
            changed = self._tracker.changed_since(self._revision)
            if self._take_changes(changed):
                self._all = MappingProxyType(self._merge())
            self._revision = revision
        return self._all

    def close(self) -> None:
        """Remove every observer."""
        self._hierarchy.close()

    def _take_changes(self, changed: list[str]) -> bool:
        """Look at changed and removed nodes again; says whether anything came of it."""
        is_different = False
        for node_id in [known for known in self._by_node if self._scene.GetNodeByID(known) is None]:
            del self._by_node[node_id]
            is_different = True
        for node_id in changed:
            found = self._look_at(self._scene.GetNodeByID(node_id))
            if found != self._by_node.get(node_id, {}):
                self._by_node[node_id] = found
                is_different = True
        return is_different

    def _look_at(self, node: Any) -> dict[str, str]:
        if node is None:
            return {}
        found = dict(attribute_identifiers(node))
        if node.IsA("vtkMRMLSubjectHierarchyNode"):
            found.update(self._hierarchy.read(node))
        return found

    def _merge(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for found in self._by_node.values():
            merged.update(found)
        return merged
