"""Render frames of DICOM images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom.instances import OneInstance, burned_in, read_instance
from AgentBridgeLib.operations.dicom.pixels import Window, frame_count, render, save, shaped
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext


class FrameArguments(OneInstance):
    """Which frame, and how it is shown."""

    frame: int = Field(default=1, ge=1, description="Number of the frame, from 1.")
    format: Literal["png", "jpeg"] = Field(
        default="jpeg", description="PNG is exact; JPEG (quality 90) smaller."
    )
    window_center: float | None = Field(
        default=None,
        description="Center of the gray window in the unit of the image's values (HU for CT); with window_width.",
    )
    window_width: float | None = Field(
        default=None,
        ge=1,
        json_schema_extra={"x-unit": "of the image's values"},
        description="Width of the window.",
    )
    largest_side_px: int | None = Field(
        default=None, ge=16, le=8192, description="Make the picture smaller so that no side is longer."
    )

    @model_validator(mode="after")
    def _window_is_whole(self) -> Self:
        if (self.window_center is None) != (self.window_width is None):
            raise ValueError("window_center and window_width belong together")
        return self


@operation(
    name="dicom.render_frame",
    capability="dicom.read",
    route="GET /dicom/instances/{sop_instance_uid}/image",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords="preview thumbnail image of slice without loading",
)
def render_frame(
    context: OperationContext, arguments: FrameArguments
) -> Generator[Progress | Suspend, None, Content]:
    """Render a frame of an image as PNG or JPEG, windowed and colored as the file says.

    Rescale, window or lookup table, inverted gray and palettes are applied.

    Returns
    -------
    Content
        The facts say how many frames there are, and whether the pixels may show text about the patient.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame, or half a window was given.
    DataInvalidError
        The instance has no pixels, or they cannot be decoded.
    FileMissingError, FileUnreadableError
        The database or the node has no such instance; its file is gone or broken.
    OperationFailedError
        The node cannot be reached, refuses, or answers what cannot be used.

    Warnings
    --------
    Text that is burned into the pixels is not covered by the identifier policy; `burned_in_annotation` warns.

    Notes
    -----
    Source: DICOM PS3.3, C.11.2; PS3.18, 8.3.5.
    """
    dataset = yield from read_instance(context, arguments, pixels=True)
    window = None
    if arguments.window_center is not None and arguments.window_width is not None:
        window = Window(arguments.window_center, arguments.window_width)
    picture = render(dataset, arguments.frame, window)
    data = save(shaped(picture, arguments.largest_side_px), arguments.format)
    facts = {
        "frame": arguments.frame,
        "frame_count": frame_count(dataset),
        "rows": picture.shape[0],
        "columns": picture.shape[1],
        "burned_in_annotation": burned_in(dataset),
    }
    return Content(f"image/{arguments.format}", [data], f"frame{arguments.frame}.{arguments.format}", facts)
