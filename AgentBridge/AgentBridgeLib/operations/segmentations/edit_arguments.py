"""What an edit may be told: effects, their parameters, and where voxels may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.conditions import Choice, Conditional, Within, takes
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.operations.segmentations.description import (
    MOST_SEGMENTS,
    SegmentationArguments,
    SegmentId,
)

_OTHER = takes("segment_id other_segment_id")
_MARGIN = takes("segment_id margin_mm")
_KERNEL = takes("segment_id kernel_mm")
_BALLS = takes("segment_id positions_ras radius_mm")
_ISLAND = takes("segment_id positions_ras")
_ALONE = takes("segment_id")
EFFECTS = {
    "union": _OTHER,
    "intersect": _OTHER,
    "subtract": _OTHER,
    "copy": _OTHER,
    "invert": _ALONE,
    "clear": _ALONE,
    "fill": _ALONE,
    "threshold": takes("segment_id volume_id minimum maximum"),
    "automatic_threshold": takes("segment_id volume_id", may="method side"),
    "paint": _BALLS,
    "erase": _BALLS,
    "grow": _MARGIN,
    "shrink": _MARGIN,
    "hollow": takes("segment_id thickness_mm", may="border"),
    "median": _KERNEL,
    "opening": _KERNEL,
    "closing": _KERNEL,
    "gaussian": takes("segment_id sigma_mm"),
    "joint_smooth": takes(may="smoothing_factor segment_ids"),
    "keep_largest": _ALONE,
    "remove_small_islands": takes("segment_id minimum_voxels"),
    "split_islands": takes("segment_id", may="minimum_voxels"),
    "keep_island": _ISLAND,
    "remove_island": _ISLAND,
    "fill_holes": _ALONE,
    "grow_from_seeds": takes("volume_id", may="seed_locality growth_ratio segment_ids"),
}
"""Every effect with the arguments it takes; `mask` and `others` go with all of them."""
FOR_SEVERAL = ("joint_smooth", "grow_from_seeds")
"""Effects on several segments at once."""
if TYPE_CHECKING:
    Effect = str
else:
    Effect = Literal[tuple(EFFECTS)]
Method = Literal[
    "otsu",
    "huang",
    "intermodes",
    "isodata",
    "kittler_illingworth",
    "li",
    "maximum_entropy",
    "moments",
    "renyi_entropy",
    "shanbhag",
    "triangle",
    "yen",
]
Millimeters = Annotated[float, Field(gt=0, le=1000)]


class Mask(Arguments):
    """Where voxels may change; all conditions that are given must hold. Elsewhere the segment stays as it is."""

    segment_id: SegmentId | None = Field(
        default=None, description="Only inside, or outside, of this segment."
    )
    side: Literal["inside", "outside"] = Field(default="inside", description="Which side of `segment_id`.")
    minimum: float | None = Field(
        default=None, description="Only where `volume_id` has at least this value, in its own unit."
    )
    maximum: float | None = Field(
        default=None, description="Only where `volume_id` has at most this value, in its own unit."
    )


class EditArguments(SegmentationArguments, Conditional):
    """Which segment, what to do with its voxels, and where."""

    conditions = (Choice("effect", EFFECTS, within=(Within("volume_id", "mask", ("minimum", "maximum")),)),)
    model_config = example(
        segmentation_id="vtkMRMLSegmentationNode1", effect="grow", segment_id="Segment_1", margin_mm=2.5
    )

    segmentation_id: SegmentationId = Field(description="The segmentation; it is changed in place.")
    effect: Effect = Field(
        description="Combine: union, intersect, subtract, copy (from the other one), invert, clear, fill. "
        "By value: threshold, automatic_threshold. By hand: paint, erase (balls). By distance: grow, shrink, hollow "
        "(a shell). Smooth: median, opening, closing, gaussian, joint_smooth (several segments together). Islands, "
        "connected by faces: keep_largest, remove_small_islands, split_islands, keep_island, remove_island. "
        "fill_holes: background enclosed in 3D. grow_from_seeds: segments are seeds and grow over a volume."
    )
    segment_id: SegmentId | None = Field(default=None, description="The segment that is edited.")
    segment_ids: tuple[SegmentId, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_SEGMENTS,
        description="These segments; all without.",
    )
    other_segment_id: SegmentId | None = Field(
        default=None, description="Second operand, of the same segmentation; it stays as it is."
    )
    volume_id: VolumeId | None = Field(default=None, description="Volume whose values count.")
    minimum: float | None = Field(
        default=None, description="Least value that belongs to the segment, in the volume's own unit."
    )
    maximum: float | None = Field(
        default=None, description="Largest value that belongs to the segment, in the volume's own unit."
    )
    method: Method = Field(default="otsu", description="How the threshold is found.")
    side: Literal["above", "below"] = Field(
        default="above", description="Whether what is above or below the threshold belongs to the segment."
    )
    positions_ras: tuple[PlacedRas, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Centers of balls, or a point in each island; world, RAS, mm.",
    )
    radius_mm: Millimeters | None = Field(default=None, description="Radius of the balls, in the world, mm.")
    margin_mm: Millimeters | None = Field(default=None, description="Distance between voxel centers, in mm.")
    thickness_mm: Millimeters | None = Field(default=None, description="Thickness of the shell, in mm.")
    border: Literal["inside", "medial", "outside"] = Field(
        default="outside", description="Where the border of the segment of now lies in the shell."
    )
    kernel_mm: Millimeters | None = Field(
        default=None,
        description="Width of the kernel, in mm: a box for median, a ball for opening and closing.",
    )
    sigma_mm: Millimeters | None = Field(default=None, description="Standard deviation of the blur, in mm.")
    smoothing_factor: float = Field(default=0.5, ge=0, le=1, description="0 changes nothing, 1 smooths most.")
    minimum_voxels: int | None = Field(
        default=None, ge=1, description="Islands with fewer voxels are dropped."
    )
    seed_locality: float = Field(
        default=0,
        ge=0,
        le=1000,
        description="How much one mm of distance counts, in the volume's own unit.",
    )
    growth_ratio: float = Field(
        default=0.2,
        ge=0,
        le=100,
        description="By what share of its size the box around the seeds is widened, at least "
        "by 3 voxels; nothing outside of it becomes part of a segment.",
    )
    mask: Mask | None = Field(default=None, description="Where voxels may change; everywhere without.")
    others: Literal["keep", "cut"] = Field(
        default="keep",
        description="keep: segments may overlap. cut: what the segment has then is taken from all others, where "
        "`mask` allows; an edit that only takes away leaves them.",
    )
