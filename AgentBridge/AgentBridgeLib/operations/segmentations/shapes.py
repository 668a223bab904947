"""What a segment is like in space: voxels, centroid, bounds, principal axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.model.frames import position_in
from AgentBridgeLib.model.segmentations import OrientedBounds
from AgentBridgeLib.operations.common import matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.model.frames import Frame
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array


class Shape:
    """Collects what a segment is like in space, slab by slab."""

    def __init__(self, ijk_to_ras: Matrix, to_world: Matrix) -> None:
        self.ijk_to_world = to_world @ ijk_to_ras
        self.voxel_count = 0
        self.low_ijk = np.full(3, np.iinfo(np.int64).max)
        self.high_ijk = np.full(3, -1)
        self._sum_ijk = np.zeros(3)
        self._products_ijk = np.zeros((3, 3))
        self._ends_ijk: list[Array] = []
        self._low_ras, self._high_ras = np.full(3, math.inf), np.full(3, -math.inf)

    def add(self, mask: Array, first_k: int) -> None:
        """Add slices of the segment, shape (k, j, i), beginning at `first_k`."""
        in_row = mask.any(axis=2)
        if not in_row.any():
            return
        k, j = np.nonzero(in_row)
        rows = mask[k, j]
        counts = np.count_nonzero(rows, axis=1)
        first = rows.argmax(axis=1)
        last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
        k = k + first_k
        self.voxel_count += int(counts.sum())
        self._add_moments(rows, counts, j, k)
        # Along a row positions are extreme at its ends.
        ends = np.concatenate([np.stack([first, j, k], axis=1), np.stack([last, j, k], axis=1)])
        self.low_ijk = np.minimum(self.low_ijk, ends.min(axis=0))
        self.high_ijk = np.maximum(self.high_ijk, ends.max(axis=0))
        self._ends_ijk.append(ends.astype(np.int32))
        centers = matrices.apply(self.ijk_to_world, ends)
        self._low_ras = np.minimum(self._low_ras, centers.min(axis=0))
        self._high_ras = np.maximum(self._high_ras, centers.max(axis=0))

    def _add_moments(self, rows: Array, counts: Array, j: Array, k: Array) -> None:
        along = np.arange(rows.shape[1], dtype=float)
        in_row = rows.astype(float) @ np.stack([along, along**2], axis=1)
        columns = np.stack([in_row[:, 0], counts * j, counts * k], axis=1).astype(float)
        self._sum_ijk += columns.sum(axis=0)
        products = np.empty((3, 3))
        products[0] = in_row[:, 1].sum(), (in_row[:, 0] * j).sum(), (in_row[:, 0] * k).sum()
        products[1] = products[0, 1], (counts * j * j).sum(), (counts * j * k).sum()
        products[2] = products[0, 2], products[1, 2], (counts * k * k).sum()
        self._products_ijk += products

    @property
    def ends_ijk(self) -> Array:
        """First and last voxel of each row of the segment, shape (n, 3)."""
        return np.concatenate(self._ends_ijk)

    def principal_axes(self) -> Matrix:
        """Give unit vectors in the world, one in each row, from the largest spread of voxel centers to the smallest.

        Right-handed; the largest component of the first two is positive.
        """
        mean = self._sum_ijk / self.voxel_count
        covariance_ijk = self._products_ijk / self.voxel_count - np.outer(mean, mean)
        turn = self.ijk_to_world[:3, :3]
        _, vectors = np.linalg.eigh(turn @ covariance_ijk @ turn.T)
        first, second = (one * np.sign(one[np.abs(one).argmax()]) for one in vectors.T[:0:-1])
        return np.stack([first, second, np.cross(first, second)])

    def extent_along(self, axes: Matrix) -> tuple[Array, Array]:
        """Give least and largest position along each axis, outer faces of the voxels included, mm."""
        half = np.abs(axes @ self.ijk_to_world[:3, :3]).sum(axis=1) / 2
        low, high = np.full(3, math.inf), np.full(3, -math.inf)
        for ends in self._ends_ijk:
            along = matrices.apply(self.ijk_to_world, ends) @ axes.T
            low, high = np.minimum(low, along.min(axis=0)), np.maximum(high, along.max(axis=0))
        return low - half, high + half

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in the world."""
        return float(abs(np.linalg.det(self.ijk_to_world[:3, :3])))

    @property
    def centroid_ras(self) -> Sequence[float] | None:
        """Mean of the voxel centers in the world; None for an empty segment."""
        if not self.voxel_count:
            return None
        return list(matrices.apply(self.ijk_to_world, (self._sum_ijk / self.voxel_count)[None, :])[0])

    @property
    def bounds_ras(self) -> Sequence[float] | None:
        """Outer faces of the voxels in the world; None for an empty segment."""
        if not self.voxel_count:
            return None
        half = np.abs(self.ijk_to_world[:3, :3]).sum(axis=1) / 2
        low, high = self._low_ras - half, self._high_ras + half
        return [value for axis in range(3) for value in (low[axis], high[axis])]

    @property
    def box_voxels(self) -> int:
        """Voxels of the box around the segment."""
        return math.prod(int(count) for count in self.high_ijk - self.low_ijk + 1)


def oriented_bounds(shape: Shape, frame: Frame) -> OrientedBounds | None:
    """Describe the box along the principal axes; None for an empty segment."""
    if not shape.voxel_count:
        return None
    axes = shape.principal_axes()
    low, high = shape.extent_along(axes)
    vectors: dict[str, Any] = {
        f"axes_{frame}": tuple(next(iter(position_in(frame, "axis", list(axis)).values())) for axis in axes)
    }
    center = (low + high) / 2 @ axes
    first, second, third = (float(length) for length in high - low)
    return OrientedBounds(
        **position_in(frame, "center", list(center)), size_mm=(first, second, third), **vectors
    )
