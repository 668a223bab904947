"""Make voxels of segments that are surfaces, such as those of an STL file that was loaded as a segmentation."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import NodeTypeError, OperationFailedError
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.segmentations import SegmentationDescription
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    SegmentationArguments,
    chosen_segments,
    description_of,
)
from AgentBridgeLib.operations.segmentations.drafts import unchanged_guard
from AgentBridgeLib.operations.segmentations.intensities import require_linear
from AgentBridgeLib.operations.segmentations.labelmaps import (
    BINARY_LABELMAP,
    CLOSED_SURFACE,
    image_grid,
    reference_image,
    reference_text,
    set_reference,
)
from AgentBridgeLib.operations.segmentations.surface_making import show_surfaces
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

MARGIN_VOXELS = 2
BEYOND = (
    "The surfaces reach beyond the voxel grid. Measures count all of their voxels; edits and labelmaps know only "
    "those in the grid."
)


class CreateLabelmapArguments(SegmentationArguments):
    """On which voxel grid; without, on the segmentation's reference grid."""

    source_volume_id: VolumeId | None = Field(
        default=None, description="The volume whose voxel grid the segments get."
    )
    spacing_mm: float | None = Field(
        default=None,
        ge=0.01,
        le=100,
        description="In place of a volume: distance of voxel centers, for a grid around all segments.",
    )


@operation(
    name="segmentations.create_labelmap",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/labelmap",
    execution="steps",
    long=True,
    keywords="convert surface mesh STL to voxels binary labelmap voxelize rasterize representation",
)
def create_labelmap(
    context: OperationContext, arguments: CreateLabelmapArguments
) -> Generator[Progress, None, SegmentationDescription]:
    """Make voxels of a segmentation that consists of surfaces, so that it can be measured and edited.

    Each segment is one step that cannot be interrupted (some 3 s for half a million triangles and 15 million voxels).
    Surfaces stay shown in 3D until the voxels are edited.

    Returns
    -------
    SegmentationDescription
        It is made of binary labelmaps now. A warning says so when surfaces reach beyond the grid.

    Raises
    ------
    NodeTypeError
        It is made of voxels already.
    ArgumentInvalidError
        Both a volume and a spacing are given, or neither and there is no reference grid; there are no segments.
    GeometryMismatchError
        A volume is given, and a parent transform is not linear.
    OutOfMemoryError
        The voxels would not fit into memory.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was made of it.
    OperationFailedError
        Slicer could not convert a segment; nothing has changed.

    Notes
    -----
    Source: `vtkSegmentation::CreateRepresentation`, `vtkClosedSurfaceToBinaryLabelmapConversionRule`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segmentation = node.GetSegmentation()
    if segmentation.IsSourceRepresentationImageData():
        raise NodeTypeError(f"{node.GetID()} is made of voxels already.")
    segment_ids, volume = chosen_segments(node, None, "segmentation_id"), None
    if arguments.source_volume_id is not None:
        volume = context.host.scene.node(arguments.source_volume_id, VOLUME)
    grid = _grid(node, volume, arguments.spacing_mm)
    size = _most_voxels(segmentation, grid) * len(segment_ids)
    voxels.require_memory(context.host.application, size, "The voxels")
    require_unchanged, images = unchanged_guard(context, node), {}
    for segment_id in segment_ids:
        images[segment_id] = _converted(segmentation, segment_id, reference_text(grid))
        yield Progress(len(images) / len(segment_ids), "Making voxels")
    require_unchanged()
    if volume is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    else:
        set_reference(node, grid)
    _write(node, images)
    context.mark_made([node])
    is_beyond = any(_reaches_beyond(image, grid) for image in images.values())
    return description_of(node, [BEYOND] if is_beyond else [])


def _grid(node: Any, volume: Any, spacing_mm: float | None) -> Grid:
    if volume is not None:
        if spacing_mm is not None:
            raise invalid("spacing_mm", "source_volume_id says it already; give either")
        require_linear(node, volume)
        between = np.linalg.inv(matrices.node_to_world(node)) @ matrices.node_to_world(volume)
        own = Grid.of(volume)
        return Grid(own.dimensions_ijk, between @ own.ijk_to_ras)
    if spacing_mm is not None:
        low, high = _bounds(node.GetSegmentation())
        i, j, k = (int(count) for count in np.ceil((high - low) / spacing_mm) + 2 * MARGIN_VOXELS)
        matrix = np.diag([spacing_mm] * 3 + [1.0])
        matrix[:3, 3] = low - (MARGIN_VOXELS - 0.5) * spacing_mm
        return Grid((i, j, k), matrix)
    image = reference_image(node)
    if image is None:
        raise invalid("source_volume_id", "there is no voxel grid yet; name a volume, or give spacing_mm")
    return image_grid(image)


def _bounds(segmentation: Any) -> tuple[Array, Array]:
    bounds = [0.0] * 6
    segmentation.GetBounds(bounds)
    return np.array(bounds[::2]), np.array(bounds[1::2])


def _most_voxels(segmentation: Any, grid: Grid) -> int:
    """Give the number of voxels of a box of the grid's voxels around all surfaces."""
    corners = np.array(list(itertools.product(*zip(*_bounds(segmentation), strict=True))))
    size = np.ptp(matrices.apply(np.linalg.inv(grid.ijk_to_ras), corners), axis=0)
    return math.prod(int(count) + MARGIN_VOXELS for count in size)


def _reaches_beyond(image: Any, grid: Grid) -> bool:
    """Say whether an image, whose indices are those of the grid, is larger on any side."""
    extent = image.GetExtent()
    return min(extent[::2]) < 0 or any(
        last >= count for last, count in zip(extent[1::2], grid.dimensions_ijk, strict=True)
    )


def _converted(segmentation: Any, segment_id: str, geometry: str) -> Any:
    """Give the labelmap of one segment; the segmentation stays as it is."""
    from slicer import vtkSegment, vtkSegmentation, vtkSegmentationConverter

    alone, copy = vtkSegmentation(), vtkSegment()
    alone.SetSourceRepresentationName(segmentation.GetSourceRepresentationName())
    alone.CopyConversionParameters(segmentation)
    alone.SetConversionParameter(vtkSegmentationConverter.GetReferenceImageGeometryParameterName(), geometry)
    copy.DeepCopy(segmentation.GetSegment(segment_id))
    alone.AddSegment(copy, segment_id)
    image = copy.GetRepresentation(BINARY_LABELMAP) if alone.CreateRepresentation(BINARY_LABELMAP) else None
    if image is None:
        raise OperationFailedError(f"Slicer could not convert the segment {segment_id}; its log says why.")
    return image


def _write(node: Any, images: dict[str, Any]) -> None:
    segmentation, surfaces = node.GetSegmentation(), {}
    was_modifying = node.StartModify()
    try:
        for segment_id, image in images.items():
            segment = segmentation.GetSegment(segment_id)
            surfaces[segment_id] = segment.GetRepresentation(CLOSED_SURFACE)
            segment.AddRepresentation(BINARY_LABELMAP, image)
            segment.SetLabelValue(1)
        # What was made of the surfaces before goes.
        segmentation.SetSourceRepresentationName(BINARY_LABELMAP)
    finally:
        node.EndModify(was_modifying)
    if all(surfaces.values()):
        show_surfaces(node, surfaces)
