"""WADO-RS: frames as pictures (PS3.18, 8.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.pixels import JPEG_QUALITY, Window, encode, frame_count, render
from AgentBridgeLib.operations.dicom.web_arguments import (
    InstanceArguments,
    accepted,
    instance_of,
)
from AgentBridgeLib.operations.dicom.web_frames import FramesArguments
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

_NUMBER = r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?"


class RenderedArguments(InstanceArguments):
    """What to render, and how."""

    window: str | None = Field(
        default=None,
        pattern=rf"^{_NUMBER},{_NUMBER}(,(linear|linear-exact|sigmoid))?$",
        description="Center, width (in the unit of the image's values) and function, with commas: 40,400,linear.",
    )
    viewport: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$",
        description="Width and height in pixels that the picture is fitted into: 256,256.",
    )
    quality: int = Field(default=JPEG_QUALITY, ge=1, le=100, description="Quality of JPEG.")


class RenderedFramesArguments(FramesArguments, RenderedArguments):
    """Which frame, and how it is shown."""


@operation(
    name="dicomweb.render_frames",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/frames/{frames}/rendered"
    ),
    read_only=True,
    revision_scope="none",
)
def render_frames(context: OperationContext, arguments: RenderedFramesArguments) -> Content:
    """Render one frame as JPEG or PNG, whichever the client accepts (WADO-RS).

    Returns
    -------
    Content
        image/jpeg, or image/png when only that is accepted.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame, or several were asked for.
    DataInvalidError
        The instance has no pixels, or they cannot be decoded.
    NotAcceptableError
        The client accepts neither.

    Notes
    -----
    Source: DICOM PS3.18, 8.3.5.
    """
    if "," in arguments.frames:
        problem = "several frames cannot be one picture"
        raise ArgumentInvalidError(
            f"No such frame: {problem}.", errors=[FieldProblem("/frames", problem, "one frame number")]
        )
    return _rendered(context, arguments, int(arguments.frames))


@operation(
    name="dicomweb.render_instance",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}/rendered"
    ),
    read_only=True,
    revision_scope="none",
)
def render_instance(context: OperationContext, arguments: RenderedArguments) -> Content:
    """Render the first frame of an instance as JPEG or PNG (WADO-RS); as dicomweb.render_frames."""
    return _rendered(context, arguments, 1)


def _rendered(context: OperationContext, arguments: RenderedArguments, frame: int) -> Content:
    kind = negotiation.choose(accepted(context, arguments), "image/jpeg", "image/png").removeprefix("image/")
    dataset = read_dataset(instance_of(context, arguments).path, pixels=True)
    picture = render(dataset, frame, _window(arguments.window))
    viewport = arguments.viewport and tuple(int(side) for side in arguments.viewport.split(","))
    data = encode(
        picture, kind, viewport_px=(viewport[0], viewport[1]) if viewport else None, quality=arguments.quality
    )
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return Content(f"image/{kind}", [data], "", facts)


def _window(text: str | None) -> Window | None:
    """Read center, width and function; the shape was checked before."""
    if text is None:
        return None
    center, width, *function = text.split(",")
    if float(width) <= 0:
        raise ArgumentInvalidError(
            "The window has no width.", errors=[FieldProblem("/window", "has no width", "a width above 0")]
        )
    return Window(float(center), float(width), (function or ["linear"])[0].upper().replace("-", "_"))
