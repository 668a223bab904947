"""Give and take grid transforms as NRRD displacement fields; give B-spline coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field
from vtkmodules.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, NodeTypeError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes, NodeName, TransformId
from AgentBridgeLib.model.frames import Frame, matrix_in
from AgentBridgeLib.model.transforms import Direction, TransformDescription
from AgentBridgeLib.operations.common import matrices, nrrd, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.transforms.new_nodes import (
    BSPLINE_CLASS,
    GRID_CLASS,
    TRANSFORM,
    describe_transform,
    grid_of,
    stored,
)
from AgentBridgeLib.operations.volumes.byte_formats import receive
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

MEDIA_TYPE = "application/x-nrrd"
LPS_SIGNS = np.array([-1.0, -1.0, 1.0])
# What makes Slicer's and ITK's readers take an NRRD file for a displacement field (NIFTI_INTENT_DISPVECT).
INTENT = {"intent_code": "1006"}


class DataArguments(Arguments):
    """Which transform, and in which frame."""

    transform_id: TransformId = Field(description="A grid or B-spline transform.")
    frame: Frame = Field(
        default="lps", description="Frame of geometry and vectors; `lps` as in files of ITK and Slicer."
    )


class FieldArguments(Arguments):
    """A displacement field."""

    content: Bytes = Field(description="NRRD with three float components in each voxel, in mm.")
    frame: Frame = Field(
        default="lps", description="Frame of the vectors; the header's `space` says only that of the grid."
    )
    direction: Direction = Field(
        default="from_parent",
        description="Which way the vectors lead: `from_parent` (as in ITK's and Slicer's files), or `to_parent`.",
    )


class CreateArguments(FieldArguments):
    """A displacement field, and a name."""

    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")


class ReplaceArguments(FieldArguments):
    """A displacement field, and the transform that gets it."""

    transform_id: TransformId = Field(description="The transform.")


@operation(
    name="transforms.data",
    capability="scene.read",
    route="GET /transforms/{transform_id}/data",
    read_only=True,
    revision_scope="node",
    keywords="deformation field displacement array",
)
def read_data(context: OperationContext, arguments: DataArguments) -> Content:
    """Read the displacement field of a grid transform, or the coefficients of a B-spline, as NRRD.

    Returns
    -------
    Content
        Three components in each voxel, mm, i fastest. The facts say `kind` (grid or bspline), `direction` (which way
        the vectors lead), and for a B-spline the matrix `bulk_matrix_ras` that comes on top.

    Raises
    ------
    NodeTypeError
        The node is no transform, or neither a grid nor a B-spline.
    NodeNotFoundError
        No node has this id.

    Notes
    -----
    Any orientation of the grid is kept. Source: `vtkOrientedGridTransform`, `vtkOrientedBSplineTransform`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    found, kind = stored(node, GRID_CLASS), "grid"
    if found is None:
        found, kind = stored(node, BSPLINE_CLASS), "bspline"
    if found is None:
        raise NodeTypeError(
            f"{node.GetID()} is neither a grid nor a B-spline transform. transforms.get gives the matrix of a linear "
            "one; transforms.to_grid makes a grid of any."
        )
    transform, direction = found
    image, grid = grid_of(transform)
    vectors = _vectors(transform, image, grid)
    if arguments.frame == "lps":
        vectors = vectors * LPS_SIGNS.astype(vectors.dtype)
    matrix = matrix_in(arguments.frame, "ijk_to", matrices.rows(grid.ijk_to_ras))
    rows = matrix[f"ijk_to_{arguments.frame}"]
    texts = INTENT if kind == "grid" else {}
    head = nrrd.write_header(vectors.dtype.name, grid.dimensions_ijk, 3, rows, arguments.frame, texts)
    facts: dict[str, object] = {
        "transform_id": node.GetID(),
        "kind": kind,
        "direction": direction,
        "frame": arguments.frame,
        "scalar_type": vectors.dtype.name,
        "shape_kji": list(vectors.shape[:3]),
        "component_count": 3,
        "parent_transform_id": parent_transform_id(node),
        **matrix,
    }
    if kind == "bspline":
        bulk = transform.GetBulkTransformMatrix()
        facts["bulk_matrix_ras"] = matrices.rows(matrices.from_vtk(bulk) if bulk is not None else np.eye(4))
    body = np.ascontiguousarray(vectors).reshape(-1).data.cast("B")
    return Content(MEDIA_TYPE, [head, body], f"{node.GetID()}.nrrd", facts)


