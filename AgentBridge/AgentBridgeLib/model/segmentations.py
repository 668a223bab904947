"""What the bridge says about segmentations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Listing, Page, Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import (
    BoundsLps,
    BoundsRas,
    ColorRgb,
    DimensionsIjk,
    DirectionLps,
    DirectionRas,
    PositionLps,
    PositionRas,
)


class SegmentationSummary(Result):
    """One segmentation in a list."""

    id: str
    name: str
    segment_count: int
    source_volume_id: str | None


_CODE = r"^[^~^|\x00-\x1f]+$"
"""Slicer keeps terminology as text in which these signs separate the parts."""


class Code(Arguments):
    """A coded concept, as DICOM knows it (PS3.3 section 8)."""

    scheme: str = Field(
        min_length=1, max_length=16, pattern=_CODE, description="Coding scheme designator, such as SCT."
    )
    value: str = Field(
        min_length=1, max_length=64, pattern=_CODE, description="Code value, such as 39607008."
    )
    meaning: str = Field(
        min_length=1, max_length=200, pattern=_CODE, description="Code meaning, such as Lung."
    )


class Terminology(Arguments):
    """What a segment stands for, in the parts of Slicer's TerminologyEntry tag and of DICOM segmentations."""

    category: Code = Field(description="Such as SCT 123037004 Anatomical Structure.")
    type: Code = Field(description="Such as SCT 39607008 Lung.")
    type_modifier: Code | None = Field(default=None, description="Such as SCT 24028007 Right.")
    region: Code | None = Field(
        default=None, description="Anatomic region, for a category that is no anatomy."
    )
    region_modifier: Code | None = Field(default=None, description="Such as a side; only with a region.")
    context: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=_CODE,
        description="Slicer's name of the list that category and type are of (terminologies.list). "
        "If Slicer has loaded it, they must be in it.",
    )
    region_context: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=_CODE, description="The same for the region."
    )


class Segment(Result):
    """One segment."""

    id: str = Field(description="The handle of the segment inside its segmentation.")
    name: str
    color: ColorRgb
    is_visible: bool | None = Field(description="Null when the segmentation has no display node.")
    status: str = Field(description="notstarted, inprogress, completed or flagged.")
    terminology: Terminology | None = Field(description="Null when the segment has none that can be read.")


class SegmentationDescription(SceneResult):
    """One segmentation."""

    id: str
    name: str
    class_name: str
    source_volume_id: str | None = Field(description="The volume whose voxel grid the segments have.")
    source_representation: str = Field(description="What the segments are made of, such as Binary labelmap.")
    has_closed_surface: bool = Field(description="Whether there are surfaces to show in 3D.")
    reference_dimensions_ijk: DimensionsIjk | None = Field(
        description="Voxels of the grid that segments are edited on; null when there is none yet."
    )
    segments: tuple[Segment, ...] = Field(
        description="At most the first 1000; after an edit only those that it was about."
    )
    segment_count: int = Field(description="How many there are in all.")
    parent_transform_id: str | None
    warnings: tuple[str, ...] = ()


class SegmentChange(Result):
    """What an edit did to one segment, on the segmentation's reference grid."""

    segment_id: str
    voxel_count_before: int
    voxel_count: int
    is_new: bool = False


class SegmentationEdited(SegmentationDescription):
    """A segmentation after an edit."""

    changes: tuple[SegmentChange, ...] = Field(description="The segments that the edit was about.")
    minimum: float | None = Field(
        default=None, description="Threshold that was used, in the volume's own unit; null without one."
    )
    maximum: float | None = Field(
        default=None, description="Threshold that was used, in the volume's own unit; null without one."
    )


class SegmentSurface(Result):
    """The closed surface of one segment."""

    segment_id: str
    point_count: int
    triangle_count: int


class Surfaces(SceneResult):
    """The closed surfaces of a segmentation."""

    segmentation_id: str
    smoothing_factor: float = Field(description="0: staircase, 1: smoothest.")
    decimation_factor: float = Field(description="Share of the triangles that was removed.")
    segments: tuple[SegmentSurface, ...]


class ExportedNode(Result):
    """One node that was made from segments."""

    id: str
    name: str
    class_name: str
    segment_ids: tuple[str, ...]


class Exported(SceneResult):
    """Nodes that were made from segments."""

    segmentation_id: str
    nodes: tuple[ExportedNode, ...]
    labels: dict[str, int] = Field(description="Segment id to its value in a labelmap; empty for models.")
    warnings: tuple[str, ...] = ()


class EngineDescription(Result):
    """Something that makes segmentations of volumes."""

    name: str
    summary: str
    is_available: bool
    reason: str | None = Field(description="What is missing, and how to get it; null when it is available.")
    capability: str | None = Field(description="Capability it needs beyond that of segmentations.run.")
    parameters: dict[str, object] = Field(description="JSON Schema of its parameters.")


