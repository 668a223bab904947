"""Make, read and change transforms, and apply them to nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError, OperationFailedError
from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import NodeId, TransformId
from AgentBridgeLib.model.frames import FrameArguments
from AgentBridgeLib.model.geometry import Matrix4
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.transforms import (
    MappedPoints,
    TransformApplied,
    TransformDescription,
    TransformSummary,
)
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.markups.shapes import invalid
from AgentBridgeLib.operations.transforms.new_nodes import TRANSFORM, describe_transform, summarize_transform
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix

LEAST_DETERMINANT = 1e-9
MOST_ELEMENT = 1e7
MOST_POINTS = 100_000
NodeIds = Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=1000)]


class TransformArguments(FrameArguments):
    """Which transform."""

    transform_id: TransformId = Field(description="The transform.")


class Rotation(Arguments):
    """A turn around an axis."""

    axis_ras: PlacedRas = Field(description="Axis; need not have unit length.")
    angle_deg: float = Field(ge=-36000, le=36000, description="Angle; right-handed around the axis.")
    center_ras: PlacedRas = Field(
        default=(0.0, 0.0, 0.0), description="A point of the axis in the parent's coordinates, mm."
    )


class StepArguments(Arguments):
    """A linear transform: a matrix, or a rotation and then a translation."""

    matrix_to_parent_ras: Matrix4 | None = Field(
        default=None, description="The whole matrix, RAS, mm; in place of rotation and translation."
    )
    rotation: Rotation | None = Field(default=None, description="Comes first.")
    translation_ras_mm: PlacedRas | None = Field(default=None, description="Comes after the rotation.")


class CreateArguments(StepArguments):
    """What to make; without anything, the identity."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Name of the node; made unique.",
    )
    parent_transform_id: TransformId | None = Field(
        default=None, description="Transform that comes after this one."
    )
    apply_to_ids: tuple[NodeId, ...] = Field(
        default=(), max_length=1000, description="Nodes to put under the new transform."
    )


class UpdateArguments(StepArguments):
    """What to change. What is not given stays as it is."""

    transform_id: TransformId = Field(description="A linear transform.")
    name: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="New name."
    )


class ApplyArguments(Arguments):
    """Which transform to put which nodes under."""

    transform_id: TransformId = Field(description="The transform.")
    node_ids: NodeIds = Field(description="Nodes; each leaves its present parent transform.")


class HardenArguments(Arguments):
    """Which nodes."""

    node_ids: NodeIds = Field(description="Nodes that have a parent transform.")


class ConcatenateArguments(Arguments):
    """Which transforms, in which order."""

    transform_ids: Annotated[tuple[TransformId, ...], Field(min_length=2, max_length=50)] = Field(
        description="The first one is applied to points first."
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Name of the node; made unique.",
    )


class MapArguments(TransformArguments):
    """Which points, and which way."""

    points_ras: tuple[PlacedRas, ...] = Field(
        min_length=1, max_length=MOST_POINTS, description="Points, RAS, mm."
    )
    direction: Literal["to_world", "from_world", "to_parent", "from_parent"] = Field(
        default="to_world", description="From the coordinates inside the transform outwards, or back."
    )


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


@operation(name="transforms.create", capability="scene.edit", route="POST /transforms", status=201)
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
    matrix = _given(arguments)
    host = context.host.scene
    nodes = [_transformable(context, node_id) for node_id in arguments.apply_to_ids]
    if arguments.parent_transform_id is not None:
        _check_no_circle(nodes, host.node(arguments.parent_transform_id, TRANSFORM), "apply_to_ids")
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
    matrix = _given(arguments)
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


