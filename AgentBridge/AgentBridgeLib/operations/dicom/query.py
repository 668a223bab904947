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
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"""\s*([A-Za-z0-9]+)=("([^"]*)"|'([^']*)'(?=\s|$)|\S*)""")
_LIST_SIGNS = re.compile(r"[\\,]")
_RANGES = {"DA", "TM", "DT"}
_NUMBERS = ("IS", "US", "UL", "SS", "SL", "SV", "UV", "DS", "FL", "FD")
_NUMBER = (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"), "a number")
_TIME = r"[\d:.]{2,16}"
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "DA": (
        re.compile(r"\d{8}|\d{8}-(\d{8})?|-\d{8}"),
        "YYYYMMDD, or a range such as 20200101-20201231 or 20200101-",
    ),
    "TM": (re.compile(rf"{_TIME}|{_TIME}-({_TIME})?|-{_TIME}"), "HHMMSS, or a range such as 0800-1200"),
    "UI": (re.compile(r"[0-9.]{1,64}([,\\][0-9.]{1,64})*"), "a UID, or several with commas"),
    **dict.fromkeys(_NUMBERS, _NUMBER),
}


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
        "dates or times, UIDs and code strings (CT,MR) may be a list with commas.",
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
        A key is no DICOM attribute or stands twice, a value cannot be one of its kind, or the query text is not of the
        form ``Key=value``.
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
        _check_value(name, keyword, value)
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
    return matcher(keyword, wanted, is_fuzzy)(value)


@functools.lru_cache(256)
def matcher(keyword: str, wanted: str, is_fuzzy: bool) -> Callable[[str], bool]:
    """Give what decides whether a value matches; it remembers the values it has seen, which repeat a lot."""
    decide = _single_matcher(representation(keyword), wanted, is_fuzzy)

    @functools.lru_cache(4096)
    def any_of(value: str) -> bool:
        return any(decide(one) for one in value.split("\\"))

    return any_of


def _single_matcher(kind: str, wanted: str, is_fuzzy: bool) -> Callable[[str], bool]:
    """Give the rule of PS3.4, C.2.2.2 that a value representation goes by."""
    if kind == "UI":
        accepted = frozenset(uids(wanted))
        return lambda one: one in accepted
    if kind in _RANGES:
        return lambda one: bool(one) and _in_range(wanted.strip(), one.strip(), kind)
    if kind in _NUMBERS:
        return lambda one: _same_number(wanted, one)
    if kind == "PN":
        return _name_matcher(wanted, is_fuzzy)
    # A code string has neither commas nor backslashes, so viewers list several: ModalitiesInStudy=CT,MR.
    choices = _LIST_SIGNS.split(wanted) if kind == "CS" else [wanted]
    patterns = [_wildcard(choice.strip(), 0) for choice in choices]
    return lambda one: any(pattern.fullmatch(one.strip()) for pattern in patterns)


def _name_matcher(wanted: str, is_fuzzy: bool) -> Callable[[str], bool]:
    """Match the whole name, or one of its forms (alphabetic, ideographic, phonetic), whatever the case of letters."""
    pattern = _wildcard(_plain_name(wanted), re.IGNORECASE)

    def decide(one: str) -> bool:
        forms = [one, *one.split("=")]
        if any(pattern.fullmatch(_plain_name(form)) for form in forms):
            return True
        return is_fuzzy and _is_near(wanted, one)

    return decide


def _plain_name(name: str) -> str:
    return unicodedata.normalize("NFC", name).rstrip("^= ")


def uids(wanted: str) -> list[str]:
    """Take a list of UIDs apart, separated by commas or backslashes."""
    return [part for part in _LIST_SIGNS.split(wanted) if part]


def _check_value(name: str, keyword: str, value: str) -> None:
    """Refuse a value that nothing could match: it is a mistake, not a question."""
    kind = representation(keyword)
    if value in {"", "*"} or kind not in _FORMS:
        return
    form, expected = _FORMS[kind]
    if form.fullmatch(value.strip()) is None:
        raise _refusal(f"/filters/{name}", f"cannot be '{value[:80]}'", expected)


def _in_range(wanted: str, value: str, kind: str) -> bool:
    if kind == "TM":
        wanted, value = wanted.replace(":", ""), value.replace(":", "")
    if kind == "DA":
        value = value.replace(".", "")  # as ACR-NEMA wrote dates (PS3.5, 6.2)
    first, dash, last = wanted.partition("-")
    if not dash:
        return value == wanted if kind == "DA" else value.startswith(wanted)
    return (not first or value >= first or value.startswith(first)) and (
        not last or value <= last or value.startswith(last)
    )


def _same_number(wanted: str, value: str) -> bool:
    with suppress(ValueError):
        return float(wanted) == float(value)
    return False


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
