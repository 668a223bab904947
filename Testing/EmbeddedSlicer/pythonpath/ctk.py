"""Slicer's `ctk` on machines without Slicer: what panels use; every other name says that it is missing."""

from __future__ import annotations

import importlib
from typing import Any

from EmbeddedSlicer.not_emulated import refuse

_EMULATED = {
    "ctkCollapsibleButton": "EmbeddedSlicer.ctk_widgets.collapsible_button",
    "ctkDICOMDatabase": "EmbeddedSlicer.dicom.database",
    "ctkDICOMIndexer": "EmbeddedSlicer.dicom.indexer",
    "ctkSettingsPanel": "EmbeddedSlicer.ctk_widgets.settings_panel",
}


def __getattr__(name: str) -> Any:
    if name not in _EMULATED:
        error = refuse(f"ctk.{name}")
        raise error
    value = importlib.import_module(_EMULATED[name]).facade
    globals()[name] = value
    return value
