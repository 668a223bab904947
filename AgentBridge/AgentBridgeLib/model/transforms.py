"""What the bridge says about transforms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import (
    DimensionsIjk,
    Matrix4,
    PositionLps,
    PositionRas,
    SpacingMm,
)

TransformKind = Literal["linear", "grid", "bspline", "thin_plate", "composite", "other"]
Direction = Literal["to_parent", "from_parent"]


class TransformSummary(Result):
    """One transform in a list."""

    id: str
    name: str
    kind: TransformKind


class TransformGrid(Framed):
    """The grid of displacements, or of B-spline coefficients."""

    dimensions_ijk: DimensionsIjk
    spacing_mm: SpacingMm
    ijk_to_ras: Matrix4 | None = Field(default=None, description="From zero-based indices to RAS, mm.")
    ijk_to_lps: Matrix4 | None = Field(default=None, description="From zero-based indices to LPS, mm.")
    direction: Direction = Field(
        description="Which way the vectors lead: `from_parent` as in ITK's and Slicer's files, or `to_parent`."
    )


class TransformDescription(SceneResult):
    """One transform."""

    id: str
    name: str
    class_name: str
    kind: TransformKind
    is_linear: bool
    matrix_to_parent_ras: Matrix4 | None = Field(
        description="From the node's coordinates to its parent's, RAS, mm; null when not linear."
    )
    matrix_to_world_ras: Matrix4 | None = Field(
        description="With all parent transforms; null when any of them is not linear."
    )
    grid: TransformGrid | None = Field(description="Of a grid or B-spline transform; null for others.")
    transformed_ids: tuple[str, ...] = Field(
        description="Nodes that it is applied to directly; at most 1000."
    )
    parent_transform_id: str | None


class SampledTransform(TransformDescription):
    """A grid transform that was made of another transform, and how far it is from it."""

    rms_error_mm: float = Field(
        description="Root of the mean squared distance from the other, between grid points."
    )
    maximum_error_mm: float = Field(description="Largest of these distances.")
    checked_point_count: int = Field(description="At how many places between grid points it was compared.")


class TransformApplied(SceneResult):
    """Nodes whose parent transform was set or hardened."""

    node_ids: tuple[str, ...]
    transform_id: str | None = Field(description="Their parent transform now; null without one.")


class MappedPoints(SceneResult, Framed):
    """Points behind a transform."""

    points_ras: tuple[PositionRas, ...] | None = None
    points_lps: tuple[PositionLps, ...] | None = None


class LandmarkError(Result):
    """How far one pair is apart after registration."""

    moving_point_id: str
    fixed_point_id: str
    label: str
    distance_mm: float


class LandmarkRegistration(SceneResult):
    """What a landmark registration found."""

    transform_id: str
    name: str
    matrix_ras: Matrix4 = Field(
        description="Takes the moving points to the fixed ones, in the world, RAS, mm."
    )
    rms_error_mm: float = Field(description="Root of the mean squared distance of the pairs afterwards.")
    maximum_error_mm: float
    rms_distance_before_mm: float
    errors: tuple[LandmarkError, ...]
    scale: float = Field(description="Factor by which lengths change; 1 for rigid, the mean for affine.")
    transformed_ids: tuple[str, ...]
