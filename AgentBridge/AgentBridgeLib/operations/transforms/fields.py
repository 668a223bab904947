"""Give and take grid transforms as displacement fields in NRRD or NIfTI; give B-spline coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field
from vtkmodules.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes, NodeName, TransformId
from AgentBridgeLib.model.frames import Frame, matrix_in
from AgentBridgeLib.model.transforms import Direction, TransformDescription
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.transforms.field_bytes import (
    MEDIA_TYPES,
    FieldFormat,
    displacements_ras,
    nifti_parts,
    nrrd_parts,
)
from AgentBridgeLib.operations.transforms.new_nodes import (
    BSPLINE_CLASS,
    GRID_CLASS,
    TRANSFORM,
    describe_transform,
    grid_of,
    stored,
)
from AgentBridgeLib.operations.volumes.byte_formats import compressed, receive
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array


class DataArguments(Arguments):
    """Which transform, in what form and in which frame."""

    transform_id: TransformId = Field(description="A grid or B-spline transform.")
    format: FieldFormat = Field(
        default="nrrd", description="NIfTI (nii.gz: compressed) holds grids only, not coefficients."
    )
    frame: Frame | None = Field(
        default=None,
        description="Frame of geometry and vectors. Without: lps in NRRD, as in files of ITK and Slicer. NIfTI is ras "
        "always, and readers such as ITK's know it.",
    )

    def takes_steps(self) -> bool:
        """Compressing does."""
        return self.format == "nii.gz"


class FieldArguments(Arguments):
    """A displacement field."""

    content: Bytes = Field(
        description="NRRD or NIfTI (.nii, .nii.gz) with three float components in each voxel, in mm."
    )
    frame: Frame | None = Field(
        default=None,
        description="Frame of the vectors; headers say only where the grid lies. Without: ras for NIfTI of intent "
        "1006 (displacements, as Slicer writes), else lps (NRRD; NIfTI of intent 1007, as ANTs writes).",
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
def read_data(
    context: OperationContext, arguments: DataArguments
) -> Content | Generator[Progress, None, Content]:
    """Read the displacement field of a grid transform as NRRD or NIfTI, or the coefficients of a B-spline as NRRD.

    Returns
    -------
    Content
        Three components in each voxel, mm. NRRD: components fastest, then i. NIfTI: i fastest, one image for each
        component, intent 1006, vectors in RAS. The facts say `kind` (grid or bspline), `frame`, `direction` (which
        way the vectors lead), and for a B-spline the matrix `bulk_matrix_ras` that comes on top.

    Raises
    ------
    NodeTypeError
        The node is no transform, or neither a grid nor a B-spline; or NIfTI was asked for of a B-spline.
    NodeNotFoundError
        No node has this id.
    ArgumentInvalidError
        NIfTI was asked for in LPS.
    DataInvalidError
        NIfTI cannot count so many grid points along an axis.
    OutOfMemoryError
        The bytes would not fit beside the field.

    Warnings
    --------
    Readers of displacement fields take them as leading from the parent (`from_parent`); NIfTI cannot say otherwise.

    Notes
    -----
    Any orientation of the grid is kept. Source: `vtkOrientedGridTransform`, `vtkOrientedBSplineTransform`; nifti1.h;
    `itk::NiftiImageIO`.
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
    is_nifti, frame = arguments.format != "nrrd", arguments.frame or "lps"
    if is_nifti:
        frame = _nifti_frame(node, kind, arguments.frame)
    image, grid = grid_of(transform)
    vectors = _vectors(transform, image, grid)
    voxels.require_memory(context.host.application, vectors.nbytes, "The displacement field")
    facts: dict[str, object] = {
        "transform_id": node.GetID(),
        "kind": kind,
        "direction": direction,
        "frame": frame,
        "scalar_type": vectors.dtype.name,
        "shape_kji": list(vectors.shape[:3]),
        "component_count": 3,
        "parent_transform_id": parent_transform_id(node),
        **matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras)),
    }
    if kind == "bspline":
        bulk = transform.GetBulkTransformMatrix()
        facts["bulk_matrix_ras"] = matrices.rows(matrices.from_vtk(bulk) if bulk is not None else np.eye(4))
    parts = (
        nifti_parts(vectors, grid)
        if is_nifti
        else nrrd_parts(vectors, grid, frame, is_displacement=kind == "grid")
    )
    filename = f"{node.GetID()}.{arguments.format}"
    content = Content(MEDIA_TYPES[arguments.format], parts, filename, facts)
    return compressed(context, content, parts) if arguments.takes_steps() else content


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
    """Make a grid transform of a displacement field in NRRD or NIfTI, of any orientation.

    Returns
    -------
    TransformDescription
        The new node; the geometry of its grid in RAS, mm.

    Raises
    ------
    DataInvalidError
        The bytes are neither NRRD nor NIfTI, or not three float components in each voxel, or a vector is not finite.
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
    """Replace a transform by a displacement field in NRRD or NIfTI; id, name and the nodes under it stay.

    Returns
    -------
    TransformDescription
        The node as it is now; the geometry of its grid in RAS, mm.

    Raises
    ------
    DataInvalidError
        The bytes are neither NRRD nor NIfTI, or not three float components in each voxel, or a vector is not finite.
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


def _nifti_frame(node: Any, kind: str, frame: Frame | None) -> Frame:
    if kind != "grid":
        raise NodeTypeError(
            f"{node.GetID()} is a B-spline: its coefficients are no displacements, which NIfTI has a code for. Use "
            "format=nrrd, or transforms.to_grid."
        )
    if frame == "lps":
        raise invalid(
            "frame", "displacements in NIfTI are RAS always; readers turn them into their own frame"
        )
    return "ras"


def _receive(context: OperationContext, arguments: FieldArguments) -> Generator[Progress, None, Any]:
    received = yield from receive(context, arguments.content.view)
    voxels.require_memory(context.host.application, received.array.nbytes, "The displacement field")
    return grid_transform(*displacements_ras(received, arguments.frame))


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
