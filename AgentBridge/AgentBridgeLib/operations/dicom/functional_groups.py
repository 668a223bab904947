"""What multi-frame objects say about each of their frames (PS3.3, C.7.6.16)."""

from __future__ import annotations

from typing import Any

import numpy as np

from AgentBridgeLib.operations.dicom.stack import NoStackError, Slice


def frame_count(dataset: Any) -> int:
    """Count the frames; 0 when their functional groups are missing.

    Raises
    ------
    NoStackError
        It has more or fewer frames than it describes.
    """
    described = len(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if described and described != count:
        raise NoStackError(f"it says that it has {count} frames but describes {described}")
    return described


def item_of(dataset: Any, frame: int, macro: str) -> Any:
    """Give the item of a functional group macro for a frame (from 0): its own, else the shared one, else None."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for group in (dataset.PerFrameFunctionalGroupsSequence[frame], *shared[:1]):
        found = group.get(macro)
        if found:
            return found[0]
    return None


def place_of(dataset: Any, frame: int, path: str) -> Slice:
    """Take the geometry of a frame.

    Raises
    ------
    NoStackError
        It does not say where it is in the patient.
    """
    position, orientation, measures = (
        item_of(dataset, frame, macro)
        for macro in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    )
    try:
        return Slice(
            path,
            str(dataset.SOPInstanceUID),
            np.array([float(value) for value in position.ImagePositionPatient]).reshape(3),
            np.array([float(value) for value in orientation.ImageOrientationPatient]).reshape(2, 3),
            (float(dataset.Rows), float(dataset.Columns), *map(float, measures.PixelSpacing)),
            frame,
        )
    except (AttributeError, TypeError, ValueError):
        raise NoStackError(
            "a frame says neither position nor orientation nor spacing, or not completely"
        ) from None


def measure_of(dataset: Any, keyword: str) -> list[float]:
    """Give ``SpacingBetweenSlices`` or ``SliceThickness`` in mm; nothing when it does not say."""
    measures = item_of(dataset, 0, "PixelMeasuresSequence")
    value = measures.get(keyword) if measures else None
    return [abs(float(value))] if value else []
