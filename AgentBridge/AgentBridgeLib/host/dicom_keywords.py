"""Which DICOM attributes in a scene identify a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.confidentiality import FOUND_BY_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "DICOM."

# Beyond the standard's table: what Slicer writes itself, and `PatientName` as older versions spelled it.
_OF_SLICER = frozenset({"PatientsName", "PatientsBirthDate", "PatientsID"})
KEYWORDS = FOUND_BY_VALUE | _OF_SLICER
_STANDARD_UIDS = "1.2.840.10008."  # classes and transfer syntaxes
_UID_LISTS = {"instanceUIDs", "InstanceUIDs", "ReferencedInstanceUIDs"}  # separated by spaces


def attribute_identifiers(node: Any) -> Iterator[tuple[str, str]]:
    """Walk over the identifying values among a node's ``DICOM.`` attributes."""
    for name in node.GetAttributeNames():
        if name.startswith(PREFIX):
            yield from of_keyword(name.removeprefix(PREFIX), node.GetAttribute(name))


def of_keyword(keyword: str, value: str | None) -> Iterator[tuple[str, str]]:
    """Give the value of an attribute with its kind, if that kind identifies; lists of UIDs are taken apart."""
    if keyword in _UID_LISTS:
        for uid in (value or "").split():
            yield uid, "SOPInstanceUID"
    elif keyword in KEYWORDS:
        yield from pair(keyword, value)


def pair(kind: str, value: str | None) -> Iterator[tuple[str, str]]:
    """Give a value with its kind, unless it is empty or a UID that the standard itself defines."""
    text = (value or "").strip()
    if text and not text.startswith(_STANDARD_UIDS):
        yield text, kind
