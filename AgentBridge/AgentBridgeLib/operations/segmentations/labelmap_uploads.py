"""Take labelmap bytes: as a new segmentation, in place of all segments, or of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import DataInvalidError, NodeTypeError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import Bytes, SegmentationId, VolumeId
from AgentBridgeLib.model.geometry import PositionRas, SpacingMm
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.model.segmentations import SegmentationDescription, SegmentationEdited
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.segmentations.creating import Geometry, given_grid, new_segmentation
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    Name,
    SegmentId,
    description_of,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.drafts import Draft, unchanged_guard, write_draft
from AgentBridgeLib.operations.segmentations.labelmap_segments import NewSegment, add_segments
from AgentBridgeLib.operations.segmentations.labelmaps import (
    edit_grid,
    layers_of,
    mask_of,
    reference_image,
    set_reference,
)
from AgentBridgeLib.operations.segmentations.received_labels import (
    Received,
    on_grid,
    receive,
    receive_for,
    require_shape,
    segments_of,
    start_on,
)
from AgentBridgeLib.operations.segmentations.segment_headers import tags_of
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

MatrixEntries = Annotated[tuple[float, ...], COMMA_LIST, Field(min_length=16, max_length=16)]


class UploadArguments(Arguments):
    """Labels, and where they lie if the bytes do not say it."""

    content: Bytes = Field(
        description="NRRD (raw or gzip; Slicer's .seg.nrrd with its segments, layers included) or NPY, shape "
        "(k, j, i) or (k, j, i, layer). Integers: 0 is background."
    )
    name: Name = Field(default="Segmentation", description="Name of the node; made unique.")
    source_volume_id: VolumeId | None = Field(
        default=None,
        description="Volume that was segmented. NPY bytes take its grid; the segmentation its place and transform.",
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
    """New voxels for all segments."""

    segmentation_id: SegmentationId = Field(description="The segmentation.")
    content: Bytes = Field(
        description="As for segmentations.upload; raw: int16, as segmentations.labelmap gives."
    )
    format: Literal["nrrd", "npy", "raw"] | None = Field(
        default=None, description="What the bytes are; found out if not given."
    )


class ReplaceSegmentArguments(ReplaceArguments):
    """New voxels for one segment."""

    segment_id: SegmentId
    content: Bytes = Field(description="NRRD or NPY, shape (k, j, i), or raw uint8; what is not 0 is inside.")


@operation(
    name="segmentations.upload",
    capability="scene.edit",
    route="POST /segmentations/labelmap",
    execution="steps",
    binary_body=True,
    status=201,
)
def upload_labelmap(
    context: OperationContext, arguments: UploadArguments
) -> Generator[Progress, None, SegmentationDescription]:
    """Make a segmentation from labelmap bytes, voxel by voxel; each label but 0 becomes a segment.

    Ids, names, colors, labels and terminology are taken from the header of Slicer's `.seg.nrrd`, if there are any.

    Returns
    -------
    SegmentationDescription
        The new node. A warning says so when there are no labels, or labels that the header does not name.

    Raises
    ------
    DataInvalidError
        The bytes are no NRRD or NPY, claim something other than what follows, or have labels that are no integers from
        0 to 32767; the header contradicts itself. Nothing was added.
    ArgumentInvalidError
        Geometry was given for NRRD bytes, which have their own; or it is singular.
    GeometryMismatchError
        NPY bytes have other dimensions than the volume.
    OutOfMemoryError
        Compressed voxels would not fit into memory.

    Notes
    -----
    Source: NRRD format definition; `vtkMRMLSegmentationStorageNode`; `numpy.lib.format`.
    """
    source = None
    if arguments.source_volume_id is not None:
        source = context.host.scene.node(arguments.source_volume_id, VOLUME)
    received = yield from receive(context, arguments.content.view)
    grid = _grid_of(arguments, received, source)
    layers, segments, warnings = yield from segments_of(received.array, arguments.content.view, received)
    if source is not None:
        source = context.host.scene.node(arguments.source_volume_id or "", VOLUME)
    node = new_segmentation(context, arguments.name, source)
    set_reference(node, grid)
    add_segments(node, layers, grid, segments)
    return description_of(node, warnings)


@operation(
    name="segmentations.replace_labelmap",
    capability="scene.edit",
    route="PUT /segmentations/{segmentation_id}/labelmap",
    execution="steps",
    binary_body=True,
    idempotent=True,
    destructive=True,
)
def replace_labelmap(
    context: OperationContext, arguments: ReplaceArguments
) -> Generator[Progress, None, SegmentationDescription]:
    """Replace all segments by those of labelmap bytes.

    Segments that the bytes do not name keep id, name, color and terminology of the segment that has the same place in
    the list (label 1 is the first; with several layers: in its layer), as segmentations.labelmap writes them. NRRD
    bytes may have another grid, which becomes the reference grid; NPY and raw bytes must have the dimensions of the
    reference grid.
    Surfaces shown in 3D go away; segmentations.create_surface makes them again.

    Raises
    ------
    DataInvalidError
        As for segmentations.upload.
    GeometryMismatchError
        NPY or raw bytes have other dimensions than the grid.
    NodeTypeError
        It is no segmentation, or has no grid and the bytes do not bring one.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was replaced.

    Notes
    -----
    Source: NRRD format definition; `vtkMRMLSegmentationStorageNode`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    require_unchanged = unchanged_guard(context, node)
    received = yield from receive_for(context, node, arguments.content.view, arguments.format, "int16")
    layers, segments, warnings = yield from segments_of(received.array, arguments.content.view, received)
    require_unchanged()
    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    ids = segmentation.GetSegmentIDs()
    # As segmentations.labelmap gives them: merged into one, or in Slicer's layers.
    places = [ids] if len(layers) == 1 else layers_of(node, ids)
    segments = [_kept(node, segment, places) for segment in segments]
    hidden = {one for one in ids if display is not None and not display.GetSegmentVisibility(one)}
    was_modifying = node.StartModify()
    try:
        segmentation.RemoveAllSegments()
        set_reference(node, received.grid)
        for segment_id in hidden.intersection(add_segments(node, layers, received.grid, segments)):
            display.SetSegmentVisibility(segment_id, False)
    finally:
        node.EndModify(was_modifying)
    context.mark_made([node])
    return description_of(node, warnings)


