"""WADO-RS: attributes and bulk data of instances (PS3.18, 10.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import FileMissingError
from AgentBridgeLib.model.confidentiality import COVERED_BY_NAME, KEYWORD_OF_TAG
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import multipart, negotiation
from AgentBridgeLib.operations.dicom.decoders import little_endian
from AgentBridgeLib.operations.dicom.json_writing import JsonWriter
from AgentBridgeLib.operations.dicom.library import (
    quiet,
    read_before_pixels,
    read_dataset,
)
from AgentBridgeLib.operations.dicom.pixels import frame_count
from AgentBridgeLib.operations.dicom.privacy import hides
from AgentBridgeLib.operations.dicom.values import BINARY, is_known
from AgentBridgeLib.operations.dicom.web_arguments import (
    InstanceArguments,
    SeriesArguments,
    StudyArguments,
    WebArguments,
    accepted,
    address,
    instance_of,
    instances_of,
)
from AgentBridgeLib.operations.dicom.web_frames import leaving_frames
from AgentBridgeLib.operations.dicom.web_search import described
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance
    from AgentBridgeLib.operations.dicom.values import JsonDataset

INLINE_BYTES = 1024
_PIXELS = "7FE00010"


class BulkDataArguments(InstanceArguments):
    """Which value of an instance."""

    place: str = Field(
        pattern=r"^[0-9A-Fa-f]{8}(\.[0-9]{1,6}\.[0-9A-Fa-f]{8}){0,20}$",
        description="Tag; in sequences the tags on the way with the numbers of items from 0: 54000100.0.54001010.",
    )


@operation(
    name="dicomweb.study_metadata",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/metadata",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def study_metadata(
    context: OperationContext, arguments: StudyArguments
) -> Generator[Progress, None, Content]:
    """Give the attributes of all instances of a study (WADO-RS).

    Binary values above 1 KiB, pixels included, are given by their address (BulkDataURI). Private attributes are left
    out unless the identifier policy shows identifiers.

    Returns
    -------
    Content
        DICOM JSON, or XML for clients that want that, by series and instance number.

    Raises
    ------
    FileMissingError
        The database has no such study.
    NotAcceptableError
        The client accepts something else only.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.
    """
    return (yield from _metadata(context, arguments, instances_of(context, arguments.study_instance_uid)))


@operation(
    name="dicomweb.series_metadata",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/metadata",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def series_metadata(
    context: OperationContext, arguments: SeriesArguments
) -> Generator[Progress, None, Content]:
    """Give the attributes of all instances of a series (WADO-RS); as dicomweb.study_metadata."""
    found = instances_of(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return (yield from _metadata(context, arguments, found))


@operation(
    name="dicomweb.instance_metadata",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}/metadata"
    ),
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def instance_metadata(
    context: OperationContext, arguments: InstanceArguments
) -> Generator[Progress, None, Content]:
    """Give the attributes of an instance (WADO-RS); as dicomweb.study_metadata."""
    return (yield from _metadata(context, arguments, [instance_of(context, arguments)]))


@operation(
    name="dicomweb.bulk_data",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/bulkdata/{place}"
    ),
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def bulk_data(context: OperationContext, arguments: BulkDataArguments) -> Generator[Progress, None, Content]:
    """Give a binary value that the metadata name by its address (WADO-RS).

    Pixels come uncompressed in one part, or as stored in one part per frame when the client wants that.

    Returns
    -------
    Content
        multipart/related, or the bare bytes when the client accepts those only.

    Raises
    ------
    FileMissingError
        The instance has no such value, or the identifier policy hides it.
    DataInvalidError
        The pixels cannot be decoded.
    NotAcceptableError
        The client accepts something else only.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.1.1.5.
    """
    dataset = little_endian(read_dataset(instance_of(context, arguments).path, pixels=True))
    accept = accepted(context, arguments)
    value = _value_at(dataset, arguments.place.upper(), hides(context))
    if arguments.place.upper() == _PIXELS:
        kind, parts = yield from _all_frames(dataset, accept)
    else:
        kind, parts = negotiation.choose(accept, negotiation.OCTETS), [bytes(value.value)]
    if len(parts) == 1 and negotiation.wants_single(accept, kind.partition(";")[0]):
        return Content(kind, parts)
    return multipart.write(kind.partition(";")[0], [(kind, [part]) for part in parts])


def _all_frames(dataset: Any, accept: str) -> Generator[Progress, None, tuple[str, list[bytes]]]:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if (
        syntax in negotiation.UNCOMPRESSED
    ):  # as it stands, since frames of single bits do not begin with a byte
        wanted = negotiation.frame_syntax(accept, syntax, can_decode=True)
        return f"{negotiation.OCTETS}; transfer-syntax={wanted}", [bytes(dataset.PixelData)]
    kind, frames = yield from leaving_frames(dataset, range(1, frame_count(dataset) + 1), accept)
    return kind, [b"".join(frames)] if kind.startswith(negotiation.OCTETS) else frames


def _value_at(dataset: Any, place: str, hides_identifiers: bool) -> Any:
    """Find a binary element; what the policy hides is not there."""
    steps = place.split(".")
    with quiet():
        for at in range(0, len(steps), 2):
            tag = int(steps[at], 16)
            is_hidden = hides_identifiers and (
                KEYWORD_OF_TAG.get(steps[at]) in COVERED_BY_NAME or not is_known(tag)
            )
            found = None if is_hidden else dataset.get(tag)
            if found is None:
                break
            if at == len(steps) - 1 and found.VR in BINARY:
                return found
            items = found.value if found.VR == "SQ" and at + 1 < len(steps) else []
            if at + 1 >= len(steps) or int(steps[at + 1]) >= len(items):
                break
            dataset = items[int(steps[at + 1])]
    raise FileMissingError("The instance has no such binary value, or the safety settings hide it.")


def _metadata(
    context: OperationContext, arguments: WebArguments, instances: list[Instance]
) -> Generator[Progress, None, Content]:
    accept = accepted(context, arguments)
    negotiation.choose_attributes(accept)  # refuse before anything is read
    made = []
    for count, one in enumerate(instances):
        made.append((yield from _described(context, one)))
        yield Progress(count / len(instances), "Reading files")
    return described(context, accept, made)


def _described(context: OperationContext, instance: Instance) -> Generator[Progress, None, JsonDataset]:
    dataset, pixels = read_before_pixels(instance.path)
    dataset = little_endian(dataset)
    base = address(context, instance)
    link = (lambda place: f"{base}/bulkdata/{place}") if base else None
    writer = JsonWriter(INLINE_BYTES, link=link, keeps_private=not hides(context))
    made = yield from writer.write_in_steps(dataset)
    if "00080005" in made:  # what was in another character set has become UTF-8
        made["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    if pixels is not None and link is not None:
        tag, kind = pixels
        made[f"{tag:08X}"] = {"vr": kind, "BulkDataURI": link(f"{tag:08X}")}
    return made
