"""What the bridge says about volumes."""

from __future__ import annotations

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import (
    BoundsLps,
    BoundsRas,
    DimensionsIjk,
    DirectionLps,
    DirectionRas,
    Matrix4,
    PositionLps,
    PositionRas,
    SpacingMm,
)


class VolumeSummary(Result):
    """One volume in a list."""

    id: str
    name: str
    class_name: str
    dimensions_ijk: DimensionsIjk | None = Field(description="Null while the volume has no voxels.")
    spacing_mm: SpacingMm
    scalar_type: str | None = Field(description="NumPy's name, such as int16.")
    component_count: int
    is_labelmap: bool


class VolumeDisplay(Result):
    """How gray values become brightness."""

    window_width: float = Field(description="Width of the displayed range, in the volume's own unit.")
    window_level: float = Field(description="Center of the displayed range, in the volume's own unit.")
    is_window_automatic: bool
    color_node_id: str | None


class VolumeSubject(Result):
    """Whose data a volume is, by the subject hierarchy. Names are covered unless the person shows identifiers."""

    patient_item_id: int | None = Field(description="Item of the patient in the subject hierarchy.")
    patient_name: str | None
    study_item_id: int | None = Field(description="Item of the study in the subject hierarchy.")
    study_description: str | None


class VolumeDescription(Framed, SceneResult):
    """One volume. Geometry is the volume's own: without `parent_transform_id`, except for the bounds."""

    id: str
    name: str
    class_name: str
    dimensions_ijk: DimensionsIjk | None = Field(description="Null while the volume has no voxels.")
    spacing_mm: SpacingMm
    origin_ras: PositionRas | None = Field(default=None, description="Center of voxel (0, 0, 0) in RAS, mm.")
    origin_lps: PositionLps | None = Field(default=None, description="Center of voxel (0, 0, 0) in LPS, mm.")
    i_axis_ras: DirectionRas | None = None
    i_axis_lps: DirectionLps | None = None
    j_axis_ras: DirectionRas | None = None
    j_axis_lps: DirectionLps | None = None
    k_axis_ras: DirectionRas | None = None
    k_axis_lps: DirectionLps | None = None
    ijk_to_ras: Matrix4 | None = Field(
        default=None, description="From zero-based indices at voxel centers to RAS, mm; row by row."
    )
    ijk_to_lps: Matrix4 | None = Field(
        default=None, description="From zero-based indices at voxel centers to LPS, mm; row by row."
    )
    bounds_ras: BoundsRas | None = Field(
        default=None,
        description="Outer faces of the voxels in the world, parent transforms applied; RAS, mm.",
    )
    bounds_lps: BoundsLps | None = Field(
        default=None,
        description="Outer faces of the voxels in the world, parent transforms applied; LPS, mm.",
    )
    is_left_handed: bool = Field(description="Whether i × j points against k.")
    scalar_type: str | None = Field(description="NumPy's name, such as int16; null without voxels.")
    component_count: int
    scalar_minimum: float | None = Field(description="In the volume's own unit; of the first component.")
    scalar_maximum: float | None = Field(description="In the volume's own unit; of the first component.")
    value_unit: str | None = Field(
        description="Unit of the voxel values, such as Hounsfield unit; null if unknown."
    )
    is_labelmap: bool
    display: VolumeDisplay | None
    parent_transform_id: str | None
    subject: VolumeSubject | None = Field(
        default=None, description="Patient and study; null when the volume belongs to none."
    )
    warnings: tuple[str, ...] = ()


class VolumeMade(SceneResult):
    """A volume that was made, or got new voxels."""

    id: str
    name: str
    class_name: str
    dimensions_ijk: DimensionsIjk
    spacing_mm: SpacingMm
    scalar_type: str
    component_count: int
    warnings: tuple[str, ...] = Field(default=(), description="What was assumed or cannot be done with it.")


class Histogram(SceneResult):
    """How often values occur."""

    counts: tuple[int, ...] = Field(description="Voxels in each bin.")
    edges: tuple[float, ...] = Field(
        description="Edges of the bins, one more than bins, in the volume's own unit. The last bin has its upper edge."
    )
    below_count: int
    above_count: int
    not_a_number_count: int
    voxel_count: int
    mean: float | None = Field(description="Of all finite voxels, in the volume's own unit.")
    standard_deviation: float | None = Field(description="Of all finite voxels, divided by n.")


class Samples(Framed, SceneResult):
    """Values at points."""

    values: tuple[float | None, ...] = Field(
        description="In the volume's own unit; null outside the image, and where the voxel is not finite."
    )
    points_ras: tuple[PositionRas, ...] | None = Field(
        default=None, description="Where the values were taken: given back for a line only."
    )
    outside_count: int = Field(description="How many points lie outside of the image.")
