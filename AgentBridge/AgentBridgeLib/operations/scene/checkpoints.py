"""Keep states of the scene, go back to them, and undo the last step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.model.base import Arguments, PageArguments
from AgentBridgeLib.model.checkpoints import (
    CheckpointDeleted,
    CheckpointDescription,
    CheckpointList,
    CheckpointMade,
    CheckpointRestored,
    StepUndone,
)
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.checkpoint_shelf import Checkpoint
    from AgentBridgeLib.dispatch.checkpoints import Checkpoints
    from AgentBridgeLib.dispatch.context import OperationContext


class NoArguments(Arguments):
    """Nothing to say."""


class CreateArguments(Arguments):
    """What the checkpoint is for."""

    label: str = Field(
        default="checkpoint", min_length=1, max_length=200, description="For people, in words."
    )


class CheckpointArguments(Arguments):
    """Which checkpoint."""

    checkpoint_id: str = Field(
        min_length=1, max_length=50, description="Its id, such as cp3.", examples=["cp3"]
    )


@operation(
    name="checkpoints.list",
    capability="scene.read",
    route="GET /checkpoints",
    read_only=True,
    revision_scope="none",
)
def list_checkpoints(context: OperationContext, arguments: PageArguments) -> CheckpointList:
    """List the checkpoints, oldest first: those made on request and those made before destructive steps.

    Returns
    -------
    CheckpointList
        With what they take in memory and on disk, and the limits. Automatic ones go, oldest first, when the limits
        are reached.
    """
    store = _store(context)
    return page_of(
        CheckpointList,
        [_describe(checkpoint) for checkpoint in store],
        arguments,
        lambda checkpoint: checkpoint.id,
        "checkpoints",
        memory_bytes=store.memory_bytes,
        disk_bytes=store.disk_bytes,
        memory_limit_bytes=store.limits.memory_bytes,
        disk_limit_bytes=store.limits.disk_bytes,
    )


@operation(
    name="checkpoints.create",
    capability="scene.edit",
    route="POST /checkpoints",
    status=201,
    keywords="backup snapshot before trying save state bookmark",
)
def create_checkpoint(context: OperationContext, arguments: CreateArguments) -> CheckpointMade:
    """Keep the present state of the whole scene: voxels, segments, meshes, transforms, markups, display, folders.

    Views, cameras and layout do not belong to it, but which volumes the slice views show does.

    Raises
    ------
    OutOfMemoryError
        The scene is larger than checkpoints may be, or there are too many made on request.
    StorageFailedError
        The disk is full.

    Notes
    -----
    Copies are exact (`vtkMRMLNode::Copy`); nodes that did not change since the checkpoint before are shared with it.
    """
    return CheckpointMade(checkpoint=_describe(_store(context).create(arguments.label)))


@operation(
    name="checkpoints.restore",
    capability="scene.edit",
    route="POST /checkpoints/{checkpoint_id}/restore",
    keywords="go back to an earlier state revert roll back",
)
def restore_checkpoint(context: OperationContext, arguments: CheckpointArguments) -> CheckpointRestored:
    """Bring the whole scene back to a checkpoint; what a person changed since then goes back too.

    Ids of nodes stay: a node that was deleted comes back under its id. Nodes that were added since go.

    Returns
    -------
    CheckpointRestored
        With the id of a checkpoint of the state before, so that this can be taken back.

    Raises
    ------
    CheckpointUnknownError
        There is no such checkpoint, or it made room for newer ones.
    StorageFailedError
        It was moved to disk and cannot be read back; the scene is as it was.
    OutOfMemoryError
        The present state would not fit beside the checkpoints made on request, so it could not be kept.

    Warnings
    --------
    Restored nodes count as modified since they were last saved.
    """
    store = _store(context)
    restored = store.get(arguments.checkpoint_id)
    before = store.restore(arguments.checkpoint_id)
    return CheckpointRestored(
        restored_id=restored.id, undo_checkpoint_id=before.id, node_count=restored.node_count
    )


@operation(
    name="checkpoints.delete",
    capability="scene.edit",
    route="DELETE /checkpoints/{checkpoint_id}",
    destructive=True,
)
def delete_checkpoint(context: OperationContext, arguments: CheckpointArguments) -> CheckpointDeleted:
    """Forget a checkpoint; the scene stays as it is.

    Raises
    ------
    CheckpointUnknownError
        There is no such checkpoint.
    """
    _store(context).delete(arguments.checkpoint_id)
    return CheckpointDeleted(deleted_id=arguments.checkpoint_id)


@operation(
    name="scene.undo",
    capability="scene.edit",
    route="POST /scene/undo",
    keywords="revert go back last steps Ctrl-Z mistake",
)
def undo_last_step(context: OperationContext, arguments: NoArguments) -> StepUndone:  # noqa: ARG001
    """Take back the last step that an agent made in the scene; repeat it to take back the one before.

    After a destructive step the whole scene goes back to its automatic checkpoint. After another step, and after an
    upload, the nodes that it named go back, and the nodes that it added are removed; voxels that the step left alone
    stay as they are now. A step that cannot be undone says so in its answer: in the header `X-AgentBridge-No-Undo`,
    or in a line of text over MCP.

    Returns
    -------
    StepUndone
        With the id of a checkpoint of the state before; restore that to redo the step.

    Raises
    ------
    UndoUnavailableError
        There is no step; or what it changed was too large to be kept; or that was removed since; or its checkpoint
        is gone. The scene is as it was.
    OutOfMemoryError
        The present state would not fit beside the checkpoints made on request, so it could not be kept.
    """
    scene = context.host.scene.scene
    step, before = _store(context).undo()
    gone = tuple(node_id for node_id in step.added if scene.GetNodeByID(node_id) is None)
    return StepUndone(operation=step.operation, removed_node_ids=gone, redo_checkpoint_id=before.id)


def _store(context: OperationContext) -> Checkpoints:
    if context.checkpoints is None:
        raise FeatureMissingError("This bridge keeps no checkpoints.")
    return context.checkpoints


def _describe(checkpoint: Checkpoint) -> CheckpointDescription:
    return CheckpointDescription(
        id=checkpoint.id,
        label=checkpoint.label,
        is_automatic=checkpoint.is_automatic,
        created_at=datetime.fromtimestamp(checkpoint.created_at, UTC)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z"),
        node_count=checkpoint.node_count,
        size_bytes=sum(part.memory_bytes + part.disk_bytes for part in checkpoint.copy.parts),
    )
