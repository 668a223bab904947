"""What the bridge says about models: surfaces and other meshes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import BoundsLps, BoundsRas, ColorRgb, PositionLps, PositionRas

MeshFormat = Literal["stl", "ply", "obj", "vtk", "vtp"]
Representation = Literal["points", "wireframe", "surface"]


class ModelSummary(Result):
    """One model in a list."""

    id: str
    name: str
    point_count: int
    cell_count: int


class ModelDescription(Framed, SceneResult):
    """One model."""

    id: str
    name: str
    class_name: str
    point_count: int
    cell_count: int
    bounds_ras: BoundsRas | None = Field(
        default=None, description="In the world, mm; null when it has no points."
    )
    bounds_lps: BoundsLps | None = Field(
        default=None, description="In the world, mm; null when it has no points."
    )
    color: ColorRgb | None = Field(description="Null without a display node, as in the next four.")
    opacity: float | None
    is_visible: bool | None
    is_visible_in_slices: bool | None
    representation: Representation | None
    parent_transform_id: str | None
    warnings: tuple[str, ...] = Field(default=(), description="What a careful reader would want to know.")


class ModelMeasurements(Framed, SceneResult):
    """What a surface measures in the world."""

    id: str
    area_mm2: float
    volume_mm3: float | None = Field(
        description="Null unless the surface is closed and its triangles agree on the outside."
    )
    volume_ml: float | None = Field(description="`volume_mm3` in milliliters.")
    is_closed: bool = Field(
        description="Whether there is no rim: each edge has as many triangles on one side as on the other."
    )
    triangle_count: int
    bounds_ras: BoundsRas | None = None
    bounds_lps: BoundsLps | None = None
    area_centroid_ras: PositionRas | None = Field(
        default=None, description="Center of gravity of the surface."
    )
    area_centroid_lps: PositionLps | None = Field(
        default=None, description="Center of gravity of the surface."
    )
