"""Writes the table of identifying DICOM attributes, from a maintained package.

Source: DICOM PS3.15 table E.1-1 as Kitware's dicom-anonymizer (BSD-3-Clause) transcribes it from the standard,
with keywords and value representations from pydicom's data dictionary. Run it after an update of that package.
"""

from __future__ import annotations

import importlib
from pathlib import Path

EDITION = "2026c"
TARGET = (
    Path(__file__).resolve().parents[2] / "AgentBridge" / "AgentBridgeLib" / "model" / "confidentiality.txt"
)


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


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="ascii", newline="\n")
