"""The MRML scene as the bridge sees it: nodes by id, revision, module logics; implements `ports.SceneHost`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import slicer.util

from AgentBridgeLib.errors import FeatureMissingError, NodeNotFoundError, NodeTypeError
from AgentBridgeLib.host.additions import AdditionObserver
from AgentBridgeLib.host.identifiers import IdentifierCollector
from AgentBridgeLib.host.patients import patient_of
from AgentBridgeLib.host.revision import SceneTracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.scene import Patient, SceneChange, Subscription


MOST_HINTS = 3


class SlicerScene:
    """Slicer's one scene.

    Parameters
    ----------
    loop
        Delivers reports of changes.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._scene = slicer.mrmlScene
        self._tracker = SceneTracker(self._scene, loop)
        self._identifiers = IdentifierCollector(self._scene, self._tracker)

    @property
    def scene(self) -> Any:
        """Slicer's one `vtkMRMLScene`."""
        return self._scene

    @property
    def application_logic(self) -> Any:
        """`vtkMRMLApplicationLogic` (selection, interaction, propagation to views)."""
        return slicer.app.applicationLogic()

    @property
    def revision(self) -> int:
        """Number that moves with every change of the scene or of any node in it, whoever makes it."""
        return self._tracker.revision

    def node_revision(self, node_id: str) -> int:
        """Scene revision at which this node last changed. Unknown ids have 0."""
        return self._tracker.node_revision(node_id)

    def note_change(self) -> None:
        """Count a change that belongs to no node, such as a checkpoint."""
        self._tracker.note_change()

    def changed_since(self, revision: int) -> list[str]:
        """Give the ids of nodes that came or changed after `revision` and are still there, latest first."""
        return self._tracker.changed_since(revision)

    def held(self) -> AbstractContextManager[None]:
        """Do not count changes meanwhile: for work inside `host` that leaves the scene as it was."""
        return self._tracker.held()

    def node(self, node_id: str, *class_names: str) -> Any:
        """Find a node by id.

        Raises
        ------
        NodeNotFoundError
            No node has this id; names are no ids.
        NodeTypeError
            The node is of none of `class_names` (`IsA`).
        """
        node = self._scene.GetNodeByID(node_id) if node_id else None
        if node is None:
            raise NodeNotFoundError(f"No node has the id {node_id!r}. {self._hint(node_id)}")
        if class_names and not any(node.IsA(name) for name in class_names):
            wanted = " or ".join(class_names)
            raise NodeTypeError(f"{node_id} is a {node.GetClassName()}; this needs a {wanted}.")
        return node

    def _hint(self, said: str) -> str:
        """Say what may have been meant: names are no ids, but people take them for such."""
        named = self._scene.GetNodesByName(said) if said else None
        ids = (
            [named.GetItemAsObject(index).GetID() for index in range(named.GetNumberOfItems())]
            if named
            else []
        )
        if not ids:
            return "Ids look like vtkMRMLScalarVolumeNode1; list the nodes to see them."
        more = f" and {len(ids) - MOST_HINTS} more" if len(ids) > MOST_HINTS else ""
        return f"It is the name of {', '.join(ids[:MOST_HINTS])}{more}: give the id."

    def logic(self, module_name: str) -> Any:
        """Give a module's logic, such as ``Volumes``.

        Raises
        ------
        FeatureMissingError
            This Slicer has no such module.
        """
        try:
            return slicer.util.getModuleLogic(module_name)
        except RuntimeError as error:
            raise FeatureMissingError(f"This Slicer has no module {module_name} with a logic.") from error

    def subscribe(self, on_change: Callable[[SceneChange], None]) -> Subscription:
        """Report nodes added, removed and modified (coalesced to one report per node and turn), and clearing."""
        return self._tracker.subscribe(on_change)

    def record_additions(self) -> AdditionObserver:
        """Begin to note which nodes are added, until `stop`; used to undo a failed step."""
        return AdditionObserver(self._scene)

    def forget_node(self, node: Any) -> None:
        """Remove a node with the display and storage nodes that only it uses."""
        companions = list(_companions(node))
        self._scene.RemoveNode(node)
        for companion in companions:
            if self._scene.IsNodePresent(companion) and _user_of(companion) is None:
                self._scene.RemoveNode(companion)

    def identifiers(self) -> Mapping[str, str]:
        """Patient-identifying texts now in the scene: value to kind (DICOM keyword)."""
        return self._identifiers.collect()

    def patient(self, node_id: str) -> Patient | None:
        """Whose data a node is; None when nothing says so, or there is no such node."""
        node = self._scene.GetNodeByID(node_id) if node_id else None
        return None if node is None else patient_of(self._scene, node)

    def close(self) -> None:
        """Remove every observer."""
        self._identifiers.close()
        self._tracker.close()


def _companions(node: Any) -> Iterator[Any]:
    if node.IsA("vtkMRMLDisplayableNode"):
        for index in range(node.GetNumberOfDisplayNodes()):
            yield node.GetNthDisplayNode(index)
    if node.IsA("vtkMRMLStorableNode"):
        for index in range(node.GetNumberOfStorageNodes()):
            yield node.GetNthStorageNode(index)


def _user_of(companion: Any) -> Any:
    """Find another node that uses a display or storage node."""
    return (
        companion.GetDisplayableNode() if companion.IsA("vtkMRMLDisplayNode") else companion.GetStorableNode()
    )