class EngineList(Listing[EngineDescription]):
    """The engines of segmentations.run."""


class EngineResult(SceneResult):
    """What an engine made."""

    engine: str
    source_volume_id: str
    segmentation: SegmentationDescription
    messages: tuple[str, ...] = Field(description="What the engine said, last lines.")


class TerminologyContext(Result):
    """One of the lists of codes that Slicer has loaded."""

    name: str
    kind: Literal["terminology", "region"]
    entry_count: int = Field(description="Categories, or regions.")


class TerminologyContexts(Page[TerminologyContext]):
    """The lists of codes that Slicer has loaded."""


class TerminologyMatch(Result):
    """An entry of a list of codes."""

    context: str = Field(
        description="The list: `context` of a terminology, or `region_context` for a region."
    )
    kind: Literal["type", "region"]
    category: Code | None = Field(description="Category of a type; null for a region.")
    code: Code = Field(description="The type, or the region.")
    modifiers: tuple[Code, ...] = Field(description="What `type_modifier` (or `region_modifier`) may be.")
    color: ColorRgb | None = Field(description="The color that the list recommends; null without one.")


class TerminologyMatches(Page[TerminologyMatch]):
    """Entries whose meaning contains what was searched for."""


class OrientedBounds(Framed):
    """The box along the principal axes of a segment, in the world."""

    center_ras: PositionRas | None = Field(default=None, description="Center, RAS, mm.")
    center_lps: PositionLps | None = Field(default=None, description="Center, LPS, mm.")
    size_mm: tuple[float, float, float] = Field(
        description="Lengths along the three axes, outer faces of the voxels included, mm."
    )
    axes_ras: tuple[DirectionRas, DirectionRas, DirectionRas] | None = Field(
        default=None, description="Principal axes, from the longest spread to the shortest, RAS."
    )
    axes_lps: tuple[DirectionLps, DirectionLps, DirectionLps] | None = Field(
        default=None, description="Principal axes, from the longest spread to the shortest, LPS."
    )


class Diameter(Framed):
    """A longest distance inside a segment, in the world: a line markup from start to end shows it."""

    length_mm: float
    start_ras: PositionRas | None = Field(default=None, description="Voxel center, RAS, mm.")
    start_lps: PositionLps | None = Field(default=None, description="Voxel center, LPS, mm.")
    end_ras: PositionRas | None = Field(default=None, description="Voxel center, RAS, mm.")
    end_lps: PositionLps | None = Field(default=None, description="Voxel center, LPS, mm.")


class IntensityStatistics(Result):
    """What the voxels of a volume are like inside a segment; the volume's own unit."""

    voxel_count: int = Field(description="Voxels of the volume whose centers lie in the segment.")
    mean: float | None
    standard_deviation: float | None = Field(description="Divided by n - 1; null below two voxels.")
    minimum: float | None
    maximum: float | None


class SegmentStatistics(Framed):
    """Measures of one segment, in the world: parent transforms applied."""

    segment_id: str
    name: str
    voxel_count: int
    volume_ml: float = Field(description="Voxels times the volume of one voxel.")
    surface_mm2: float | None = Field(
        description="Area of the closed surface as Slicer makes it; null when it was not made or is empty."
    )
    centroid_ras: PositionRas | None = Field(default=None, description="Mean of the voxel centers, RAS, mm.")
    centroid_lps: PositionLps | None = Field(default=None, description="Mean of the voxel centers, LPS, mm.")
    bounds_ras: BoundsRas | None = Field(default=None, description="Outer faces of the voxels, RAS, mm.")
    bounds_lps: BoundsLps | None = Field(default=None, description="Outer faces of the voxels, LPS, mm.")
    oriented_bounds: OrientedBounds | None = Field(description="Null for an empty segment.")
    longest_diameter: Diameter | None = Field(
        description="Between the voxel centers that are farthest apart; null for an empty segment."
    )
    longest_slice_diameter: Diameter | None = Field(
        description="The same within one slice of the segmentation's grid, as RECIST measures; null for an empty one."
    )
    intensity: IntensityStatistics | None = Field(description="Null unless a volume was named.")


class SegmentationStatistics(SceneResult):
    """Measures of the segments of a segmentation."""

    segmentation_id: str
    volume_id: str | None
    segments: tuple[SegmentStatistics, ...]
    surface_smoothing_factor: float | None = Field(
        description="Smoothing of the surfaces that were measured, 0 to 1: areas depend on it. Null without surfaces."
    )
    warnings: tuple[str, ...] = ()
