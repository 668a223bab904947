"""WADO-RS: one small picture that stands for a study, a series, an instance or a frame (PS3.18, 10.4.1.1.4)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, FieldProblem
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.pixels import frame_count, render, save, shaped
from AgentBridgeLib.operations.dicom.web_arguments import (
    InstanceArguments,
    SeriesArguments,
    StudyArguments,
    WebArguments,
    accepted,
    instance_of,
    instances_of,
)
from AgentBridgeLib.operations.dicom.web_frames import FramesArguments
from AgentBridgeLib.operations.dicom.web_rendered import PICTURES
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance

SIDE_PX = 128


class ThumbnailArguments(WebArguments):
    """How large."""

    viewport: str = Field(
        default=f"{SIDE_PX},{SIDE_PX}",
        pattern=r"^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$",
        description="Width and height in pixels that the picture is fitted into.",
    )


class StudyThumbnailArguments(StudyArguments, ThumbnailArguments):
    """Which study."""


class SeriesThumbnailArguments(SeriesArguments, ThumbnailArguments):
    """Which series."""


class InstanceThumbnailArguments(InstanceArguments, ThumbnailArguments):
    """Which instance."""


class FrameThumbnailArguments(FramesArguments, ThumbnailArguments):
    """Which frame."""


@operation(
    name="dicomweb.study_thumbnail",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/thumbnail",
    read_only=True,
    revision_scope="none",
)
def study_thumbnail(context: OperationContext, arguments: StudyThumbnailArguments) -> Content:
    """Give a small picture for a study: the middle image of its first series with images (WADO-RS).

    Of several frames the middle one is shown.

    Returns
    -------
    Content
        image/jpeg, or image/png when that is wanted more.

    Raises
    ------
    FileMissingError
        The database has no such study.
    DataInvalidError
        It has no images, or they cannot be decoded.
    NotAcceptableError
        The client accepts neither.

    Warnings
    --------
    Text that is burned into pixels is not covered; `burned_in_annotation` warns.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.1.1.4.
    """
    found = instances_of(context, arguments.study_instance_uid)
    return _thumbnail(context, _representative(found), arguments)


@operation(
    name="dicomweb.series_thumbnail",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/thumbnail",
    read_only=True,
    revision_scope="none",
)
def series_thumbnail(context: OperationContext, arguments: SeriesThumbnailArguments) -> Content:
    """Give a small picture for a series: its middle image (WADO-RS); as dicomweb.study_thumbnail."""
    found = instances_of(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return _thumbnail(context, _representative(found), arguments)


@operation(
    name="dicomweb.instance_thumbnail",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/thumbnail"
    ),
    read_only=True,
    revision_scope="none",
)
def instance_thumbnail(context: OperationContext, arguments: InstanceThumbnailArguments) -> Content:
    """Give a small picture for an instance: its middle frame (WADO-RS); as dicomweb.study_thumbnail."""
    return _thumbnail(context, instance_of(context, arguments), arguments)


@operation(
    name="dicomweb.frame_thumbnail",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/frames/{frames}/thumbnail"
    ),
    read_only=True,
    revision_scope="none",
)
def frame_thumbnail(context: OperationContext, arguments: FrameThumbnailArguments) -> Content:
    """Give a small picture of one frame (WADO-RS); as dicomweb.study_thumbnail."""
    if "," in arguments.frames:
        problem = "several frames cannot be one picture"
        raise ArgumentInvalidError(
            f"No thumbnail: {problem}.", errors=[FieldProblem("/frames", problem, "one frame number")]
        )
    return _thumbnail(context, instance_of(context, arguments), arguments, int(arguments.frames))


def _representative(instances: list[Instance]) -> Instance:
    """Choose the middle image of the first series whose middle is an image; they come series by series."""
    for _, group in groupby(instances, lambda one: one.series.uid):
        series = list(group)
        middle = series[len(series) // 2]
        if "Rows" in read_dataset(middle.path, tags=["Rows"]):
            return middle
    raise DataInvalidError("There are no images of which a picture could be made.")


def _thumbnail(
    context: OperationContext, instance: Instance, arguments: ThumbnailArguments, frame: int | None = None
) -> Content:
    kind = negotiation.choose(accepted(context, arguments), *PICTURES)
    dataset = read_dataset(instance.path, pixels=True)
    picture = render(dataset, frame or (frame_count(dataset) + 1) // 2, None)
    width, height = (int(side) for side in arguments.viewport.split(","))
    data = save(shaped(picture, viewport_px=(width, height)), kind.removeprefix("image/"))
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return Content(kind, [data], facts=facts)
