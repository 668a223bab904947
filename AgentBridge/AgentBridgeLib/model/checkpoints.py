"""What the bridge says about checkpoints and undo."""

from __future__ import annotations

from pydantic import Field

from AgentBridgeLib.model.base import Page, Result, SceneResult


class CheckpointDescription(Result):
    """A state of the scene that can be restored."""

    id: str = Field(description="Handle, such as cp3.")
    label: str = Field(description="What it is for, in words.")
    is_automatic: bool = Field(description="Whether it was made before a step that may destroy something.")
    created_at: str = Field(description="ISO 8601 in UTC.")
    node_count: int
    size_bytes: int = Field(description="What it takes, with what it shares with other checkpoints.")


class CheckpointMade(SceneResult):
    """A checkpoint that was made."""

    checkpoint: CheckpointDescription


class CheckpointList(Page[CheckpointDescription]):
    """The checkpoints, oldest first."""

    memory_bytes: int = Field(
        description="What they and the steps that can be undone take in memory together."
    )
    disk_bytes: int = Field(description="What they take on disk together.")
    memory_limit_bytes: int
    disk_limit_bytes: int


class CheckpointRestored(SceneResult):
    """The scene went back."""

    restored_id: str
    undo_checkpoint_id: str = Field(
        description="Checkpoint of the state before; restore it to take this back."
    )
    node_count: int = Field(description="Nodes that the checkpoint has.")


class CheckpointDeleted(SceneResult):
    """A checkpoint that is gone."""

    deleted_id: str


class StepUndone(SceneResult):
    """What was undone."""

    operation: str = Field(description="Operation of the step that was taken back.")
    removed_node_ids: tuple[str, ...] = Field(
        description="Nodes that the step had added and that are gone now."
    )
    redo_checkpoint_id: str = Field(
        description="Checkpoint of the state before; restore it to redo the step."
    )
