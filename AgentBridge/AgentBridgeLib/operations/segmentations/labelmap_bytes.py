"""Give segments as labelmap bytes on the segmentation's reference grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.frames import FrameArguments, matrix_in
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.operations.common import matrices, nrrd, voxels
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    SegmentationArguments,
    SegmentId,
    chosen_segments,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.labelmap_segments import MOST_LABEL
from AgentBridgeLib.operations.segmentations.labelmaps import (
    array_of,
    box_around,
    edit_grid,
    image_grid,
    layers_of,
    mask_of,
    merged_image,
)
from AgentBridgeLib.operations.segmentations.segment_headers import header_texts
from AgentBridgeLib.operations.volumes.data import voxel_head
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

MEDIA_TYPES = {"nrrd": "application/x-nrrd", "npy": "application/x-npy", "raw": "application/octet-stream"}
FormatName = Annotated[
    Literal["nrrd", "npy", "raw"],
    Field(
        description="NRRD carries geometry and segments in its header, as Slicer's .seg.nrrd; npy and raw in "
        "`X-AgentBridge-Content`.",
    ),
]


class LabelmapArguments(SegmentationArguments, FrameArguments):
    """Which segments, and in what form."""

    format: FormatName = "nrrd"
    segment_ids: Annotated[tuple[str, ...], COMMA_LIST] | None = Field(
        default=None, min_length=1, description="Only these segments, in this order. Without: all."
    )
    layers: bool = Field(
        default=False,
        description="Keep segments apart that overlap: one image for each layer, as the fastest axis. Without: one "
        "image, where the later segment wins.",
    )


class SegmentLabelmapArguments(SegmentationArguments, FrameArguments):
    """Which segment, and in what form."""

    segment_id: SegmentId
    format: FormatName = "nrrd"
    is_cropped: bool = Field(
        default=False, description="Whether to send only the box around the segment; else the whole grid."
    )


@operation(
    name="segmentations.labelmap",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}/labelmap",
    read_only=True,
    revision_scope="node",
    keywords="mask array numpy voxels label image",
)
def read_labelmap(context: OperationContext, arguments: LabelmapArguments) -> Content:
    """Read the segments as one labelmap on the segmentation's reference grid: 0 is background, 1 the first segment.

    Without `layers`, where segments overlap, the later one wins; the facts say whether any do. With `layers`, segments
    that overlap are in images of their own, so that nothing is lost. Resampling is done by Slicer when a segment was
    made on another grid.

    Returns
    -------
    Content
        int16 voxels with i fastest; NumPy shape (k, j, i), with `layers` (k, j, i, layer). The facts
        (`X-AgentBridge-Content`) say shape, the matrix from indices to RAS (or LPS with `frame=lps`) in mm, and which
        label in which layer is which segment. NRRD has them in its header too, with names, colors and terminology, so
        that Slicer reads the bytes as a segmentation.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        No node has this id; it is no segmentation, or has no grid yet.
    ArgumentInvalidError
        There is no such segment, or none at all.
    OutOfMemoryError
        The labelmap would not fit into memory.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::GenerateMergedLabelmapForAllSegments`, `vtkMRMLSegmentationStorageNode`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment_ids = chosen_segments(node, arguments.segment_ids)
    if len(segment_ids) > MOST_LABEL:
        problem = f"there are more than {MOST_LABEL} segments"
        raise ArgumentInvalidError(
            f"`segment_ids` cannot be used: {problem}.", errors=[FieldProblem("/segment_ids", problem)]
        )
    layers = layers_of(node, segment_ids) if arguments.layers else [segment_ids]
    images = [merged_image(context, node, layer) for layer in layers]
    grid = image_grid(images[0])
    arrays = [array_of(image) for image in images]
    if len(arrays) > 1:
        voxels.require_memory(context.host.application, sum(array.nbytes for array in arrays), "The layers")
    array = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=-1)
    places = {
        segment_id: (label, number)
        for number, layer in enumerate(layers)
        for label, segment_id in enumerate(layer, 1)
    }
    facts = {
        "segment_ids": segment_ids,
        "labels": [places[one][0] for one in segment_ids],
        "layers": [places[one][1] for one in segment_ids],
        "is_merged": len(layers) == 1 and len(layers_of(node, segment_ids)) > 1,
    }
    texts = header_texts(node, [(one, *places[one]) for one in segment_ids])
    return _content(node, arguments, array, grid, texts, facts)


@operation(
    name="segmentations.segment_labelmap",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}/segments/{segment_id}/labelmap",
    read_only=True,
    revision_scope="node",
    keywords="binary mask array numpy voxels",
)
def read_segment_labelmap(context: OperationContext, arguments: SegmentLabelmapArguments) -> Content:
    """Read one segment as voxels of 0 and 1 on the segmentation's reference grid, or on the box around it.

    Returns
    -------
    Content
        uint8 voxels with i fastest; NumPy shape (k, j, i). The facts (`X-AgentBridge-Content`) and the NRRD header say
        where they lie. A cropped box can be sent back with segmentations.replace_segment_labelmap.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        No node has this id; it is no segmentation, or has no grid yet.
    ArgumentInvalidError
        There is no such segment; it is empty, so that there is no box around it.
    OutOfMemoryError
        The labelmap would not fit into memory.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::GenerateMergedLabelmapForAllSegments`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment_of(node, arguments.segment_id)
    mask, grid = mask_of(context, node, arguments.segment_id), edit_grid(node)
    if arguments.is_cropped:
        box = box_around(mask)
        if box is None:
            problem = "the segment is empty"
            raise ArgumentInvalidError(
                f"`is_cropped` cannot be used: {problem}.", errors=[FieldProblem("/is_cropped", problem)]
            )
        (k0, j0, i0), (k1, j1, i1) = box
        mask = np.ascontiguousarray(mask[k0:k1, j0:j1, i0:i1])
        grid = grid.part((i0, j0, k0), (i1 - i0, j1 - j0, k1 - k0), 1)
    texts = header_texts(node, [(arguments.segment_id, 1, 0)])
    return _content(
        node, arguments, mask.view(np.uint8), grid, texts, {"segment_ids": [arguments.segment_id]}
    )


def _content(
    node: Any,
    arguments: LabelmapArguments | SegmentLabelmapArguments,
    array: Array,
    grid: Grid,
    texts: dict[str, str],
    facts: dict[str, Any],
) -> Content:
    matrix = matrix_in(arguments.frame, "ijk_to", matrices.rows(grid.ijk_to_ras))
    if arguments.format == "nrrd":
        rows = matrix[f"ijk_to_{arguments.frame}"]
        count = array.shape[3] if array.ndim == 4 else 1
        head = [nrrd.write_header(array.dtype.name, grid.dimensions_ijk, count, rows, arguments.frame, texts)]
    else:
        head = voxel_head(arguments.format, arguments.frame, array, grid)
    return Content(
        media_type=MEDIA_TYPES[arguments.format],
        parts=[*head, np.ascontiguousarray(array).reshape(-1).data.cast("B")],
        filename=f"{node.GetID()}.seg.nrrd"
        if arguments.format == "nrrd"
        else f"{node.GetID()}.{arguments.format}",
        facts={
            "segmentation_id": node.GetID(),
            "format": arguments.format,
            "scalar_type": array.dtype.name,
            "shape_kji": list(array.shape[:3]),
            "layer_count": array.shape[3] if array.ndim == 4 else 1,
            "spacing_mm": list(grid.spacing_mm),
            "parent_transform_id": parent_transform_id(node),
            **facts,
            **matrix,
        },
    )
