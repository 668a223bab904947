"""Attributes as XML: the Native DICOM Model (PS3.19, A.1), written from DICOM JSON (PS3.18, annex F).

No Python package writes it. Making it of the JSON that leaves keeps one place where identifiers are covered, and both
forms say the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import multipart
from AgentBridgeLib.operations.dicom.library import library
from AgentBridgeLib.operations.dicom.negotiation import XML

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.operations.dicom.values import JsonDataset

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
)
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# XML 1.0 has no way to write these (2.2); a line end of its own kind would be read as another one.
_UNWRITABLE = dict.fromkeys({*range(32), 0xFFFE, 0xFFFF} - {9, 10, 13}, "\ufffd")
_RETURNS = {"\r": "&#13;"}


def as_message(datasets_json: bytes, *, is_single: bool) -> Content:
    """Make a multipart message of a list of data sets in DICOM JSON, one document a part; or the one document bare."""
    documents = [write(one).encode() for one in json.loads(datasets_json)]
    if is_single and len(documents) == 1:
        return Content(XML, documents)
    return multipart.write(XML, [(XML, [one]) for one in documents])


def write(dataset: JsonDataset) -> str:
    """Write the document of one data set."""
    return "".join((_HEAD, *_attributes(dataset), "</NativeDicomModel>\n"))


def _attributes(dataset: JsonDataset) -> Iterator[str]:
    dictionary = library("pydicom.datadict")
    for tag, item in sorted(dataset.items()):
        kind = item.get("vr", "UN")
        shown, further = tag, ""
        if int(tag[:4], 16) % 2:
            creator = _creator_of(dataset, tag)
            if creator:  # the number of the block has no meaning beside its creator
                shown, further = f"{tag[:4]}00{tag[6:]}", f" privateCreator={quoteattr(_legible(creator))}"
        else:
            keyword = dictionary.keyword_for_tag(int(tag, 16))
            further = f' keyword="{keyword}"' if keyword else ""
        yield f'<DicomAttribute tag="{shown}" vr="{kind}"{further}>'
        yield from _content(kind, item)
        yield "</DicomAttribute>"


def _creator_of(dataset: JsonDataset, tag: str) -> str:
    if tag[4:6] == "00":  # it is itself the name of a creator
        return ""
    values = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
    return str(values[0] or "")


def _content(kind: str, item: dict[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in item:
        yield f"<BulkData uri={quoteattr(_legible(str(item['BulkDataURI'])))}/>"
    elif "InlineBinary" in item:
        yield f"<InlineBinary>{item['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(item.get("Value", []), 1):
        if kind == "SQ":
            yield f'<Item number="{number}">'
            yield from _attributes(value or {})
            yield "</Item>"
        elif kind == "PN":
            yield f'<PersonName number="{number}">'
            yield from _name(value or {})
            yield "</PersonName>"
        else:
            yield f'<Value number="{number}">{_text("" if value is None else value)}</Value>'


def _name(groups: dict[str, str]) -> Iterator[str]:
    for group in ("Alphabetic", "Ideographic", "Phonetic"):
        if groups.get(group):
            # What is behind the fifth component has no element of its own.
            parts = zip(_NAME_PARTS, groups[group].split("^", 4), strict=False)
            yield f"<{group}>"
            yield from (f"<{name}>{_text(part)}</{name}>" for name, part in parts if part)
            yield f"</{group}>"


def _text(value: object) -> str:
    return escape(_legible(str(value)), _RETURNS)


def _legible(text: str) -> str:
    return text.translate(_UNWRITABLE)
