"""Copies of the whole scene, or of some nodes, and the way back; implements `ports.SceneCopier`.

Laws of this file:

* Ids stay. A node that is still there is changed in place; one that is gone comes back under its id.
* Nodes that did not change since an earlier copy are shared with it, so a second copy of a scene costs little.
* Slicer's own furniture (views, cameras, layout, built-in colors) is neither copied nor removed. Which volumes the
  slice views show, and which are active, is restored; for some nodes only where added ones are shown, which go.
* Browsers of sequences are silent meanwhile: they would make new nodes for those that they miss for a moment.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.host.hierarchy_copies import (
    ItemRecord,
    record_hierarchy,
    record_places,
    restore_hierarchy,
    restore_places,
)
from AgentBridgeLib.host.memory import available_memory_bytes
from AgentBridgeLib.host.node_copies import NodeCopy, copy_rest, data_bytes
from AgentBridgeLib.host.volume_copies import VolumeCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from AgentBridgeLib.host.scene import SlicerScene

Part = NodeCopy | VolumeCopy
SHARED_FROM_BYTES = 1 << 20
"""Voxels that are so many are shared with the scene while a step runs (`VolumeCopy`)."""
_RESTORED_SINGLETONS = ("vtkMRMLSelectionNode", "vtkMRMLSliceCompositeNode")


@dataclass(frozen=True, slots=True)
class SceneCopy:
    """What was copied; implements `ports.SceneCopy`.

    `hierarchy` is None for a copy of some nodes, which has `places` instead: node id and item of its folder.
    """

    parts: tuple[Part, ...]
    furniture: tuple[NodeCopy, ...]
    hierarchy: tuple[ItemRecord, ...] | None
    revision: int
    places: tuple[tuple[str, int], ...] = ()


class SlicerSceneCopier:
    """Copies and restores Slicer's scene."""

    def __init__(self, scene: SlicerScene) -> None:
        self._scene = scene

    def copy_scene(self, earlier: SceneCopy | None = None) -> SceneCopy:
        """Copy everything but furniture; what is as in `earlier` is shared with it."""
        parts = (*earlier.parts, *earlier.furniture) if earlier else ()
        known = {part.node_id: part for part in parts if isinstance(part, NodeCopy)}
        return SceneCopy(
            tuple(self._copy_node(node, known) for node in self._content()),
            tuple(self._copy_node(node, known) for node in self._shown()),
            tuple(record_hierarchy(self._hierarchy())),
            self._scene.revision,
        )

    def copy_nodes(self, node_ids: Iterable[str], most_bytes: int) -> SceneCopy | None:
        """Copy some nodes with their display nodes; None when that takes more than `most_bytes`, or than there is."""
        nodes = self._some_nodes(node_ids)
        return self._copy_of_some(nodes, [], most_bytes)

    def copy_before_step(self, node_ids: Iterable[str], most_bytes: int) -> SceneCopy | None:
        """Copy some nodes with their display nodes for a step, which `settle` ends; voxels of volumes are shared.

        None when the rest takes more than `most_bytes`, or than there is.
        """
        nodes = self._some_nodes(node_ids)
        shared = [
            node for node in nodes if node.IsA("vtkMRMLVolumeNode") and data_bytes(node) >= SHARED_FROM_BYTES
        ]
        return self._copy_of_some([node for node in nodes if node not in shared], shared, most_bytes)

    def settle(self, copy: SceneCopy) -> str:
        """Make a copy for a step independent of the scene, after the step; gives why it cannot be put back."""
        problems = [part.settle(self._scene.scene.GetNodeByID(part.node_id)) for part in copy.parts]
        return next(filter(None, problems), "")

    def content_bytes(self) -> int:
        """How many bytes the arrays of the scene's nodes take."""
        return sum(data_bytes(node) for node in self._content())

    def restore(self, copy: SceneCopy) -> None:
        """Bring the scene (or the nodes of a copy of some) to the state of a copy.

        Raises
        ------
        StorageFailedError
            A part of the copy was moved to disk and cannot be read; the scene is as it was.
        UndoUnavailableError
            A volume whose voxels were shared is gone, or on another grid; the scene is as it was.
        """
        for part in copy.parts:
            part.check(self._scene.scene.GetNodeByID(part.node_id))
        with slicer.util.RenderBlocker(), self._batch(), self._silent_browsers():
            if copy.hierarchy is not None:
                self._remove_others({part.node_id for part in copy.parts})
            restored = [self._put_back(part) for part in _referenced_first(copy.parts)]
            for part in copy.parts:
                # It forgets which segments are hidden when those come anew, and its revision does not tell.
                if part.node.IsA("vtkMRMLSegmentationDisplayNode"):
                    part.put_back(self._scene.scene.GetNodeByID(part.node_id))
            _connect(restored)
            if copy.hierarchy is not None:
                _connect([self._put_back(part) for part in copy.furniture])
                restore_hierarchy(self._hierarchy(), copy.hierarchy, self._scene.scene)
            restore_places(self._hierarchy(), copy.places, self._scene.scene)

    def remove_nodes(self, node_ids: Sequence[str], copy: SceneCopy) -> None:
        """Remove nodes that are still there, latest first; what views showed in their place is as in a copy again."""
        showing = {node.GetID() for node in self._shown() if not _refers_to(node).isdisjoint(node_ids)}
        with self._silent_browsers():
            for node_id in reversed(node_ids):
                node = self._scene.scene.GetNodeByID(node_id)
                if node is not None and _is_content(node):
                    self._scene.forget_node(node)
        _connect([self._put_back(part) for part in copy.furniture if part.node_id in showing])

    def _some_nodes(self, node_ids: Iterable[str]) -> list[Any]:
        nodes = [self._scene.scene.GetNodeByID(node_id) for node_id in node_ids]
        nodes = [node for node in nodes if node is not None and _is_content(node)]
        nodes += [other for node in nodes for other in self._browsing(node)]
        nodes += [display for node in nodes for display in _displays(node)]
        return list({node.GetID(): node for node in nodes}.values())

    def _copy_of_some(self, nodes: list[Any], shared: list[Any], most_bytes: int) -> SceneCopy | None:
        available = available_memory_bytes()
        room = most_bytes if available is None else min(most_bytes, available)
        if sum(data_bytes(node) for node in nodes) > room:
            return None
        parts: list[Part] = [VolumeCopy(node) for node in shared]
        parts += [self._copy_node(node, {}) for node in nodes]
        places = record_places(self._hierarchy(), [*shared, *nodes])
        furniture = tuple(self._copy_node(node, {}) for node in self._shown())
        return SceneCopy(tuple(parts), furniture, None, self._scene.revision, places)

    def _browsing(self, node: Any) -> list[Any]:
        """Give the browsers of a sequence, and the nodes that show its item and those beside it."""
        if not node.IsA("vtkMRMLSequenceNode"):
            return []
        browsers = [browser for browser in self._browsers() if node.GetID() in _refers_to(browser)]
        shown = vtk.vtkCollection()
        for browser in browsers:
            browser.GetAllProxyNodes(shown)
        return [*browsers, *(shown.GetItemAsObject(index) for index in range(shown.GetNumberOfItems()))]

    def _browsers(self) -> list[Any]:
        return [node for node in self._nodes() if node.IsA("vtkMRMLSequenceBrowserNode")]

    def _copy_node(self, node: Any, known: dict[str, NodeCopy]) -> NodeCopy:
        revision = self._scene.node_revision(node.GetID())
        earlier = known.get(node.GetID())
        if earlier is not None and earlier.is_equal(node, revision):
            return earlier
        return NodeCopy(node, revision)

    def _put_back(self, part: Part) -> Any:
        """Make one node what it was; None when nothing had to be done."""
        node = self._scene.scene.GetNodeByID(part.node_id)
        if node is not None and node.GetClassName() == part.class_name:
            if part.is_equal(node, self._scene.node_revision(part.node_id)):
                return None
            part.put_back(node)
            return node
        if node is not None:
            self._scene.scene.RemoveNode(node)
        fresh = part.node.NewInstance()
        fresh.CopyWithScene(part.node)  # takes over the id, which AddNode keeps while it is free
        copy_rest(fresh, part.node)
        return self._scene.scene.AddNode(fresh)

    def _remove_others(self, wanted: set[str]) -> None:
        for node in [node for node in self._content() if node.GetID() not in wanted][::-1]:
            if self._scene.scene.IsNodePresent(node):
                self._scene.scene.RemoveNode(node)

    def _content(self) -> list[Any]:
        return [node for node in self._nodes() if _is_content(node)]

    def _shown(self) -> list[Any]:
        return [node for node in self._nodes() if any(node.IsA(name) for name in _RESTORED_SINGLETONS)]

    def _nodes(self) -> Iterator[Any]:
        scene = self._scene.scene
        return (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))

    def _hierarchy(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene.scene)

    @contextmanager
    def _silent_browsers(self) -> Iterator[None]:
        states = [(browser, browser.StartModify()) for browser in self._browsers()]
        try:
            yield
        finally:
            for browser, was_modifying in states:
                browser.EndModify(was_modifying)

    @contextmanager
    def _batch(self) -> Iterator[None]:
        scene = self._scene.scene
        scene.StartState(scene.BatchProcessState)
        try:
            yield
        finally:
            scene.EndState(scene.BatchProcessState)


