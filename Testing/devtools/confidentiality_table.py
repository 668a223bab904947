"""Writes the table of identifying DICOM attributes into the source, from a maintained package.

Source: DICOM PS3.15 table E.1-1 as Kitware's dicom-anonymizer (BSD-3-Clause) transcribes it from the standard,
with keywords and value representations from pydicom's data dictionary. Run it after an update of that package.
"""

from __future__ import annotations

import importlib
from pathlib import Path

EDITION = "2026c"
TARGET = (
    Path(__file__).resolve().parents[2] / "AgentBridge" / "AgentBridgeLib" / "model" / "confidentiality.py"
)
BEGIN, END = '_TABLE = """\n', '"""\n'


def table() -> str:
    """Give the rows, one attribute each: tag, value representation, keyword; in the order of tags."""
    from pydicom.datadict import dictionary_keyword, dictionary_VR

    package = f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{EDITION}"
    lists = vars(importlib.import_module(package))
    tags = {tag for name, found in lists.items() if name.endswith("_TAGS") for tag in found if len(tag) == 2}
    rows = []
    for group, element in sorted(tags):
        try:
            representation = dictionary_VR((group, element)).partition(" ")[0]
            keyword = dictionary_keyword((group, element))
        except KeyError:  # newer than pydicom's dictionary, or a whole group
            continue
        if keyword:
            rows.append(f"{group:04X}{element:04X} {representation} {keyword}\n")
    return "".join(rows)


def render() -> str:
    """Give the whole source file with a fresh table."""
    head, _, rest = TARGET.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    return head + BEGIN + table() + END + tail


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