@operation(
    name="segmentations.replace_segment_labelmap",
    capability="scene.edit",
    route="PUT /segmentations/{segmentation_id}/segments/{segment_id}/labelmap",
    execution="process",
    binary_body=True,
    idempotent=True,
    destructive=True,
)
def replace_segment_labelmap(
    context: OperationContext, arguments: ReplaceSegmentArguments
) -> Generator[Progress | Suspend, None, SegmentationEdited]:
    """Replace the voxels of one segment; name, color and terminology stay, and so do other segments.

    NRRD bytes may be a box of the reference grid; outside of it the segment becomes empty. A surface shown in 3D is
    made again, in a process beside Slicer.

    Raises
    ------
    DataInvalidError
        The bytes are not what they claim to be, or no integers.
    GeometryMismatchError
        The voxels do not lie where those of the reference grid do: resample them first.
    ArgumentInvalidError
        There is no such segment.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was replaced.
    OperationFailedError
        The surface could not be made; nothing was replaced.

    Notes
    -----
    Source: NRRD format definition; `vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment_of(node, arguments.segment_id)
    require_unchanged = unchanged_guard(context, node)
    received = yield from receive_for(context, node, arguments.content.view, arguments.format, "uint8")
    if received.array.ndim != 3 or received.array.dtype.kind not in "iub":
        raise DataInvalidError(
            "A segment needs integer voxels of one layer: 0 is outside, anything else inside."
        )
    grid = _grid_or(node, received.grid)
    mask = on_grid(received.array, start_on(grid, received.grid), grid)
    require_unchanged()
    if reference_image(node) is None:
        set_reference(node, grid)
        require_unchanged = unchanged_guard(context, node)
    before = int(np.count_nonzero(mask_of(context, node, arguments.segment_id)))
    draft = Draft(grid, masks={arguments.segment_id: mask}, before={arguments.segment_id: before})
    changes = yield from write_draft(context, node, draft, require_unchanged)
    context.mark_made([node])
    described = description_of(node, received.warnings, [arguments.segment_id])
    return SegmentationEdited(**dict(described), changes=changes)


def _grid_of(arguments: UploadArguments, received: Received, source: Any) -> Grid:
    is_given = any(
        value is not None for value in (arguments.spacing_mm, arguments.origin_ras, arguments.ijk_to_ras)
    )
    if received.has_grid:
        if is_given:
            raise invalid("ijk_to_ras", "NRRD bytes have their own geometry")
        return received.grid
    if source is not None and not is_given:
        grid = Grid.of(source)
        require_shape(received.array, grid)
        return grid
    k, j, i = received.array.shape[:3]
    rows = arguments.ijk_to_ras
    geometry = Geometry(
        dimensions_ijk=(i, j, k),
        spacing_mm=arguments.spacing_mm,
        origin_ras=arguments.origin_ras,
        ijk_to_ras=None if rows is None else (rows[:4], rows[4:8], rows[8:12], rows[12:]),  # type: ignore[arg-type]
    )
    return given_grid(geometry)


def _kept(node: Any, segment: NewSegment, layers: Sequence[Sequence[str]]) -> NewSegment:
    """Fill in what the bytes do not say from the segment that had this place in the layers of the bytes."""
    is_known = segment.layer < len(layers) and 1 <= segment.label <= len(layers[segment.layer])
    if segment.id is not None or not is_known:
        return segment
    segment_id = layers[segment.layer][segment.label - 1]
    old = node.GetSegmentation().GetSegment(segment_id)
    return NewSegment(segment.label, segment.layer, segment_id, old.GetName(), old.GetColor(), tags_of(old))


def _grid_or(node: Any, other: Grid) -> Grid:
    """Give the grid of a segmentation; `other` when it has none yet."""
    try:
        return edit_grid(node)
    except NodeTypeError:
        return other
