"""Values of a data set as CTK gives them: text, several values joined by a backslash, decoded.

Follows `ctkDICOMItem::GetAllElementValuesAsString`; dates and times stay as they stand in the file.
"""

from __future__ import annotations

from typing import Any


def read_header(path: str) -> Any:
    """Read a file up to its pixels; None when it is no DICOM file."""
    import pydicom

    try:
        return pydicom.dcmread(path, defer_size=1024, stop_before_pixels=True)
    except (OSError, pydicom.errors.InvalidDicomError, ValueError, NotImplementedError, AttributeError):
        return None


def text_of(dataset: Any, tag: str) -> str:
    """Give the value of a tag such as ``0010,0010``; empty when it is missing or has no value."""
    group, element = (int(part, 16) for part in tag.split(","))
    try:
        found = dataset.get((group, element))
        value = None if found is None else found.value
    except (ValueError, TypeError, KeyError, NotImplementedError):
        return ""
    if value is None or found.VR in {"SQ", "OB", "OW", "OF", "OD", "UN"}:
        return ""
    values = [value] if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") else value
    if found.VR == "PN":
        values = [value] if not hasattr(value, "append") else list(value)
    return "\\".join(str(entry).strip(" \0") for entry in values)
