"""STOW-RS: instances that a client sends into Slicer's DICOM database (DICOM PS3.18, 10.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import BridgeError, DataInvalidError, StorageFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.dicom import multipart as dicom_multipart
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

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

    Instances that are there already are kept as they are and count as stored.

    Returns
    -------
    Content
        DICOM JSON with the stored instances (0008,1199) and the failed ones with the reason (0008,1198).

    Raises
    ------
    DataInvalidError
        The body is no complete multipart message, or none of its instances could be stored.
    StorageFailedError
        The files could not be kept; the disk may be full.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    The status is 200 also when some instances failed, where the standard says 202. Source: DICOM PS3.18, 10.5.
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
    stored: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    waiting: dict[str, tuple[str, str]] = {}
    for number, part in enumerate(dicom_multipart.read(body)):
        path = folder / f"{number}.dcm"
        _keep(path, part)
        uid_class, uid, study = _look_at(path)
        if not uid:
            failed.append(_reference(uid_class, uid, CANNOT_UNDERSTAND))
        elif study_uid not in {None, study}:
            failed.append(_reference(uid_class, uid, WRONG_STUDY))
        elif uid in waiting or index.instance(uid) is not None:
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
    if not stored:
        raise DataInvalidError(
            "None of the instances could be stored.",
            facts={"failed": [_plain_failure(one) for one in failed][:100]},
        )
    answer: dict[str, Any] = {"00081199": {"vr": "SQ", "Value": stored}}
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    return Content("application/dicom+json", [json.dumps(answer).encode()])


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


def _plain_failure(reference: dict[str, Any]) -> dict[str, Any]:
    return {
        "sop_instance_uid": reference["00081155"].get("Value", [""])[0],
        "reason": f"{reference['00081197']['Value'][0]:04X}",
    }
