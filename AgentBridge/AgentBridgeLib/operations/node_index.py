"""What all nodes are called, read once per revision of the scene.

Ten thousand nodes take VTK's wrappers some 25 ms to walk over; a page of a list may take 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.host.ports import SceneHost


class NodeEntry(NamedTuple):
    """One node as lists need it. No reference to the node: removed nodes must be able to go."""

    id: str
    name: str
    class_name: str
    is_hidden: bool


class NodeIndex:
    """The nodes of one scene at one revision, in the scene's order."""

    def __init__(self, scene: Any) -> None:
        self.entries: Sequence[NodeEntry] = [
            NodeEntry(
                node.GetID(), node.GetName() or "", node.GetClassName(), bool(node.GetHideFromEditors())
            )
            for node in scene.GetNodes()
        ]
        self._scene = scene
        self._kinds: dict[tuple[str, str], bool] = {}
        self.selections: dict[object, Sequence[NodeEntry]] = {}

    def is_a(self, entry: NodeEntry, class_name: str) -> bool:
        """Whether the node is of this class or derived from it."""
        key = (entry.class_name, class_name)
        if key not in self._kinds:
            node = self._scene.GetNodeByID(entry.id)
            self._kinds[key] = node is not None and bool(node.IsA(class_name))
        return self._kinds[key]

    def of_class(self, class_name: str, *, with_hidden: bool = False) -> Sequence[NodeEntry]:
        """Give the nodes of a class or derived from it."""
        key = (class_name, with_hidden)
        if key not in self.selections:
            self.selections[key] = [
                entry
                for entry in self.entries
                if (with_hidden or not entry.is_hidden) and self.is_a(entry, class_name)
            ]
        return self.selections[key]


class _Latest:
    """The index made last; one scene is open at a time."""

    def __init__(self) -> None:
        self._scene: SceneHost | None = None
        self._revision = -1
        self._index: NodeIndex | None = None

    def get(self, scene: SceneHost) -> NodeIndex:
        if self._index is None or self._scene is not scene or self._revision != scene.revision:
            self._index = NodeIndex(scene.scene)
            self._scene, self._revision = scene, scene.revision
        return self._index


_latest = _Latest()


def node_index(scene: SceneHost) -> NodeIndex:
    """Give the index for the scene as it is now."""
    return _latest.get(scene)
