"""List, describe and make volumes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, FieldProblem, GeometryMismatchError
from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import Bytes, VolumeId
from AgentBridgeLib.model.frames import FrameArguments, bounds_in, matrix_in, position_in
from AgentBridgeLib.model.geometry import PositionRas, SpacingMm
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.model.volumes import VolumeDescription, VolumeDisplay, VolumeMade, VolumeSummary
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.volumes import byte_formats as volume_bytes
from AgentBridgeLib.operations.volumes import new_nodes as volume_nodes
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

VOLUME = "vtkMRMLScalarVolumeNode"
LONGEST_INTEGER_BYTES = 8


class VolumeArguments(FrameArguments):
    """Which volume."""

    volume_id: VolumeId = Field(description="The volume.")


MatrixEntries = Annotated[tuple[float, ...], COMMA_LIST, Field(min_length=16, max_length=16)]


class CreateArguments(Arguments):
    """Voxels, and where they lie if the bytes do not say it."""

    content: Bytes = Field(description="NRRD (raw or gzip, attached data) or NPY (shape (k, j, i)) bytes.")
    name: str = Field(
        default="Volume", min_length=1, max_length=200, description="Name of the node; made unique."
    )
    type: Literal["scalar", "labelmap"] = Field(
        default="scalar", description="A labelmap needs integer voxels with one component."
    )
    spacing_mm: Annotated[SpacingMm, COMMA_LIST] | None = Field(
        default=None, description="For NPY: distance of voxel centers along i, j, k in mm; 1,1,1 without."
    )
    origin_ras: Annotated[PositionRas, COMMA_LIST] | None = Field(
        default=None, description="For NPY: center of voxel (0, 0, 0) in RAS, mm; 0,0,0 without."
    )
    ijk_to_ras: MatrixEntries | None = Field(
        default=None, description="For NPY, in place of spacing and origin: 16 numbers, row by row."
    )


class ReplaceArguments(Arguments):
    """New voxels for a volume."""

    volume_id: VolumeId = Field(description="The volume.")
    content: Bytes = Field(description="NRRD, NPY or raw bytes.")
    format: Literal["nrrd", "npy", "raw"] | None = Field(
        default=None,
        description="What the bytes are; found out if not given. Raw: of the type and size of now.",
    )


@operation(name="volumes.list", capability="scene.read", route="GET /volumes", read_only=True)
def list_volumes(context: OperationContext, arguments: PageArguments) -> Page[VolumeSummary]:
    """List the volumes of the scene, labelmaps included, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, VOLUME, Page[VolumeSummary], _summarize)