def _is_content(node: Any) -> bool:
    return not (
        node.GetSingletonTag()
        or not node.GetSaveWithScene()
        or node.IsA("vtkMRMLSubjectHierarchyNode")
        or node.IsA("vtkMRMLAbstractViewNode")
        or node.IsA("vtkMRMLCameraNode")
    )


def _displays(node: Any) -> list[Any]:
    if not node.IsA("vtkMRMLDisplayableNode"):
        return []
    return [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]


def _references(node: Any) -> Iterator[tuple[str, int, str]]:
    for number in range(node.GetNumberOfNodeReferenceRoles()):
        role = node.GetNthNodeReferenceRole(number)
        for index in range(node.GetNumberOfNodeReferences(role)):
            yield role, index, node.GetNthNodeReferenceID(role, index) or ""


def _refers_to(node: Any) -> set[str]:
    return {other for _, _, other in _references(node)}


def _connect(nodes: Iterable[Any]) -> None:
    """Connect nodes that came back (None: nothing had to be done) with what they refer to."""
    for node in filter(None, nodes):
        _resolve_references(node)
        _connect_voxels(node)


def _resolve_references(node: Any) -> None:
    """Connect references whose node came back after this one (`vtkMRMLNode::GetNthNodeReference` does it)."""
    for role, index, _ in list(_references(node)):
        node.GetNthNodeReference(role, index)


def _connect_voxels(node: Any) -> None:
    """Connect a volume's display node to the voxels of now; copies have no connection."""
    volume = node.GetDisplayableNode() if node.IsA("vtkMRMLVolumeDisplayNode") else None
    if volume is not None and volume.IsA("vtkMRMLVolumeNode"):
        node.SetInputImageDataConnection(volume.GetImageDataConnection())


def _referenced_first(parts: Sequence[Part]) -> list[Part]:
    """Order parts so that what a node refers to comes before it, as far as there are no circles."""
    by_id = {part.node_id: part for part in parts}
    ordered: dict[str, Part] = {}
    for part in parts:
        waiting, entered = [part], set()
        while waiting:
            top = waiting[-1]
            missing = [
                by_id[other]
                for _, _, other in _references(top.node)
                if other in by_id and other not in ordered and other not in entered
            ]
            entered.add(top.node_id)
            if missing:
                waiting += missing
            else:
                ordered.setdefault(waiting.pop().node_id, top)
    return list(ordered.values())
