"""Search a remote node, and look again at what it says: servers drop filters that they do not know."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, OperationFailedError
from AgentBridgeLib.model.dicom import DicomMatches
from AgentBridgeLib.operations.dicom.nodes import find_node, speak
from AgentBridgeLib.operations.dicom.query import matches
from AgentBridgeLib.operations.dicom.search import SERIES_KEYWORDS, check_level, number_of
from AgentBridgeLib.operations.dicom.values import plain, representation, tag_of, without_binary

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
        The settings name no such node, or a filter is none of this level.
    OperationFailedError
        The node cannot be reached, refuses, or answers what cannot be used; or it does not tell an attribute that is a
        filter.
    """
    node = find_node(context, arguments.source, "/source")
    question = _of_level(level, question)
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
    _require_told(node.name, result["datasets"], question)
    found: list[JsonDataset] = [dataset for dataset in result["datasets"] if _fits(dataset, question)]
    if result["is_whole"]:
        _sort(level, found)
    return DicomMatches(
        items=[plain(without_binary(dataset)[0]) for dataset in found[arguments.offset : end]],
        total=len(found) if result["is_whole"] else None,
        offset=arguments.offset,
        is_truncated=len(found) > end or not result["is_whole"],
    )


def _of_level(level: Level, question: Question) -> Question:
    """Ask what servers can answer: of attributes of series they know the modalities only when asked for studies."""
    check_level(level, question)
    if level != "studies":
        return question
    filters = dict(question.filters)
    if "ModalitiesInStudy" not in filters and "Modality" in filters:
        filters["ModalitiesInStudy"] = filters.pop("Modality")
    for keyword in filters:
        if keyword in SERIES_KEYWORDS:
            problem = "is an attribute of series, by which remote nodes find no studies"
            raise ArgumentInvalidError(
                f"{keyword} {problem}. Search series instead; they name their study.",
                errors=[FieldProblem(f"/filters/{keyword}", problem, "an attribute of patient or study")],
            )
    return replace(question, filters=filters)


def _asked(keyword: str, wanted: str, question: Question) -> str:
    """Give what the node is asked for: servers that know no fuzzy matching get a wildcard, and we look again.

    Lists have commas; servers take any comma for one.
    """
    kind = representation(keyword)
    if kind in {"UI", "CS"}:
        return wanted.replace("\\", ",")
    if kind == "DS":
        return ""  # servers compare the letters, of 103 with 103.0
    wanted = wanted.replace(",", "?")
    if not question.is_fuzzy or kind != "PN":
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


def _require_told(node: str, datasets: list[JsonDataset], question: Question) -> None:
    """Refuse matches that do not show what they were filtered by: the node may have dropped the filter."""
    for keyword in question.filters:
        if datasets and not any(tag_of(keyword) in dataset for dataset in datasets):
            raise OperationFailedError(
                f"The DICOM node {node} does not tell {keyword}, so nobody knows whether it filters by that. Search "
                "without it, or pull the study and search in the local database.",
                facts={"node": node, "reason": "filter_unknown"},
            )


def _fits(dataset: JsonDataset, question: Question) -> bool:
    """Tell whether a match really matches."""
    for keyword, wanted in question.filters.items():
        entry = dataset.get(tag_of(keyword), {"vr": representation(keyword)})
        values = plain({tag_of(keyword): entry})[keyword]
        shown = "\\".join(
            str(one) for one in (values if isinstance(values, list) else [values]) if one is not None
        )
        if not matches(keyword, wanted, shown, is_fuzzy=question.is_fuzzy):
            return False
    return True
