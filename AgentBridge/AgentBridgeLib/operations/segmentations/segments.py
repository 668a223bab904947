"""Add, change and remove segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.segmentations import SegmentationDescription, Terminology
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    Name,
    SegmentationArguments,
    SegmentId,
    check_color,
    description_of,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.terminologies import check_terminology
from AgentBridgeLib.operations.segmentations.terminology_text import to_text
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

_STATUS = ("notstarted", "inprogress", "completed", "flagged")


class AddSegmentArguments(SegmentationArguments):
    """The new, empty segment."""

    name: Name = Field(description="Name of the segment.")
    color: ColorRgb | None = Field(
        default=None,
        description="Red, green, blue from 0 to 1. Without: what the terminology recommends, or chosen.",
    )
    terminology: Terminology | None = Field(default=None, description="What it stands for, in codes.")


class UpdateSegmentArguments(SegmentationArguments):
    """What to change; what is not given stays."""

    segment_id: SegmentId
    name: Name | None = Field(default=None, description="New name.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    is_visible: bool | None = Field(default=None, description="Whether views show it.")
    status: Literal["notstarted", "inprogress", "completed", "flagged"] | None = Field(
        default=None, description="How far the work on it is."
    )
    terminology: Terminology | None = Field(default=None, description="What it stands for, in codes.")


class RemoveSegmentArguments(SegmentationArguments):
    """Which segment."""

    segment_id: SegmentId


@operation(
    name="segmentations.add_segment",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/segments",
    status=201,
    keywords="new empty segment label structure",
)
def add_segment(context: OperationContext, arguments: AddSegmentArguments) -> SegmentationDescription:
    """Add an empty segment.

    Raises
    ------
    NodeTypeError
        The node is no segmentation.
    ArgumentInvalidError
        A color is not between 0 and 1; the codes are not in the list that the terminology names.

    Notes
    -----
    Source: `vtkSegmentation::AddEmptySegment`; Slicer developer guide, "TerminologyEntry tag".
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    check_color(arguments.color)
    advice = None if arguments.terminology is None else check_terminology(context, arguments.terminology)
    segment_id = node.GetSegmentation().AddEmptySegment("", arguments.name)
    segment = node.GetSegmentation().GetSegment(segment_id)
    color = arguments.color or (advice.color if advice is not None else None)
    if color is not None:
        segment.SetColor(*color)
    if arguments.terminology is not None:
        segment.SetTerminology(to_text(arguments.terminology))
    context.mark_made([node])
    return description_of(node, advice.warnings if advice is not None else ())


@operation(
    name="segmentations.update_segment",
    capability="scene.edit",
    route="PATCH /segmentations/{segmentation_id}/segments/{segment_id}",
    idempotent=True,
    keywords="rename recolor color hide label structure",
)
def update_segment(context: OperationContext, arguments: UpdateSegmentArguments) -> SegmentationDescription:
    """Change the name, color, visibility, status or terminology of a segment.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment; a color is not between 0 and 1; the codes are not in the list that is named.

    Notes
    -----
    Source: `vtkSegment`; Slicer developer guide, "TerminologyEntry tag".
    """
    from slicer import vtkSlicerSegmentationsModuleLogic

    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment = segment_of(node, arguments.segment_id)
    check_color(arguments.color)
    advice = None if arguments.terminology is None else check_terminology(context, arguments.terminology)
    if arguments.name is not None:
        segment.SetName(arguments.name)
    if arguments.color is not None:
        segment.SetColor(*arguments.color)
    if arguments.terminology is not None:
        segment.SetTerminology(to_text(arguments.terminology))
    if arguments.status is not None:
        vtkSlicerSegmentationsModuleLogic.SetSegmentStatus(segment, _STATUS.index(arguments.status))
    if arguments.is_visible is not None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetSegmentVisibility(arguments.segment_id, arguments.is_visible)
    context.mark_made([node])
    return description_of(node, advice.warnings if advice is not None else ())


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
    segment_of(node, arguments.segment_id)
    node.GetSegmentation().RemoveSegment(arguments.segment_id)
    context.mark_made([node])
    return description_of(node)
