"""Where checkpoints are kept: in memory up to one budget, then on disk up to another.

Checkpoints share the copies of nodes that did not change between them. A copy counts once, and goes with the last
checkpoint that has it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import CheckpointUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from AgentBridgeLib.host.ports.scene import NodeCopyPart, SceneCopy


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


class CheckpointShelf:
    """The checkpoints that there are, oldest first.

    Parameters
    ----------
    folder
        Gives the folder that copies are moved to; made on first use, removed by its owner.
    disk_limit_bytes
        What copies may take there.
    """

    def __init__(self, folder: Callable[[], str], disk_limit_bytes: int) -> None:
        self._folder = folder
        self._disk_limit_bytes = disk_limit_bytes
        self._kept: dict[str, Checkpoint] = {}
        self._held: Checkpoint | None = None

    def __iter__(self) -> Iterator[Checkpoint]:
        """Oldest first."""
        return iter(list(self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def latest(self) -> Checkpoint | None:
        """The newest; None when there is none."""
        return next(reversed(self._kept.values()), None)

    @property
    def memory_bytes(self) -> int:
        """What they take in memory."""
        return sum(part.memory_bytes for part in self._parts())

    @property
    def disk_bytes(self) -> int:
        """What they take on disk."""
        return sum(part.disk_bytes for part in self._parts())

    def find(self, checkpoint_id: str | None) -> Checkpoint | None:
        """Give a checkpoint; None when it is not there."""
        return self._kept.get(checkpoint_id or "")

    def get(self, checkpoint_id: str) -> Checkpoint:
        """Give a checkpoint.

        Raises
        ------
        CheckpointUnknownError
            There is none of this id, or it made room for newer ones.
        """
        found = self.find(checkpoint_id)
        if found is None:
            raise CheckpointUnknownError(
                f"There is no checkpoint '{checkpoint_id}'. GET /agent/v1/checkpoints lists those there are; "
                "automatic ones make room for newer ones."
            )
        return found

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, as the newest."""
        self._kept[checkpoint.id] = checkpoint

    @contextmanager
    def holding(self, checkpoint: Checkpoint | None) -> Iterator[None]:
        """Let a checkpoint make no room for others while it is read."""
        self._held = checkpoint
        try:
            yield
        finally:
            self._held = None

    def drop(self, checkpoint: Checkpoint | None) -> None:
        """Forget a checkpoint, and the files that only it has; nothing happens when it is not there or held."""
        if checkpoint is None or checkpoint is self._held or self._kept.pop(checkpoint.id, None) is None:
            return
        used = {id(part) for part in self._parts()}
        for part in checkpoint.copy.parts:
            if id(part) not in used:
                part.drop()

    def move_to_disk(self, surplus_bytes: int) -> None:
        """Move the oldest copies out of memory first, as many as free `surplus_bytes` and as the disk limit lasts.

        Raises
        ------
        StorageFailedError
            The disk is full; what was moved before stays moved.
        """
        on_disk = self.disk_bytes
        for part in list(self._parts()):
            if surplus_bytes <= 0:
                return
            if on_disk + part.memory_bytes <= self._disk_limit_bytes:
                moved = part.move_to_disk(self._folder())
                surplus_bytes, on_disk = surplus_bytes - moved, on_disk + moved

    def _parts(self) -> Iterator[NodeCopyPart]:
        """Walk over what the checkpoints have, each part once, oldest first."""
        seen: set[int] = set()
        for checkpoint in self._kept.values():
            for part in checkpoint.copy.parts:
                if id(part) not in seen:
                    seen.add(id(part))
                    yield part
