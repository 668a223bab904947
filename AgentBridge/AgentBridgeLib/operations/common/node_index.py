"""What all nodes are called, read once and kept up to date.

Ten thousand nodes take VTK's wrappers some 25 ms to walk over; a page of a list may take 3. So after a change only the
changed nodes are read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.host.ports.scene import SceneHost


class NodeEntry(NamedTuple):
    """One node as lists need it. No reference to the node: removed nodes must be able to go."""

    id: str
    name: str
    class_name: str
    is_hidden: bool


class NodeIndex:
    """The nodes of one scene, in the scene's order, brought up to date by what has changed.

    Parameters
    ----------
    scene
        The host's scene.
    """

    def __init__(self, scene: SceneHost) -> None:
        self._host = scene
        self._kinds: dict[tuple[str, str], bool] = {}
        self._revision = -1
        self._entries: list[NodeEntry] = []
        self._positions: dict[str, int] = {}
        self.selections: dict[object, Sequence[NodeEntry]] = {}
        self._read_all()

    @property
    def entries(self) -> Sequence[NodeEntry]:
        """All nodes."""
        return self._entries

    def belongs_to(self, scene: SceneHost) -> bool:
        """Whether it was made for this scene."""
        return self._host is scene

    def update(self) -> None:
        """Read what has changed since the last time; everything when nodes have gone."""
        if self._revision == self._host.revision:
            return
        scene = self._host.scene
        for node_id in reversed(self._host.changed_since(self._revision)):
            node = scene.GetNodeByID(node_id)
            if node is not None:
                self._put(_entry(node))
        self._revision = self._host.revision
        self.selections.clear()
        if len(self._entries) != scene.GetNumberOfNodes():
            self._read_all()

    def _read_all(self) -> None:
        self._revision = self._host.revision
        self._entries = [_entry(node) for node in self._host.scene.GetNodes()]
        self._positions = {entry.id: position for position, entry in enumerate(self._entries)}
        self.selections.clear()

    def _put(self, entry: NodeEntry) -> None:
        position = self._positions.setdefault(entry.id, len(self._entries))
        if position == len(self._entries):
            self._entries.append(entry)
        else:
            self._entries[position] = entry

    def is_a(self, entry: NodeEntry, class_name: str) -> bool:
        """Whether the node is of this class or derived from it."""
        key = (entry.class_name, class_name)
        if key not in self._kinds:
            node = self._host.scene.GetNodeByID(entry.id)
            self._kinds[key] = node is not None and bool(node.IsA(class_name))
        return self._kinds[key]

    def of_class(self, class_name: str, *, with_hidden: bool = False) -> Sequence[NodeEntry]:
        """Give the nodes of a class or derived from it."""
        key = (class_name, with_hidden)
        if key not in self.selections:
            samples = {entry.class_name: entry for entry in self._entries}
            kinds = {name for name, sample in samples.items() if self.is_a(sample, class_name)}
            self.selections[key] = [
                entry
                for entry in self._entries
                if entry.class_name in kinds and (with_hidden or not entry.is_hidden)
            ]
        return self.selections[key]


def _entry(node: Any) -> NodeEntry:
    return NodeEntry(node.GetID(), node.GetName() or "", node.GetClassName(), bool(node.GetHideFromEditors()))


_latest: list[NodeIndex] = []


def node_index(scene: SceneHost) -> NodeIndex:
    """Give the index for the scene as it is now; the one made last is kept, since one scene is open at a time."""
    if not _latest or not _latest[0].belongs_to(scene):
        _latest[:] = [NodeIndex(scene)]
    _latest[0].update()
    return _latest[0]