@operation(
    name="transforms.create_grid",
    capability="scene.edit",
    route="POST /transforms/grid",
    execution="steps",
    binary_body=True,
    status=201,
    keywords="deformation field displacement warp nonrigid deformable B-spline",
)
def create_grid(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress, None, TransformDescription]:
    """Make a grid transform of a displacement field in NRRD, of any orientation.

    Returns
    -------
    TransformDescription
        The new node; the geometry of its grid in RAS, mm.

    Raises
    ------
    DataInvalidError
        The bytes are no NRRD, or not three float components in each voxel, or a vector is not finite.
    OutOfMemoryError
        The field would not fit into memory.

    Notes
    -----
    Between grid points vectors are interpolated cubically, as Slicer does with such files. Source:
    `vtkOrientedGridTransform`, `vtkITKTransformConverter`.
    """
    transform = yield from _receive(context, arguments)
    scene = context.host.scene.scene
    name = scene.GenerateUniqueName(arguments.name or "Grid transform")
    node = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", name)
    put_transform(node, transform, arguments.direction)
    context.mark_made([node])
    return describe_transform(node, "ras")


@operation(
    name="transforms.replace_data",
    capability="scene.edit",
    route="PUT /transforms/{transform_id}/data",
    execution="steps",
    binary_body=True,
    idempotent=True,
    destructive=True,
    revision_scope="node",
)
def replace_data(
    context: OperationContext, arguments: ReplaceArguments
) -> Generator[Progress, None, TransformDescription]:
    """Replace a transform by a displacement field in NRRD; id, name and the nodes under it stay.

    Returns
    -------
    TransformDescription
        The node as it is now; the geometry of its grid in RAS, mm.

    Raises
    ------
    DataInvalidError
        The bytes are no NRRD, or not three float components in each voxel, or a vector is not finite.
    NodeTypeError
        The node is no transform, or one that can hold matrices only.
    NodeNotFoundError
        No node has this id.

    Notes
    -----
    Source: `vtkMRMLTransformNode::SetAndObserveTransformFromParent`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    if node.IsA("vtkMRMLLinearTransformNode"):
        raise NodeTypeError(
            f"{node.GetID()} holds matrices only. Make a grid transform with transforms.create_grid."
        )
    transform = yield from _receive(context, arguments)
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    put_transform(node, transform, arguments.direction)
    context.mark_made([node])
    return describe_transform(node, "ras")


def _vectors(transform: Any, image: Any, grid: Grid) -> Array:
    i, j, k = grid.dimensions_ijk
    vectors = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i, 3)
    if transform.IsA(GRID_CLASS) and (transform.GetDisplacementScale(), transform.GetDisplacementShift()) != (
        1,
        0,
    ):
        vectors = vectors * transform.GetDisplacementScale() + transform.GetDisplacementShift()
    return vectors if vectors.dtype in (np.float32, np.float64) else vectors.astype(np.float64)


def _receive(context: OperationContext, arguments: FieldArguments) -> Generator[Progress, None, Any]:
    received = yield from receive(context, arguments.content.view)
    array = received.array
    if (
        received.format != "nrrd"
        or received.grid is None
        or array.ndim != 4
        or array.shape[3] != 3
        or array.dtype.kind != "f"
    ):
        raise DataInvalidError(
            "A displacement field is NRRD with three float components in each voxel, the components fastest."
        )
    voxels.require_memory(context.host.application, array.nbytes, "The displacement field")
    signs = LPS_SIGNS if arguments.frame == "lps" else np.ones(3)
    vectors = array * signs.astype(array.dtype)
    if not np.isfinite(vectors).all():
        raise DataInvalidError("A vector of the displacement field is not finite.")
    return grid_transform(vectors, received.grid)


def grid_transform(vectors: Array, grid: Grid) -> Any:
    """Make a `vtkOrientedGridTransform` of vectors (k, j, i, 3) in RAS mm."""
    from slicer import vtkOrientedGridTransform

    image = voxels.image_of(vectors)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_ras)
    direction = np.eye(4)
    direction[:3, :3] = grid.axes_ras.T
    transform = vtkOrientedGridTransform()
    transform.SetGridDirectionMatrix(matrices.to_vtk(direction))
    transform.SetDisplacementGridData(image)
    transform.SetInterpolationModeToCubic()
    return transform


def put_transform(node: Any, transform: Any, direction: Direction) -> None:
    """Let a node hold a transform that leads this way."""
    if direction == "from_parent":
        node.SetAndObserveTransformFromParent(transform)
    else:
        node.SetAndObserveTransformToParent(transform)
