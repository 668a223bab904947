"""Read the Native DICOM Model (PS3.19, A.1) back into DICOM JSON, strictly: what the standard does not know raises."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
ATTRIBUTES = {"tag", "vr", "keyword", "privateCreator"}
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def read(document: bytes, *, checks_numbers: bool = True) -> dict[str, Any]:
    """Read a document; private tags stay as written, with the block number left out.

    Without `checks_numbers` values may be numbered in any way.
    """
    root = ET.fromstring(document)
    if root.tag.removeprefix(NAMESPACE) != "NativeDicomModel":
        raise ValueError(root.tag)
    return _dataset(root, checks_numbers)


def _dataset(parent: ET.Element, checks_numbers: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in parent:
        if _name(element) != "DicomAttribute" or not set(element.attrib) <= ATTRIBUTES:
            raise ValueError(f"{element.tag} {element.attrib}")
        key = element.attrib["tag"] + element.attrib.get("privateCreator", "")
        made: dict[str, Any] = {"vr": element.attrib["vr"]}
        values = [_value(child, made, checks_numbers) for child in element]
        if made["vr"] == "SQ" and not checks_numbers:
            values = [one for one in values if one is not None]
        if values and "InlineBinary" not in made and "BulkDataURI" not in made:
            made["Value"] = values
            numbers = [int(child.attrib["number"]) for child in element]
            if checks_numbers and numbers != [*range(1, len(numbers) + 1)]:
                raise ValueError(f"{key} numbers its values {numbers}")
        found[key] = made
    return found


def _value(child: ET.Element, made: dict[str, Any], checks_numbers: bool) -> Any:
    kind = _name(child)
    if kind == "Value":
        return child.text or None
    if kind == "Item":
        return _dataset(child, checks_numbers)
    if kind == "PersonName":
        return {_name(group): _components(group) for group in child if _name(group) in GROUPS}
    if kind == "InlineBinary":
        made[kind] = child.text or ""
    elif kind == "BulkData":
        made["BulkDataURI"] = child.attrib.get("uri", "")
    else:
        raise ValueError(f"no such element in an attribute: {kind}")
    return None


def _components(group: ET.Element) -> str:
    texts = {_name(part): part.text or "" for part in group}
    if not set(texts) <= set(NAME_PARTS):
        raise ValueError(f"no such parts of a name: {sorted(texts)}")
    return "^".join(texts.get(name, "") for name in NAME_PARTS).rstrip("^")


def _name(element: ET.Element) -> str:
    return element.tag.removeprefix(NAMESPACE)
