"""Which DICOM attributes identify a patient: DICOM PS3.15 table E.1-1, edition 2026c.

The rows beside this file are written by `Testing/devtools/confidentiality_table.py` from dicom-anonymizer 2.1.0
(Kitware, BSD-3-Clause), which transcribes the table of the standard; a test compares them with that package.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# One attribute a line: tag, value representation, keyword.
_ROWS = tuple(
    row.split() for row in Path(__file__).with_suffix(".txt").read_text(encoding="ascii").splitlines()
)

REPRESENTATIONS: Mapping[str, str] = MappingProxyType({keyword: kind for _, kind, keyword in _ROWS})
"""Keyword to value representation."""

KEYWORD_OF_TAG: Mapping[str, str] = MappingProxyType({tag: keyword for tag, _, keyword in _ROWS})
"""Tag as DICOM JSON writes it (``00100010``) to keyword."""

_TEXTS = frozenset({"PN", "LO", "SH", "ST", "LT", "UT", "UC", "UI", "DA", "DT", "TM"})

FOUND_BY_VALUE = frozenset(keyword for keyword, kind in REPRESENTATIONS.items() if kind in _TEXTS)
"""Attributes whose value is looked for in every text. The others (codes, ages, weights, sequences) would turn up in
texts that have nothing to do with the patient; they are covered where they stand under their own name."""

COVERED_BY_NAME = frozenset(keyword for keyword, kind in REPRESENTATIONS.items() if kind != "UI")
"""Attributes whose value is covered wherever a member has their name. UIDs are handles: they are found by value."""
