"""What the addresses of DICOMweb routes name, and how it is found in Slicer's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.errors import FileMissingError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.search import fill, in_order

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance


class WebArguments(Arguments):
    """What every retrieval takes."""

    accept: str = Field(
        default="",
        max_length=1000,
        description="Media types, in place of the header Accept (PS3.18, 8.3.3.1).",
    )
    charset: str = Field(
        default="", max_length=200, description="Character sets; text leaves in UTF-8 (PS3.18, 8.3.3.2)."
    )


class StudyArguments(WebArguments):
    """Which study."""

    study_instance_uid: Uid = Field(description="Study instance UID.")


class SeriesArguments(StudyArguments):
    """Which series."""

    series_instance_uid: Uid = Field(description="Series instance UID.")


class InstanceArguments(SeriesArguments):
    """Which instance."""

    sop_instance_uid: Uid = Field(description="SOP instance UID.")


def accepted(context: OperationContext, arguments: WebArguments) -> str:
    """Give the media types that the client takes.

    Raises
    ------
    NotAcceptableError
        It does not take UTF-8.
    """
    negotiation.require_utf8(arguments.charset)
    return arguments.accept or context.caller.accept


def instances_of(context: OperationContext, study_uid: str, series_uid: str | None = None) -> list[Instance]:
    """Give the instances of a study or series, by series and instance number.

    Raises
    ------
    FileMissingError
        There are none.
    """
    index = context.host.dicom.index
    study = index.studies().get(study_uid)
    chosen = [one for one in (study.series if study else []) if series_uid in {None, one.uid}]
    found = [instance for series in chosen for instance in index.instances(series.uid)]
    if not found:
        raise FileMissingError("The DICOM database has no such study or series.")
    for one in found:
        fill(one)
    return in_order(found)


def instance_of(context: OperationContext, arguments: InstanceArguments) -> Instance:
    """Give the one instance.

    Raises
    ------
    FileMissingError
        There is none in this study and series.
    """
    found = context.host.dicom.index.instance(arguments.sop_instance_uid)
    if (
        found is None
        or found.series.uid != arguments.series_instance_uid
        or found.series.study.uid != arguments.study_instance_uid
    ):
        raise FileMissingError("The DICOM database has no such instance in this study and series.")
    return found


def address(
    context: OperationContext, instance: Instance | None = None, *, study: str = "", series: str = ""
) -> str:
    """Give the address of an instance, a study or a series; empty for a client without one."""
    base = context.caller.base_url
    if not base:
        return ""
    if instance is not None:
        series, study = instance.series.uid, instance.series.study.uid
    made = f"{base}/dicomweb/studies/{study}"
    if series:
        made += f"/series/{series}"
    return made if instance is None else f"{made}/instances/{instance.uid}"
