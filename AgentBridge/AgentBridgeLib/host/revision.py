"""The scene's revision: a number that moves with every change, whoever makes it.

Modification times of nodes miss new points, labels, matrices and segments, so one observer per node listens to any
event. Laws of this file:

* Only ids are kept. A Python reference to a node would keep it alive after its removal.
* An observer does a few dictionary operations and nothing else; reports leave in the next turn of the loop, at most
  one per node.
* Without subscribers nothing is collected, and without changes nothing runs.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from AgentBridgeLib.host.observers import caller_observer, node_observer, observe_everything
from AgentBridgeLib.host.qtcompat import run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.scene import SceneChange


@dataclass(slots=True)
class Change:
    """One reported change of the scene."""

    kind: Literal["node_added", "node_removed", "node_modified", "cleared"]
    node_id: str | None
    class_name: str | None
    revision: int


class ChangeSubscription:
    """Interest in changes; ends with `cancel`."""

    def __init__(self, members: list[ChangeSubscription], on_change: Callable[[SceneChange], None]) -> None:
        self._members = members
        self._on_change = on_change
        members.append(self)

    def deliver(self, change: Change) -> None:
        """Tell the subscriber; what it raises is logged and stays here."""
        run_guarded(partial(self._on_change, change))

    def cancel(self) -> None:
        """Stop observing. Safe to repeat."""
        if self in self._members:
            self._members.remove(self)


class SceneTracker:
    """Counts the changes of one scene and reports them.

    Parameters
    ----------
    scene
        Observed until `close`.
    loop
        Delivers the reports in its next turn.
    """

    def __init__(self, scene: Any, loop: EventLoop) -> None:
        self._scene = scene
        self._loop = loop
        self._revision = 1
        self._holds = 0
        self._tags: dict[str, tuple[int, ...]] = {}
        self._revisions: dict[str, int] = {}  # oldest change first
        self._subscriptions: list[ChangeSubscription] = []
        self._pending = PendingChanges()
        self._flush_scheduled = False
        self._on_node_event = caller_observer(self._on_node)
        self._scene_tags = [
            scene.AddObserver(scene.NodeAddedEvent, node_observer(self._on_added)),
            scene.AddObserver(scene.NodeRemovedEvent, node_observer(self._on_removed)),
            scene.AddObserver(scene.EndCloseEvent, caller_observer(self._on_closed)),
            scene.AddObserver(scene.EndImportEvent, caller_observer(self._on_imported)),
        ]
        for index in range(scene.GetNumberOfNodes()):
            self._watch(scene.GetNthNode(index))

    @property
    def revision(self) -> int:
        """Number of the last change."""
        return self._revision

    def node_revision(self, node_id: str) -> int:
        """Revision at which this node last changed; 0 for an unknown id."""
        return self._revisions.get(node_id, 0)

    def note_change(self) -> None:
        """Count a change that belongs to no node."""
        self._revision += 1

    def changed_since(self, revision: int) -> list[str]:
        """Give the ids of the nodes that changed after `revision`, latest first. Costs as much as it gives."""
        changed = []
        for node_id, node_revision in reversed(self._revisions.items()):
            if node_revision <= revision:
                break
            changed.append(node_id)
        return changed

    def node_ids(self) -> Iterator[str]:
        """Walk over the ids of all observed nodes."""
        return iter(self._tags)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not count changes meanwhile: for work that leaves the scene as it was, such as taking a picture."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def subscribe(self, on_change: Callable[[SceneChange], None]) -> ChangeSubscription:
        """Report changes from now on, in later turns of the loop."""
        return ChangeSubscription(self._subscriptions, on_change)

    def close(self) -> None:
        """Remove every observer. Safe to repeat."""
        for tag in self._scene_tags:
            self._scene.RemoveObserver(tag)
        for node_id, tags in self._tags.items():
            node = self._scene.GetNodeByID(node_id)
            if node is not None:
                _remove_observers(node, tags)
        self._scene_tags.clear()
        self._tags.clear()
        self._subscriptions.clear()

    def _watch(self, node: Any) -> None:
        node_id = node.GetID()
        if node_id in self._tags:
            return
        if node.IsA("vtkMRMLCrosshairNode"):
            # It follows the mouse; only its settings are content, and they come as ModifiedEvent.
            self._tags[node_id] = (node.AddObserver("ModifiedEvent", self._on_node_event),)
        else:
            self._tags[node_id] = observe_everything(node, self._on_node_event)
        self._revisions[node_id] = self._revision

    def _on_node(self, node: Any) -> None:
        if self._holds:
            return
        node_id = node.GetID()
        if node_id in self._tags:
            self._move(node_id)
            if self._subscriptions:
                self._pending.note_modified(node_id)
                self._schedule()

    def _on_added(self, node: Any) -> None:
        self._watch(node)
        if self._holds:
            return
        self._move(node.GetID())
        if self._subscriptions:
            self._pending.note_added(node.GetID())
            self._schedule()

    def _on_removed(self, node: Any) -> None:
        node_id = node.GetID()
        _remove_observers(node, self._tags.pop(node_id, ()))
        self._revisions.pop(node_id, None)
        if self._holds:
            return
        self._revision += 1
        if self._subscriptions and not self._scene.IsClosing():
            self._pending.note_removed(node_id, node.GetClassName(), self._revision)
            self._schedule()

    def _on_closed(self, _scene: Any) -> None:
        self._revision += 1
        if self._subscriptions:
            self._pending.note_cleared(self._revision)
            self._schedule()

    def _on_imported(self, _scene: Any) -> None:
        self._revision += 1

    def _move(self, node_id: str) -> None:
        self._revision += 1
        self._revisions.pop(node_id, None)  # back in at the end: the dictionary stays ordered by change
        self._revisions[node_id] = self._revision

    def _schedule(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_later(0, self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        pending, self._pending = self._pending, PendingChanges()
        changes = list(pending.reports(self._describe))
        for subscription in tuple(self._subscriptions):
            for change in changes:
                subscription.deliver(change)

    def _describe(self, kind: Literal["node_added", "node_modified"], node_id: str) -> Change | None:
        node = self._scene.GetNodeByID(node_id)
        return Change(kind, node_id, node.GetClassName(), self.node_revision(node_id)) if node else None


def _remove_observers(node: Any, tags: tuple[int, ...]) -> None:
    for tag in tags:
        node.RemoveObserver(tag)


class PendingChanges:
    """Changes of one turn of the loop, at most one of a kind per node.

    Removals precede additions, so an id that was freed and taken again is reported in that order. A node that came and
    went within the turn is not reported.
    """

    def __init__(self) -> None:
        self._cleared: Change | None = None
        self._removed: dict[str, Change] = {}
        self._added: dict[str, None] = {}
        self._modified: dict[str, None] = {}

    def note_added(self, node_id: str) -> None:
        """A node came."""
        self._added[node_id] = None

    def note_modified(self, node_id: str) -> None:
        """A node changed; said by its addition when that is not reported yet."""
        if node_id not in self._added:
            self._modified[node_id] = None

    def note_removed(self, node_id: str, class_name: str, revision: int) -> None:
        """A node went."""
        self._modified.pop(node_id, None)
        if node_id in self._added:
            del self._added[node_id]
        else:
            self._removed[node_id] = Change("node_removed", node_id, class_name, revision)

    def note_cleared(self, revision: int) -> None:
        """All went; what was noted before is of no interest any more."""
        for noted in (self._removed, self._added, self._modified):
            noted.clear()
        self._cleared = Change("cleared", None, None, revision)

    def reports(
        self, describe: Callable[[Literal["node_added", "node_modified"], str], Change | None]
    ) -> Iterator[Change]:
        """Give the changes in a sensible order; `describe` knows the nodes that are still there."""
        if self._cleared:
            yield self._cleared
        yield from self._removed.values()
        for change in (describe("node_added", node_id) for node_id in self._added):
            if change:
                yield change
        for change in (describe("node_modified", node_id) for node_id in self._modified):
            if change:
                yield change
