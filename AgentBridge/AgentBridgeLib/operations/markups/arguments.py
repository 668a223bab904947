"""What arguments about markups share: labels, colors, where a plane or a ROI lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.shapes import Box

if TYPE_CHECKING:
    from AgentBridgeLib.model.geometry import ColorRgb

MOST_MM = 1e6
Label = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class BoxArguments(Arguments):
    """Where a plane or a ROI lies, in the world."""

    center_ras: PlacedRas | None = Field(default=None, description="Center of a plane or ROI, RAS, mm.")
    normal_ras: PlacedRas | None = Field(
        default=None, description="Direction of the normal of a plane, RAS; need not have unit length."
    )
    axes_ras: tuple[PlacedRas, PlacedRas, PlacedRas] | None = Field(
        default=None,
        description="Axes x, y, z of a plane or ROI: unit vectors at right angles in RAS, right-handed.",
    )
    size_mm: tuple[Annotated[float, Field(gt=0, le=MOST_MM)], ...] | None = Field(
        default=None,
        min_length=2,
        max_length=3,
        description="Edge lengths along x, y (plane) or x, y, z (ROI) in mm.",
    )

    @property
    def box(self) -> Box:
        """The same as a value."""
        return Box(self.center_ras, self.normal_ras, self.axes_ras, self.size_mm)


def check_color(color: ColorRgb | None) -> None:
    """Refuse a color whose parts are not from 0 to 1."""
    if color is not None and not all(0 <= part <= 1 for part in color):
        raise invalid("color", "red, green and blue go from 0 to 1")


def paint(display: Any, color: ColorRgb | None) -> None:
    """Give a display node a color; control points that are selected, the normal case, have one of their own."""
    if color is not None and display is not None:
        display.SetSelectedColor(*color)
        display.SetColor(*color)
