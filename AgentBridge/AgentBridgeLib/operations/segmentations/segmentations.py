"""List, describe and make segmentations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, NodeTypeError
from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.segmentations import Segment, SegmentationDescription, SegmentationSummary
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.stepping import InputWatch, slabs
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.segmentations.labelmaps import CLOSED_SURFACE, oriented_image
from AgentBridgeLib.operations.volumes.new_nodes import place_beside
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

SEGMENTATION = "vtkMRMLSegmentationNode"
MOST_SEGMENTS = 1000
_STATUS = ("notstarted", "inprogress", "completed", "flagged")


class SegmentationArguments(Arguments):
    """Which segmentation."""

    segmentation_id: SegmentationId = Field(description="The segmentation.")


class Threshold(Arguments):
    """Which voxels become the first segment."""

    minimum: float = Field(description="Least value that belongs to the segment, in the volume's own unit.")
    maximum: float = Field(description="Largest value that belongs to the segment, in the volume's own unit.")
    segment_name: str = Field(
        default="Segment_1", min_length=1, max_length=200, description="Name of the segment."
    )
    color: ColorRgb = Field(default=(0.5, 0.68, 0.5), description="Red, green, blue from 0 to 1.")


class CreateArguments(Arguments):
    """What to make."""

    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="Name of the node; made unique."
    )
    source_volume_id: VolumeId = Field(description="The volume whose voxel grid the segments get.")
    threshold: Threshold | None = Field(
        default=None,
        description="Makes a first segment of all voxels in a range; without, there is no segment yet.",
    )
    show_3d: bool = Field(
        default=False,
        description="Whether to make the closed surface and show it in 3D; holds Slicer for seconds on large images.",
    )


@operation(name="segmentations.list", capability="scene.read", route="GET /segmentations", read_only=True)
def list_segmentations(context: OperationContext, arguments: PageArguments) -> Page[SegmentationSummary]:
    """List the segmentations of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(
        context,
        arguments,
        SEGMENTATION,
        Page[SegmentationSummary],
        lambda node: SegmentationSummary(
            id=node.GetID(),
            name=node.GetName() or "",
            segment_count=node.GetSegmentation().GetNumberOfSegments(),
            source_volume_id=_source_volume_id(node),
        ),
    )


@operation(
    name="segmentations.get",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}",
    read_only=True,
    revision_scope="node",
)
def get_segmentation(context: OperationContext, arguments: SegmentationArguments) -> SegmentationDescription:
    """Describe one segmentation and its segments: ids, names, colors, visibility, status.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no segmentation.
    """
    return _describe(context.host.scene.node(arguments.segmentation_id, SEGMENTATION))


@operation(
    name="segmentations.create",
    capability="scene.edit",
    route="POST /segmentations",
    execution="steps",
    status=201,
)
def create_segmentation(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress, None, SegmentationDescription]:
    """Make a segmentation on the voxel grid of a volume, empty or with a first segment by threshold.

    A voxel belongs to the segment if `minimum` ≤ value ≤ `maximum`, exactly, without smoothing. The segmentation gets
    the parent transform and the place in the subject hierarchy of the volume.

    Returns
    -------
    SegmentationDescription
        The new node. A warning says so when no voxel is in the range.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume with one component, or has no voxels.
    ArgumentInvalidError
        `minimum` is above `maximum`.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::SetReferenceImageGeometryParameterFromVolumeNode`.
    """
    node = context.host.scene.node(arguments.source_volume_id, VOLUME)
    watch = InputWatch(context.host.scene, node)
    mask = None
    if arguments.threshold is not None:
        mask = yield from _threshold(context, node, arguments.threshold)
    made = _make(context, watch.require_unchanged(), arguments, mask)
    if arguments.show_3d:
        yield Progress(0.9, "Making the surface")
        made.CreateClosedSurfaceRepresentation()
    described = _describe(made)
    if mask is None or mask.any():
        return described
    return described.model_copy(update={"warnings": ("No voxel is in the range: the segment is empty.",)})


def _threshold(
    context: OperationContext, node: Any, threshold: Threshold
) -> Generator[Progress, None, Array]:
    if threshold.minimum > threshold.maximum:
        problem = f"{threshold.minimum} is above the maximum {threshold.maximum}"
        raise ArgumentInvalidError(
            f"`threshold.minimum` cannot be used: {problem}.",
            errors=[FieldProblem("/threshold/minimum", problem)],
        )
    array = voxels.voxels_of(node)
    if array.ndim != 3:
        raise NodeTypeError(f"{node.GetID()} has several components in each voxel; a threshold needs one.")
    voxels.require_memory(context.host.application, array.size, "The segment")
    mask = np.empty(array.shape, np.uint8)
    for start, stop in slabs(array.shape[0], array.shape[1] * array.shape[2]):
        part = array[start:stop]
        np.logical_and(part >= threshold.minimum, part <= threshold.maximum, out=mask[start:stop].view(bool))
        yield Progress(0.8 * stop / array.shape[0], "Comparing voxels")
    return mask


def _make(context: OperationContext, volume: Any, arguments: CreateArguments, mask: Array | None) -> Any:
    scene = context.host.scene.scene
    name = arguments.name or f"{volume.GetName()} segmentation"
    node = scene.AddNewNodeByClass(SEGMENTATION, scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    place_beside(node, volume)
    if mask is not None and arguments.threshold is not None:
        image = oriented_image(mask, Grid.of(volume).ijk_to_ras)
        node.AddSegmentFromBinaryLabelmapRepresentation(
            image, arguments.threshold.segment_name, arguments.threshold.color
        )
    context.mark_made([node])
    return node


def _describe(node: Any) -> SegmentationDescription:
    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    ids = segmentation.GetSegmentIDs()
    return SegmentationDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        source_volume_id=_source_volume_id(node),
        source_representation=segmentation.GetSourceRepresentationName(),
        has_closed_surface=bool(segmentation.ContainsRepresentation(CLOSED_SURFACE)),
        segments=tuple(_segment(segmentation, display, segment_id) for segment_id in ids[:MOST_SEGMENTS]),
        segment_count=len(ids),
        parent_transform_id=parent_transform_id(node),
    )


def _segment(segmentation: Any, display: Any, segment_id: str) -> Segment:
    from slicer import vtkSlicerSegmentationsModuleLogic

    segment = segmentation.GetSegment(segment_id)
    status = vtkSlicerSegmentationsModuleLogic.GetSegmentStatus(segment)
    return Segment(
        id=segment_id,
        name=segment.GetName() or "",
        color=segment.GetColor(),
        is_visible=bool(display.GetSegmentVisibility(segment_id)) if display is not None else None,
        status=_STATUS[status] if 0 <= status < len(_STATUS) else str(status),
    )


def _source_volume_id(node: Any) -> str | None:
    return node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole()) or None
