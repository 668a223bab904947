"""Put nodes under transforms, and write transforms into their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError, OperationFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import NodeId, TransformId
from AgentBridgeLib.model.transforms import (
    TransformApplied,
)
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.transforms.new_nodes import (
    TRANSFORM,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

NodeIds = Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=1000)]


class ApplyArguments(Arguments):
    """Which transform to put which nodes under."""

    transform_id: TransformId = Field(description="The transform.")
    node_ids: NodeIds = Field(description="Nodes; each leaves its present parent transform.")


class HardenArguments(Arguments):
    """Which nodes."""

    node_ids: NodeIds = Field(description="Nodes that have a parent transform.")


@operation(
    name="transforms.apply",
    capability="scene.edit",
    route="POST /transforms/{transform_id}/apply",
    idempotent=True,
    revision_scope="scene",
    keywords="move volume put under transform registration",
)
def apply_transform(context: OperationContext, arguments: ApplyArguments) -> TransformApplied:
    """Put nodes under a transform: they move in the world, their own data stay.

    Returns
    -------
    TransformApplied
        The nodes, and their parent transform now. `nodes.update` with `parent_transform_id: null` undoes it.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        A node is missing or cannot be transformed; nothing was changed.
    ArgumentInvalidError
        A transform would come to lie under itself.

    Notes
    -----
    Source: `vtkMRMLTransformableNode::SetAndObserveTransformNodeID`.
    """
    transform = context.host.scene.node(arguments.transform_id, TRANSFORM)
    nodes = [transformable(context, node_id) for node_id in arguments.node_ids]
    check_no_circle(nodes, transform, "node_ids")
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return TransformApplied(node_ids=tuple(arguments.node_ids), transform_id=transform.GetID())


@operation(
    name="transforms.harden",
    capability="scene.edit",
    route="POST /transforms/harden",
    destructive=True,
    revision_scope="scene",
    keywords="apply permanently bake burn registration into voxels",
)
def harden(context: OperationContext, arguments: HardenArguments) -> TransformApplied:
    """Write the parent transforms of nodes into their own data; they stay where they are in the world.

    Returns
    -------
    TransformApplied
        The nodes, now without a parent transform.

    Raises
    ------
    NodeTypeError
        A node has no parent transform, or cannot take one that is not linear (volumes of 64-bit integers neither);
        nothing was changed.
    NodeNotFoundError
        No node has one of the ids; nothing was changed.
    OperationFailedError
        Slicer could not do it.

    Warnings
    --------
    A volume under a transform that is not linear is resampled along its own axes, with its spacing, into as many
    voxels as it then takes; that cannot be interrupted. `volumes.resample` to a reference is a job that can.

    Notes
    -----
    Source: `vtkMRMLTransformableNode::HardenTransform`.
    """
    nodes = [transformable(context, node_id) for node_id in dict.fromkeys(arguments.node_ids)]
    for node in nodes:
        parent = node.GetParentTransformNode()
        if parent is None:
            raise NodeTypeError(f"{node.GetID()} has no parent transform. Nothing was changed.")
        if not parent.IsTransformToWorldLinear():
            _check_bendable(node)
    for node in nodes:
        if not node.HardenTransform():
            raise OperationFailedError(f"Slicer could not harden the transform of {node.GetID()}.")
    context.mark_made(nodes)
    return TransformApplied(node_ids=tuple(arguments.node_ids), transform_id=None)


def _check_bendable(node: Any) -> None:
    if not node.CanApplyNonLinearTransforms():
        raise NodeTypeError(f"{node.GetID()} can take linear transforms only. Nothing was changed.")
    # `vtkImageReslice` ends the process when it interpolates them.
    if node.IsA("vtkMRMLVolumeNode") and voxels.scalar_type(node) in {"int64", "uint64"}:
        raise NodeTypeError(
            f"{node.GetID()} has integers of 64 bits, which Slicer cannot interpolate. Use volumes.resample with a "
            "reference, or make float64 of them with volumes.math. Nothing was changed."
        )


def check_no_circle(nodes: list[Any], parent: Any, name: str) -> None:
    """Refuse to put a transform under itself; the message names the argument `name`."""
    for node in nodes:
        if node is parent or (node.IsA(TRANSFORM) and node.IsTransformNodeMyChild(parent)):
            raise invalid(name, f"{node.GetID()} would come to lie under itself")


def transformable(context: OperationContext, node_id: str) -> Any:
    """Find a node that can have a parent transform; errors as in `SceneHost.node`."""
    return context.host.scene.node(node_id, "vtkMRMLTransformableNode")
