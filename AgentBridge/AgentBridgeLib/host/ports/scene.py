"""What the bridge needs of the MRML scene: nodes, revision, patients, copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Subscription(Protocol):
    """An observation that can be ended."""

    def cancel(self) -> None:
        """Stop observing. Safe to repeat."""


class SceneHost(Protocol):
    """The MRML scene, its revision and its module logics."""

    @property
    def scene(self) -> Any:
        """Slicer's one `vtkMRMLScene`."""

    @property
    def application_logic(self) -> Any:
        """`vtkMRMLApplicationLogic` (selection, interaction, propagation to views)."""

    @property
    def revision(self) -> int:
        """Number that moves with every change of the scene or of any node in it, whoever makes it."""

    def note_change(self) -> None:
        """Count a change that belongs to no node, such as a checkpoint."""

    def node_revision(self, node_id: str) -> int:
        """Scene revision at which this node last changed. Unknown ids have 0."""

    def changed_since(self, revision: int) -> Sequence[str]:
        """Give the ids of nodes that came or changed after `revision` and are still there, latest first."""

    def node(self, node_id: str, *class_names: str) -> Any:
        """Find a node by id.

        Raises
        ------
        NodeNotFoundError
            No node has this id; names are no ids.
        NodeTypeError
            The node is of none of `class_names` (`IsA`).
        """

    def logic(self, module_name: str) -> Any:
        """Give a module's logic, such as ``Volumes``.

        Raises
        ------
        FeatureMissingError
            This Slicer has no such module.
        """

    def subscribe(self, on_change: Callable[[SceneChange], None]) -> Subscription:
        """Report nodes added, removed and modified (coalesced to one report per node and turn), and clearing."""

    def record_additions(self) -> AdditionRecord:
        """Begin to note which nodes are added, until `stop`; used to undo a failed step."""

    def forget_node(self, node: Any) -> None:
        """Remove a node with the display and storage nodes that only it uses."""

    def identifiers(self) -> Mapping[str, str]:
        """Patient-identifying texts now in the scene: value to kind (DICOM keyword).

        From the subject hierarchy's patient and study items and from node attributes beginning with ``DICOM.``.
        """

    def patient(self, node_id: str) -> Patient | None:
        """Whose data a node is; None when nothing says so, or there is no such node."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose data a node is. `key` tells patients apart (patient id, else name); `label` is for the person only."""

    key: str
    label: str


class SceneChange(Protocol):
    """One change, as it is reported to clients."""

    kind: Literal["node_added", "node_removed", "node_modified", "cleared"]
    node_id: str | None
    class_name: str | None
    revision: int


class AdditionRecord(Protocol):
    """The nodes that came into the scene while it was running."""

    def so_far(self) -> Sequence[str]:
        """Give the ids of the nodes recorded until now that are still there, oldest first."""

    def stop(self) -> Sequence[str]:
        """End the record; give the ids of the recorded nodes that are still there, oldest first."""


class NodeCopyPart(Protocol):
    """A copy of one node, in memory or on disk."""

    @property
    def memory_bytes(self) -> int:
        """What it takes in memory now."""

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk now."""

    def move_to_disk(self, folder: str) -> int:
        """Write its large arrays to files and free their memory; gives the bytes that were freed.

        Raises
        ------
        StorageFailedError
            The disk is full.
        """

    def drop(self) -> None:
        """Remove its files."""


class SceneCopy(Protocol):
    """The scene, or some of its nodes, as they were."""

    @property
    def parts(self) -> Sequence[NodeCopyPart]:
        """Copies of nodes; those that did not change are shared between copies of the scene."""


class SceneCopier(Protocol):
    """Copies the scene with all data, and brings it back; ids of nodes stay, views stay."""

    def copy_scene(self, earlier: Any = None) -> SceneCopy:
        """Copy everything; what is as in `earlier` is shared with it."""

    def copy_nodes(self, node_ids: Sequence[str], most_bytes: int) -> SceneCopy | None:
        """Copy some nodes with their display nodes; None when that takes more than `most_bytes`, or than there is."""

    def copy_before_step(self, node_ids: Sequence[str], most_bytes: int) -> SceneCopy | None:
        """Copy some nodes with their display nodes for a step, which `settle` ends; voxels of volumes are shared.

        None when the rest takes more than `most_bytes`, or than there is.
        """

    def settle(self, copy: Any) -> str:
        """Make a copy for a step independent of the scene, after the step; gives why it cannot be put back."""

    def content_bytes(self) -> int:
        """How many bytes the arrays of the scene's nodes take."""

    def restore(self, copy: Any) -> None:
        """Bring the scene (or the nodes of a copy of some) to the state of a copy.

        Raises
        ------
        StorageFailedError
            A part of the copy cannot be read back from disk; the scene is as it was.
        UndoUnavailableError
            A volume whose voxels were shared is gone, or on another grid; the scene is as it was.
        """

    def remove_nodes(self, node_ids: Sequence[str], copy: Any) -> None:
        """Remove nodes that are still there; what views showed in their place is as in a copy again."""