@operation(
    name="volumes.get",
    capability="scene.read",
    route="GET /volumes/{volume_id}",
    read_only=True,
    revision_scope="node",
)
def get_volume(context: OperationContext, arguments: VolumeArguments) -> VolumeDescription:
    """Describe one volume: dimensions, spacing, origin, axes, type, range of values, window, bounds in the world.

    Returns
    -------
    VolumeDescription
        Positions in RAS (`frame=lps`: in LPS, and the names say so), in mm. Origin, axes and matrix are the volume's
        own, without parent transforms; the bounds are in the world. Window and range have the volume's own unit.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no scalar volume.

    Warnings
    --------
    Indices are zero-based (i, j, k) at voxel centers; NumPy order is `array[k, j, i]`. Slicer's reader reverses the k
    axis of left-handed files: positions stay, indices are other than in the file.

    Notes
    -----
    Source: Slicer user guide, "Coordinate systems".
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    grid, frame = Grid.of(node), arguments.frame
    axes = grid.axes_ras
    low, high = _scalar_range(node)
    return VolumeDescription(
        **_summarize(node).model_dump(),
        **position_in(frame, "origin", grid.origin_ras),
        **position_in(frame, "i_axis", axes[0]),
        **position_in(frame, "j_axis", axes[1]),
        **position_in(frame, "k_axis", axes[2]),
        **matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras)),
        **bounds_in(frame, "bounds", _world_bounds(node)),
        is_left_handed=grid.is_left_handed,
        scalar_minimum=low,
        scalar_maximum=high,
        value_unit=_value_unit(node),
        display=_display(node),
        parent_transform_id=parent_transform_id(node),
        warnings=volume_nodes.type_warnings(voxels.scalar_type(node) or ""),
    )


@operation(
    name="volumes.create",
    capability="scene.edit",
    route="POST /volumes",
    execution="steps",
    binary_body=True,
    status=201,
)
def create_volume(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress, None, VolumeMade]:
    """Make a volume from NRRD or NPY bytes, with exactly their scalar type and geometry.

    Raw NRRD and NPY voxels are not copied: the node keeps the buffer they arrived in.

    Returns
    -------
    VolumeMade
        The new node. Its window shows the values without the outer 0.1 % on each side.

    Raises
    ------
    DataInvalidError
        The bytes are no NRRD or NPY, claim something other than what follows, or a labelmap has values that are no
        integers. Nothing was allocated or added.
    OutOfMemoryError
        Compressed voxels would not fit into memory.
    ArgumentInvalidError
        Geometry was given for NRRD bytes, which have their own, or the matrix is singular.

    Warnings
    --------
    NumPy order is `array[k, j, i]`, i fastest. Types int8, int64 and uint64 stay what they are; Slicer may refuse to
    write them to a file. Source: NRRD format definition; `numpy.lib.format`.
    """
    received = yield from _receive(context, arguments.content.view)
    if received.grid is not None and _has_geometry(arguments):
        raise _invalid("ijk_to_ras", "NRRD bytes have their own geometry")
    grid = received.grid or _given_grid(arguments, received.array)
    is_labelmap = arguments.type == "labelmap"
    if is_labelmap and (received.array.dtype.kind not in "iu" or received.array.ndim != 3):
        raise DataInvalidError(
            "A labelmap needs integer voxels with one component. Send type=scalar, or cast them."
        )
    node = volume_nodes.new_volume(
        context.host.scene.scene, arguments.name, received.array, grid, is_labelmap=is_labelmap
    )
    context.mark_made([node])
    return volume_nodes.describe_made(node, received.warnings)


@operation(
    name="volumes.replace_data",
    capability="scene.edit",
    route="PUT /volumes/{volume_id}/data",
    execution="steps",
    binary_body=True,
    idempotent=True,
    destructive=True,
    revision_scope="node",
)
def replace_data(
    context: OperationContext, arguments: ReplaceArguments
) -> Generator[Progress, None, VolumeMade]:
    """Replace the voxels of a volume; name, id, display and parent transform stay.

    NRRD bytes bring their own geometry, which may have other dimensions. NPY and raw bytes must have the dimensions of
    now and keep the geometry; raw bytes the scalar type too.

    Raises
    ------
    DataInvalidError
        The bytes are not what they claim to be.
    GeometryMismatchError
        NPY voxels have other dimensions than the volume, or another number of components.
    NodeTypeError
        The node is no scalar volume, or raw bytes were sent for one without voxels.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    view, grid = arguments.content.view, None
    warnings: tuple[str, ...] = ()
    if arguments.format == "raw":
        now = voxels.voxels_of(node)
        array = volume_bytes.read_raw(view, now.dtype.name, now.shape)
    else:
        received = yield from _receive(context, view)
        array, grid, warnings = received.array, received.grid, received.warnings
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    _check_fit(node, array, grid)
    _commit_voxels(node, array, grid)
    context.mark_made([node])
    return volume_nodes.describe_made(node, warnings)


def _receive(
    context: OperationContext, view: memoryview
) -> Generator[Progress, None, volume_bytes.ReceivedVolume]:
    reading = volume_bytes.read_volume(context.host.application, view)
    while True:
        try:
            yield Progress(next(reading), "Decompressing")
        except StopIteration as end:
            return end.value


def _has_geometry(arguments: CreateArguments) -> bool:
    return any(
        value is not None for value in (arguments.spacing_mm, arguments.origin_ras, arguments.ijk_to_ras)
    )


