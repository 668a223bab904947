"""Describe segmentations and find their segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import SegmentationId
from AgentBridgeLib.model.segmentations import Segment, SegmentationDescription, SegmentationSummary
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.segmentations.labelmaps import CLOSED_SURFACE, reference_image
from AgentBridgeLib.operations.segmentations.terminology_text import from_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.errors import ArgumentInvalidError

SEGMENTATION = "vtkMRMLSegmentationNode"
MOST_SEGMENTS = 1000
MOST_NAMED = 20
_STATUS = ("notstarted", "inprogress", "completed", "flagged")

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
SegmentId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Handle of the segment.",
        examples=["Segment_1"],
    ),
]


class SegmentationArguments(Arguments):
    """Which segmentation."""

    segmentation_id: SegmentationId = Field(description="The segmentation.")


def summarize(node: Any) -> SegmentationSummary:
    """Give the line of a segmentation in a list."""
    return SegmentationSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        segment_count=node.GetSegmentation().GetNumberOfSegments(),
        source_volume_id=_source_volume_id(node),
    )


def description_of(
    node: Any, warnings: Sequence[str] = (), only: Sequence[str] | None = None
) -> SegmentationDescription:
    """Describe a segmentation with all of its segments, or with some `only`."""
    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    ids = segmentation.GetSegmentIDs()
    reference = reference_image(node)
    return SegmentationDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        source_volume_id=_source_volume_id(node),
        source_representation=segmentation.GetSourceRepresentationName(),
        has_closed_surface=bool(segmentation.ContainsRepresentation(CLOSED_SURFACE)),
        reference_dimensions_ijk=None if reference is None else reference.GetDimensions(),
        segments=tuple(_segment(segmentation, display, one) for one in (only or ids)[:MOST_SEGMENTS]),
        segment_count=len(ids),
        parent_transform_id=parent_transform_id(node),
        warnings=tuple(warnings),
    )


def segment_of(node: Any, segment_id: str, name: str = "segment_id") -> Any:
    """Find a segment.

    Raises
    ------
    ArgumentInvalidError
        There is none with this id; `name` is the argument that said so.
    """
    if segment_id not in node.GetSegmentation().GetSegmentIDs():
        raise _unknown_segment(node, segment_id, name)
    return node.GetSegmentation().GetSegment(segment_id)


def _unknown_segment(node: Any, wanted: str, argument: str) -> ArgumentInvalidError:
    """Name the ids, since a name was given in the place of one more often than not."""
    segmentation = node.GetSegmentation()
    known = [f"{key} ({segmentation.GetSegment(key).GetName()})" for key in segmentation.GetSegmentIDs()]
    listed = ", ".join(known[:MOST_NAMED]) or "none"
    more = (
        ""
        if len(known) <= MOST_NAMED
        else f" and {len(known) - MOST_NAMED} more; segmentations.get lists them"
    )
    return invalid(
        argument, f"there is no segment with the id '{wanted}'; there are, with their names: {listed}{more}"
    )


def chosen_segments(node: Any, wanted: Sequence[str] | None, name: str = "segment_ids") -> list[str]:
    """Give the segments that were asked for, in that order; all without.

    Raises
    ------
    ArgumentInvalidError
        One of them is not there, comes twice, or there is none at all.
    """
    known = list(node.GetSegmentation().GetSegmentIDs())
    chosen = known if wanted is None else list(wanted)
    unknown = [segment_id for segment_id in chosen if segment_id not in known]
    if unknown:
        raise _unknown_segment(node, unknown[0], name)
    if not chosen:
        raise invalid(name, "the segmentation has no segments; segmentations.get lists them")
    if len(set(chosen)) != len(chosen):
        raise invalid(name, "a segment is named twice")
    return chosen


def check_color(color: tuple[float, float, float] | None, name: str = "color") -> None:
    """Refuse a color that is none."""
    if color is not None and not all(0 <= part <= 1 for part in color):
        raise invalid(name, "red, green and blue go from 0 to 1")


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
        terminology=from_text(segment.GetTerminology() or ""),
    )


def _source_volume_id(node: Any) -> str | None:
    return node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole()) or None
