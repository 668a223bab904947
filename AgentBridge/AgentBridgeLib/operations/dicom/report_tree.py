"""The content tree of a structured report as lines of text (PS3.3, C.17.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEEPEST = 100
_LINE_ENDS = re.compile(r"[\r\n]+")
_OBSERVER = {"PNAME"}


def lines(dataset: Any, hides_names: bool) -> Iterator[str]:
    """Walk over the tree in the order of the document: one text per item, two spaces per level.

    Children of every item are shown, not only those of containers. Further lines of a text begin with ``|``. When
    names are hidden, dates of observation are too.
    """
    yield from _item(dataset, 0, hides_names, is_root=True)


def concept(item: Any) -> str:
    """Give the name of what an item says; empty when it has none."""
    return _meaning(_first(item, "ConceptNameCodeSequence"))


def _item(item: Any, level: int, hides_names: bool, *, is_root: bool = False) -> Iterator[str]:
    if level > DEEPEST:
        yield "  " * level + "(nested more deeply than 100 levels; left out)"
        return
    relation = str(item.get("RelationshipType", "") or "").lower()
    prefix = "" if is_root or relation in {"", "contains"} else f"({relation}) "
    if "ReferencedContentItemIdentifier" in item:
        place = ".".join(str(number) for number in _several(item.ReferencedContentItemIdentifier))
        yield f"{'  ' * level}{prefix}see item {place}"
        return
    kind = str(item.get("ValueType", "") or "")
    name = concept(item) or kind.lower() or "item"
    value = "[hidden]" if hides_names and kind in _OBSERVER else _value(kind, item)
    observed = "" if hides_names else str(item.get("ObservationDateTime", "") or "")
    shown = f"{name}: {value}" if value else f"{name}:" if kind == "CONTAINER" else name
    shown += f" (observed {observed})" if observed else ""
    yield f"{'  ' * level}{prefix}" + f"\n{'  ' * level}  | ".join(_LINE_ENDS.split(shown.strip()))
    for child in item.get("ContentSequence", None) or ():
        yield from _item(child, level + 1, hides_names)


def _value(kind: str, item: Any) -> str:
    write = _WRITERS.get(kind)
    if write is not None:
        return write(item)
    return "" if kind == "CONTAINER" else f"({kind or 'no value type'})"


def _text(keyword: str) -> Callable[[Any], str]:
    def write(item: Any) -> str:
        return str(item.get(keyword, "") or "").strip()

    return write


def _code(item: Any) -> str:
    code = _first(item, "ConceptCodeSequence")
    return f"{_meaning(code)} ({_code_value(code)}, {code.get('CodingSchemeDesignator', '')})" if code else ""


def _number(item: Any) -> str:
    measured = _first(item, "MeasuredValueSequence")
    qualifier = _meaning(_first(item, "NumericValueQualifierCodeSequence"))
    if measured is None:
        return qualifier or "no value"
    unit = _first(measured, "MeasurementUnitsCodeSequence")
    value = "\\".join(str(one) for one in _several(measured.get("NumericValue", "")))
    shown = f"{value} {_code_value(unit)}".strip() if unit else value
    if unit and _meaning(unit) not in {"", _code_value(unit)}:
        shown += f" ({_meaning(unit)})"
    return f"{shown}, {qualifier}" if qualifier else shown


def _reference(item: Any) -> str:
    shown = []
    for one in item.get("ReferencedSOPSequence", None) or ():
        uid_class = one.get("ReferencedSOPClassUID", "")
        text = f"{getattr(uid_class, 'name', uid_class)} {one.get('ReferencedSOPInstanceUID', '')}"
        for keyword, word in (
            ("ReferencedFrameNumber", "frames"),
            ("ReferencedSegmentNumber", "segments"),
            ("ReferencedWaveformChannels", "channels"),
        ):
            if one.get(keyword):
                text += f", {word} {', '.join(str(number) for number in _several(one.get(keyword)))}"
        state = _first(one, "ReferencedSOPSequence")
        if state is not None:
            text += f", shown by {_reference(one)}"
        shown.append(text)
    return "; ".join(shown)


def _coordinates(unit: str, size: int) -> Callable[[Any], str]:
    def write(item: Any) -> str:
        numbers = [f"{float(value):g}" for value in _several(item.get("GraphicData", ()) or ())]
        points = [" ".join(numbers[at : at + size]) for at in range(0, len(numbers), size)]
        return f"{item.get('GraphicType', '')} {'; '.join(points)} {unit}"

    return write


def _times(item: Any) -> str:
    for keyword, word in (
        ("ReferencedSamplePositions", "samples"),
        ("ReferencedTimeOffsets", "offsets in s"),
        ("ReferencedDateTime", "at"),
    ):
        if item.get(keyword):
            values = ", ".join(str(value) for value in _several(item.get(keyword)))
            return f"{item.get('TemporalRangeType', '')} {word} {values}"
    return str(item.get("TemporalRangeType", "") or "")


_WRITERS: dict[str, Callable[[Any], str]] = {
    "TEXT": _text("TextValue"),
    "DATE": _text("Date"),
    "TIME": _text("Time"),
    "DATETIME": _text("DateTime"),
    "PNAME": _text("PersonName"),
    "UIDREF": _text("UID"),
    "CODE": _code,
    "NUM": _number,
    "IMAGE": _reference,
    "COMPOSITE": _reference,
    "WAVEFORM": _reference,
    "SCOORD": _coordinates("px (column, row)", 2),
    "SCOORD3D": _coordinates("mm (LPS)", 3),
    "TCOORD": _times,
}


def _first(item: Any, keyword: str) -> Any:
    found = item.get(keyword, None)
    return found[0] if found else None


def _meaning(code: Any) -> str:
    return "" if code is None else str(code.get("CodeMeaning", "") or "")


def _code_value(code: Any) -> str:
    found = (code.get(keyword) for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue"))
    return str(next((value for value in found if value), ""))


def _several(value: Any) -> Any:
    return value if hasattr(value, "append") or isinstance(value, tuple) else [value]
