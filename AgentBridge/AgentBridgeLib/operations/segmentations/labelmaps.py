"""Binary labelmaps of segments as NumPy arrays, with where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkIntArray, vtkStringArray
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.errors import NodeTypeError, OperationFailedError
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

BINARY_LABELMAP = "Binary labelmap"
CLOSED_SURFACE = "Closed surface"
_BYTES_PER_VOXEL = 2


@dataclass(frozen=True, eq=False)
class Labelmap:
    """The image that one or more segments share.

    Attributes
    ----------
    array
        Live voxels, shape (k, j, i).
    label
        The value of this segment.
    ijk_to_ras
        From indices of `array` to the segmentation's own coordinates, RAS mm.
    """

    array: Array
    label: int
    ijk_to_ras: Matrix


def labelmap_of(segmentation_node: Any, segment_id: str) -> Labelmap | None:
    """Give the labelmap of a segment; None when it is empty.

    Raises
    ------
    NodeTypeError
        The segmentation is made of something else.
    """
    image = segmentation_node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None:
        raise NodeTypeError(
            f"{segmentation_node.GetID()} has no binary labelmaps. segmentations.create_labelmap makes them."
        )
    if image.IsEmpty() or image.GetPointData().GetScalars() is None:
        return None
    label = segmentation_node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    return Labelmap(array_of(image), label, image_grid(image).ijk_to_ras)


def oriented_image(array: Array, ijk_to_ras: Matrix, start_ijk: tuple[int, int, int] = (0, 0, 0)) -> Any:
    """Make `vtkOrientedImageData` around an array (k, j, i), whose first voxel has the index `start_ijk`."""
    from slicer import vtkOrientedImageData

    flat = voxels.image_of(array)
    image = vtkOrientedImageData()
    ends = zip(start_ijk, reversed(array.shape), strict=True)
    image.SetExtent(*(end for start, count in ends for end in (start, start + count - 1)))
    image.GetPointData().SetScalars(flat.GetPointData().GetScalars())
    image.SetImageToWorldMatrix(matrices.to_vtk(ijk_to_ras))
    return image


def array_of(image: Any) -> Array:
    """Give the live voxels of an image, shape (k, j, i)."""
    i, j, k = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)


def image_grid(image: Any) -> Grid:
    """Give the grid of a `vtkOrientedImageData`, its extent included."""
    matrix = vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    extent = image.GetExtent()
    start = (extent[0], extent[2], extent[4])
    return Grid(image.GetDimensions(), matrices.from_vtk(matrix)).part(start, image.GetDimensions(), 1)


def reference_image(node: Any) -> Any:
    """Give the reference geometry of a segmentation as an image without voxels; None when it has none."""
    from slicer import vtkOrientedImageData, vtkSegmentationConverter

    name = vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    text = node.GetSegmentation().GetConversionParameter(name)
    image = vtkOrientedImageData()
    has_one = bool(text) and vtkSegmentationConverter.DeserializeImageGeometry(text, image, False)
    return image if has_one and min(image.GetDimensions()) > 0 else None


def reference_text(grid: Grid) -> str:
    """Give Slicer's text form of a grid."""
    from slicer import vtkOrientedImageData, vtkSegmentationConverter

    image = vtkOrientedImageData()
    i, j, k = grid.dimensions_ijk
    image.SetExtent(0, i - 1, 0, j - 1, 0, k - 1)
    image.SetImageToWorldMatrix(matrices.to_vtk(grid.ijk_to_ras))
    return str(vtkSegmentationConverter.SerializeImageGeometry(image))


def set_reference(node: Any, grid: Grid) -> None:
    """Let a segmentation be edited on a grid, without a volume behind it."""
    from slicer import vtkSegmentationConverter

    name = vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    node.GetSegmentation().SetConversionParameter(name, reference_text(grid))


