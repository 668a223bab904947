"""Search a remote node, and look again at what it says: servers drop filters that they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.dicom import DicomMatches
from AgentBridgeLib.operations.dicom.nodes import find_node, speak
from AgentBridgeLib.operations.dicom.query import matches
from AgentBridgeLib.operations.dicom.values import plain, tag_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext, Progress, Suspend
    from AgentBridgeLib.operations.dicom.query import Question, SearchArguments
    from AgentBridgeLib.operations.dicom.search import Level
    from AgentBridgeLib.operations.dicom.values import JsonDataset


def search_node(
    context: OperationContext, level: Level, arguments: SearchArguments, question: Question
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Ask a node of the settings (QIDO-RS).

    Raises
    ------
    ArgumentInvalidError
        The settings name no such node.
    OperationFailedError
        The node cannot be reached, refuses, or answers what cannot be used.
    """
    node = find_node(context, arguments.source, "/source")
    pairs = [
        *question.filters.items(),
        ("limit", str(arguments.limit + 1)),
        ("offset", str(arguments.offset)),
    ]
    if question.is_fuzzy:
        pairs.append(("fuzzymatching", "true"))
    fields = ["all"] if question.wants_all else list(dict.fromkeys([*question.extra, *question.filters]))
    pairs += [("includefield", name) for name in fields]
    request: dict[str, Any] = {"action": "search", "level": level, "query": pairs}
    result = yield from speak(context, node, request, "The search")
    found: list[JsonDataset] = result["datasets"]
    page = [dataset for dataset in found[: arguments.limit] if _fits(dataset, question)]
    return DicomMatches(
        items=[plain(dataset) for dataset in page],
        total=None,
        offset=arguments.offset,
        is_truncated=len(found) > arguments.limit,
    )


def _fits(dataset: JsonDataset, question: Question) -> bool:
    """Tell whether a match really matches, as far as it shows the attributes."""
    for keyword, wanted in question.filters.items():
        entry = dataset.get(tag_of(keyword))
        if entry is None:
            continue
        values = plain({tag_of(keyword): entry})[keyword]
        shown = "\\".join(
            str(one) for one in (values if isinstance(values, list) else [values]) if one is not None
        )
        if not matches(keyword, wanted, shown, is_fuzzy=question.is_fuzzy):
            return False
    return True
