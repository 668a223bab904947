"""Order the slices of a series in space, and refuse a series that is no regular stack.

Slicer's reader takes files in the order given, and the distance of the first two as the spacing of all: an unsorted or
gapped series loads without a complaint, with shuffled slices or wrong lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

GEOMETRY_TAGS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SOPInstanceUID",
    "SamplesPerPixel",
)
DISTANCE_TOLERANCE_MM = 0.01
RELATIVE_TOLERANCE = 0.01
DIRECTION_TOLERANCE = 1e-3


class NoStackError(Exception):
    """The slices are no regular stack; the text says why."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What is known of one slice.

    Attributes
    ----------
    position_lps
        Center of the first voxel, in mm.
    axes
        Directions of a row and of a column in LPS, shape (2, 3).
    shape
        Rows, columns, and spacing of rows and of columns in mm.
    frame
        Frame of the instance, from 0.
    """

    path: str
    uid: str
    position_lps: Any
    axes: Any
    shape: tuple[float, ...]
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in the order of their positions along the normal; `spacing_mm` is None of a single one."""

    slices: tuple[Slice, ...]
    spacing_mm: float | None


def read_slice(path: str, dataset: Any) -> Slice:
    """Take the geometry of a data set with `GEOMETRY_TAGS`.

    Raises
    ------
    NoStackError
        It is no single-frame image with a place in the patient.
    """
    if str(dataset.get("NumberOfFrames", 1) or 1) not in {"0", "1"}:
        raise NoStackError("it has multi-frame images of a class without a place for each frame")
    if not dataset.get("Rows"):
        raise NoStackError("it has no images")
    try:
        position = np.array([float(value) for value in dataset.ImagePositionPatient])
        axes = np.array([float(value) for value in dataset.ImageOrientationPatient]).reshape(2, 3)
        spacing = tuple(float(value) for value in dataset.PixelSpacing)
    except (AttributeError, TypeError, ValueError):
        raise NoStackError(
            "an image says neither position nor orientation nor spacing, or not completely"
        ) from None
    if position.shape != (3,) or len(spacing) != 2:
        raise NoStackError("an image has an incomplete position or spacing")
    shape = (float(dataset.Rows), float(dataset.Columns), *spacing)
    return Slice(path, str(dataset.SOPInstanceUID), position, axes, shape)


def order(slices: Sequence[Slice]) -> Stack:
    """Sort slices along their normal.

    Raises
    ------
    NoStackError
        Sizes or directions differ, two slices share a position, the stack is sheared, or distances differ by more than
        0.01 mm and 1 %.
    """
    first = slices[0]
    if any(one.shape != first.shape for one in slices):
        raise NoStackError("its images differ in size or pixel spacing")
    if any(np.abs(one.axes - first.axes).max() > DIRECTION_TOLERANCE for one in slices):
        raise NoStackError("its images differ in orientation")
    normal = np.cross(first.axes[0], first.axes[1])
    ordered = sorted(slices, key=lambda one: float(one.position_lps @ normal))
    if len(ordered) == 1:
        return Stack(tuple(ordered), None)
    steps = np.diff([one.position_lps for one in ordered], axis=0)
    distances = steps @ normal
    typical = float(np.median(distances))
    if distances.min() < DISTANCE_TOLERANCE_MM:
        raise NoStackError("two of its slices are at the same position")
    allowed = max(DISTANCE_TOLERANCE_MM, RELATIVE_TOLERANCE * typical)
    if np.abs(distances - typical).max() > allowed:
        raise NoStackError(
            f"its slices are not evenly spaced: {distances.min():.3f} to {distances.max():.3f} mm; slices are missing "
            "or several stacks are mixed"
        )
    drift = np.abs(steps - np.outer(distances, normal)).max()
    if drift > allowed:
        raise NoStackError(f"its slices are shifted against each other by {drift:.3f} mm (a tilted gantry)")
    return Stack(tuple(ordered), typical)
