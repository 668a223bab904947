"""The longest distances inside a segment, exact between voxel centers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.frames import position_in
from AgentBridgeLib.model.segmentations import Diameter
from AgentBridgeLib.operations.common import matrices

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.model.frames import Frame
    from AgentBridgeLib.operations.common.voxels import Array
    from AgentBridgeLib.operations.segmentations.shapes import Shape

    Ends = tuple[Array, Array]

PAIRS_PER_STEP = 1 << 17
_SHARPER = 10


def longest_diameters(
    shape: Shape, frame: Frame
) -> Generator[Progress, None, tuple[Diameter | None, Diameter | None]]:
    """Measure the longest distance in space, and within one slice of the grid; None for an empty segment."""
    if not shape.voxel_count:
        return None, None
    ends_ijk = shape.ends_ijk
    points = matrices.apply(shape.ijk_to_world, ends_ijk)
    yield Progress(None, "Measuring diameters")
    in_space = yield from farthest_pair(points)
    best = (points[0], points[0])
    yield Progress(None, "Measuring diameters")
    for slice_points in _slices(ends_ijk[:, 2], points):
        if _size(slice_points) > _length(best):
            pair = yield from farthest_pair(slice_points)
            best = max(best, pair, key=_length)
    return _diameter(in_space, frame), _diameter(best, frame)


def farthest_pair(points: Array) -> Generator[Progress, None, Ends]:
    """Find the two points that are farthest apart.

    From a pair that is far apart, most points are known to be no end of a longer one: the distance of two points is at
    most the sum of theirs to the middle of that pair. What is left is compared, the outermost first.
    """
    best = yield from _far_pair(points)
    middle = (best[0] + best[1]) / 2
    points = points - middle
    radii = np.linalg.norm(points, axis=1)
    order = np.argsort(-radii)
    points, radii = points[order], radii[order]
    start = 0
    while start < len(points) and radii[start] > _length(best) / 2:
        others = points[: np.searchsorted(-radii, radii[start] - _length(best), side="right")]
        stop = start + max(1, PAIRS_PER_STEP // max(1, len(others)))
        chunk = points[start:stop]
        squares = (chunk**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * chunk @ others.T
        row, column = np.unravel_index(squares.argmax(), squares.shape)
        best = max(best, (chunk[row] + middle, others[column] + middle), key=_length)
        start = stop
        yield Progress(None, "Measuring diameters")
    return best


def _far_pair(points: Array) -> Generator[Progress, None, Ends]:
    """Go from a point to the one farthest from it, and again; seldom far from the best."""
    best = (points[0], points[0])
    for _ in range(_SHARPER):
        start = best[1]
        end = points[((points - start) ** 2).sum(axis=1).argmax()]
        if float(np.linalg.norm(end - start)) <= _length(best):
            break
        best = (start, end)
        yield Progress(None, "Measuring diameters")
    return best


def _slices(k: Array, points: Array) -> list[Array]:
    order = np.argsort(k, kind="stable")
    cuts = np.flatnonzero(np.diff(k[order])) + 1
    parts = np.split(points[order], cuts)
    return sorted(parts, key=lambda part: -_size(part))


def _size(points: Array) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _length(pair: Ends) -> float:
    return float(np.linalg.norm(pair[1] - pair[0]))


def _diameter(pair: Ends, frame: Frame) -> Diameter:
    return Diameter(
        length_mm=_length(pair),
        **position_in(frame, "start", list(pair[0])),
        **position_in(frame, "end", list(pair[1])),
    )
