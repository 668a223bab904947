"""States of the scene to go back to: made on request and before destructive steps, and the agent's last steps.

Rules of this file:

* When memory and disk budgets are used up (`CheckpointShelf`), automatic ones go, oldest first. What was made on
  request is never dropped for an automatic one.
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

from AgentBridgeLib.dispatch.checkpoint_shelf import Checkpoint, CheckpointShelf
from AgentBridgeLib.dispatch.steps import Step, Steps
from AgentBridgeLib.errors import BridgeError, OutOfMemoryError, UndoUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from AgentBridgeLib.host.ports.scene import SceneCopier, SceneHost
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
        self._wall_clock = wall_clock
        self.limits = limits or CheckpointLimits()
        self._numbers = itertools.count(1)
        self._shelf = CheckpointShelf(folder, self.limits.disk_bytes)
        self._steps = Steps(self.limits.step_count, self.limits.step_bytes, self.limits.memory_bytes)

    def __iter__(self) -> Iterator[Checkpoint]:
        """Oldest first."""
        return iter(self._shelf)

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def last_step(self) -> Step | None:
        """The step that `undo` takes back; None when there is none."""
        return self._steps.last

    @property
    def memory_bytes(self) -> int:
        """What all checkpoints and steps take in memory; what checkpoints share counts once."""
        return self._shelf.memory_bytes + self._steps.memory_bytes

    @property
    def disk_bytes(self) -> int:
        """What all checkpoints take on disk."""
        return self._shelf.disk_bytes

    def get(self, checkpoint_id: str) -> Checkpoint:
        """Find a checkpoint.

        Raises
        ------
        CheckpointUnknownError
            There is none of this id, or it made room for newer ones.
        """
        return self._shelf.get(checkpoint_id)

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
        latest = self._shelf.latest
        copy = self._copier.copy_scene(latest.copy if latest else None)
        number = next(self._numbers)
        made = Checkpoint(f"cp{number}", label, is_automatic, self._wall_clock(), copy)
        self._shelf.keep(made)
        try:
            self._keep_within_budget(made)
        except BridgeError:
            self._shelf.drop(made)
            raise
        if not is_automatic:
            self._scene.note_change()
        return made

    def restore(self, checkpoint_id: str) -> Checkpoint:
        """Bring the scene to the state of a checkpoint; gives the checkpoint of the state before."""
        wanted = self.get(checkpoint_id)
        with self._shelf.holding(wanted):
            before = self.create(f"before going back to {checkpoint_id}", is_automatic=True)
            self._copier.restore(wanted.copy)
        self._keep_within_budget(before)
        return before

    def delete(self, checkpoint_id: str) -> None:
        """Forget a checkpoint."""
        self._shelf.drop(self.get(checkpoint_id))
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
        if step is not None:
            self._shelf.drop(self._shelf.find(step.checkpoint_id))
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
        if step.problem or step.targets is not None or self._shelf.find(step.checkpoint_id) is not None:
            return step.problem
        return "its checkpoint made room for newer ones"

    def close(self) -> None:
        """Forget all, files too."""
        for checkpoint in self:
            self._shelf.drop(checkpoint)
        self._steps.clear()

    def _take_back(self, step: Step) -> Checkpoint:
        state = self._shelf.find(step.checkpoint_id)
        with self._shelf.holding(state):
            before = self.create(f"before undoing {step.operation}", is_automatic=True)
            try:
                if state is not None:
                    self._copier.restore(state.copy)
                elif step.targets is not None:
                    self._copier.restore(step.targets)
                    self._copier.remove_nodes(step.added, step.targets)
            except BridgeError:
                self._shelf.drop(before)
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
            self._shelf.drop(checkpoint)
        self._move_to_disk()
        for checkpoint in automatic[surplus:]:
            if self._is_within_budget():
                return
            self._shelf.drop(checkpoint)
            self._move_to_disk()
        if self.memory_bytes > self.limits.memory_bytes:
            self._steps.forget()
        if not self._is_within_budget():
            raise OutOfMemoryError("The checkpoints made on request leave no room for another: delete some.")

    def _is_within_budget(self) -> bool:
        return self.memory_bytes <= self.limits.memory_bytes and self.disk_bytes <= self.limits.disk_bytes

    def _move_to_disk(self) -> None:
        self._shelf.move_to_disk(self.memory_bytes - self.limits.memory_bytes)


_GOES_BACK = frozenset({"scene.undo", "checkpoints.create", "checkpoints.restore", "checkpoints.delete"})
