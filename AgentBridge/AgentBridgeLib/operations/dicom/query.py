"""Queries for DICOM data: read what the client asks, and decide whether a value matches (PS3.4, C.2.2.2)."""

from __future__ import annotations

import functools
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.operations.dicom.values import keyword_of, representation

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"""\s*([A-Za-z0-9]+)=("([^"]*)"|'([^']*)'(?=\s|$)|\S*)""")
_RANGES = {"DA", "TM", "DT"}
_WHOLE_NUMBERS = {"IS", "US", "UL", "SS", "SL", "DS", "FL", "FD"}


class SearchArguments(Arguments):
    """What to look for. Attributes may also stand among the arguments themselves: ``PatientID=P1``."""

    source: str = Field(
        default="local",
        min_length=1,
        max_length=100,
        description="`local` for Slicer's database, or the name of a remote node of the settings.",
    )
    query: str = Field(
        default="",
        max_length=1000,
        description="`Key=value` pairs separated by spaces; values with spaces in double quotes. Empty finds all.",
    )
    filters: dict[str, str] = Field(
        default_factory=dict,
        description="DICOM keyword or 8-digit tag to value; `*` and `?` are wildcards, `20200101-20201231` a range of "
        "dates or times, UIDs may be a list with commas.",
    )
    includefield: list[str] = Field(
        default_factory=list, description="Further attributes to give back, or `all`; keywords or tags."
    )
    limit: int = Field(default=100, ge=1, le=1000, description="How many matches at the most.")
    offset: int = Field(
        default=0, ge=0, json_schema_extra={"x-unit": "matches"}, description="How many matches to skip."
    )
    fuzzymatching: bool = Field(
        default=False,
        description="Whether person names match by the beginnings of their words, accents aside.",
    )

    def also_requires(self) -> tuple[str, ...]:
        """Require the network for a remote node."""
        return () if self.source == "local" else ("network",)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        """Take what is no argument for an attribute, as QIDO-RS does; a misspelt one is refused later by name."""
        if not isinstance(values, dict):
            return values
        known = {name: value for name, value in values.items() if name in cls.model_fields}
        others = {name: value for name, value in values.items() if name not in cls.model_fields}
        if others:
            given = known.get("filters", {})
            known["filters"] = {**given, **others} if isinstance(given, dict) else given
        if isinstance(known.get("includefield"), str):
            known["includefield"] = [part for part in known["includefield"].split(",") if part]
        return known


@dataclass(frozen=True, slots=True)
class Question:
    """A query that was understood.

    Attributes
    ----------
    filters
        Keyword to wanted value; never empty values, those ask for the attribute to be given back.
    extra
        Keywords to give back beyond the usual ones.
    wants_all
        Whether every attribute is wanted.
    """

    filters: Mapping[str, str]
    extra: tuple[str, ...]
    wants_all: bool
    is_fuzzy: bool


def understand(arguments: SearchArguments) -> Question:
    """Read keys and query text.

    Raises
    ------
    ArgumentInvalidError
        A key is no DICOM attribute, stands twice, or the query text is not of the form ``Key=value``.
    """
    filters: dict[str, str] = {}
    for name, value in [*_tokens(arguments.query), *arguments.filters.items()]:
        keyword = keyword_of(name, f"/filters/{name}")
        if keyword in filters:
            raise _refusal(f"/filters/{name}", f"{keyword} is asked for twice", "once")
        if "\x00" in value or len(value) > 10_000:
            raise _refusal(
                f"/filters/{name}", "is no value of DICOM", "up to 10,000 characters without zero bytes"
            )
        filters[keyword] = value
    names = [name for name in arguments.includefield if name.lower() != "all"]
    extra = [keyword_of(name, "/includefield") for name in names]
    empty = [keyword for keyword, value in filters.items() if value in {"", "*"}]
    wanted = {keyword: value for keyword, value in filters.items() if keyword not in empty}
    wants_all = len(names) != len(arguments.includefield)
    return Question(wanted, tuple(dict.fromkeys([*extra, *empty])), wants_all, arguments.fuzzymatching)


def _tokens(query: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None or (match.end() < len(query) and not query[match.end()].isspace()):
            raise _refusal(
                "/query", f"cannot be read from '{query[at : at + 40].strip()}' on", 'Key=value or Key="a b"'
            )
        quoted = next((text for text in match.group(3, 4) if text is not None), None)
        found.append((match[1], match[2] if quoted is None else quoted))
        at = match.end()
    return found


def matches(keyword: str, wanted: str, value: str, *, is_fuzzy: bool = False) -> bool:
    """Tell whether a value (text form, several joined by a backslash) matches; any of its values will do."""
    kind = representation(keyword)
    found = value.split("\\")
    if kind == "UI":
        accepted = _uids(wanted)
        return any(one in accepted for one in found)
    if kind in _RANGES:
        return any(one and _in_range(wanted.strip(), one.strip(), kind) for one in found)
    if kind in _WHOLE_NUMBERS:
        return any(_same_number(wanted, one) for one in found)
    if kind == "PN":
        if is_fuzzy:
            return any(_is_near(wanted, one) for one in found)
        return any(_wildcard(wanted.rstrip("^"), re.IGNORECASE).fullmatch(one.rstrip("^ ")) for one in found)
    return any(_wildcard(wanted.strip(), 0).fullmatch(one.strip()) for one in found)


def _in_range(wanted: str, value: str, kind: str) -> bool:
    if kind == "TM":
        wanted, value = wanted.replace(":", ""), value.replace(":", "")
    first, dash, last = wanted.partition("-")
    if not dash:
        return value == wanted if kind == "DA" else _begins_alike(value, wanted)
    return (not first or value >= first or _begins_alike(value, first)) and (
        not last or value <= last or _begins_alike(value, last)
    )


def _begins_alike(value: str, wanted: str) -> bool:
    return value.startswith(wanted)


def _same_number(wanted: str, value: str) -> bool:
    with suppress(ValueError):
        return float(wanted) == float(value)
    return False


@functools.lru_cache(256)
def _uids(wanted: str) -> frozenset[str]:
    return frozenset(re.split(r"[\\,]", wanted))


@functools.lru_cache(256)
def _wildcard(wanted: str, flags: int) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in wanted), flags | re.DOTALL)


def _is_near(wanted: str, value: str) -> bool:
    words = _words(value)
    return all(any(word.startswith(part) for word in words) for part in _words(wanted))


def _words(name: str) -> list[str]:
    bare = unicodedata.normalize("NFKD", name).casefold()
    return [
        word
        for word in re.split(r"[\^=\s*?,.-]+", "".join(c for c in bare if not unicodedata.combining(c)))
        if word
    ]


def _refusal(pointer: str, problem: str, expected: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"{pointer} {problem}; expected: {expected}.", errors=[FieldProblem(pointer, problem, expected)]
    )
