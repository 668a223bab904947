"""Change how a volume is named, shown and placed, and make new volumes of it: clone, crop, threshold, arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, GeometryMismatchError, NodeTypeError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import NodeId, VolumeId
from AgentBridgeLib.model.geometry import PositionRas, SpacingMm
from AgentBridgeLib.model.volumes import VolumeDescription, VolumeMade
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.stepping import InputWatch, slabs
from AgentBridgeLib.operations.volumes import new_nodes as volume_nodes
from AgentBridgeLib.operations.volumes.volumes import VOLUME, VolumeArguments, get_volume
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

SMALLEST_DETERMINANT = 1e-9

Name = Annotated[str, Field(min_length=1, max_length=200)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Operator = Literal["add", "subtract", "multiply", "divide", "minimum", "maximum"]
OPERATORS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


class UpdateArguments(Arguments):
    """What to change; what is not given stays."""

    volume_id: VolumeId = Field(description="The volume.")
    name: Name | None = Field(default=None, description="New name.")
    window_width: Annotated[Finite, Field(gt=0)] | None = Field(
        default=None, description="Width of the displayed range, in the volume's own unit."
    )
    window_level: Finite | None = Field(
        default=None, description="Center of the displayed range, in the volume's own unit."
    )
    color_node_id: NodeId | None = Field(default=None, description="Color table to show the values with.")
    spacing_mm: SpacingMm | None = Field(
        default=None, description="Distance of voxel centers along i, j, k in mm; above 0."
    )
    origin_ras: PositionRas | None = Field(default=None, description="Center of voxel (0, 0, 0) in RAS, mm.")
    axes_ras: (
        tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] | None
    ) = Field(default=None, description="Directions of i, j, k in RAS, one in each row; made unit vectors.")


class NamedArguments(Arguments):
    """Which volume, and the name of the new one."""

    volume_id: VolumeId = Field(description="The volume; it stays as it is.")
    name: Name | None = Field(default=None, description="Name of the new volume; made unique.")


class CropArguments(NamedArguments):
    """Which part of a volume."""

    region: tuple[int, int, int, int, int, int] = Field(
        description="i0,i1,j0,j1,k0,k1: zero-based, the upper ends do not belong to it."
    )


class ThresholdArguments(NamedArguments):
    """Which values to keep."""

    minimum: Finite = Field(description="Least value that is inside, in the volume's own unit.")
    maximum: Finite = Field(description="Largest value that is inside, in the volume's own unit.")
    inside_value: Finite | None = Field(default=None, description="Value of voxels inside; kept without.")
    outside_value: Finite | None = Field(default=0, description="Value of voxels outside; kept with null.")


class MathArguments(NamedArguments):
    """Two operands: the volume, and another volume or a number."""

    operator: Operator = Field(description="What to compute, voxel by voxel: volume operator other.")
    other_volume_id: VolumeId | None = Field(default=None, description="Volume with the same voxel grid.")
    value: Finite | None = Field(default=None, description="A number, in place of another volume.")


@operation(
    name="volumes.update",
    capability="scene.edit",
    route="PATCH /volumes/{volume_id}",
    idempotent=True,
    revision_scope="node",
)
def update_volume(context: OperationContext, arguments: UpdateArguments) -> VolumeDescription:
    """Change the name, window, color table or geometry of a volume; voxels stay.

    A window that is given is no longer automatic. Geometry is the volume's own, without parent transforms.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, has no window to set, or `color_node_id` is no color node.
    ArgumentInvalidError
        A spacing is not above 0, or the axes do not span space.

    Notes
    -----
    Source: `vtkMRMLVolumeNode::SetIJKToRASMatrix`, `vtkMRMLScalarVolumeDisplayNode::SetWindowLevel`.
    """
    scene = context.host.scene
    node = scene.node(arguments.volume_id, VOLUME)
    grid = _changed_grid(Grid.of(node), arguments)
    color = scene.node(arguments.color_node_id, "vtkMRMLColorNode") if arguments.color_node_id else None
    has_window = arguments.window_width is not None or arguments.window_level is not None
    display = node.GetDisplayNode()
    if has_window and (display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode")):
        raise NodeTypeError(f"{node.GetID()} has no window: it is a labelmap or has no display node.")
    if color is not None and display is None:
        raise NodeTypeError(f"{node.GetID()} has no display node that could have a color table.")
    if arguments.name is not None:
        node.SetName(arguments.name)
    if grid is not None:
        volume_nodes.set_grid(node, grid)
    if has_window:
        _set_window(display, arguments)
    if color is not None:
        display.SetAndObserveColorNodeID(color.GetID())
    context.mark_made([node])
    return get_volume(context, VolumeArguments(volume_id=arguments.volume_id))


@operation(
    name="volumes.clone",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/clone",
    execution="steps",
    status=201,
)
def clone_volume(
    context: OperationContext, arguments: NamedArguments
) -> Generator[Progress, None, VolumeMade]:
    """Copy a volume with its voxels, geometry, parent transform and display.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    OutOfMemoryError
        The copy would not fit into memory.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    whole = (0, source.shape[2], 0, source.shape[1], 0, source.shape[0])
    return (yield from _copy_part(context, node, whole, arguments.name or f"{node.GetName()} copy"))


