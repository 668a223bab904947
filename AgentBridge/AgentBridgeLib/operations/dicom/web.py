"""DICOMweb: the local database for clients that speak QIDO-RS and WADO-RS (DICOM PS3.18)."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    DataInvalidError,
    FieldProblem,
    FileMissingError,
    FileUnreadableError,
    NotAcceptableError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.operations.dicom import multipart as dicom_multipart
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.library import library, quiet, read_dataset
from AgentBridgeLib.operations.dicom.pixels import encode, frame_count, render
from AgentBridgeLib.operations.dicom.privacy import empty_identifiers, hides, without_identifiers
from AgentBridgeLib.operations.dicom.query import SearchArguments, understand
from AgentBridgeLib.operations.dicom.search import Level, fill, in_order, search
from AgentBridgeLib.operations.dicom.values import dataset_to_json
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance
    from AgentBridgeLib.operations.dicom.values import JsonDataset

JSON_TYPE = "application/dicom+json"
INLINE_BYTES = 1024
MOST_BYTES = 4 << 30


class StudyArguments(Arguments):
    """Which study."""

    study_instance_uid: Uid = Field(description="Study instance UID.")


class SeriesArguments(StudyArguments):
    """Which series."""

    series_instance_uid: Uid = Field(description="Series instance UID.")


class InstanceArguments(SeriesArguments):
    """Which instance."""

    sop_instance_uid: Uid = Field(description="SOP instance UID.")


class FramesArguments(InstanceArguments):
    """Which frames."""

    frames: str = Field(
        pattern=r"^[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*$",
        max_length=7000,
        description="Frame numbers from 1, with commas.",
    )


class StudySearchArguments(SearchArguments):
    """What to look for in a study."""

    study_instance_uid: Uid = Field(description="Study instance UID.")


class SeriesSearchArguments(StudySearchArguments):
    """What to look for in a series."""

    series_instance_uid: Uid = Field(description="Series instance UID.")


def _search(
    context: OperationContext, level: Level, arguments: SearchArguments, **uids: str
) -> Generator[Progress, None, Content]:
    if arguments.source != "local":
        raise ArgumentInvalidError(
            "DICOMweb routes answer from the local database; dicom.find_studies can ask a remote node.",
            errors=[FieldProblem("/source", "is not possible here", "local")],
        )
    filters = {**arguments.filters}
    for keyword, uid in uids.items():
        if filters.get(keyword, uid) != uid:
            return _json(context, [])
        filters[keyword] = uid
    question = understand(arguments.model_copy(update={"filters": filters}))
    found = yield from search(context.host.dicom.index, level, question, arguments.limit, arguments.offset)
    return _json(context, found.datasets)


def _json(context: OperationContext, datasets: Sequence[JsonDataset]) -> Content:
    covered = [empty_identifiers(context, one) for one in datasets]
    return Content(JSON_TYPE, [json.dumps(covered, ensure_ascii=False, separators=(",", ":")).encode()])


@operation(
    name="dicomweb.search_studies",
    capability="dicom.read",
    route="GET /dicomweb/studies",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_studies(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress, None, Content]:
    """Search studies (QIDO-RS).

    Returns
    -------
    Content
        DICOM JSON; an empty list when nothing matches.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute, or none of studies.

    Notes
    -----
    Source: DICOM PS3.18, 10.6.
    """
    return (yield from _search(context, "studies", arguments))


@operation(
    name="dicomweb.search_series",
    capability="dicom.read",
    route="GET /dicomweb/series",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_series(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress, None, Content]:
    """Search series of all studies (QIDO-RS); as dicomweb.search_studies."""
    return (yield from _search(context, "series", arguments))


@operation(
    name="dicomweb.search_instances",
    capability="dicom.read",
    route="GET /dicomweb/instances",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_instances(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress, None, Content]:
    """Search instances of all studies (QIDO-RS); as dicomweb.search_studies."""
    return (yield from _search(context, "instances", arguments))


@operation(
    name="dicomweb.search_study_series",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_study_series(
    context: OperationContext, arguments: StudySearchArguments
) -> Generator[Progress, None, Content]:
    """Search series of a study (QIDO-RS); as dicomweb.search_studies."""
    uid = arguments.study_instance_uid
    return (yield from _search(context, "series", arguments, StudyInstanceUID=uid))


@operation(
    name="dicomweb.search_study_instances",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/instances",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_study_instances(
    context: OperationContext, arguments: StudySearchArguments
) -> Generator[Progress, None, Content]:
    """Search instances of a study (QIDO-RS); as dicomweb.search_studies."""
    uid = arguments.study_instance_uid
    return (yield from _search(context, "instances", arguments, StudyInstanceUID=uid))


@operation(
    name="dicomweb.search_series_instances",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_series_instances(
    context: OperationContext, arguments: SeriesSearchArguments
) -> Generator[Progress, None, Content]:
    """Search instances of a series (QIDO-RS); as dicomweb.search_studies."""
    uids = {
        "StudyInstanceUID": arguments.study_instance_uid,
        "SeriesInstanceUID": arguments.series_instance_uid,
    }
    return (yield from _search(context, "instances", arguments, **uids))


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

    Binary values above 1 KiB and private attributes are left out.

    Returns
    -------
    Content
        DICOM JSON, by series and instance number.

    Raises
    ------
    FileMissingError
        The database has no such study.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.
    """
    return (yield from _metadata(context, _instances(context, arguments.study_instance_uid)))


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
    found = _instances(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return (yield from _metadata(context, found))


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
    return (yield from _metadata(context, [_instance(context, arguments)]))


@operation(
    name="dicomweb.retrieve_study",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def retrieve_study(
    context: OperationContext, arguments: StudyArguments
) -> Generator[Progress, None, Content]:
    """Give all instances of a study as DICOM files (WADO-RS), in their own transfer syntaxes.

    Unless the identifier policy shows identifiers, the identifying attributes are taken out of the files; UIDs and
    pixels stay.

    Returns
    -------
    Content
        multipart/related, one part per instance, by series and instance number.

    Raises
    ------
    FileMissingError
        The database has no such study.
    NotAcceptableError
        The client accepts something else only.
    DataInvalidError
        The study is larger than 4 GiB.

    Warnings
    --------
    Text that is burned into pixels is not covered.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.
    """
    return (yield from _retrieve(context, _instances(context, arguments.study_instance_uid)))


@operation(
    name="dicomweb.retrieve_series",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def retrieve_series(
    context: OperationContext, arguments: SeriesArguments
) -> Generator[Progress, None, Content]:
    """Give all instances of a series as DICOM files (WADO-RS); as dicomweb.retrieve_study."""
    found = _instances(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return (yield from _retrieve(context, found))


@operation(
    name="dicomweb.retrieve_instance",
    capability="dicom.read",
    route="GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def retrieve_instance(
    context: OperationContext, arguments: InstanceArguments
) -> Generator[Progress, None, Content]:
    """Give an instance as a DICOM file (WADO-RS); as dicomweb.retrieve_study.

    A client that accepts application/dicom only gets the file alone, not in a multipart message.
    """
    return (yield from _retrieve(context, [_instance(context, arguments)]))


@operation(
    name="dicomweb.retrieve_frames",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/frames/{frames}"
    ),
    read_only=True,
    revision_scope="none",
)
def retrieve_frames(context: OperationContext, arguments: FramesArguments) -> Content:
    """Give frames as uncompressed pixels, little endian (WADO-RS).

    Returns
    -------
    Content
        multipart/related with one application/octet-stream part per frame, in the order asked for.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame.
    DataInvalidError
        The instance has no pixels, or they cannot be decoded.
    NotAcceptableError
        The client accepts something else only.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.1.1.6.
    """
    _require_accepted(context, "application/octet-stream")
    dataset = read_dataset(_instance(context, arguments).path, pixels=True)
    numbers = [int(part) for part in arguments.frames.split(",")]
    _require_frames(dataset, numbers)
    parts = [("application/octet-stream", _raw_frame(dataset, number - 1)) for number in numbers]
    return dicom_multipart.write("application/octet-stream", parts)


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
def render_frames(context: OperationContext, arguments: FramesArguments) -> Content:
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
        raise _frame_error("several frames cannot be one picture", "one frame number")
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
def render_instance(context: OperationContext, arguments: InstanceArguments) -> Content:
    """Render the first frame of an instance as JPEG or PNG (WADO-RS); as dicomweb.render_frames."""
    return _rendered(context, arguments, 1)


def _rendered(context: OperationContext, arguments: InstanceArguments, frame: int) -> Content:
    kind = _require_accepted(context, "image/jpeg", "image/png").removeprefix("image/")
    dataset = read_dataset(_instance(context, arguments).path, pixels=True)
    picture = render(dataset, frame, None)
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    return Content(f"image/{kind}", [encode(picture, kind, None)], "", facts)


def _metadata(context: OperationContext, instances: list[Instance]) -> Generator[Progress, None, Content]:
    made = []
    for count, one in enumerate(instances):
        made.append(dataset_to_json(read_dataset(one.path), INLINE_BYTES)[0])
        yield Progress(count / len(instances), "Reading files")
    return _json(context, made)


def _retrieve(context: OperationContext, instances: list[Instance]) -> Generator[Progress, None, Content]:
    _require_accepted(context, "application/dicom")
    parts: list[tuple[str, bytes]] = []
    total = 0
    for count, one in enumerate(instances):
        data = _file_of(context, one)
        total += len(data)
        if total > MOST_BYTES:
            raise DataInvalidError("This is more than 4 GiB in one answer. Retrieve series by series.")
        parts.append(("application/dicom", data))
        yield Progress(count / len(instances), "Reading files")
    if len(parts) == 1 and _wants_single(context.caller.accept):
        return Content("application/dicom", [parts[0][1]])
    return dicom_multipart.write("application/dicom", parts)


def _file_of(context: OperationContext, instance: Instance) -> bytes:
    """Give an instance as a DICOM file, without identifiers where the policy hides them."""
    if not hides(context):
        try:
            with open(instance.path, "rb") as file:  # noqa: PTH123 - one call less per slice
                return file.read()
        except OSError:
            raise FileUnreadableError(
                "The file of this instance is gone from the disk; import the data again."
            ) from None
    dataset = without_identifiers(read_dataset(instance.path, pixels=True))
    out = io.BytesIO()
    try:
        with quiet():
            library("pydicom").dcmwrite(out, dataset)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise FileUnreadableError(
            "This file cannot be written without its identifiers; it is broken."
        ) from None
    return out.getvalue()


def _instances(context: OperationContext, study_uid: str, series_uid: str | None = None) -> list[Instance]:
    index = context.host.dicom.index
    study = index.studies().get(study_uid)
    chosen = [one for one in (study.series if study else []) if series_uid in {None, one.uid}]
    found = [instance for series in chosen for instance in index.instances(series.uid)]
    if not found:
        raise FileMissingError("The DICOM database has no such study or series.")
    for one in found:
        fill(one)
    return in_order(found)


def _instance(context: OperationContext, arguments: InstanceArguments) -> Instance:
    found = context.host.dicom.index.instance(arguments.sop_instance_uid)
    if (
        found is None
        or found.series.uid != arguments.series_instance_uid
        or found.series.study.uid != arguments.study_instance_uid
    ):
        raise FileMissingError("The DICOM database has no such instance in this study and series.")
    return found


def _wants_single(accept: str) -> bool:
    return "multipart/related" not in accept and "application/dicom" in accept


def _require_accepted(context: OperationContext, *offered: str) -> str:
    """Choose the first offered media type that the client accepts, bare or as the type of a multipart message."""
    accept = context.caller.accept.lower()
    if not accept.strip():
        return offered[0]
    wanted = [part.partition(";") for part in accept.replace('"', "").split(",")]
    for kind in offered:
        for bare, _, parameters in ((name.strip(), dot, rest.replace(" ", "")) for name, dot, rest in wanted):
            if bare in {kind, "*/*", kind.partition("/")[0] + "/*"}:
                return kind
            if bare in {"multipart/related", "multipart/*"} and (
                "type=" not in parameters or f"type={kind}" in parameters or "type=*/*" in parameters
            ):
                return kind
    raise NotAcceptableError(f"This is available as {' or '.join(offered)} only.")


def _require_frames(dataset: Any, numbers: list[int]) -> None:
    count = frame_count(dataset)
    if max(numbers) > count:
        raise _frame_error(f"the instance has {count} frames", f"1 to {count}")


def _frame_error(problem: str, expected: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"No such frames: {problem}.", errors=[FieldProblem("/frames", problem, expected)]
    )


def _raw_frame(dataset: Any, index: int) -> bytes:
    """Give the stored values of a frame as PS3.5 lays them out uncompressed, little endian."""
    bits = int(dataset.BitsAllocated)
    count = frame_count(dataset)
    pixels = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1) or 1)
    syntax = dataset.file_meta.TransferSyntaxUID
    if (
        not syntax.is_compressed
        and syntax.is_little_endian
        and (pixels * bits) % 8 == 0
        and "PixelData" in dataset
    ):
        size = pixels * bits // 8
        return bytes(dataset.PixelData[index * size : (index + 1) * size])
    try:
        with quiet():
            array = library("pydicom.pixels").pixel_array(dataset, index=index, raw=True)
    except Exception:  # noqa: BLE001 - decoders raise whatever a broken or unknown stream provokes
        raise DataInvalidError(f"The pixels ({syntax.name}) of {count} frames cannot be decoded.") from None
    return bytes(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
