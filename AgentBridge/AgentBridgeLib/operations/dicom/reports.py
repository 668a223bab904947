"""Read structured reports and encapsulated PDF documents as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import DataInvalidError, StorageFailedError
from AgentBridgeLib.model.dicom import DocumentText, ReportText
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.dicom import report_tree as dicom_report_tree
from AgentBridgeLib.operations.dicom.instances import OneInstance, read_instance
from AgentBridgeLib.operations.dicom.library import library, some_at_a_time
from AgentBridgeLib.operations.dicom.privacy import hides, text_redactor
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "document_pages.py"
MOST_DOCUMENT_BYTES = 64 << 20
MOST_PAGES = 200


@operation(
    name="dicom.report_text",
    capability="dicom.read",
    route="GET /dicom/instances/{sop_instance_uid}/report",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords="radiology report findings SR read",
)
def report_text(
    context: OperationContext, arguments: OneInstance
) -> Generator[Progress | Suspend, None, ReportText]:
    """Read a structured report of any class as text: headings, values with units, codes, references, coordinates.

    Returns
    -------
    ReportText
        One line per content item, in the order of the document.

    Raises
    ------
    DataInvalidError
        The instance is no structured report.
    FileMissingError, FileUnreadableError
        The database or the node has no such instance; its file is gone or broken.
    ArgumentInvalidError, OperationFailedError
        The settings name no such node; it cannot be reached, refuses, or answers what cannot be used.

    Warnings
    --------
    Unless the identifier policy shows them, names and what the attributes of the report say about the patient are
    covered. What somebody dictated about the patient in other words cannot be recognized.

    Notes
    -----
    Source: DICOM PS3.3, C.17.3.
    """
    dataset = yield from read_instance(context, arguments)
    return (yield from read_report(context, dataset))


def read_report(context: OperationContext, dataset: Any) -> Generator[Progress, None, ReportText]:
    """Make the text of a report.

    Raises
    ------
    DataInvalidError
        The data set is no structured report.
    FileUnreadableError
        It is nested too deeply.
    """
    if "ValueType" not in dataset and "ContentSequence" not in dataset:
        raise DataInvalidError(
            "The instance is no structured report; dicom.find_reports lists those there are."
        )
    redactor = yield from text_redactor(context, dataset)
    lines = map(redactor.text, dicom_report_tree.lines(dataset, hides(context)))
    shown = yield from some_at_a_time(lines, "Reading items")
    return ReportText(
        title=redactor.text(dicom_report_tree.concept(dataset)),
        sop_class=str(getattr(dataset.get("SOPClassUID", ""), "name", "")),
        completion=str(dataset.get("CompletionFlag", "") or ""),
        verification=str(dataset.get("VerificationFlag", "") or ""),
        text="\n".join(shown),
        item_count=len(shown),
    )


@operation(
    name="dicom.document_text",
    capability="dicom.read",
    route="GET /dicom/instances/{sop_instance_uid}/document",
    read_only=True,
    execution="process",
    revision_scope="none",
)
def document_text(
    context: OperationContext, arguments: OneInstance
) -> Generator[Progress | Suspend, None, DocumentText]:
    """Read the text of an encapsulated PDF document, page by page.

    Returns
    -------
    DocumentText
        At most 200 pages; pages of pictures have no text.

    Raises
    ------
    DataInvalidError
        The instance has no PDF document, it is larger than 64 MiB, or it is encrypted or broken.
    FeatureMissingError
        The Python package pypdf is absent.
    StorageFailedError
        The document could not be written for its reader, a process of its own.
    FileMissingError, FileUnreadableError
        The database or the node has no such instance; its file is gone or broken.
    ArgumentInvalidError, OperationFailedError
        The settings name no such node; it cannot be reached, refuses, or answers what cannot be used.

    Warnings
    --------
    Covered like the text of reports, see dicom.report_text.

    Notes
    -----
    Source: DICOM PS3.3, A.45.1.
    """
    library("pypdf")
    dataset = yield from read_instance(context, arguments)
    redactor = yield from text_redactor(context, dataset)
    pages, count = yield from _pdf_pages(context, _document_of(dataset))
    title = str(dataset.get("DocumentTitle", "") or "")
    return DocumentText(
        title=redactor.text(title), page_count=count, pages=[redactor.text(page) for page in pages]
    )


def _document_of(dataset: Any) -> bytes:
    document = dataset.get("EncapsulatedDocument", None)
    kind = str(dataset.get("MIMETypeOfEncapsulatedDocument", "application/pdf") or "application/pdf")
    if not document or kind.lower() != "application/pdf":
        raise DataInvalidError(
            "The instance has no PDF document; dicom.find_reports with kind=pdf lists those there are."
        )
    if len(document) > MOST_DOCUMENT_BYTES:
        raise DataInvalidError(f"The document is larger than {MOST_DOCUMENT_BYTES >> 20} MiB.")
    length = int(dataset.get("EncapsulatedDocumentLength", 0) or 0)
    return bytes(document[:length] if 0 < length <= len(document) else document)


def _pdf_pages(
    context: OperationContext, document: bytes
) -> Generator[Progress | Suspend, None, tuple[list[str], int]]:
    """Let a child process take the document apart: one that was made to, keeps a reader busy without end."""
    folder = Path(context.work_folder())
    try:
        (folder / "document.pdf").write_bytes(document)
    except OSError as fault:
        raise StorageFailedError(
            f"The document could not be written for its reader: {fault.strerror}. Free disk space."
        ) from None
    yield from run_worker(
        context.host.processes, str(WORKER), [str(folder), str(MOST_PAGES)], "Reading the document"
    )
    found = json.loads((folder / "pages.json").read_text(encoding="utf-8"))
    if not found:
        raise DataInvalidError("The PDF document is broken or encrypted.")
    return found["pages"], found["count"]
