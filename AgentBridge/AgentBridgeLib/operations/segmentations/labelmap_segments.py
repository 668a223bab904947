"""Make segments of labelmaps: one image that segments share, each with a value of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.segmentations.description import MOST_SEGMENTS
from AgentBridgeLib.operations.segmentations.labelmaps import BINARY_LABELMAP, oriented_image

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

MOST_LABEL = 32767
"""Slicer merges labelmaps into int16."""


@dataclass(frozen=True, slots=True)
class NewSegment:
    """What a segment of a labelmap shall be.

    Attributes
    ----------
    label, layer
        Value of its voxels, and in which image of several.
    id, name, color
        None: chosen by Slicer, or from the label.
    tags
        Slicer's tags, such as TerminologyEntry.
    """

    label: int
    layer: int = 0
    id: str | None = None
    name: str | None = None
    color: tuple[float, float, float] | None = None
    tags: Mapping[str, str] | None = None


def labels_in(array: Array) -> Generator[Progress, None, list[int]]:
    """List the labels of an integer array (k, j, i), without 0, in slabs.

    Raises
    ------
    DataInvalidError
        Voxels are no integers from 0 to 32767, or there are more than 1000 labels.
    """
    if array.dtype.kind not in "iub":
        raise DataInvalidError("A labelmap needs integer voxels: 0 is background, other values are segments.")
    found: set[int] = set()
    k, j, i = array.shape
    for start, stop in slabs(k, j * i):
        part = array[start:stop]
        low, high = int(part.min()), int(part.max())
        if low < 0 or high > MOST_LABEL:
            raise DataInvalidError(f"Labels go from 0 to {MOST_LABEL}; there is {low if low < 0 else high}.")
        found.update(np.flatnonzero(np.bincount(part.reshape(-1), minlength=1)).tolist())
        yield Progress(0.5 * stop / k, "Looking for labels")
    found.discard(0)
    if len(found) > MOST_SEGMENTS:
        raise DataInvalidError(
            f"There are {len(found)} labels; a segmentation made here has at most {MOST_SEGMENTS}."
        )
    return sorted(found)


def as_labels(array: Array) -> Array:
    """Give labels as a type that Slicer handles everywhere, copied only if it is another one."""
    if array.dtype.name in {"uint8", "int16"}:
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array, np.int16)


def add_segments(node: Any, layers: Sequence[Array], grid: Grid, segments: Sequence[NewSegment]) -> list[str]:
    """Add segments that share the images of their layers; gives their ids.

    Parameters
    ----------
    layers
        Labels, shape (k, j, i); kept by the segments.
    """
    from slicer import vtkSegment

    images = [oriented_image(as_labels(layer), grid.ijk_to_ras) for layer in layers]
    segmentation, ids = node.GetSegmentation(), []
    was_modifying = node.StartModify()
    try:
        for wanted in segments:
            segment = vtkSegment()
            segment.SetLabelValue(wanted.label)
            segment.SetName(wanted.name or f"Segment_{wanted.label}")
            if wanted.color is not None:
                segment.SetColor(*wanted.color)
            for name, value in (wanted.tags or {}).items():
                segment.SetTag(name, value)
            segment.AddRepresentation(BINARY_LABELMAP, images[wanted.layer])
            segment_id = wanted.id or segmentation.GenerateUniqueSegmentID(f"Segment_{wanted.label}")
            segmentation.AddSegment(segment, segment_id)
            ids.append(segment_id)
    finally:
        node.EndModify(was_modifying)
    return ids


def colors_of(labelmap_node: Any, labels: Sequence[int]) -> list[NewSegment]:
    """Name and color labels as the color table of a labelmap node does."""
    display = labelmap_node.GetDisplayNode()
    table = display.GetColorNode() if display is not None else None
    return [_named(table, label) for label in labels]


def _named(table: Any, label: int) -> NewSegment:
    if table is None or label >= table.GetNumberOfColors():
        return NewSegment(label)
    color = [0.0] * 4
    table.GetColor(label, color)
    name = table.GetColorName(label)
    is_name = bool(name) and name != "(none)" and table.GetNoName() != name
    return NewSegment(label, name=name if is_name else None, color=(color[0], color[1], color[2]))
