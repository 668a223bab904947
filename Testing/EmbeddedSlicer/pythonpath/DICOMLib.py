"""Slicer's `DICOMLib` on machines without Slicer: the listener; every other name says that it is missing."""

from __future__ import annotations

from typing import Any

from EmbeddedSlicer.dicom.listener import DICOMListener
from EmbeddedSlicer.not_emulated import refuse

__all__ = ["DICOMListener"]


def __getattr__(name: str) -> Any:
    error = refuse(f"DICOMLib.{name}")
    raise error
