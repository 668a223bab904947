"""What the bridge says about views, and about Python code that it ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult


class SliceViewDescription(Result):
    """A slice view."""

    name: str = Field(description="Such as Red; it stands in the address of the picture.")
    node_id: str
    orientation: str = Field(description="Such as Axial, or Reformat when it is oblique.")
    offset_mm: float = Field(description="Position of the slice along its normal, mm.")
    background_volume_id: str | None
    foreground_volume_id: str | None
    foreground_opacity: float | None
    label_volume_id: str | None


class ThreeDViewDescription(Result):
    """A 3D view."""

    name: str = Field(description="It stands in the address of the picture.")


class Views(SceneResult):
    """The views of this Slicer."""

    is_available: bool = Field(description="Whether pictures can be made.")
    slices: tuple[SliceViewDescription, ...]
    threed: tuple[ThreeDViewDescription, ...]


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
