"""What the bridge says about views, and about Python code that it ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Listing, Result, SceneResult
from AgentBridgeLib.model.geometry import DirectionRas, PositionRas


class SliceViewDescription(Result):
    """A slice view. Wherever a view is named, its node's id is as good as `name`."""

    name: str = Field(description="Such as Red; it stands in the address of the picture.")
    node_id: str
    orientation: str = Field(description="Such as Axial, or Reformat when it is oblique.")
    offset_mm: float = Field(description="Position of the slice along its normal, mm.")
    background_volume_id: str | None
    foreground_volume_id: str | None
    foreground_opacity: float | None
    label_volume_id: str | None


class ThreeDViewDescription(Result):
    """A 3D view. Wherever a view is named, `name`, `node_id` and `node_name` are all good."""

    name: str = Field(description="Such as 1; it stands in the address of the picture.")
    node_id: str
    node_name: str = Field(description="Such as View1.")


class Views(SceneResult):
    """The views of this Slicer."""

    is_available: bool = Field(description="Whether pictures can be made.")
    slices: tuple[SliceViewDescription, ...]
    threed: tuple[ThreeDViewDescription, ...]


class LayoutDescription(SceneResult):
    """How the views are arranged."""

    layout: str | None = Field(
        description="Name, such as FourUpView; null for a layout that Slicer does not name."
    )
    layout_number: int = Field(description="Slicer's number of it.")
    slices: tuple[str, ...] = Field(description="Names of the slice views it shows.")
    threed: tuple[str, ...] = Field(description="Names of the 3D views it shows.")


class CameraDescription(SceneResult):
    """The camera of a 3D view."""

    name: str = Field(description="Name of the view.")
    node_id: str
    position_ras: PositionRas = Field(description="Where the camera is, RAS, mm.")
    focal_point_ras: PositionRas = Field(description="What it looks at, RAS, mm.")
    view_up_ras: DirectionRas = Field(description="Direction that points up in the picture, RAS.")
    is_parallel: bool = Field(description="Whether the projection is parallel.")
    view_angle_deg: float = Field(description="Opening angle, top to bottom, of a perspective projection.")
    parallel_scale_mm: float = Field(description="Half the height that a parallel projection shows.")


class SliceViewState(SliceViewDescription, SceneResult):
    """A slice view as it is now."""

    field_of_view_mm: tuple[float, float] = Field(description="Width and height that it shows, mm.")
    is_visible_in_3d: bool


class ViewsChanged(SceneResult):
    """Which views were changed."""

    slices: tuple[str, ...]
    threed: tuple[str, ...]


class PythonRun(Result):
    """What code did."""

    outcome: Literal["completed", "raised"]
    value: str | None = Field(description="repr of the last expression; null if there is none or it is None.")
    stdout: str
    stderr: str
    traceback: str | None = Field(description="Null unless the code raised.")
    is_truncated: bool = Field(description="Whether any of the texts was cut at max_output_chars.")
    duration_s: float
    session: str


class RenderingPreset(Result):
    """One of Slicer's presets for volume rendering."""

    name: str
    effective_range: tuple[float, float] | None = Field(
        description="Values between which it shows differences, in the unit it is made for (CT: Hounsfield units)."
    )


class RenderingPresets(Listing[RenderingPreset]):
    """Slicer's presets."""


class OpacityPoint(Result):
    """How opaque voxels of a value are; between points it is interpolated."""

    value: float = Field(description="In the volume's own unit.")
    opacity: float = Field(description="From 0 to 1.")


class VolumeRendering(SceneResult):
    """How a volume is shown by volume rendering."""

    volume_id: str
    display_id: str | None = Field(description="Null while the volume has never been shown so.")
    is_visible: bool
    preset: str | None = Field(description="Name of the look; that of the preset when one was chosen.")
    opacities: tuple[OpacityPoint, ...]
    crop_roi_id: str | None = Field(
        description="ROI outside of which nothing is shown; null without cropping."
    )
