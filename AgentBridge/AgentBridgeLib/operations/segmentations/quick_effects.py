"""Effects that are computed slab by slab on Slicer's own thread: combinations, thresholds, balls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.operations.common.stepping import slabs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

ROUNDING = 1e-9
COMBINATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "union": lambda one, two: one | two,
    "intersect": lambda one, two: one & two,
    "subtract": lambda one, two: one & ~two,
    "copy": lambda _, two: two,
    "invert": lambda one, _: ~one,
    "clear": lambda one, _: np.zeros_like(one),
    "fill": lambda one, _: np.ones_like(one),
}
"""What becomes of a mask and the second operand (itself where there is none)."""


def combine(effect: str, mask: Array, other: Array) -> Generator[Progress, None, Array]:
    """Combine two masks, shape (k, j, i)."""
    result = np.empty_like(mask)
    for start, stop in slabs(len(mask), mask[0].size):
        result[start:stop] = COMBINATIONS[effect](mask[start:stop], other[start:stop])
        yield Progress(None, "Combining voxels")
    return result


def in_range(values: Array, minimum: float | None, maximum: float | None) -> Generator[Progress, None, Array]:
    """Say of each voxel whether its value lies in a range, ends included; NaN lies in none."""
    result = np.empty(values.shape, bool)
    for start, stop in slabs(len(values), values[0].size):
        part = values[start:stop]
        inside = part == part  # noqa: PLR0124 - NaN is no value
        if minimum is not None:
            inside &= part >= minimum
        if maximum is not None:
            inside &= part <= maximum
        result[start:stop] = inside
        yield Progress(None, "Comparing voxels")
    return result


def balls(
    shape_kji: Sequence[int], ijk_to_world: Matrix, centers_ras: Sequence[Sequence[float]], radius_mm: float
) -> Generator[Progress, None, Array]:
    """Mark the voxels whose centers are at most so far from one of the centers, in the world."""
    result = np.zeros(tuple(shape_kji), bool)
    from_world = np.linalg.inv(ijk_to_world)
    reach = np.linalg.norm(from_world[:3, :3], axis=1) * radius_mm
    counts = np.array(tuple(reversed(shape_kji)))
    for center in centers_ras:
        index = from_world[:3, :3] @ np.array(center) + from_world[:3, 3]
        low = np.maximum(np.ceil(index - reach - ROUNDING).astype(int), 0)
        high = np.minimum(np.floor(index + reach + ROUNDING).astype(int) + 1, counts)
        if (low >= high).any():
            continue
        for start, stop in slabs(int(high[2] - low[2]), int((high[1] - low[1]) * (high[0] - low[0]))):
            k0, k1 = int(low[2]) + start, int(low[2]) + stop
            k, j, i = np.ogrid[k0:k1, low[1] : high[1], low[0] : high[0]]
            square = sum(
                (row[0] * i + row[1] * j + row[2] * k + (row[3] - position)) ** 2
                for row, position in zip(ijk_to_world[:3], center, strict=True)
            )
            result[k0:k1, low[1] : high[1], low[0] : high[0]] |= square <= radius_mm**2 * (1 + ROUNDING)
            yield Progress(None, "Painting")
    return result