def _given_grid(arguments: CreateArguments, array: Array) -> Grid:
    matrix = np.eye(4)
    if arguments.ijk_to_ras is not None:
        if arguments.spacing_mm is not None or arguments.origin_ras is not None:
            raise _invalid("ijk_to_ras", "it says spacing and origin already; give either")
        matrix = np.array(arguments.ijk_to_ras).reshape(4, 4)
    else:
        spacing = arguments.spacing_mm or (1.0, 1.0, 1.0)
        if min(spacing) <= 0:
            raise _invalid("spacing_mm", "distances must be above 0")
        matrix[:3, :3] = np.diag(spacing)
        matrix[:3, 3] = arguments.origin_ras or (0.0, 0.0, 0.0)
    if tuple(matrix[3]) != (0, 0, 0, 1) or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise _invalid("ijk_to_ras", "it is singular, or its last row is not 0,0,0,1")
    k, j, i = array.shape[:3]
    return Grid((i, j, k), matrix)


def _check_fit(node: Any, array: Array, grid: Grid | None) -> None:
    image = node.GetImageData()
    if grid is None:
        now = tuple(reversed(image.GetDimensions())) if image is not None else (0, 0, 0)
        if array.shape[:3] != now:
            raise GeometryMismatchError(
                f"{node.GetID()} has (k, j, i) = {now} voxels; the bytes have {array.shape[:3]}. Other dimensions "
                "need NRRD bytes, which say where the voxels lie."
            )
    is_vector = bool(node.IsA("vtkMRMLVectorVolumeNode"))
    if (array.ndim == 4) != is_vector:
        values = "several values" if array.ndim == 4 else "one value"
        raise GeometryMismatchError(
            f"{node.GetID()} is a {node.GetClassName()}; the bytes have {values} for each voxel. Make a new volume "
            "with volumes.create."
        )
    if node.IsA("vtkMRMLLabelMapVolumeNode") and array.dtype.kind not in "iu":
        raise DataInvalidError("A labelmap needs integer voxels.")


def _commit_voxels(node: Any, array: Array, grid: Grid | None) -> None:
    display = node.GetDisplayNode()
    has_window = display is not None and display.IsA("vtkMRMLScalarVolumeDisplayNode")
    if has_window and array.dtype.kind in "iu" and array.dtype.itemsize == LONGEST_INTEGER_BYTES:
        display.SetAutoWindowLevel(0)  # Slicer's automatic window does not come back for 64-bit integers
    was_modifying = node.StartModify()
    try:
        node.SetAndObserveImageData(voxels.image_of(array))
        if grid is not None:
            volume_nodes.set_grid(node, grid)
    finally:
        node.EndModify(was_modifying)


def _summarize(node: Any) -> VolumeSummary:
    image = node.GetImageData()
    return VolumeSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        dimensions_ijk=image.GetDimensions() if image is not None else None,
        spacing_mm=node.GetSpacing(),
        scalar_type=voxels.scalar_type(node),
        component_count=image.GetNumberOfScalarComponents() if image is not None else 0,
        is_labelmap=bool(node.IsA("vtkMRMLLabelMapVolumeNode")),
    )


def _scalar_range(node: Any) -> tuple[float | None, float | None]:
    if voxels.scalar_type(node) is None:
        return None, None
    low, high = node.GetImageData().GetPointData().GetScalars().GetFiniteRange(0)
    return (low, high) if low <= high and math.isfinite(low) and math.isfinite(high) else (None, None)


def _value_unit(node: Any) -> str | None:
    unit = node.GetVoxelValueUnits()
    return (unit.GetCodeMeaning() or unit.GetCodeValue() or None) if unit is not None else None


def _display(node: Any) -> VolumeDisplay | None:
    display = node.GetDisplayNode()
    if display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return None
    return VolumeDisplay(
        window_width=display.GetWindow(),
        window_level=display.GetLevel(),
        is_window_automatic=bool(display.GetAutoWindowLevel()),
        color_node_id=display.GetColorNodeID() or None,
    )


def _world_bounds(node: Any) -> Sequence[float] | None:
    if node.GetImageData() is None:
        return None
    if matrices.is_linear_to_world(node):
        grid = Grid.of(node)
        corners = matrices.apply(matrices.node_to_world(node) @ grid.ijk_to_ras, grid.corners_ijk())
        return [value for axis in range(3) for value in (corners[:, axis].min(), corners[:, axis].max())]
    bounds = [1.0, -1.0] * 3
    node.GetRASBounds(bounds)
    return bounds


def _invalid(name: str, problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{name}` cannot be used: {problem}.", errors=[FieldProblem(f"/{name}", problem)]
    )
