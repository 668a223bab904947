"""What an edit may be told: effects, their parameters, and where voxels may change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.operations.segmentations.description import (
    MOST_SEGMENTS,
    SegmentationArguments,
    SegmentId,
)

Effect = Literal[
    "union",
    "intersect",
    "subtract",
    "copy",
    "invert",
    "clear",
    "fill",
    "threshold",
    "automatic_threshold",
    "paint",
    "erase",
    "grow",
    "shrink",
    "hollow",
    "median",
    "opening",
    "closing",
    "gaussian",
    "joint_smooth",
    "keep_largest",
    "remove_small_islands",
    "split_islands",
    "keep_island",
    "remove_island",
    "fill_holes",
    "grow_from_seeds",
]
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

_OTHER, _MARGIN, _KERNEL = {"other_segment_id"}, {"margin_mm"}, {"kernel_mm"}
_BALLS, _ISLAND = {"positions_ras", "radius_mm"}, {"positions_ras"}
NEEDS: dict[str, set[str]] = {
    "union": _OTHER,
    "intersect": _OTHER,
    "subtract": _OTHER,
    "copy": _OTHER,
    "threshold": {"volume_id", "minimum", "maximum"},
    "automatic_threshold": {"volume_id"},
    "paint": _BALLS,
    "erase": _BALLS,
    "grow": _MARGIN,
    "shrink": _MARGIN,
    "hollow": {"thickness_mm"},
    "median": _KERNEL,
    "opening": _KERNEL,
    "closing": _KERNEL,
    "gaussian": {"sigma_mm"},
    "joint_smooth": set(),
    "remove_small_islands": {"minimum_voxels"},
    "split_islands": set(),
    "keep_island": _ISLAND,
    "remove_island": _ISLAND,
    "grow_from_seeds": {"volume_id"},
}
"""Arguments that an effect cannot do without."""
MAY_HAVE: dict[str, set[str]] = {
    "automatic_threshold": {"method", "side"},
    "hollow": {"border"},
    "joint_smooth": {"smoothing_factor", "segment_ids"},
    "split_islands": {"minimum_voxels"},
    "grow_from_seeds": {"seed_locality", "growth_ratio", "segment_ids"},
}
FOR_SEVERAL = ("joint_smooth", "grow_from_seeds")
"""Effects on several segments at once."""
ALWAYS = {"segmentation_id", "effect", "mask", "others"}


class Mask(Arguments):
    """Where voxels may change; all conditions that are given must hold."""

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


class EditArguments(SegmentationArguments):
    """Which segment, what to do with its voxels, and where."""

    model_config = example(
        segmentation_id="vtkMRMLSegmentationNode1", effect="grow", segment_id="Segment_1", margin_mm=2.5
    )

    segmentation_id: SegmentationId = Field(description="The segmentation; it is changed in place.")
    effect: Effect = Field(
        description="Combine: union, intersect, subtract, copy (with `other_segment_id`), invert, clear, fill. "
        "By value of `volume_id`: threshold, automatic_threshold. By hand: paint, erase (balls). By distance: grow, "
        "shrink (`margin_mm`), hollow (`thickness_mm`). Smooth: median, opening, closing (`kernel_mm`), gaussian "
        "(`sigma_mm`), joint_smooth (several segments together). Islands, connected by faces: keep_largest, "
        "remove_small_islands, split_islands, keep_island, remove_island (at `positions_ras`). fill_holes: background "
        "enclosed in 3D. grow_from_seeds: segments are seeds and grow over `volume_id`."
    )
    segment_id: SegmentId | None = Field(
        default=None, description="The segment; left out for joint_smooth and grow_from_seeds."
    )
    segment_ids: tuple[SegmentId, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_SEGMENTS,
        description="For joint_smooth and grow_from_seeds: these segments; all without.",
    )
    other_segment_id: SegmentId | None = Field(default=None, description="Second operand; it stays as it is.")
    volume_id: VolumeId | None = Field(
        default=None, description="Volume whose values count; also for the values of `mask`."
    )
    minimum: float | None = Field(
        default=None, description="Least value that belongs to the segment, in the volume's own unit."
    )
    maximum: float | None = Field(
        default=None, description="Largest value that belongs to the segment, in the volume's own unit."
    )
    method: Method = Field(default="otsu", description="How automatic_threshold finds the threshold.")
    side: Literal["above", "below"] = Field(
        default="above", description="Whether automatic_threshold takes what is above or below."
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
        default="outside", description="Where the border of the segment of now lies in the shell of hollow."
    )
    kernel_mm: Millimeters | None = Field(
        default=None,
        description="Width of the kernel, in mm: a box for median, a ball for opening and closing.",
    )
    sigma_mm: Millimeters | None = Field(default=None, description="Standard deviation of the blur, in mm.")
    smoothing_factor: float = Field(
        default=0.5, ge=0, le=1, description="For joint_smooth: 0 changes nothing, 1 smooths most."
    )
    minimum_voxels: int | None = Field(
        default=None, ge=1, description="Islands with fewer voxels are dropped."
    )
    seed_locality: float = Field(
        default=0,
        ge=0,
        le=1000,
        description="For grow_from_seeds: how much one mm of distance counts, in the volume's own unit.",
    )
    growth_ratio: float = Field(
        default=0.2,
        ge=0,
        le=100,
        description="For grow_from_seeds: by what share of its size the box around the seeds is widened, at least "
        "by 3 voxels; nothing outside of it becomes part of a segment.",
    )
    mask: Mask | None = Field(default=None, description="Where voxels may change; everywhere without.")
    others: Literal["keep", "cut"] = Field(
        default="keep",
        description="keep: segments may overlap. cut: what the segment gets is taken from all others.",
    )

    @model_validator(mode="after")
    def _fits_the_effect(self) -> EditArguments:
        needs = NEEDS.get(self.effect, set())
        if self.effect not in FOR_SEVERAL:
            needs = needs | {"segment_id"}
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if needs - given:
            raise ValueError(f"{self.effect} needs {', '.join(sorted(needs - given))}")
        is_value_masked = self.mask is not None and (
            self.mask.minimum is not None or self.mask.maximum is not None
        )
        if is_value_masked and self.volume_id is None:
            raise ValueError("minimum or maximum of mask needs volume_id")
        allowed = (
            needs | MAY_HAVE.get(self.effect, set()) | ALWAYS | ({"volume_id"} if is_value_masked else set())
        )
        if given - allowed:
            raise ValueError(f"{', '.join(sorted(given - allowed))} does not belong to {self.effect}")
        return self
