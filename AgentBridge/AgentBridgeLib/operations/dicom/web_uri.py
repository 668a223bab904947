"""WADO-URI: one instance by a query string, as older viewers ask for it (PS3.18, chapter 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.leaving_files import leaving_file
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.pixels import JPEG_QUALITY, Window, frame_count, render, save, shaped
from AgentBridgeLib.operations.dicom.privacy import hides
from AgentBridgeLib.operations.dicom.reports import read_report
from AgentBridgeLib.operations.dicom.web_arguments import InstanceArguments, instance_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext, Progress
    from AgentBridgeLib.host.dicom_index import Instance

_TEXT = "text/plain"


class WadoUriArguments(Arguments):
    """Which instance, and as what; the names on the wire are the standard's."""

    request_type: Literal["WADO"] = Field(alias="requestType", description="Always WADO.")
    study_uid: Uid = Field(alias="studyUID", description="Study instance UID.")
    series_uid: Uid = Field(alias="seriesUID", description="Series instance UID.")
    object_uid: Uid = Field(alias="objectUID", description="SOP instance UID.")
    content_type: str = Field(
        default="",
        alias="contentType",
        max_length=500,
        description="Media types, most wanted first: application/dicom, image/jpeg, image/png, text/plain for "
        "reports. Else a picture of single frames, the text of reports, and the file of everything else.",
    )
    charset: str = Field(default="", max_length=200, description="Character sets; text leaves in UTF-8.")
    transfer_syntax: str = Field(
        default="",
        alias="transferSyntax",
        pattern=r"^(\*|[0-9]+(\.[0-9]+)*)?$",
        max_length=64,
        description="Of application/dicom; `*` for the stored one.",
    )
    anonymize: Literal["yes"] | None = Field(
        default=None, description="Take identifiers out although the safety settings would show them."
    )
    frame_number: int = Field(
        default=1, ge=1, alias="frameNumber", description="Number of the frame, from 1."
    )
    window_center: float | None = Field(
        default=None, alias="windowCenter", description="In the unit of the image's values; with windowWidth."
    )
    window_width: float | None = Field(default=None, ge=1, alias="windowWidth", description="Likewise.")
    rows: int | None = Field(
        default=None, ge=1, le=8192, description="Height in pixels that the picture is fitted into."
    )
    columns: int | None = Field(default=None, ge=1, le=8192, description="Width likewise.")
    image_quality: int = Field(
        default=JPEG_QUALITY, ge=1, le=100, alias="imageQuality", description="Quality of JPEG."
    )

    @model_validator(mode="after")
    def _window_is_whole(self) -> Self:
        if (self.window_center is None) != (self.window_width is None):
            raise ValueError("windowCenter and windowWidth belong together")
        return self


@operation(
    name="dicomweb.retrieve_by_uri",
    capability="dicom.read",
    route="GET /dicomweb/wado",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def retrieve_by_uri(
    context: OperationContext, arguments: WadoUriArguments
) -> Generator[Progress, None, Content]:
    """Give an instance as a file, a picture or text (WADO-URI).

    Returns
    -------
    Content
        What `contentType` or the header Accept wants.

    Raises
    ------
    FileMissingError
        The database has no such instance in this study and series.
    ArgumentInvalidError
        There is no such frame.
    DataInvalidError
        The instance has no pixels or is no report, though one was asked for, or it cannot be decoded.
    NotAcceptableError
        The client accepts something else only.

    Notes
    -----
    Source: DICOM PS3.18, chapter 9.
    """
    place = InstanceArguments(
        study_instance_uid=arguments.study_uid,
        series_instance_uid=arguments.series_uid,
        sop_instance_uid=arguments.object_uid,
    )
    negotiation.require_utf8(arguments.charset)
    instance = instance_of(context, place)
    kinds = _kinds(instance)
    kind = negotiation.choose(arguments.content_type or context.caller.accept, *kinds)
    if kind == negotiation.DICOM:
        syntax = f"; transfer-syntax={arguments.transfer_syntax}" if arguments.transfer_syntax else ""
        hides_here = hides(context) or arguments.anonymize is not None
        found = yield from leaving_file(
            instance.path, negotiation.DICOM + syntax, hides=hides_here, uids=context.uids
        )
        return Content(kind, found.pieces, facts={"burned_in_annotation": found.burned_in})
    dataset = read_dataset(instance.path, pixels=True)
    if kind == _TEXT:
        report = yield from read_report(context, dataset)
        return Content(f"{_TEXT}; charset=utf-8", [report.text.encode()])
    return _picture(dataset, arguments, kind.removeprefix("image/"))


def _kinds(instance: Instance) -> tuple[str, ...]:
    """Give what an instance can be shown as, the usual one first."""
    dataset = read_dataset(instance.path)
    if "ContentSequence" in dataset or "ValueType" in dataset:
        return _TEXT, negotiation.DICOM
    if "Rows" not in dataset:
        return (negotiation.DICOM,)
    pictures = ("image/jpeg", "image/png")
    is_single = str(dataset.get("NumberOfFrames", 1) or 1) == "1"
    return (*pictures, negotiation.DICOM) if is_single else (negotiation.DICOM, *pictures)


def _picture(dataset: Any, arguments: WadoUriArguments, kind: str) -> Content:
    window = None
    if arguments.window_center is not None and arguments.window_width is not None:
        window = Window(arguments.window_center, arguments.window_width)
    picture = render(dataset, arguments.frame_number, window)
    viewport = None
    if arguments.rows or arguments.columns:
        viewport = (arguments.columns or picture.shape[1], arguments.rows or picture.shape[0])
    data = save(shaped(picture, viewport_px=viewport), kind, arguments.image_quality)
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return Content(f"image/{kind}", [data], "", facts)