@operation(
    name="volumes.crop",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/crop",
    execution="steps",
    status=201,
)
def crop_volume(context: OperationContext, arguments: CropArguments) -> Generator[Progress, None, VolumeMade]:
    """Copy a box of voxels into a new volume, without interpolation: every voxel stays where it is.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    ArgumentInvalidError
        The region is empty or reaches beyond the image.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    counts = voxels.voxels_of(node).shape[2::-1]
    ends = np.array(arguments.region).reshape(3, 2)
    if (ends[:, 0] < 0).any() or (ends[:, 1] > counts).any() or (ends[:, 0] >= ends[:, 1]).any():
        raise _invalid("region", f"it is empty or not inside 0,{counts[0]},0,{counts[1]},0,{counts[2]}")
    return (
        yield from _copy_part(context, node, arguments.region, arguments.name or f"{node.GetName()} cropped")
    )


@operation(
    name="volumes.threshold",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/threshold",
    execution="steps",
    status=201,
)
def threshold_volume(
    context: OperationContext, arguments: ThresholdArguments
) -> Generator[Progress, None, VolumeMade]:
    """Replace the values inside or outside a range, into a new volume of the same scalar type.

    A value is inside if `minimum` ≤ value ≤ `maximum`; not-a-number is outside.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    ArgumentInvalidError
        `minimum` is above `maximum`, or a replacement cannot be held exactly by the scalar type.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.
    """
    if arguments.minimum > arguments.maximum:
        raise _invalid("minimum", "it is above the maximum")
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    inside_value = _held(arguments.inside_value, source.dtype, "inside_value")
    outside_value = _held(arguments.outside_value, source.dtype, "outside_value")
    voxels.require_memory(context.host.application, source.nbytes, "The result")
    watch, result = InputWatch(context.host.scene, node), np.empty_like(source)
    for start, stop in slabs(source.shape[0], source[0].size):
        part, target = source[start:stop], result[start:stop]
        is_inside = (part >= arguments.minimum) & (part <= arguments.maximum)
        target[...] = part
        if inside_value is not None:
            target[is_inside] = inside_value
        if outside_value is not None:
            target[~is_inside] = outside_value
        yield Progress(stop / source.shape[0], "Comparing voxels")
    return _add(context, watch, arguments.name, "thresholded", result)


@operation(
    name="volumes.math",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/math",
    execution="steps",
    status=201,
)
def combine_volumes(
    context: OperationContext, arguments: MathArguments
) -> Generator[Progress, None, VolumeMade]:
    """Add, subtract, multiply, divide or compare a volume with another one or with a number, voxel by voxel.

    The result is float64, so that integers neither overflow nor lose their fraction (above 2^53 they are rounded).
    Division by zero gives infinity, and 0 / 0 not-a-number.

    Raises
    ------
    GeometryMismatchError
        The volumes have other voxels or other places; the answer has both geometries.
    ArgumentInvalidError
        Not exactly one of `other_volume_id` and `value` was given.
    RevisionConflictError
        A volume changed meanwhile; nothing was made.
    """
    if (arguments.other_volume_id is None) == (arguments.value is None):
        raise _invalid("value", "give either `other_volume_id` or `value`")
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    watches, operand = [InputWatch(context.host.scene, node)], None
    if arguments.other_volume_id is not None:
        other = context.host.scene.node(arguments.other_volume_id, VOLUME)
        operand = voxels.voxels_of(other)
        require_same_grid(node, other)
        if operand.shape != source.shape:
            raise GeometryMismatchError(
                f"{node.GetID()} has voxels (k, j, i) of {source.shape}, {other.GetID()} of {operand.shape}."
            )
        watches.append(InputWatch(context.host.scene, other))
    voxels.require_memory(context.host.application, source.size * 8, "The result")
    result, compute = np.empty(source.shape, np.float64), OPERATORS[arguments.operator]
    for start, stop in slabs(source.shape[0], source[0].size):
        right = (
            np.float64(arguments.value or 0) if operand is None else operand[start:stop].astype(np.float64)
        )
        with np.errstate(all="ignore"):
            compute(source[start:stop].astype(np.float64), right, out=result[start:stop])
        yield Progress(stop / source.shape[0], "Computing")
    for watch in watches[1:]:
        watch.require_unchanged()
    return _add(context, watches[0], arguments.name, arguments.operator, result)


def require_same_grid(one: Any, other: Any) -> None:
    """Check that two volumes have the same voxels at the same places in the world.

    Raises
    ------
    GeometryMismatchError
        They have not, or a parent transform is not linear; the facts have both geometries.
    """
    grids = [_world_grid(node) for node in (one, other)]
    if not grids[0].is_same(grids[1]):
        names = ("first", "second")
        facts = {
            f"{name}_geometry": {
                "dimensions_ijk": list(grid.dimensions_ijk),
                "spacing_mm": list(grid.spacing_mm),
                "ijk_to_ras": [list(row) for row in matrices.rows(grid.ijk_to_ras)],
            }
            for name, grid in zip(names, grids, strict=True)
        }
        raise GeometryMismatchError(
            f"{one.GetID()} has dimensions {grids[0].dimensions_ijk}, spacing {grids[0].spacing_mm} and origin "
            f"{grids[0].origin_ras}; {other.GetID()} has {grids[1].dimensions_ijk}, {grids[1].spacing_mm} and "
            f"{grids[1].origin_ras}. Both must have the same voxels at the same places.",
            facts=facts,
        )


def _world_grid(node: Any) -> Grid:
    if not matrices.is_linear_to_world(node):
        raise GeometryMismatchError(f"{node.GetID()} has a parent transform that is not linear: harden it.")
    grid = Grid.of(node)
    return Grid(grid.dimensions_ijk, matrices.node_to_world(node) @ grid.ijk_to_ras)


def _copy_part(
    context: OperationContext, node: Any, region: tuple[int, int, int, int, int, int], name: str
) -> Generator[Progress, None, VolumeMade]:
    i0, i1, j0, j1, k0, k1 = region
    part = voxels.voxels_of(node)[k0:k1, j0:j1, i0:i1]
    voxels.require_memory(context.host.application, part.nbytes, "The copy")
    watch, result = InputWatch(context.host.scene, node), np.empty(part.shape, part.dtype)
    for start, stop in slabs(part.shape[0], part[0].size):
        result[start:stop] = part[start:stop]
        yield Progress(stop / part.shape[0], "Copying voxels")
    source = watch.require_unchanged()
    grid = Grid.of(source).part((i0, j0, k0), (i1 - i0, j1 - j0, k1 - k0), 1)
    is_labelmap = bool(source.IsA("vtkMRMLLabelMapVolumeNode"))
    made = volume_nodes.new_volume(context.host.scene.scene, name, result, grid, is_labelmap=is_labelmap)
    volume_nodes.place_beside(made, source)
    _copy_display(source, made)
    context.mark_made([made])
    return volume_nodes.describe_made(made, ())


def _copy_display(source: Any, made: Any) -> None:
    display, copy = source.GetDisplayNode(), made.GetDisplayNode()
    if display is None or copy is None or display.GetClassName() != copy.GetClassName():
        return
    if display.GetColorNodeID():
        copy.SetAndObserveColorNodeID(display.GetColorNodeID())
    if display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        copy.SetWindowLevel(display.GetWindow(), display.GetLevel())


def _add(
    context: OperationContext, watch: InputWatch, name: str | None, suffix: str, array: Array
) -> VolumeMade:
    return volume_nodes.add_result(context, watch.require_unchanged(), name, suffix, array)


def _held(value: float | None, dtype: np.dtype[Any], name: str) -> Any:
    """Give the value in a scalar type that must hold it; floating types round."""
    if value is None or dtype.kind == "f":
        return value
    limits = np.iinfo(dtype)
    if value != int(value) or not limits.min <= int(value) <= limits.max:
        raise _invalid(name, f"voxels of type {dtype.name} cannot hold {value}")
    return int(value)


def _set_window(display: Any, arguments: UpdateArguments) -> None:
    width, level = arguments.window_width, arguments.window_level
    display.SetAutoWindowLevel(0)
    display.SetWindowLevel(
        display.GetWindow() if width is None else width, display.GetLevel() if level is None else level
    )


def _changed_grid(now: Grid, arguments: UpdateArguments) -> Grid | None:
    if arguments.spacing_mm is None and arguments.origin_ras is None and arguments.axes_ras is None:
        return None
    spacing = np.array(arguments.spacing_mm or now.spacing_mm)
    if not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise _invalid("spacing_mm", "distances must be above 0")
    axes = np.array(arguments.axes_ras or now.axes_ras.tolist())
    lengths = np.linalg.norm(axes, axis=1)
    if not np.isfinite(axes).all() or (lengths <= 0).any():
        raise _invalid("axes_ras", "an axis has no direction")
    axes = axes / lengths[:, None]
    if abs(np.linalg.det(axes)) < SMALLEST_DETERMINANT:
        raise _invalid("axes_ras", "the axes do not span space")
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T * spacing
    matrix[:3, 3] = now.origin_ras if arguments.origin_ras is None else arguments.origin_ras
    if not np.isfinite(matrix).all():
        raise _invalid("origin_ras", "positions must be finite")
    return Grid(now.dimensions_ijk, matrix)


def _invalid(name: str, problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{name}` cannot be used: {problem}.", errors=[FieldProblem(f"/{name}", problem)]
    )