def edit_grid(node: Any) -> Grid:
    """Give the grid that a segmentation is edited on: its reference geometry, or what all segments fit into.

    Raises
    ------
    NodeTypeError
        It has neither a reference geometry nor voxels.
    """
    image = reference_image(node)
    if image is None:
        from slicer import vtkOrientedImageData, vtkSegmentation, vtkSegmentationConverter

        image = vtkOrientedImageData()
        text = node.GetSegmentation().DetermineCommonLabelmapGeometry(
            vtkSegmentation.EXTENT_UNION_OF_SEGMENTS, None
        )
        if not text or not vtkSegmentationConverter.DeserializeImageGeometry(text, image, False):
            raise NodeTypeError(
                f"{node.GetID()} has no voxel grid yet. Make it of a volume, or replace its labelmap with NRRD bytes."
            )
    return image_grid(image)


def merged_image(context: OperationContext, node: Any, segment_ids: Sequence[str]) -> Any:
    """Merge segments on the reference grid into int16, 1 for the first; where they overlap the later one wins.

    Raises
    ------
    OutOfMemoryError
        The labelmap would not fit into memory.
    NodeTypeError
        There is no grid.
    OperationFailedError
        Slicer could not merge.
    """
    from slicer import vtkOrientedImageData, vtkSegmentation

    grid = edit_grid(node)
    size = math.prod(grid.dimensions_ijk) * _BYTES_PER_VOXEL
    voxels.require_memory(context.host.application, size, "The labelmap")
    if all(labelmap_of(node, segment_id) is None for segment_id in segment_ids):
        # Slicer does not merge segments that are all empty.
        return oriented_image(np.zeros(tuple(reversed(grid.dimensions_ijk)), np.int16), grid.ijk_to_ras)
    reference = reference_image(node)
    extent = "UNION_OF_SEGMENTS" if reference is None else "REFERENCE_GEOMETRY"
    ids, labels = vtkStringArray(), vtkIntArray()
    for label, segment_id in enumerate(segment_ids, 1):
        ids.InsertNextValue(segment_id)
        labels.InsertNextValue(label)
    image = vtkOrientedImageData()
    done = node.GenerateMergedLabelmapForAllSegments(
        image, getattr(vtkSegmentation, f"EXTENT_{extent}"), reference, ids, labels
    )
    if not done or image.GetPointData().GetScalars() is None:
        raise OperationFailedError(
            f"Slicer could not merge the segments of {node.GetID()}; its log says why."
        )
    return image


def layers_of(node: Any, segment_ids: Sequence[str]) -> list[list[str]]:
    """Group segments by the images in which Slicer keeps them: within one they do not overlap."""
    segmentation = node.GetSegmentation()
    groups: dict[int, list[str]] = {}
    for segment_id in segment_ids:
        groups.setdefault(segmentation.GetLayerIndex(segment_id), []).append(segment_id)
    return list(groups.values())


def mask_of(context: OperationContext, node: Any, segment_id: str) -> Array:
    """Give a copy of one segment on the reference grid, bool, shape (k, j, i); errors as in `merged_image`."""
    return array_of(merged_image(context, node, [segment_id])) != 0


def replace_voxels(node: Any, segment_id: str, mask: Array, grid: Grid) -> None:
    """Give a segment other voxels; only the box around them is handed over, which is what takes time.

    Raises
    ------
    OperationFailedError
        Slicer refused.
    """
    from slicer import vtkSlicerSegmentationsModuleLogic

    box = box_around(mask)
    low, high = box if box is not None else ((0, 0, 0), (1, 1, 1))
    part = np.ascontiguousarray(mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]).view(np.uint8)
    image = oriented_image(part, grid.ijk_to_ras, (low[2], low[1], low[0]))
    if not vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, node, segment_id):
        raise OperationFailedError("Slicer could not write the segment; its log says why.")


def box_around(mask: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Give the half-open box, (k, j, i), around what is not zero; None when nothing is."""
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        if found.size == 0:
            return None
        low.append(int(found[0]))
        high.append(int(found[-1]) + 1)
    return tuple(low), tuple(high)
