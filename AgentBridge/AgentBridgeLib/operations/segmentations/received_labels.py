"""Labelmap bytes that a client sent: their voxels, where those lie, and which segments they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, GeometryMismatchError
from AgentBridgeLib.operations.segmentations.labelmap_segments import NewSegment, labels_in
from AgentBridgeLib.operations.segmentations.labelmaps import edit_grid
from AgentBridgeLib.operations.segmentations.segment_headers import read_segments
from AgentBridgeLib.operations.volumes import byte_formats

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

SAME_VOXEL = 1e-3
"""A box lies on a grid when its voxels are where those of the grid are, to this share of a voxel."""


class Received:
    """Voxels, where they lie, and what was assumed."""

    def __init__(self, array: Array, grid: Grid | None, warnings: Sequence[str]) -> None:
        self.array, self.warnings = array, tuple(warnings)
        self._grid = grid

    @property
    def has_grid(self) -> bool:
        """Whether the bytes said where the voxels lie."""
        return self._grid is not None

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        if self._grid is None:
            raise GeometryMismatchError("The bytes do not say where the voxels lie.")
        return self._grid

    def placed(self, grid: Grid) -> Received:
        """Give the same voxels on a grid."""
        return Received(self.array, grid, self.warnings)


def receive(context: OperationContext, view: memoryview) -> Generator[Progress, None, Received]:
    """Read NRRD or NPY bytes.

    Raises
    ------
    DataInvalidError, OutOfMemoryError
        As `byte_formats.read_volume`.
    """
    reading = byte_formats.read_volume(context.host.application, view)
    while True:
        try:
            yield Progress(next(reading), "Decompressing")
        except StopIteration as end:
            return Received(end.value.array, end.value.grid, end.value.warnings)


def receive_for(
    context: OperationContext, node: Any, view: memoryview, format_name: str | None, raw_type: str
) -> Generator[Progress, None, Received]:
    """Read bytes; those that do not say where they lie must have the dimensions of the reference grid.

    Raises
    ------
    DataInvalidError, OutOfMemoryError
        As `receive`.
    GeometryMismatchError
        They have other dimensions.
    """
    if format_name == "raw":
        grid = edit_grid(node)
        shape = tuple(reversed(grid.dimensions_ijk))
        return Received(byte_formats.read_raw(view, raw_type, shape), grid, ())
    received = yield from receive(context, view)
    if received.has_grid:
        return received
    grid = edit_grid(node)
    require_shape(received.array, grid)
    return received.placed(grid)


def require_shape(array: Array, grid: Grid) -> None:
    """Refuse voxels that a grid does not have.

    Raises
    ------
    GeometryMismatchError
        The dimensions differ.
    """
    shape = tuple(reversed(grid.dimensions_ijk))
    if array.shape[:3] != shape:
        raise GeometryMismatchError(
            f"The grid has (k, j, i) = {shape} voxels; the bytes have {array.shape[:3]}. Other dimensions need NRRD "
            "bytes, which say where the voxels lie."
        )


def segments_of(
    array: Array, view: memoryview, received: Received
) -> Generator[Progress, None, tuple[list[Array], list[NewSegment], tuple[str, ...]]]:
    """Give the layers, the segments in them, and what is to be said about it."""
    layers = (
        [array] if array.ndim == 3 else [np.ascontiguousarray(array[..., n]) for n in range(array.shape[3])]
    )
    named = read_segments(view) if bytes(view[:4]) == b"NRRD" else []
    if any(segment.layer >= len(layers) for segment in named):
        raise DataInvalidError(f"The header names a layer that is not there; the data has {len(layers)}.")
    warnings, unnamed = list(received.warnings), []
    for number, layer in enumerate(layers):
        labels = yield from labels_in(layer)
        known = {segment.label for segment in named if segment.layer == number}
        unnamed += [NewSegment(label, number) for label in labels if label not in known]
    if named and unnamed:
        warnings.append(f"{len(unnamed)} labels are not named in the header; they became segments too.")
    if not named and not unnamed:
        warnings.append("There are no labels but 0: there is no segment.")
    return layers, [*named, *unnamed], tuple(warnings)


def start_on(grid: Grid, part: Grid) -> tuple[int, int, int]:
    """Find the index of the first voxel of a box on a grid.

    Raises
    ------
    GeometryMismatchError
        Its voxels are elsewhere, or some of them outside.
    """
    between = np.linalg.inv(grid.ijk_to_ras) @ part.ijk_to_ras
    i, j, k = (round(value) for value in between[:3, 3])
    ends = part.corners_ijk()
    moved = ends @ between[:3, :3].T + between[:3, 3]
    is_same = np.abs(moved - ends - (i, j, k)).max() <= SAME_VOXEL
    counts = zip((i, j, k), part.dimensions_ijk, grid.dimensions_ijk, strict=True)
    if not is_same or any(not 0 <= start <= start + count <= limit for start, count, limit in counts):
        raise GeometryMismatchError(
            "The voxels do not lie where those of the segmentation's reference grid do. Send voxels of that grid, or "
            "of a box of it; segmentations.labelmap tells where it lies.",
            facts={
                "dimensions_ijk": list(part.dimensions_ijk),
                "reference_dimensions_ijk": list(grid.dimensions_ijk),
                "reference_spacing_mm": list(grid.spacing_mm),
            },
        )
    return i, j, k


def on_grid(array: Array, start: tuple[int, int, int], grid: Grid) -> Array:
    """Put a box of voxels on its grid, as a mask."""
    i, j, k = start
    mask = np.zeros(tuple(reversed(grid.dimensions_ijk)), bool)
    depth, height, width = array.shape
    mask[k : k + depth, j : j + height, i : i + width] = array != 0
    return mask
