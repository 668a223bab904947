"""Which part of an image is shown, and how large (PS3.18, 8.3.5.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLACE = r"(-?[0-9]{1,6}(\.[0-9]{1,6})?)?"
VIEWPORT = rf"^[1-9][0-9]{{0,3}},[1-9][0-9]{{0,3}}(,{_PLACE}){{0,4}}$"


def size_of(viewport: str | None) -> tuple[int, int] | None:
    """Give width and height in pixels."""
    if viewport is None:
        return None
    width, height = viewport.split(",")[:2]
    return int(width), int(height)


def region_of(picture: NDArray[np.uint8], viewport: str | None) -> NDArray[np.uint8]:
    """Cut out the part that is to be shown; a negative width or height mirrors it.

    Parameters
    ----------
    picture
        Shape (rows, columns) or (rows, columns, 3).
    viewport
        The shape of the text was checked before.

    Raises
    ------
    ArgumentInvalidError
        Nothing of the image lies in it.
    """
    places = viewport.split(",")[2:] if viewport else []
    left, top, width, height = (float(text) if text else None for text in [*places, "", "", "", ""][:4])
    rows, columns = picture.shape[:2]
    across, is_mirrored = _span(left, width, columns)
    down, is_upside_down = _span(top, height, rows)
    shown = picture[down, across]
    if 0 in shown.shape:
        problem = "shows nothing of the image"
        raise ArgumentInvalidError(
            f"The viewport {problem}, which has {columns} x {rows} pixels.",
            errors=[FieldProblem("/viewport", problem, f"inside {columns} x {rows} pixels")],
        )
    shown = shown[:, ::-1] if is_mirrored else shown
    return np.ascontiguousarray(shown[::-1] if is_upside_down else shown)


def _span(start: float | None, extent: float | None, size: int) -> tuple[slice, bool]:
    """Give what is shown along one axis, and whether it is mirrored."""
    first = start or 0.0
    wanted = float(size) if extent is None else extent
    low, high = round(max(0.0, first)), round(min(float(size), first + abs(wanted)))
    return slice(low, max(low, high)), wanted < 0
