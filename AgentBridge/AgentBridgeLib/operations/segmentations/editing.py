"""Add, change and remove segments, and edit their voxels on the segmentation's reference grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkImagingMorphological import vtkImageConnectivityFilter

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FieldProblem,
    OperationFailedError,
    RevisionConflictError,
)
from AgentBridgeLib.model.fields import SegmentationId
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.segmentations import SegmentationDescription
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.segmentations.labelmap_bytes import image_grid, merged_image
from AgentBridgeLib.operations.segmentations.labelmaps import oriented_image
from AgentBridgeLib.operations.segmentations.segmentations import (
    SEGMENTATION,
    SegmentationArguments,
    get_segmentation,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

Name = Annotated[str, Field(min_length=1, max_length=200)]
SegmentId = Annotated[str, Field(min_length=1, max_length=200, description="Handle of the segment.")]
Effect = Literal["union", "intersect", "subtract", "invert", "grow", "shrink", "keep_largest", "fill_holes"]
NEEDS_OTHER = ("union", "intersect", "subtract")
NEEDS_MARGIN = ("grow", "shrink")
ROUNDING = 1e-9
BYTES_PER_VOXEL = 32
"""Masks, labels and squared distances (float64) that an effect holds at once."""


class AddSegmentArguments(SegmentationArguments):
    """The new, empty segment."""

    name: Name = Field(description="Name of the segment.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1; chosen without.")


class UpdateSegmentArguments(SegmentationArguments):
    """What to change; what is not given stays."""

    segment_id: SegmentId
    name: Name | None = Field(default=None, description="New name.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    is_visible: bool | None = Field(default=None, description="Whether views show it.")


class RemoveSegmentArguments(SegmentationArguments):
    """Which segment."""

    segment_id: SegmentId


class EditArguments(SegmentationArguments):
    """Which segment, and what to do with its voxels."""

    segmentation_id: SegmentationId = Field(description="The segmentation; it is changed in place.")
    segment_id: SegmentId
    effect: Effect = Field(
        description="union, intersect, subtract: with `other_segment_id`. grow, shrink: by `margin_mm`. keep_largest: "
        "the island with most voxels, connected by faces. fill_holes: background enclosed in 3D. invert."
    )
    other_segment_id: SegmentId | None = Field(default=None, description="Second operand; it stays as it is.")
    margin_mm: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        default=None, description="Distance between voxel centers, in mm."
    )


@operation(
    name="segmentations.add_segment",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/segments",
    status=201,
)
def add_segment(context: OperationContext, arguments: AddSegmentArguments) -> SegmentationDescription:
    """Add an empty segment.

    Raises
    ------
    NodeTypeError
        The node is no segmentation.
    ArgumentInvalidError
        A color is not between 0 and 1.

    Notes
    -----
    Source: `vtkSegmentation::AddEmptySegment`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    _check_color(arguments.color)
    segment_id = node.GetSegmentation().AddEmptySegment("", arguments.name)
    if arguments.color is not None:
        node.GetSegmentation().GetSegment(segment_id).SetColor(*arguments.color)
    context.mark_made([node])
    return _described(context, arguments)


@operation(
    name="segmentations.update_segment",
    capability="scene.edit",
    route="PATCH /segmentations/{segmentation_id}/segments/{segment_id}",
    idempotent=True,
)
def update_segment(context: OperationContext, arguments: UpdateSegmentArguments) -> SegmentationDescription:
    """Change the name, color or visibility of a segment.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment, or a color is not between 0 and 1.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment = _segment(node, arguments.segment_id, "segment_id")
    _check_color(arguments.color)
    if arguments.name is not None:
        segment.SetName(arguments.name)
    if arguments.color is not None:
        segment.SetColor(*arguments.color)
    if arguments.is_visible is not None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetSegmentVisibility(arguments.segment_id, arguments.is_visible)
    context.mark_made([node])
    return _described(context, arguments)


@operation(
    name="segmentations.remove_segment",
    capability="scene.delete",
    route="DELETE /segmentations/{segmentation_id}/segments/{segment_id}",
    destructive=True,
)
def remove_segment(context: OperationContext, arguments: RemoveSegmentArguments) -> SegmentationDescription:
    """Remove a segment with its voxels.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    _segment(node, arguments.segment_id, "segment_id")
    node.GetSegmentation().RemoveSegment(arguments.segment_id)
    context.mark_made([node])
    return _described(context, arguments)


