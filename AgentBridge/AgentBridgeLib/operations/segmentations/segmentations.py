"""List and describe segmentations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.model.base import Page, PageArguments
from AgentBridgeLib.model.segmentations import SegmentationDescription, SegmentationSummary
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    SegmentationArguments,
    description_of,
    summarize,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


@operation(name="segmentations.list", capability="scene.read", route="GET /segmentations", read_only=True)
def list_segmentations(context: OperationContext, arguments: PageArguments) -> Page[SegmentationSummary]:
    """List the segmentations of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, SEGMENTATION, Page[SegmentationSummary], summarize)


@operation(
    name="segmentations.get",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}",
    read_only=True,
    revision_scope="node",
)
def get_segmentation(context: OperationContext, arguments: SegmentationArguments) -> SegmentationDescription:
    """Describe one segmentation and its segments: ids, names, colors, visibility, status, terminology.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no segmentation.

    Notes
    -----
    Source: `vtkSegment`; for codes, DICOM PS3.3 C.8.20.4.
    """
    return description_of(context.host.scene.node(arguments.segmentation_id, SEGMENTATION))