@operation(
    name="transforms.apply",
    capability="scene.edit",
    route="POST /transforms/{transform_id}/apply",
    idempotent=True,
    revision_scope="scene",
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
    nodes = [_transformable(context, node_id) for node_id in arguments.node_ids]
    _check_no_circle(nodes, transform, "node_ids")
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return TransformApplied(node_ids=tuple(arguments.node_ids), transform_id=transform.GetID())


@operation(
    name="transforms.harden",
    capability="scene.edit",
    route="POST /transforms/harden",
    destructive=True,
    revision_scope="scene",
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
        A node has no parent transform, or cannot take one that is not linear; nothing was changed.
    NodeNotFoundError
        No node has one of the ids; nothing was changed.
    OperationFailedError
        Slicer could not do it.

    Warnings
    --------
    A volume under a transform that is not linear is resampled on its own grid; that cannot be interrupted.

    Notes
    -----
    Source: `vtkMRMLTransformableNode::HardenTransform`.
    """
    nodes = [_transformable(context, node_id) for node_id in arguments.node_ids]
    for node in nodes:
        parent = node.GetParentTransformNode()
        if parent is None:
            raise NodeTypeError(f"{node.GetID()} has no parent transform. Nothing was changed.")
        if not parent.IsTransformToWorldLinear() and not node.CanApplyNonLinearTransforms():
            raise NodeTypeError(f"{node.GetID()} can take linear transforms only. Nothing was changed.")
    for node in nodes:
        if not node.HardenTransform():
            raise OperationFailedError(f"Slicer could not harden the transform of {node.GetID()}.")
    context.mark_made(nodes)
    return TransformApplied(node_ids=tuple(arguments.node_ids), transform_id=None)


@operation(
    name="transforms.invert",
    capability="scene.edit",
    route="POST /transforms/{transform_id}/invert",
    revision_scope="node",
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


@operation(
    name="transforms.map_points",
    capability="scene.read",
    route="POST /transforms/{transform_id}/points",
    read_only=True,
    revision_scope="scene",
)
def map_points(context: OperationContext, arguments: MapArguments) -> MappedPoints:
    """Take points through a transform of any kind, or back.

    Returns
    -------
    MappedPoints
        As many points, in the same order, in RAS (`frame=lps`: LPS), mm.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such transform.
    OperationFailedError
        The transform gives no finite position for a point.

    Notes
    -----
    Against the direction in which a grid or B-spline is stored, positions are found by iteration and so approximate.
    Source: `vtkMRMLTransformNode::GetTransformToWorld`, `vtkWarpTransform`.
    """
    from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    transform = vtkGeneralTransform()
    if arguments.direction == "to_world":
        node.GetTransformToWorld(transform)
    elif arguments.direction == "from_world":
        node.GetTransformFromWorld(transform)
    else:
        is_outwards = arguments.direction == "to_parent"
        transform = node.GetTransformToParent() if is_outwards else node.GetTransformFromParent()
    mapped = np.array([transform.TransformPoint(point) for point in arguments.points_ras])
    if not np.isfinite(mapped).all():
        raise OperationFailedError(f"{node.GetID()} gives no finite position for some of the points.")
    signs = np.array([1.0, 1.0, 1.0] if arguments.frame == "ras" else [-1.0, -1.0, 1.0])
    return MappedPoints.model_validate({f"points_{arguments.frame}": (mapped * signs).tolist()})


def _given(arguments: StepArguments) -> Matrix | None:
    """Give the matrix that the arguments describe; None when they say nothing."""
    has_steps = arguments.rotation is not None or arguments.translation_ras_mm is not None
    if arguments.matrix_to_parent_ras is not None:
        if has_steps:
            raise invalid("matrix_to_parent_ras", "give a matrix, or rotation and translation, not both")
        matrix = np.array(arguments.matrix_to_parent_ras)
        check_affine(matrix, "matrix_to_parent_ras")
        return matrix
    if not has_steps:
        return None
    matrix = _rotation(arguments.rotation) if arguments.rotation is not None else np.eye(4)
    if arguments.translation_ras_mm is not None:
        matrix[:3, 3] += arguments.translation_ras_mm
    return matrix


def check_affine(matrix: Matrix, name: str) -> None:
    """Refuse a matrix that is singular or whose last row is not 0, 0, 0, 1."""
    if np.abs(matrix).max() > MOST_ELEMENT:
        raise invalid(name, f"an element is beyond {MOST_ELEMENT:g}")
    if tuple(matrix[3]) != (0, 0, 0, 1) or abs(np.linalg.det(matrix[:3, :3])) < LEAST_DETERMINANT:
        raise invalid(name, "it is singular, or its last row is not 0, 0, 0, 1")


def _rotation(rotation: Rotation) -> Matrix:
    """Rodrigues' formula, around a point."""
    length = np.linalg.norm(rotation.axis_ras)
    if length == 0:
        raise invalid("rotation", "the axis has no length")
    x, y, z = np.array(rotation.axis_ras) / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(rotation.angle_deg)
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = rotation.center_ras - matrix[:3, :3] @ np.array(rotation.center_ras)
    return matrix


def _check_no_circle(nodes: list[Any], parent: Any, name: str) -> None:
    for node in nodes:
        if node is parent or (node.IsA(TRANSFORM) and node.IsTransformNodeMyChild(parent)):
            raise invalid(name, f"{node.GetID()} would come to lie under itself")


def _transformable(context: OperationContext, node_id: str) -> Any:
    return context.host.scene.node(node_id, "vtkMRMLTransformableNode")


def _chain(parts: list[Any]) -> Any:
    """Concatenate transforms into one that shares nothing with them."""
    from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

    live, copy = vtkGeneralTransform(), vtkGeneralTransform()
    live.PostMultiply()
    for part in parts:
        live.Concatenate(part.GetTransformToParent())
    type(parts[0]).DeepCopyTransform(copy, live)
    return copy
