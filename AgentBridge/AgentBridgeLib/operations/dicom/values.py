"""DICOM values in the forms they travel in: text as in files, DICOM JSON (PS3.18 annex F), plain JSON by keyword."""

from __future__ import annotations

import difflib
import functools
from contextlib import suppress
from typing import Any

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.operations.dicom.library import library

_WHOLE = {"IS", "US", "SS", "UL", "SL", "SV", "UV"}
_NUMBERS = {"DS", "FL", "FD"}
_PERSON_PARTS = ("Alphabetic", "Ideographic", "Phonetic")
BINARY = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
JsonDataset = dict[str, dict[str, Any]]


def keyword_of(name: str, pointer: str) -> str:
    """Give the DICOM keyword of a keyword (in any case) or a tag of eight hex digits.

    Raises
    ------
    ArgumentInvalidError
        There is no such attribute; the message names the nearest keywords.
    """
    dictionary = library("pydicom.datadict")
    if len(name) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        found = dictionary.keyword_for_tag(int(name, 16))
        if found:
            return str(found)
    if dictionary.tag_for_keyword(name) is not None:
        return name
    keywords = dictionary.keyword_dict
    by_lower = {known.lower(): known for known in keywords}
    if name.lower() in by_lower:
        return str(by_lower[name.lower()])
    near = difflib.get_close_matches(name.lower(), by_lower, 3, 0.7)
    hint = (
        f"Did you mean {', '.join(by_lower[one] for one in near)}?" if near else "Use a DICOM keyword or tag."
    )
    raise ArgumentInvalidError(
        f"'{name}' is no DICOM attribute, so nothing was searched. {hint}",
        errors=[FieldProblem(pointer, "is no DICOM attribute", hint)],
    )


@functools.cache
def representation(keyword: str) -> str:
    """Give the value representation of a keyword, such as ``PN``."""
    return str(library("pydicom.datadict").dictionary_VR(keyword)).partition(" ")[0]


@functools.cache
def tag_of(keyword: str) -> str:
    """Give the tag of a keyword as DICOM JSON writes it, such as ``00100010``."""
    return f"{library('pydicom.datadict').tag_for_keyword(keyword):08X}"


@functools.cache
def is_known(tag: int) -> bool:
    """Whether the dictionary of the standard has a tag. What it has not may be anything, as private attributes may."""
    dictionary = library("pydicom.datadict")
    is_private = (tag >> 16) % 2 == 1
    return not is_private and bool(dictionary.dictionary_has_tag(tag) or dictionary.repeater_has_tag(tag))


def element(keyword: str, text: str) -> dict[str, Any]:
    """Make a DICOM JSON element of the text form of a value."""
    kind = representation(keyword)
    made: dict[str, Any] = {"vr": kind}
    values = [_json_value(kind, part) for part in text.split("\\")] if text else []
    if any(value is not None for value in values):
        made["Value"] = values
    return made


def _json_value(kind: str, text: str) -> object:
    text = text.strip()
    if not text:
        return None
    if kind == "PN":
        parts = zip(_PERSON_PARTS, text.split("="), strict=False)
        return {name: part for name, part in parts if part}
    with suppress(ValueError):
        if kind in _WHOLE:
            return int(text)
        if kind in _NUMBERS:
            return float(text)
    return text


def without_binary(dataset: JsonDataset) -> tuple[JsonDataset, list[str]]:
    """Leave binary, private and unknown attributes out of DICOM JSON; give it with the names of what was left out."""
    dictionary = library("pydicom.datadict")
    left_out: list[str] = []
    made: JsonDataset = {}
    for tag, item in dataset.items():
        if not is_known(int(tag, 16)) or item.get("vr") in BINARY or "BulkDataURI" in item:
            left_out.append(str(dictionary.keyword_for_tag(int(tag, 16))) or tag)
        elif item.get("vr") == "SQ":
            parts = [without_binary(part) for part in item.get("Value", [])]
            made[tag] = {"vr": "SQ", "Value": [part for part, _ in parts]}
            left_out += [name for _, names in parts for name in names]
        else:
            made[tag] = item
    return made, left_out


def plain(dataset: JsonDataset) -> dict[str, Any]:
    """Make plain JSON of DICOM JSON: keyword to value."""
    dictionary = library("pydicom.datadict")
    made: dict[str, Any] = {}
    for tag, item in dataset.items():
        name = str(dictionary.keyword_for_tag(int(tag, 16))) or tag
        values = [_plain_value(item.get("vr", "UN"), value) for value in item.get("Value", [])]
        if item.get("vr") == "SQ":
            made[name] = values
        else:
            made[name] = None if not values else values[0] if len(values) == 1 else values
    return made


def _plain_value(kind: str, value: Any) -> Any:
    if kind == "SQ":
        return plain(value)
    if kind == "PN" and isinstance(value, dict):
        return "=".join(value.get(name, "") for name in _PERSON_PARTS).rstrip("=")
    return value
