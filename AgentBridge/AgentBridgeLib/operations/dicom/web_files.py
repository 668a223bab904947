"""WADO-RS: instances as DICOM files (PS3.18, 10.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.common.spool import Spool
from AgentBridgeLib.operations.dicom import multipart, negotiation
from AgentBridgeLib.operations.dicom.instances import burned_in_any
from AgentBridgeLib.operations.dicom.leaving_files import leaving_file
from AgentBridgeLib.operations.dicom.privacy import hides
from AgentBridgeLib.operations.dicom.web_arguments import (
    InstanceArguments,
    SeriesArguments,
    StudyArguments,
    WebArguments,
    accepted,
    instance_of,
    instances_of,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance
    from AgentBridgeLib.model.exchange import Piece
    from AgentBridgeLib.operations.dicom.instances import BurnedIn


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
    """Give all instances of a study as DICOM files (WADO-RS).

    A client that takes any transfer syntax (`transfer-syntax=*`) gets files as they are, others Explicit VR Little
    Endian.

    Unless the identifier policy shows identifiers, the identifying attributes are taken out of the files; UIDs and
    pixels stay.

    Returns
    -------
    Content
        multipart/related, one part per instance, by series and instance number. Files are read while they are sent.

    Raises
    ------
    FileMissingError
        The database has no such study.
    NotAcceptableError
        The client accepts something else only.
    FileUnreadableError
        A file is gone or broken.
    StorageFailedError
        Files that had to be made anew do not fit on the disk.

    Warnings
    --------
    Text that is burned into pixels is not covered; `burned_in_annotation` in the header X-AgentBridge-Content warns:
    `yes` when any of the files says so, `no` when all say that there is none.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.
    """
    return (yield from _retrieve(context, arguments, instances_of(context, arguments.study_instance_uid)))


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
    found = instances_of(context, arguments.study_instance_uid, arguments.series_instance_uid)
    return (yield from _retrieve(context, arguments, found))


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
    return (yield from _retrieve(context, arguments, [instance_of(context, arguments)]))


def _retrieve(
    context: OperationContext, arguments: WebArguments, instances: list[Instance]
) -> Generator[Progress, None, Content]:
    accept = accepted(context, arguments)
    negotiation.choose(accept, negotiation.DICOM)
    parts: list[tuple[str, Sequence[Piece]]] = []
    flags: list[BurnedIn] = []
    spool = Spool(context.work_folder)
    for count, one in enumerate(instances):
        found = yield from leaving_file(
            one.path, accept, hides=hides(context), uids=context.uids, keep=spool.keep
        )
        parts.append((f"{negotiation.DICOM}; transfer-syntax={found.syntax}", found.pieces))
        flags.append(found.burned_in)
        yield Progress(count / len(instances), "Reading files")
    facts = {"instance_count": len(parts), "burned_in_annotation": burned_in_any(flags)}
    if len(parts) == 1 and negotiation.wants_single(accept, negotiation.DICOM):
        return Content(negotiation.DICOM, parts[0][1], facts=facts)
    return replace(multipart.write(negotiation.DICOM, parts), facts=facts)
