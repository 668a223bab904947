"""What the bridge says about markups."""

from __future__ import annotations

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import ColorRgb, PositionLps, PositionRas


class MarkupsSummary(Result):
    """One markup in a list."""

    id: str
    name: str
    type: str = Field(description="Such as line or fiducial.")
    control_point_count: int


class ControlPoint(Framed):
    """One control point."""

    id: str
    label: str
    position_ras: PositionRas | None = Field(
        default=None, description="In the world, parent transforms applied; RAS, mm. Null while not placed."
    )
    position_lps: PositionLps | None = Field(
        default=None, description="In the world, parent transforms applied; LPS, mm. Null while not placed."
    )


class Measurement(Result):
    """One measurement of a markup; value and unit agree."""

    name: str
    value: float
    unit: str = Field(description="mm, mm2, mm3 or deg.")


class MarkupsDescription(SceneResult):
    """One markup."""

    id: str
    name: str
    class_name: str
    type: str
    color: ColorRgb | None
    is_locked: bool
    control_points: tuple[ControlPoint, ...] = Field(description="At most the first 1000.")
    control_point_count: int
    measurements: tuple[Measurement, ...] = Field(description="Those that are enabled and have a value.")
    length_mm: float | None = Field(
        description="Length of a line or curve in the world; null for other types."
    )
    parent_transform_id: str | None
