"""What the bridge says about markups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import ColorRgb, DirectionLps, DirectionRas, PositionLps, PositionRas

MarkupsTypeName = Literal["fiducial", "line", "angle", "curve", "closedcurve", "plane", "roi"]
"""MRML's names in lower case; a fiducial is a list of points."""

CurveType = Literal["linear", "cardinal_spline", "kochanek_spline", "polynomial"]

_Coordinate = Annotated[float, Field(ge=-1e7, le=1e7)]
PlacedRas = Annotated[
    tuple[_Coordinate, _Coordinate, _Coordinate],
    Field(
        description="Position in RAS, mm, within 10 km of the origin.",
        json_schema_extra={"x-frame": "RAS", "x-unit": "mm"},
    ),
]
"""A position or direction as an argument: bounded, so that no product of several overflows."""

_LOCAL = "In the markup's own coordinates, before parent transforms"
_WORLD = "In the world, parent transforms applied"

SizesMm = Annotated[
    tuple[float, ...],
    Field(description="Edge lengths along the axes, mm; two for a plane, three for a ROI."),
]


class MarkupsSummary(Result):
    """One markup in a list."""

    id: str
    name: str
    type: str = Field(description="Such as line or fiducial (a list of points).")
    control_point_count: int


class ControlPoint(Framed):
    """One control point."""

    id: str = Field(description="The handle of the point inside its markup.")
    label: str
    description: str = ""
    is_selected: bool = True
    is_locked: bool = False
    is_visible: bool = True
    position_ras: PositionRas | None = Field(
        default=None, description=f"{_WORLD}; RAS, mm. Null while not placed."
    )
    position_lps: PositionLps | None = Field(
        default=None, description=f"{_WORLD}; LPS, mm. Null while not placed."
    )
    position_local_ras: PositionRas | None = Field(
        default=None, description=f"{_LOCAL}; RAS, mm. Null while not placed."
    )
    position_local_lps: PositionLps | None = Field(
        default=None, description=f"{_LOCAL}; LPS, mm. Null while not placed."
    )


class Measurement(Result):
    """One measurement of a markup; value and unit agree."""

    name: str
    value: float
    unit: str = Field(description="mm, mm2, mm3 or deg.")


class MarkupsBox(Framed):
    """Where a plane or a ROI lies in the world."""

    center_ras: PositionRas | None = None
    center_lps: PositionLps | None = None
    x_axis_ras: DirectionRas | None = None
    x_axis_lps: DirectionLps | None = None
    y_axis_ras: DirectionRas | None = None
    y_axis_lps: DirectionLps | None = None
    z_axis_ras: DirectionRas | None = Field(default=None, description="Of a plane: its normal.")
    z_axis_lps: DirectionLps | None = Field(default=None, description="Of a plane: its normal.")
    size_mm: SizesMm


class MarkupsDescription(SceneResult):
    """One markup."""

    id: str
    name: str
    class_name: str
    type: str
    color: ColorRgb | None
    opacity: float | None = None
    is_visible: bool | None = Field(default=None, description="Null without a display node.")
    is_locked: bool
    control_points: tuple[ControlPoint, ...] = Field(description="At most the first 1000.")
    control_point_count: int
    measurements: tuple[Measurement, ...] = Field(description="Those that are enabled and have a value.")
    available_measurements: tuple[str, ...] = Field(
        default=(), description="Names that `enabled_measurements` of markups.update takes."
    )
    length_mm: float | None = Field(
        description="Length of a line or curve in the world; null for other types."
    )
    angle_deg: float | None = Field(
        default=None, description="Of an angle; null for other types, and where a side has no length."
    )
    area_mm2: float | None = Field(
        default=None,
        description="Of a plane or the minimal surface in a closed curve, in the world; null for other types.",
    )
    volume_mm3: float | None = Field(default=None, description="Of a ROI in the world; null for other types.")
    volume_ml: float | None = Field(default=None, description="`volume_mm3` in milliliters.")
    box: MarkupsBox | None = Field(default=None, description="Of a plane or a ROI; null for other types.")
    curve_type: CurveType | str | None = Field(
        default=None, description="How a curve runs between its control points; null for other types."
    )
    parent_transform_id: str | None


class MarkupsImported(SceneResult):
    """What a Markups JSON file became."""

    markups: tuple[MarkupsSummary, ...]


class PlaneFitted(SceneResult):
    """A plane through points."""

    plane: MarkupsDescription
    point_count: int
    rms_distance_mm: float = Field(description="Root mean square of the distances of the points, mm.")
    largest_distance_mm: float = Field(description="Distance of the point that is farthest away, mm.")
