"""QIDO-RS: search Slicer's DICOM database as DICOMweb clients do (PS3.18, 10.6)."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.operations.dicom import native_xml, negotiation
from AgentBridgeLib.operations.dicom.privacy import empty_identifiers
from AgentBridgeLib.operations.dicom.query import SearchArguments, understand
from AgentBridgeLib.operations.dicom.search import Level, search
from AgentBridgeLib.operations.dicom.web_arguments import WebArguments, accepted, address
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.dicom.values import JsonDataset

MOST_MATCHES = 1000


class WebSearchArguments(SearchArguments, WebArguments):
    """What to look for."""

    limit: int = Field(
        default=MOST_MATCHES, ge=1, description="How many matches at the most; 1000 are given in one answer."
    )


class StudySearchArguments(WebSearchArguments):
    """What to look for in a study."""

    study_instance_uid: Uid = Field(description="Study instance UID.")


class SeriesSearchArguments(StudySearchArguments):
    """What to look for in a series."""

    series_instance_uid: Uid = Field(description="Series instance UID.")


@operation(
    name="dicomweb.search_studies",
    capability="dicom.read",
    route="GET /dicomweb/studies",
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def search_studies(
    context: OperationContext, arguments: WebSearchArguments
) -> Generator[Progress, None, Content]:
    """Search studies (QIDO-RS).

    Returns
    -------
    Content
        DICOM JSON, or XML for clients that want that; empty when nothing matches.

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
    context: OperationContext, arguments: WebSearchArguments
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
    context: OperationContext, arguments: WebSearchArguments
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


def described(
    context: OperationContext,
    accept: str,
    datasets: Sequence[JsonDataset],
    headers: Mapping[str, str] | None = None,
) -> Content:
    """Write data sets as DICOM JSON or XML, identifying values empty where the policy says so.

    Raises
    ------
    NotAcceptableError
        The client accepts neither.
    """
    kind = negotiation.choose_attributes(accept)
    covered = [empty_identifiers(context, one) for one in datasets]
    text = json.dumps(covered, ensure_ascii=False, separators=(",", ":")).encode()
    rendition: Callable[[bytes], Content] | None = None
    if kind == negotiation.XML:
        is_single = negotiation.wants_single(accept, kind)
        rendition = functools.partial(native_xml.as_message, is_single=is_single)
    elif kind != negotiation.JSON:
        rendition = functools.partial(_renamed, kind)
    return Content(negotiation.JSON, [text], headers=headers or {}, rendition=rendition)


def _renamed(kind: str, text: bytes) -> Content:
    return Content(kind, [text])


def _search(
    context: OperationContext, level: Level, arguments: WebSearchArguments, **uids: str
) -> Generator[Progress, None, Content]:
    if arguments.source != "local":
        raise ArgumentInvalidError(
            "DICOMweb routes answer from the local database; dicom.find_studies can ask a remote node.",
            errors=[FieldProblem("/source", "is not possible here", "local")],
        )
    accept = accepted(context, arguments)
    negotiation.choose_attributes(accept)  # refuse before anything is looked for
    filters = {**arguments.filters}
    for keyword, uid in uids.items():
        if filters.get(keyword, uid) != uid:
            return described(context, accept, [])
        filters[keyword] = uid
    question = understand(arguments.model_copy(update={"filters": filters}))
    limit = min(arguments.limit, MOST_MATCHES)
    found = yield from search(context.host.dicom.index, level, question, limit, arguments.offset)
    for dataset in found.datasets:
        _complete(context, level, dataset)
    more = found.total - arguments.offset - len(found.datasets)
    note = f'299 AgentBridge "There are {more} additional results that can be requested"'
    headers = {"Warning": note} if more > 0 else {}
    return described(context, accept, found.datasets, headers)


def _complete(context: OperationContext, level: Level, dataset: JsonDataset) -> None:
    """Add what a server says beside the stored attributes (PS3.18, tables 10.6.3-3 to 10.6.3-5)."""
    dataset["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    dataset["00080056"] = {"vr": "CS", "Value": ["ONLINE"]}
    study, series, instance = (
        str((dataset.get(tag, {}).get("Value") or [""])[0]) for tag in ("0020000D", "0020000E", "00080018")
    )
    found = address(context, study=study, series="" if level == "studies" else series)
    if found:
        if level == "instances":
            found += f"/instances/{instance}"
        dataset["00081190"] = {"vr": "UR", "Value": [found]}
