"""Read structured reports and encapsulated PDF documents as text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.model.dicom import DocumentText, ReportText
from AgentBridgeLib.operations.dicom import report_tree as dicom_report_tree
from AgentBridgeLib.operations.dicom.instances import OneInstance, read_instance
from AgentBridgeLib.operations.dicom.library import library, quiet
from AgentBridgeLib.operations.dicom.privacy import hides, text_redactor
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

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
    return read_report(context, dataset)


def read_report(context: OperationContext, dataset: Any) -> ReportText:
    """Make the text of a report.

    Raises
    ------
    DataInvalidError
        The data set is no structured report.
    """
    if "ValueType" not in dataset and "ContentSequence" not in dataset:
        raise DataInvalidError(
            "The instance is no structured report; dicom.find_reports lists those there are."
        )
    redactor = text_redactor(context, dataset)
    with quiet():
        shown = [redactor.text(line) for line in dicom_report_tree.lines(dataset, hides(context))]
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
    dataset = yield from read_instance(context, arguments)
    redactor = text_redactor(context, dataset)
    pages, count = _pdf_pages(_document_of(dataset))
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


def _pdf_pages(document: bytes) -> tuple[list[str], int]:
    pypdf = library("pypdf")
    try:
        with quiet():
            reader = pypdf.PdfReader(io.BytesIO(document))
            return [str(page.extract_text()) for page in reader.pages[:MOST_PAGES]], len(reader.pages)
    except Exception:  # noqa: BLE001 - pypdf raises whatever a broken document provokes
        raise DataInvalidError("The PDF document is broken or encrypted.") from None
