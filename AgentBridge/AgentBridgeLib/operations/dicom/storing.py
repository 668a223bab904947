"""STOW-RS: instances that a client sends into Slicer's DICOM database (DICOM PS3.18, 10.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import BridgeError, DataInvalidError, FileUnreadableError, StorageFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.dicom import multipart
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.negotiation import DICOM
from AgentBridgeLib.operations.dicom.returning_files import ReturningFiles
from AgentBridgeLib.operations.dicom.web_arguments import address
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import DicomIndex

# PS3.18, table 10.5.3-1, and PS3.4, annex KK (failure reasons)
CANNOT_UNDERSTAND = 0xC000
WRONG_STUDY = 0xA900
PROCESSING_FAILURE = 0x0110
PREAMBLE = bytes(128) + b"DICM"


class StoreArguments(Arguments):
    """Instances as a multipart message."""

    content: Bytes = Field(description="multipart/related with parts of type application/dicom.")


class StudyStoreArguments(StoreArguments):
    """Instances of one study."""

    study_instance_uid: Uid = Field(description="Study that all instances belong to.")


@operation(
    name="dicomweb.store",
    capability="dicom.write",
    route="POST /dicomweb/studies",
    execution="process",
    binary_body=True,
    revision_scope="none",
)
def store(
    context: OperationContext, arguments: StoreArguments
) -> Generator[Progress | Suspend, None, Content]:
    """Store instances in Slicer's DICOM database (STOW-RS).

    Instances that are there already are kept as they are and count as stored. What covered identifiers in data that
    were retrieved here (pseudonyms of UIDs, an empty patient) is undone, so that a new object lands in its study; one
    that names another patient fails.

    Returns
    -------
    Content
        DICOM JSON with the stored instances (0008,1199) and the failed ones with the reason (0008,1198). The status
        is 200 when all were stored, 202 when some were, 409 when none was.

    Raises
    ------
    DataInvalidError
        The body is no complete multipart message.
    MediaTypeError
        A part is something else than application/dicom.
    StorageFailedError
        The files could not be kept; the disk may be full.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    A body of one bare DICOM file is taken as well. Source: DICOM PS3.18, 10.5.
    """
    return (yield from _store(context, arguments.content.view, None))


@operation(
    name="dicomweb.store_in_study",
    capability="dicom.write",
    route="POST /dicomweb/studies/{study_instance_uid}",
    execution="process",
    binary_body=True,
    revision_scope="none",
)
def store_in_study(
    context: OperationContext, arguments: StudyStoreArguments
) -> Generator[Progress | Suspend, None, Content]:
    """Store instances of one study (STOW-RS); as dicomweb.store, instances of other studies fail."""
    return (yield from _store(context, arguments.content.view, arguments.study_instance_uid))


def _store(
    context: OperationContext, body: memoryview, study_uid: str | None
) -> Generator[Progress | Suspend, None, Content]:
    index = context.host.dicom.index
    folder = Path(context.work_folder())
    returning = ReturningFiles(context)
    stored: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    waiting: dict[str, tuple[str, str]] = {}
    for number, part in enumerate(multipart.read(body, DICOM)):
        path = folder / f"{number}.dcm"
        _keep(path, part)
        is_of_patient = _put_right(returning, path)
        uid_class, uid, study = _look_at(path)
        if not uid:
            failed.append(_reference(uid_class, uid, CANNOT_UNDERSTAND))
        elif study_uid not in {None, study} or not is_of_patient:
            failed.append(_reference(uid_class, uid, WRONG_STUDY))
        elif uid in waiting:
            continue
        elif index.instance(uid) is not None:
            stored.append(_reference(uid_class, uid))
        else:
            waiting[uid] = (uid_class, str(path))
        yield Progress(None, f"Taking instances: {number + 1}")
    if waiting:
        yield from add_to_database(context, [path for _, path in waiting.values()], copies=True)
    for uid, (uid_class, _) in waiting.items():
        if index.instance(uid) is None:
            failed.append(_reference(uid_class, uid, PROCESSING_FAILURE))
        else:
            stored.append(_reference(uid_class, uid))
    return _answer(context, index, stored, failed)


def _answer(
    context: OperationContext, index: DicomIndex, stored: list[dict[str, Any]], failed: list[dict[str, Any]]
) -> Content:
    """Write the response of PS3.18, annex I."""
    studies = set()
    for one in stored:
        instance = index.instance(one["00081155"]["Value"][0])
        found = address(context, instance) if instance else ""
        if instance and found:
            one["00081190"] = {"vr": "UR", "Value": [found]}
            studies.add(address(context, study=instance.series.study.uid))
    answer: dict[str, Any] = {
        "00081190": {"vr": "UR", **({"Value": [*studies]} if len(studies) == 1 else {})}
    }
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": stored}
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    status = 200 if not failed else 202 if stored else 409
    return Content("application/dicom+json", [json.dumps(answer).encode()], status=status)


def _keep(path: Path, part: memoryview) -> None:
    # dicomweb-client sends data sets made in memory without the preamble that PS3.10 demands.
    lacks_preamble = bytes(part[:2]) == b"\x02\x00" and bytes(part[128:132]) != b"DICM"
    try:
        with path.open("wb") as file:
            if lacks_preamble:
                file.write(PREAMBLE)
            file.write(part)
    except OSError as fault:
        raise StorageFailedError(
            f"An instance could not be kept: {fault.strerror}. Free disk space."
        ) from None


def _put_right(returning: ReturningFiles, path: Path) -> bool:
    """Undo what covered identifiers in a file; tell whether it names the patient of its study.

    What is no DICOM file stays as it is: it is found out later.
    """
    try:
        returning.prepared(str(path), path)
    except DataInvalidError:
        return False
    except FileUnreadableError:
        return True
    return True


def _look_at(path: Path) -> tuple[str, str, str]:
    """Give class, UID and study of a file; the UID is empty when it cannot go into a database."""
    names = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
    try:
        dataset = read_dataset(str(path), tags=names)
    except BridgeError as error:
        if error.code == "host.feature_missing":
            raise
        return "", "", ""
    values = [str(dataset.get(name, "") or "") for name in names]
    return (values[0], values[1] if all(values[1:]) else "", values[2])


def _reference(uid_class: str, uid: str, reason: int | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "00081150": {"vr": "UI", **({"Value": [uid_class]} if uid_class else {})},
        "00081155": {"vr": "UI", **({"Value": [uid]} if uid else {})},
    }
    if reason is not None:
        made["00081197"] = {"vr": "US", "Value": [reason]}
    return made
