"""Find studies, series, instances and documents, in Slicer's database or on a remote node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.dicom import DicomMatches
from AgentBridgeLib.operations.dicom.query import SearchArguments, understand
from AgentBridgeLib.operations.dicom.remote_search import search_node
from AgentBridgeLib.operations.dicom.search import Level, search
from AgentBridgeLib.operations.dicom.values import plain
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

REPORT_CLASSES: tuple[str, ...] = tuple(
    f"1.2.840.10008.5.1.4.1.1.88.{number}"
    for number in (1, 2, 3, 4, 11, 22, 33, 34, 35, 40, 50, 59, 65, *range(67, 78))
)
"""Storage classes of structured reports and key object selections (PS3.4, annex B)."""
PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"


class ReportSearchArguments(SearchArguments):
    """Which kind of documents, and where."""

    kind: Literal["structured_report", "pdf"] = Field(
        default="structured_report", description="Structured reports of every class, or encapsulated PDF."
    )


@operation(
    name="dicom.find_studies",
    capability="dicom.read",
    route="GET /dicom/studies",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords=(
        "patient list worklist exams examinations search date range last year modality CT MR archive PACS"
    ),
)
def find_studies(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Find studies in Slicer's DICOM database, newest first.

    Attributes of the patient, the study and its series can be filters; a series attribute matches when any series
    of the study has it. Of those, remote nodes know Modality only.

    Returns
    -------
    DicomMatches
        With patient and study attributes, modalities, and counts of series and instances.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute or none of studies; nothing was searched.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.4, C.2.2.2; PS3.18, 10.6.
    """
    return (yield from _find(context, "studies", arguments))


@operation(
    name="dicom.find_series",
    capability="dicom.read",
    route="GET /dicom/series",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords="series slice count number of images protocol date range CT MR largest",
)
def find_series(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Find series in Slicer's DICOM database, by study and series number.

    Returns
    -------
    DicomMatches
        With patient, study and series attributes and the number of instances.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute or none of series; nothing was searched.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.4, C.2.2.2; PS3.18, 10.6.
    """
    return (yield from _find(context, "series", arguments))


@operation(
    name="dicom.find_instances",
    capability="dicom.read",
    route="GET /dicom/instances",
    read_only=True,
    execution="process",
    revision_scope="none",
)
def find_instances(
    context: OperationContext, arguments: SearchArguments
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Find instances in Slicer's DICOM database, by series and instance number.

    Any attribute can be a filter; one that the database does not keep is read from the files of the instances that the
    other filters leave.

    Returns
    -------
    DicomMatches
        With patient, study, series and instance attributes.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute; nothing was searched.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.4, C.2.2.2; PS3.18, 10.6.
    """
    return (yield from _find(context, "instances", arguments))


@operation(
    name="dicom.find_reports",
    capability="dicom.read",
    route="GET /dicom/reports",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords="radiology report findings SR PDF document",
)
def find_reports(
    context: OperationContext, arguments: ReportSearchArguments
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Find structured reports or encapsulated PDF documents, by their SOP class, whatever their modality says.

    Returns
    -------
    DicomMatches
        The instances; dicom.report_text and dicom.document_text read them.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute, or SOPClassUID is among them; nothing was searched.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.4, annex B.5.
    """
    classes = REPORT_CLASSES if arguments.kind == "structured_report" else (PDF_CLASS,)
    if any(name.lower() in {"sopclassuid", "00080016"} for name in arguments.filters):
        raise ArgumentInvalidError(
            "SOPClassUID is chosen by `kind`.",
            errors=[FieldProblem("/filters/SOPClassUID", "is chosen by kind", "no such filter")],
        )
    filters = {**arguments.filters, "SOPClassUID": ",".join(classes)}
    return (yield from _find(context, "instances", arguments.model_copy(update={"filters": filters})))


def _find(
    context: OperationContext, level: Level, arguments: SearchArguments
) -> Generator[Progress | Suspend, None, DicomMatches]:
    question = understand(arguments)
    if arguments.source != "local":
        return (yield from search_node(context, level, arguments, question))
    found = yield from search(context.host.dicom.index, level, question, arguments.limit, arguments.offset)
    return DicomMatches(
        items=[plain(dataset) for dataset in found.datasets],
        total=found.total,
        offset=arguments.offset,
        is_truncated=arguments.offset + len(found.datasets) < found.total,
    )
