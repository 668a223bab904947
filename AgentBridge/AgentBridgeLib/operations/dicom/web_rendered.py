"""WADO-RS: images as pictures (PS3.18, 8.3.5 and 10.4.1.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import multipart, negotiation
from AgentBridgeLib.operations.dicom.annotations import annotate, left_out
from AgentBridgeLib.operations.dicom.instances import BurnedIn, burned_in, burned_in_any
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.pixels import (
    JPEG_QUALITY,
    frame_count,
    has_pixels,
    render,
    save,
    shaped,
)
from AgentBridgeLib.operations.dicom.viewports import VIEWPORT, region_of, size_of
from AgentBridgeLib.operations.dicom.web_arguments import (
    InstanceArguments,
    SeriesArguments,
    StudyArguments,
    WebArguments,
    accepted,
    instance_of,
    instances_of,
)
from AgentBridgeLib.operations.dicom.web_frames import FramesArguments, require_frames
from AgentBridgeLib.operations.dicom.windows import WINDOW, window_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance

PICTURES = ("image/jpeg", "image/png")
MOST_PICTURES = 2000


class RenderingArguments(WebArguments):
    """How images are shown."""

    window: str | None = Field(
        default=None,
        pattern=WINDOW,
        description="Center, width (in the unit of the image's values) and function, with commas: 40,400,linear.",
    )
    viewport: str | None = Field(
        default=None,
        pattern=VIEWPORT,
        description="Width and height in pixels that the picture is fitted into, and what part of the image is shown "
        "(left, top, width, height in its pixels; else all of it): 256,256 or 256,256,100,50,64,64. Negative extents "
        "mirror.",
    )
    quality: int = Field(default=JPEG_QUALITY, ge=1, le=100, description="Quality of JPEG.")
    annotation: str | None = Field(
        default=None,
        pattern=r"^(patient|technique)(,(patient|technique))?$",
        description="What to write on the picture: `technique`, `patient` (only where identifiers are shown).",
    )


class RenderedStudyArguments(StudyArguments, RenderingArguments):
    """Which study, and how it is shown."""


class RenderedSeriesArguments(SeriesArguments, RenderingArguments):
    """Which series, and how it is shown."""


class RenderedArguments(InstanceArguments, RenderingArguments):
    """Which instance, and how it is shown."""


class RenderedFramesArguments(FramesArguments, RenderingArguments):
    """Which frames, and how they are shown."""


@operation(
    name="dicomweb.render_frames",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/frames/{frames}/rendered"
    ),
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def render_frames(
    context: OperationContext, arguments: RenderedFramesArguments
) -> Generator[Progress, None, Content]:
    """Render frames as JPEG or PNG, whichever the client accepts (WADO-RS).

    Window, lookup tables, palettes and inverted gray are applied as the file asks.

    Returns
    -------
    Content
        image/jpeg, or image/png when that is wanted more; several pictures are a multipart message.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame, or the viewport shows nothing of the image.
    DataInvalidError
        The instance has no pixels, or they cannot be decoded.
    NotAcceptableError
        The client accepts neither.

    Warnings
    --------
    Text that is burned into pixels is not covered; `burned_in_annotation` warns.

    Notes
    -----
    Source: DICOM PS3.18, 8.3.5.
    """
    kind = negotiation.choose(accepted(context, arguments), *PICTURES)
    dataset = read_dataset(instance_of(context, arguments).path, pixels=True)
    numbers = [int(part) for part in arguments.frames.split(",")]
    require_frames(dataset, numbers)
    made = []
    for count, number in enumerate(numbers, 1):
        made.append(_picture(context, dataset, number, kind, arguments))
        yield Progress(count / len(numbers), "Rendering frames")
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return _message(context, kind, made, facts, arguments)


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
    kind = negotiation.choose(accepted(context, arguments), *PICTURES)
    dataset = read_dataset(instance_of(context, arguments).path, pixels=True)
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return _message(context, kind, [_picture(context, dataset, 1, kind, arguments)], facts, arguments)


@operation(
    name="dicomweb.render_series",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/rendered",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def render_series(
    context: OperationContext, arguments: RenderedSeriesArguments
) -> Generator[Progress, None, Content]:
    """Render the first frame of each image of a series (WADO-RS); as dicomweb.render_frames."""
    found = instances_of(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return (yield from _render_all(context, found, arguments))


@operation(
    name="dicomweb.render_study",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/rendered",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def render_study(
    context: OperationContext, arguments: RenderedStudyArguments
) -> Generator[Progress, None, Content]:
    """Render the first frame of each image of a study (WADO-RS); as dicomweb.render_frames.

    Instances without pixels have no picture; more than 2000 instances are refused.
    """
    return (yield from _render_all(context, instances_of(context, arguments.study_instance_uid), arguments))


def _render_all(
    context: OperationContext, instances: list[Instance], arguments: RenderingArguments
) -> Generator[Progress, None, Content]:
    kind = negotiation.choose(accepted(context, arguments), *PICTURES)
    if len(instances) > MOST_PICTURES:
        raise DataInvalidError(
            f"These are {len(instances):,} pictures; one answer has {MOST_PICTURES:,} at most. Ask series by series."
        )
    made: list[bytes] = []
    flags: list[BurnedIn] = []
    for count, one in enumerate(instances, 1):
        dataset = read_dataset(one.path, pixels=True)
        if has_pixels(dataset):
            made.append(_picture(context, dataset, 1, kind, arguments))
            flags.append(burned_in(dataset))
        yield Progress(count / len(instances), "Rendering images")
    if not made:
        raise DataInvalidError("No instance has pixels to render.")
    facts = {"picture_count": len(made), "burned_in_annotation": burned_in_any(flags)}
    return _message(context, kind, made, facts, arguments)


def _picture(
    context: OperationContext, dataset: Any, frame: int, kind: str, arguments: RenderingArguments
) -> bytes:
    window = window_of(arguments.window)
    picture = region_of(render(dataset, frame, window), arguments.viewport)
    image = shaped(picture, viewport_px=size_of(arguments.viewport))
    if arguments.annotation:
        annotate(context, image, dataset, window, arguments.annotation)
    return save(image, kind.removeprefix("image/"), arguments.quality)


def _message(
    context: OperationContext,
    kind: str,
    pictures: list[bytes],
    facts: Mapping[str, object],
    arguments: RenderingArguments,
) -> Content:
    note = left_out(context, arguments.annotation)
    headers = {"Warning": f'299 AgentBridge "{note}"'} if note else {}
    if len(pictures) == 1:
        return Content(kind, pictures, facts=facts, headers=headers)
    made = multipart.write(kind, [(kind, [one]) for one in pictures])
    return Content(made.media_type, made.parts, facts=facts, headers=headers)
