"""What the bridge says about segmentations."""

from __future__ import annotations

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import BoundsLps, BoundsRas, ColorRgb, PositionLps, PositionRas


class SegmentationSummary(Result):
    """One segmentation in a list."""

    id: str
    name: str
    segment_count: int
    source_volume_id: str | None


class Segment(Result):
    """One segment."""

    id: str = Field(description="The handle of the segment inside its segmentation.")
    name: str
    color: ColorRgb
    is_visible: bool | None = Field(description="Null when the segmentation has no display node.")
    status: str = Field(description="notstarted, inprogress, completed or flagged.")


class SegmentationDescription(SceneResult):
    """One segmentation."""

    id: str
    name: str
    class_name: str
    source_volume_id: str | None = Field(description="The volume whose voxel grid the segments have.")
    source_representation: str = Field(description="What the segments are made of, such as Binary labelmap.")
    has_closed_surface: bool
    segments: tuple[Segment, ...] = Field(description="At most the first 1000.")
    segment_count: int
    parent_transform_id: str | None
    warnings: tuple[str, ...] = ()


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
    intensity: IntensityStatistics | None = Field(description="Null unless a volume was named.")


class SegmentationStatistics(SceneResult):
    """Measures of the segments of a segmentation."""

    segmentation_id: str
    volume_id: str | None
    segments: tuple[SegmentStatistics, ...]
    surface_smoothing_factor: float | None = Field(
        description="Smoothing of the surfaces that were measured, 0 to 1: areas depend on it. Null without surfaces."
    )
