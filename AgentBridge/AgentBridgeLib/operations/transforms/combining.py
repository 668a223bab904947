"""Make transforms of transforms: inverse, and one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.fields import NodeName, TransformId
from AgentBridgeLib.model.transforms import (
    TransformDescription,
)
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.transforms.new_nodes import (
    TRANSFORM,
    TransformArguments,
    describe_transform,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


class ConcatenateArguments(Arguments):
    """Which transforms, in which order."""

    model_config = example(transform_ids=["vtkMRMLLinearTransformNode1", "vtkMRMLGridTransformNode1"])

    transform_ids: Annotated[tuple[TransformId, ...], Field(min_length=2, max_length=50)] = Field(
        description="The first one is applied to points first."
    )
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")


@operation(
    name="transforms.invert",
    capability="scene.edit",
    route="POST /transforms/{transform_id}/invert",
    revision_scope="node",
    keywords="inverse reverse undo registration",
)
def invert(context: OperationContext, arguments: TransformArguments) -> TransformDescription:
    """Turn a transform of any kind into its inverse, in place.

    Returns
    -------
    TransformDescription
        The node as it is now; inverting again restores it.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such transform.

    Notes
    -----
    The inverse of a grid or B-spline is computed point by point when it is needed. Source:
    `vtkMRMLTransformNode::Inverse`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    node.Inverse()
    context.mark_made([node])
    return describe_transform(node, arguments.frame)


@operation(
    name="transforms.concatenate",
    capability="scene.edit",
    route="POST /transforms/concatenate",
    status=201,
    revision_scope="scene",
)
def concatenate(context: OperationContext, arguments: ConcatenateArguments) -> TransformDescription:
    """Make one transform of several, applied one after the other; later changes of them do not matter to it.

    Returns
    -------
    TransformDescription
        The new node. Of each transform its own part (to its parent) is taken, whatever parents it has.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        One of them is no transform.

    Notes
    -----
    Source: `vtkGeneralTransform`, `vtkMRMLTransformNode::DeepCopyTransform`.
    """
    host = context.host.scene
    parts = [host.node(node_id, TRANSFORM) for node_id in arguments.transform_ids]
    is_linear = all(part.IsLinear() for part in parts)
    name = host.scene.GenerateUniqueName(arguments.name or "Transform")
    node = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode" if is_linear else TRANSFORM, name)
    if is_linear:
        product = np.eye(4)
        for part in parts:
            product = matrices.to_parent(part) @ product
        node.SetMatrixTransformToParent(matrices.to_vtk(product))
    else:
        node.SetAndObserveTransformToParent(_chain(parts))
    context.mark_made([node])
    return describe_transform(node, "ras")


def _chain(parts: list[Any]) -> Any:
    """Concatenate transforms into one that shares nothing with them."""
    live, copy = vtkGeneralTransform(), vtkGeneralTransform()
    live.PostMultiply()
    for part in parts:
        live.Concatenate(part.GetTransformToParent())
    type(parts[0]).DeepCopyTransform(copy, live)
    return copy
