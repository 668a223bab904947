"""Search a remote node, and look again at what it says: servers drop filters that they do not know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.dicom import DicomMatches
from AgentBridgeLib.operations.dicom.nodes import find_node, speak
from AgentBridgeLib.operations.dicom.query import matches
from AgentBridgeLib.operations.dicom.search import number_of
from AgentBridgeLib.operations.dicom.values import plain, representation, tag_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext, Progress, Suspend
    from AgentBridgeLib.operations.dicom.query import Question, SearchArguments
    from AgentBridgeLib.operations.dicom.search import Level
    from AgentBridgeLib.operations.dicom.values import JsonDataset


MOST_SORTED = 1000
"""Matches that are fetched to be sorted; of more, the node's own order counts."""


def search_node(
    context: OperationContext, level: Level, arguments: SearchArguments, question: Question
) -> Generator[Progress | Suspend, None, DicomMatches]:
    """Ask a node of the settings (QIDO-RS); up to a thousand matches come in the order of the local database.

    Raises
    ------
    ArgumentInvalidError
        The settings name no such node.
    OperationFailedError
        The node cannot be reached, refuses, or answers what cannot be used.
    """
    node = find_node(context, arguments.source, "/source")
    pairs = [(keyword, _asked(keyword, wanted, question)) for keyword, wanted in question.filters.items()]
    if question.is_fuzzy:
        pairs.append(("fuzzymatching", "true"))
    fields = ["all"] if question.wants_all else list(dict.fromkeys([*question.extra, *question.filters]))
    pairs += [("includefield", name) for name in fields]
    end = arguments.offset + arguments.limit
    request: dict[str, Any] = {
        "action": "search",
        "level": level,
        "query": pairs,
        "most": max(end, MOST_SORTED) + 1,
    }
    result = yield from speak(context, node, request, "The search")
    found: list[JsonDataset] = [dataset for dataset in result["datasets"] if _fits(dataset, question)]
    if result["is_whole"]:
        _sort(level, found)
    return DicomMatches(
        items=[plain(dataset) for dataset in found[arguments.offset : end]],
        total=len(found) if result["is_whole"] else None,
        offset=arguments.offset,
        is_truncated=len(found) > end or not result["is_whole"],
    )


def _asked(keyword: str, wanted: str, question: Question) -> str:
    """Give what the node is asked for: servers that know no fuzzy matching get a wildcard, and we look again."""
    if not question.is_fuzzy or representation(keyword) != "PN":
        return wanted
    words = re.split(r"[\^=\s*?,]+", wanted)
    return f"*{max(words, key=len)}*"


def _sort(level: Level, found: list[JsonDataset]) -> None:
    """Bring all matches into the order that the local database has."""
    if level == "studies":
        found.sort(key=lambda one: _text(one, "StudyInstanceUID"))
        found.sort(key=lambda one: (_text(one, "StudyDate"), _text(one, "StudyTime")), reverse=True)
        return
    outer, number, own = (
        ("StudyInstanceUID", "SeriesNumber", "SeriesInstanceUID")
        if level == "series"
        else ("SeriesInstanceUID", "InstanceNumber", "SOPInstanceUID")
    )
    found.sort(key=lambda one: (_text(one, outer), number_of(_text(one, number)), _text(one, own)))


def _text(dataset: JsonDataset, keyword: str) -> str:
    values = dataset.get(tag_of(keyword), {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "")


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
