"""The text of an NRRD header, taken apart into its fields.

Source: "Definition of NRRD File Format", teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, TypeVar

from AgentBridgeLib.errors import DataInvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAGIC = b"NRRD000"
MOST_HEADER_BYTES = 1 << 20

Parsed = TypeVar("Parsed")

_SYNONYMS = {
    "centers": "centerings", "datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip",
    "blocksize": "block size", "sampleunits": "sample units", "oldmin": "old min", "oldmax": "old max",
    "axismins": "axis mins", "axismaxs": "axis maxs",
}  # fmt: skip


def read_fields(head: bytes) -> tuple[dict[str, str], int]:
    """Read the fields, names in their usual spelling and lower case, and where the header ends."""
    if not head.startswith(MAGIC):
        refuse("it does not begin with NRRD000")
    end = re.search(rb"\n\r?\n", head)
    if end is None:
        refuse(f"no empty line ends the header within {MOST_HEADER_BYTES} bytes")
    try:
        lines = head[: end.start()].decode("utf-8").splitlines()
    except UnicodeDecodeError:
        refuse("the header is not text")
    if lines[0].strip() not in {"NRRD0001", "NRRD0002", "NRRD0003", "NRRD0004", "NRRD0005"}:
        refuse(f"the format version {lines[0][:20]!r} is unknown")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if line.startswith("#") or ":=" in line:
            continue
        name, separator, value = line.partition(": ")
        name = _SYNONYMS.get(name.strip().lower(), name.strip().lower())
        if not separator:
            refuse(f"the line {line[:60]!r} is neither 'field: value' nor 'key:=value'")
        if name in fields:
            refuse(f"the field '{name}' comes twice")
        fields[name] = value.strip()
    return fields, end.end()


def required(fields: Mapping[str, str], name: str) -> str:
    """Give a field that must be there and not be empty."""
    if not fields.get(name):
        refuse(f"the field '{name}' is missing")
    return fields[name]


def one(fields: Mapping[str, str], name: str, parse: Callable[[str], Parsed]) -> Parsed:
    """Give the one value of a field."""
    values = listed(fields, name, parse)
    if len(values) != 1:
        refuse(f"`{name}` is not one number")
    return values[0]


def listed(fields: Mapping[str, str], name: str, parse: Callable[[str], Parsed]) -> list[Parsed]:
    """Give the values of a field."""
    parts = required(fields, name).split()
    try:
        return [parse(part) for part in parts]
    except ValueError:
        refuse(f"`{name}` has something that is no number: {fields[name][:60]!r}")


def refuse(problem: str, expected: str = "") -> NoReturn:
    """Say what is wrong with a header, and what to send.

    Raises
    ------
    DataInvalidError
        Always.
    """
    hint = f" Send {expected}." if expected else ""
    raise DataInvalidError(f"The NRRD data cannot be used: {problem}.{hint}")