@operation(
    name="segmentations.edit",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/edit",
    execution="steps",
    long=True,
    destructive=True,
)
def edit_segment(
    context: OperationContext, arguments: EditArguments
) -> Generator[Progress, None, SegmentationDescription]:
    """Edit the voxels of one segment: combine, grow, shrink, keep the largest island, fill holes.

    Works on the segmentation's reference grid; other segments stay and may overlap. Margins are distances between
    voxel centers in the segmentation's own coordinates. The computation is one step that cannot be interrupted.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment, or an effect lacks its operand.
    OutOfMemoryError
        The images would not fit into memory.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was edited.

    Notes
    -----
    Source: `vtkImageConnectivityFilter`,
    `vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment`.
    """
    from slicer import vtkSlicerSegmentationsModuleLogic

    scene = context.host.scene
    node = scene.node(arguments.segmentation_id, SEGMENTATION)
    _check_operands(node, arguments)
    mask, grid = _mask(context, node, arguments.segment_id)
    voxels.require_memory(context.host.application, mask.size * BYTES_PER_VOXEL, "The edit")
    other = _mask(context, node, arguments.other_segment_id)[0] if arguments.other_segment_id else None
    revision = scene.node_revision(node.GetID())
    yield Progress(0.3, "Editing; this step cannot be interrupted")
    result = _apply(arguments, mask, other, grid)
    yield Progress(0.9, "Writing the segment")
    if scene.scene.GetNodeByID(arguments.segmentation_id) is not node or (
        scene.node_revision(node.GetID()) != revision
    ):
        raise RevisionConflictError(f"{arguments.segmentation_id} was changed meanwhile. Start again.")
    image = oriented_image(result.astype(np.uint8), grid.ijk_to_ras)
    if not vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, node, arguments.segment_id):
        raise OperationFailedError("Slicer could not write the segment; its log says why.")
    context.mark_made([node])
    return _described(context, arguments)


def _apply(arguments: EditArguments, mask: Array, other: Array | None, grid: Grid) -> Array:
    effect, margin_mm = arguments.effect, arguments.margin_mm or 0.0
    if other is not None:
        return {"union": mask | other, "intersect": mask & other, "subtract": mask & ~other}[effect]
    if effect == "invert" or not mask.any():
        return ~mask if effect == "invert" else mask
    if effect == "grow":
        return _is_near(mask, grid, margin_mm)
    if effect == "shrink":
        return mask & ~_is_near(~mask, grid, margin_mm)
    return _largest_island(mask) if effect == "keep_largest" else _without_holes(mask)


def _is_near(mask: Array, grid: Grid, margin_mm: float) -> Array:
    """Say of each voxel whether the center of one in the mask is at most so far; exact, one axis after the other.

    `vtkImageEuclideanDistance` rounds squared spacings to integers, so it cannot be used.
    """
    squares = np.where(mask, 0.0, np.inf)
    for axis, spacing in enumerate(reversed(grid.spacing_mm)):
        along = np.moveaxis(squares, axis, 0)
        nearest = along.copy()
        for step in range(1, min(int(margin_mm / spacing + ROUNDING), len(along) - 1) + 1):
            square = (step * spacing) ** 2
            np.minimum(nearest[step:], along[:-step] + square, out=nearest[step:])
            np.minimum(nearest[:-step], along[step:] + square, out=nearest[:-step])
        squares = np.moveaxis(nearest, 0, axis)
    return squares <= margin_mm**2 * (1 + ROUNDING)


def _islands(mask: Array) -> Array:
    """Give each part that is connected by faces a number, 1 for the largest; 0 outside."""
    connectivity = vtkImageConnectivityFilter()
    connectivity.SetInputData(voxels.image_of(mask.astype(np.uint8)))
    connectivity.SetScalarRange(1, 1)
    connectivity.SetExtractionModeToAllRegions()
    connectivity.SetLabelModeToSizeRank()
    connectivity.SetLabelScalarTypeToInt()
    connectivity.Update()
    return vtk_to_numpy(connectivity.GetOutput().GetPointData().GetScalars()).reshape(mask.shape)


def _largest_island(mask: Array) -> Array:
    return _islands(mask) == 1


def _without_holes(mask: Array) -> Array:
    islands = _islands(~mask)
    faces = [
        islands[at] for at in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1], np.s_[..., 0], np.s_[..., -1])
    ]
    open_islands = np.unique(np.concatenate([face.ravel() for face in faces]))
    return mask | ~np.isin(islands, np.append(open_islands, 0))


def _mask(context: OperationContext, node: Any, segment_id: str) -> tuple[Array, Grid]:
    image = merged_image(context, node, [segment_id])
    grid = image_grid(image)
    i, j, k = grid.dimensions_ijk
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i) != 0, grid


def _check_operands(node: Any, arguments: EditArguments) -> None:
    _segment(node, arguments.segment_id, "segment_id")
    if (arguments.effect in NEEDS_OTHER) != (arguments.other_segment_id is not None):
        raise _invalid("other_segment_id", f"it belongs to {', '.join(NEEDS_OTHER)}, and to nothing else")
    if (arguments.effect in NEEDS_MARGIN) != (arguments.margin_mm is not None):
        raise _invalid("margin_mm", f"it belongs to {', '.join(NEEDS_MARGIN)}, and to nothing else")
    if arguments.other_segment_id is not None:
        _segment(node, arguments.other_segment_id, "other_segment_id")


def _segment(node: Any, segment_id: str, name: str) -> Any:
    if segment_id not in node.GetSegmentation().GetSegmentIDs():
        raise _invalid(name, f"there is no segment '{segment_id}'; segmentations.get lists them")
    return node.GetSegmentation().GetSegment(segment_id)


def _check_color(color: tuple[float, float, float] | None) -> None:
    if color is not None and not all(0 <= part <= 1 for part in color):
        raise _invalid("color", "red, green and blue go from 0 to 1")


def _described(context: OperationContext, arguments: SegmentationArguments) -> SegmentationDescription:
    return get_segmentation(context, SegmentationArguments(segmentation_id=arguments.segmentation_id))


def _invalid(name: str, problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{name}` cannot be used: {problem}.", errors=[FieldProblem(f"/{name}", problem)]
    )
