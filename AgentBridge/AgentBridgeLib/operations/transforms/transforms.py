"""List, read, make and change transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Page, PageArguments, example
from AgentBridgeLib.model.fields import NodeId, NodeName, TransformId
from AgentBridgeLib.model.transforms import (
    TransformDescription,
    TransformSummary,
)
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.transforms.applying import check_no_circle, transformable
from AgentBridgeLib.operations.transforms.new_nodes import (
    TRANSFORM,
    TransformArguments,
    describe_transform,
    summarize_transform,
)
from AgentBridgeLib.operations.transforms.steps import StepArguments, given_matrix
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


class CreateArguments(StepArguments):
    """What to make; without anything, the identity."""

    model_config = example(rotation={"axis_ras": [0, 0, 1], "angle_deg": 30}, translation_ras_mm=[0, 10, 0])

    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")
    parent_transform_id: TransformId | None = Field(
        default=None, description="Transform that comes after this one."
    )
    apply_to_ids: tuple[NodeId, ...] = Field(
        default=(), max_length=1000, description="Nodes to put under the new transform."
    )


class UpdateArguments(StepArguments):
    """What to change. What is not given stays as it is."""

    model_config = example(transform_id="vtkMRMLLinearTransformNode1", translation_ras_mm=[0, 10, 0])

    transform_id: TransformId = Field(description="A linear transform.")
    name: NodeName | None = Field(default=None, description="New name.")


@operation(name="transforms.list", capability="scene.read", route="GET /transforms", read_only=True)
def list_transforms(context: OperationContext, arguments: PageArguments) -> Page[TransformSummary]:
    """List the transforms of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, TRANSFORM, Page[TransformSummary], summarize_transform)


@operation(
    name="transforms.get",
    capability="scene.read",
    route="GET /transforms/{transform_id}",
    read_only=True,
    revision_scope="scene",
)
def get_transform(context: OperationContext, arguments: TransformArguments) -> TransformDescription:
    """Read one transform: kind, matrices to parent and world, grid, and what it is applied to.

    Returns
    -------
    TransformDescription
        Matrices apply to column vectors (R, A, S, 1) in mm.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such transform.

    Notes
    -----
    Source: `vtkMRMLTransformNode`.
    """
    return describe_transform(context.host.scene.node(arguments.transform_id, TRANSFORM), arguments.frame)


@operation(
    name="transforms.create",
    capability="scene.edit",
    route="POST /transforms",
    status=201,
    keywords="rotate turn tilt shift move translate flip scale volume head matrix",
)
def create_transform(context: OperationContext, arguments: CreateArguments) -> TransformDescription:
    """Make a linear transform from a matrix, or from a rotation and a translation, and apply it to nodes.

    Returns
    -------
    TransformDescription
        The new node.

    Raises
    ------
    ArgumentInvalidError
        The matrix is singular or not affine, the axis has no length, or a matrix and steps are given together.
    NodeNotFoundError, NodeTypeError
        A node is missing, or cannot be transformed.

    Notes
    -----
    Source: `vtkMRMLLinearTransformNode`.
    """
    matrix = given_matrix(arguments)
    host = context.host.scene
    nodes = [transformable(context, node_id) for node_id in arguments.apply_to_ids]
    if arguments.parent_transform_id is not None:
        check_no_circle(nodes, host.node(arguments.parent_transform_id, TRANSFORM), "apply_to_ids")
    name = host.scene.GenerateUniqueName(arguments.name or "Transform")
    node = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(matrices.to_vtk(matrix if matrix is not None else np.eye(4)))
    node.SetAndObserveTransformNodeID(arguments.parent_transform_id)
    for child in nodes:
        child.SetAndObserveTransformNodeID(node.GetID())
    context.mark_made([node])
    return describe_transform(node, "ras")


@operation(
    name="transforms.update",
    capability="scene.edit",
    route="PATCH /transforms/{transform_id}",
    revision_scope="node",
    keywords="rotate turn tilt shift move translate adjust",
)
def update_transform(context: OperationContext, arguments: UpdateArguments) -> TransformDescription:
    """Replace the matrix of a linear transform, or turn and move it further, in its parent's coordinates.

    Returns
    -------
    TransformDescription
        The node as it is now.

    Raises
    ------
    ArgumentInvalidError
        The matrix is singular or not affine, the axis has no length, or a matrix and steps are given together.
    NodeTypeError
        The node is no transform, or not linear.
    NodeNotFoundError
        No node has this id.

    Notes
    -----
    A rotation or translation comes after what the transform does already. Source: `vtkMRMLTransformNode`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    matrix = given_matrix(arguments)
    if matrix is not None:
        if not node.IsLinear():
            raise NodeTypeError(
                f"{node.GetID()} is not linear. Make a new one, or put it under a linear one."
            )
        is_whole = arguments.matrix_to_parent_ras is not None
        node.SetMatrixTransformToParent(
            matrices.to_vtk(matrix if is_whole else matrix @ matrices.to_parent(node))
        )
    if arguments.name is not None:
        node.SetName(arguments.name)
    context.mark_made([node])
    return describe_transform(node, "ras")
