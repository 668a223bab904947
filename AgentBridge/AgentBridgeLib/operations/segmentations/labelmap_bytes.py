"""Give the segments of a segmentation as one labelmap on its reference grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkIntArray, vtkStringArray
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, OperationFailedError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.frames import matrix_in
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.segmentations.segmentations import SEGMENTATION, SegmentationArguments
from AgentBridgeLib.operations.volumes.data import MEDIA_TYPES, voxel_head
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

_BYTES_PER_VOXEL = 2
_MOST_LABELS = 32767


class LabelmapArguments(SegmentationArguments):
    """Which segments, and in what form."""

    format: Literal["nrrd", "npy", "raw"] = Field(
        default="nrrd",
        description="NRRD carries the geometry in its header; npy and raw in `X-AgentBridge-Content`.",
    )
    segment_ids: Annotated[tuple[str, ...], COMMA_LIST] | None = Field(
        default=None, min_length=1, description="Only these segments, in this order. Without: all."
    )
    frame: Literal["ras", "lps"] = Field(
        default="ras", description="Frame of the matrix and of the NRRD header."
    )


@operation(
    name="segmentations.labelmap",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}/labelmap",
    read_only=True,
    revision_scope="node",
)
def read_labelmap(context: OperationContext, arguments: LabelmapArguments) -> Content:
    """Read the segments as one labelmap on the segmentation's reference grid: 0 is background, 1 the first segment.

    Where segments overlap, the later one wins. Resampling is done by Slicer when a segment was made on another grid.

    Returns
    -------
    Content
        int16 voxels with i fastest; NumPy shape (k, j, i). The facts (`X-AgentBridge-Content`) say shape, the matrix
        from indices to RAS (or LPS with `frame=lps`) in mm, and which label is which segment.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        No node has this id; it is no segmentation.
    ArgumentInvalidError
        There is no such segment, or none at all.
    OutOfMemoryError
        The labelmap would not fit into memory.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::GenerateMergedLabelmapForAllSegments`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment_ids = _segment_ids(node, arguments.segment_ids)
    image = merged_image(context, node, segment_ids)
    grid = image_grid(image)
    i, j, k = grid.dimensions_ijk
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)
    return Content(
        media_type=MEDIA_TYPES[arguments.format],
        parts=[
            *voxel_head(arguments.format, arguments.frame, array, grid),
            array.reshape(-1).data.cast("B"),
        ],
        filename=f"{node.GetID()}.{arguments.format}",
        facts={
            "segmentation_id": node.GetID(),
            "format": arguments.format,
            "scalar_type": array.dtype.name,
            "shape_kji": [k, j, i],
            "spacing_mm": list(grid.spacing_mm),
            "segment_ids": list(segment_ids),
            **matrix_in(arguments.frame, "ijk_to", matrices.rows(grid.ijk_to_ras)),
        },
    )


def _segment_ids(node: Any, wanted: Sequence[str] | None) -> Sequence[str]:
    known = node.GetSegmentation().GetSegmentIDs()
    chosen = list(known) if wanted is None else list(wanted)
    unknown = [segment_id for segment_id in chosen if segment_id not in known]
    if unknown or not chosen or len(chosen) > _MOST_LABELS:
        problem = f"there is no segment '{unknown[0]}'" if unknown else "the segmentation has no segments"
        raise ArgumentInvalidError(
            f"`segment_ids` cannot be used: {problem}. segmentations.get lists them.",
            errors=[FieldProblem("/segment_ids", problem)],
        )
    return chosen


def merged_image(context: OperationContext, node: Any, segment_ids: Sequence[str]) -> Any:
    """Merge segments on the reference grid, 1 for the first; errors as in `read_labelmap`."""
    from slicer import vtkOrientedImageData, vtkSegmentation, vtkSegmentationConverter

    reference = vtkOrientedImageData()
    name = vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    text = node.GetSegmentation().GetConversionParameter(name)
    has_reference = bool(text) and vtkSegmentationConverter.DeserializeImageGeometry(text, reference, False)
    if has_reference:
        i, j, k = reference.GetDimensions()
        voxels.require_memory(context.host.application, i * j * k * _BYTES_PER_VOXEL, "The labelmap")
    ids, labels = vtkStringArray(), vtkIntArray()
    for label, segment_id in enumerate(segment_ids, 1):
        ids.InsertNextValue(segment_id)
        labels.InsertNextValue(label)
    image = vtkOrientedImageData()
    done = node.GenerateMergedLabelmapForAllSegments(
        image,
        vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
        if has_reference
        else vtkSegmentation.EXTENT_UNION_OF_SEGMENTS,
        reference if has_reference else None,
        ids,
        labels,
    )
    if not done or image.GetPointData().GetScalars() is None:
        raise OperationFailedError(
            f"Slicer could not merge the segments of {node.GetID()}; its log says why."
        )
    return image


def image_grid(image: Any) -> Grid:
    """Give the grid of a `vtkOrientedImageData`, its extent included."""
    matrix = vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return Grid(image.GetDimensions(), matrices.from_vtk(matrix)).part(
        _start_ijk(image), image.GetDimensions(), 1
    )


def _start_ijk(image: Any) -> tuple[int, int, int]:
    extent = image.GetExtent()
    return extent[0], extent[2], extent[4]
