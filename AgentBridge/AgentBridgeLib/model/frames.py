"""RAS and LPS: the same millimeters, the first two axes reversed.

Results hold positions in RAS unless the client asks for LPS. Then the names say so: `origin_lps` stands in place of
`origin_ras`, and only one of the two is sent.

Sources: Slicer user guide, "Coordinate systems"; DICOM PS3.3 C.7.6.2.1.1 for LPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from AgentBridgeLib.model.base import Arguments, Wired

if TYPE_CHECKING:
    from collections.abc import Sequence

from pydantic import Field

Frame = Literal["ras", "lps"]


class FrameArguments(Arguments):
    """Arguments of an operation that answers with positions."""

    frame: Frame = Field(
        default="ras",
        description="Frame of positions in the answer: Slicer's `ras`, or DICOM's `lps` (then names end in `_lps`).",
    )


class Framed(Wired):
    """A value whose fields ending in `_ras` and `_lps` are alternatives: those never set are left out."""

    @model_serializer(mode="wrap")
    def _leave_out_the_other_frame(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202
        # A return annotation would replace the JSON Schema of the fields by a bare object.
        return {name: value for name, value in handler(self).items() if not self._is_other_frame(name)}

    def _is_other_frame(self, name: str) -> bool:
        return name.endswith(("_ras", "_lps")) and name not in self.model_fields_set


def position_in(frame: Frame, name: str, position_ras: Sequence[float] | None) -> dict[str, Any]:
    """Give a position, or a direction, as the field `name` of that frame, such as ``{"origin_lps": (…)}``."""
    if position_ras is None:
        return {f"{name}_{frame}": None}
    right, anterior, superior = (float(value) for value in position_ras)
    sign = 1.0 if frame == "ras" else -1.0
    return {f"{name}_{frame}": (sign * right + 0.0, sign * anterior + 0.0, superior)}  # no -0.0


def matrix_in(frame: Frame, name: str, matrix_ras: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Give the rows of a matrix that leads to RAS as the field `name` of that frame."""
    signs = (1.0, 1.0, 1.0, 1.0) if frame == "ras" else (-1.0, -1.0, 1.0, 1.0)
    rows = tuple(
        tuple(sign * float(value) + 0.0 for value in row)
        for sign, row in zip(signs, matrix_ras, strict=False)
    )
    return {f"{name}_{frame}": rows}


def bounds_in(frame: Frame, name: str, bounds_ras: Sequence[float] | None) -> dict[str, Any]:
    """Give bounds (min and max along each axis) as the field `name` of that frame."""
    if bounds_ras is None:
        return {f"{name}_{frame}": None}
    bounds = tuple(float(value) for value in bounds_ras)
    if frame == "lps":
        right, left, anterior, posterior = (0.0 - value for value in bounds[:4])
        bounds = (left, right, posterior, anterior, bounds[4], bounds[5])
    return {f"{name}_{frame}": bounds}
