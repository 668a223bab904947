"""States of the scene to go back to: made on request and before destructive steps, and the agent's last steps.

Rules of this file:

* Checkpoints are kept in memory up to one budget, then on disk up to another; then automatic ones go, oldest first.
  What was made on request is never dropped for an automatic one.
* Before a call that may destroy something the whole scene is copied; what did not change since the last checkpoint is
  shared with it. Before other calls, and before an upload that replaces data, only the nodes that they name are
  copied. The voxels of volumes are not copied then but shared, and kept when the call has put others in their place.
* What steps keep has its own share of the memory; the oldest goes first, and the newest only if it alone is too large.
  A call that cannot be undone says so in its answer.
* Going back is itself preceded by a checkpoint.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.steps import Step, Steps
from AgentBridgeLib.errors import (
    BridgeError,
    CheckpointUnknownError,
    OutOfMemoryError,
    UndoUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from AgentBridgeLib.host.ports.scene import NodeCopyPart, SceneCopier, SceneCopy, SceneHost
    from AgentBridgeLib.registry.operation import Mark

MIB = 1 << 20
_DESTROYS_IN_SCENE = frozenset(
    {"scene.edit", "scene.delete", "files.read", "modules.run", "network", "python.execute"}
)


@dataclass(frozen=True, slots=True)
class CheckpointLimits:
    """Budgets.

    Attributes
    ----------
    memory_bytes
        Of checkpoints and steps together.
    small_bytes
        What may be copied before a call that destroys nothing.
    step_bytes
        What all steps but the newest may keep.
    """

    memory_bytes: int = 1024 * MIB
    disk_bytes: int = 8192 * MIB
    automatic_count: int = 20
    requested_count: int = 50
    small_bytes: int = 128 * MIB
    step_bytes: int = 512 * MIB
    step_count: int = 50


@dataclass(slots=True)
class Checkpoint:
    """A state to go back to."""

    id: str
    label: str
    is_automatic: bool
    created_at: float
    copy: SceneCopy

    @property
    def node_count(self) -> int:
        """How many nodes it has."""
        return len(self.copy.parts)


class Checkpoints:
    """All checkpoints, and the steps that can be undone.

    Parameters
    ----------
    folder
        Gives the folder that copies are moved to; made on first use, removed by its owner.
    wall_clock
        Seconds since 1970.
    """

    def __init__(
        self,
        copier: SceneCopier,
        scene: SceneHost,
        folder: Callable[[], str],
        wall_clock: Callable[[], float],
        limits: CheckpointLimits | None = None,
    ) -> None:
        self._copier = copier
        self._scene = scene
        self._folder = folder
        self._wall_clock = wall_clock
        self.limits = limits or CheckpointLimits()
        self._numbers = itertools.count(1)
        self._kept: dict[str, Checkpoint] = {}
        self._steps = Steps(self.limits.step_count, self.limits.step_bytes, self.limits.memory_bytes)

    def __iter__(self) -> Iterator[Checkpoint]:
        """Oldest first."""
        return iter(self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def last_step(self) -> Step | None:
        """The step that `undo` takes back; None when there is none."""
        return self._steps.last

    @property
    def memory_bytes(self) -> int:
        """What all checkpoints and steps take in memory; what checkpoints share counts once."""
        return sum(part.memory_bytes for part in self._parts()) + self._steps.memory_bytes

    @property
    def disk_bytes(self) -> int:
        """What all checkpoints take on disk."""
        return sum(part.disk_bytes for part in self._parts())

    def get(self, checkpoint_id: str) -> Checkpoint:
        """Find a checkpoint.

        Raises
        ------
        CheckpointUnknownError
            There is none of this id, or it made room for newer ones.
        """
        found = self._kept.get(checkpoint_id)
        if found is None:
            raise CheckpointUnknownError(
                f"There is no checkpoint '{checkpoint_id}'. GET /agent/v1/checkpoints lists those there are; "
                "automatic ones make room for newer ones."
            )
        return found

    def create(self, label: str, *, is_automatic: bool = False) -> Checkpoint:
        """Copy the scene.

        Raises
        ------
        OutOfMemoryError
            The scene is larger than both budgets, or too many checkpoints were made on request.
        StorageFailedError
            The disk is full.
        """
        self._check_room(is_automatic=is_automatic)
        latest = next(reversed(self._kept.values()), None)
        copy = self._copier.copy_scene(latest.copy if latest else None)
        number = next(self._numbers)
        made = Checkpoint(f"cp{number}", label, is_automatic, self._wall_clock(), copy)
        self._kept[made.id] = made
        try:
            self._keep_within_budget(made)
        except BridgeError:
            self._kept.pop(made.id, None)
            self._release(made)
            raise
        if not is_automatic:
            self._scene.note_change()
        return made

    def restore(self, checkpoint_id: str) -> Checkpoint:
        """Bring the scene to the state of a checkpoint; gives the checkpoint of the state before."""
        wanted = self.get(checkpoint_id)
        before = self.create(f"before going back to {checkpoint_id}", is_automatic=True)
        self._kept.setdefault(wanted.id, wanted)  # it may just have made room for the one before
        self._copier.restore(wanted.copy)
        self._keep_within_budget(before)
        return before

    def delete(self, checkpoint_id: str) -> None:
        """Forget a checkpoint."""
        self._drop(self.get(checkpoint_id))
        self._scene.note_change()

    def begin_step(self, mark: Mark, capabilities: Sequence[str], nodes: Sequence[str]) -> Step | None:
        """Copy what a call may destroy; None when the call does not concern the scene."""
        if mark.read_only or mark.name in _GOES_BACK or not _DESTROYS_IN_SCENE.intersection(capabilities):
            return None
        step = Step(mark.name, self._wall_clock(), self._scene.revision)
        if (mark.destructive and not mark.binary_body) or "scene.delete" in capabilities:
            step.checkpoint_id = self._automatic(mark.name)
            step.problem = "" if step.checkpoint_id else "the scene did not fit into a checkpoint"
            return step
        most_bytes = self.limits.memory_bytes if mark.destructive else self.limits.small_bytes
        step.targets = self._copier.copy_before_step(nodes, most_bytes)
        step.problem = "" if step.targets else f"what it names takes more than {most_bytes // MIB} MiB"
        return step

    def end_step(self, step: Step | None, added: Sequence[str]) -> str:
        """Remember a call that succeeded and changed the scene; gives why it cannot be undone, or nothing."""
        if step is None:
            return ""
        if step.revision == self._scene.revision:
            self.drop_step(step)
            return ""
        step.added = tuple(added)
        if step.targets is not None:
            problem = self._copier.settle(step.targets)
            if problem:
                step.forget(problem)
        self._steps.add(step)
        self._make_room_for(step)
        self._scene.note_change()
        return step.problem

    def drop_step(self, step: Step | None) -> None:
        """Forget what was copied before a call that failed and left the scene as it was."""
        if step is not None and step.checkpoint_id in self._kept:
            self._drop(self._kept[step.checkpoint_id])
        if step is not None:
            step.forget("it failed")

    def undo(self) -> tuple[Step, Checkpoint]:
        """Take back the last step; gives it and the checkpoint of the state before.

        Raises
        ------
        UndoUnavailableError
            There is no step, or what it changed was too large to be copied, or its checkpoint is gone.
        """
        step = self.last_step
        if step is None:
            raise UndoUnavailableError("No step of an agent can be undone: none has changed the scene yet.")
        problem = self.problem_of(step)
        if problem:
            raise UndoUnavailableError(
                f"The last step, {step.operation}, cannot be undone: {problem}. Checkpoints that are still there can "
                "be restored."
            )
        self._steps.take_last()  # what it keeps must not make room for the state before
        try:
            before = self._take_back(step)
        except BaseException:
            self._steps.put_last(step)
            raise
        step.forget("it was undone")
        return step, before

    def problem_of(self, step: Step) -> str:
        """Say why a step cannot be undone; empty when it can."""
        if step.problem or step.targets is not None or step.checkpoint_id in self._kept:
            return step.problem
        return "its checkpoint made room for newer ones"

    def close(self) -> None:
        """Forget all, files too."""
        for checkpoint in list(self._kept.values()):
            self._drop(checkpoint)
        self._steps.clear()

    def _take_back(self, step: Step) -> Checkpoint:
        state = self._kept.get(step.checkpoint_id or "")
        before = self.create(f"before undoing {step.operation}", is_automatic=True)
        try:
            if state is not None:
                self._copier.restore(state.copy)
            elif step.targets is not None:
                self._copier.restore(step.targets)
                self._copier.remove_nodes(step.added, step.targets)
        except BridgeError:
            self._drop(before)
            raise
        return before

    def _make_room_for(self, step: Step) -> None:
        """Move checkpoints to disk for what a step keeps; without room on the disk it keeps nothing."""
        try:
            self._move_to_disk()
        except BridgeError:
            step.forget("the disk is full")
        if self.memory_bytes > self.limits.memory_bytes:
            step.forget("the checkpoints leave no room for what it changed")

    def _drop(self, checkpoint: Checkpoint) -> None:
        del self._kept[checkpoint.id]
        self._release(checkpoint)

    def _automatic(self, operation: str) -> str | None:
        try:
            return self.create(f"before {operation}", is_automatic=True).id
        except BridgeError:  # too large, or the disk is full: the call itself may still go on
            return None

    def _check_room(self, *, is_automatic: bool) -> None:
        requested = sum(not checkpoint.is_automatic for checkpoint in self)
        if not is_automatic and requested >= self.limits.requested_count:
            raise OutOfMemoryError(f"There are {requested} checkpoints made on request already: delete some.")
        room = self.limits.memory_bytes + self.limits.disk_bytes
        if self._copier.content_bytes() > room:
            raise OutOfMemoryError(f"The scene is larger than what checkpoints may take ({room // MIB} MiB).")

    def _keep_within_budget(self, newest: Checkpoint) -> None:
        automatic = [
            checkpoint for checkpoint in self if checkpoint.is_automatic and checkpoint is not newest
        ]
        surplus = max(0, len(automatic) + 1 - self.limits.automatic_count)
        for checkpoint in automatic[:surplus]:
            self._drop(checkpoint)
        self._move_to_disk()
        for checkpoint in automatic[surplus:]:
            if self.memory_bytes <= self.limits.memory_bytes and self.disk_bytes <= self.limits.disk_bytes:
                return
            self._drop(checkpoint)
            self._move_to_disk()
        if self.memory_bytes > self.limits.memory_bytes:
            self._steps.forget()
        if self.memory_bytes > self.limits.memory_bytes or self.disk_bytes > self.limits.disk_bytes:
            raise OutOfMemoryError("The checkpoints made on request leave no room for another: delete some.")

    def _move_to_disk(self) -> None:
        """Move the oldest states out of memory first, as long as the disk budget lasts."""
        in_memory, on_disk = self.memory_bytes, self.disk_bytes
        for part in list(self._parts()):
            if in_memory <= self.limits.memory_bytes:
                return
            if on_disk + part.memory_bytes <= self.limits.disk_bytes:
                moved = part.move_to_disk(self._folder())
                in_memory, on_disk = in_memory - moved, on_disk + moved

    def _parts(self) -> Iterator[NodeCopyPart]:
        """Walk over what the checkpoints have, each part once, oldest first."""
        seen: set[int] = set()
        for checkpoint in self._kept.values():
            for part in checkpoint.copy.parts:
                if id(part) not in seen:
                    seen.add(id(part))
                    yield part

    def _release(self, checkpoint: Checkpoint) -> None:
        used = {id(part) for part in self._parts()}
        for part in checkpoint.copy.parts:
            if id(part) not in used:
                part.drop()


_GOES_BACK = frozenset({"scene.undo", "checkpoints.create", "checkpoints.restore", "checkpoints.delete"})
