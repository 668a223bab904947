"""Values between voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

Interpolation = Literal["nearest", "linear"]


def interpolate(array: Array, points_ijk: Matrix, interpolation: Interpolation) -> Array:
    """Take values of an image at indices that need not be whole.

    Parameters
    ----------
    array
        Shape (k, j, i).
    points_ijk
        Shape (n, 3), order (i, j, k), zero-based at voxel centers.
    interpolation
        ``nearest``, or ``linear`` between the eight neighbors. In the outer half of a border voxel `linear` goes on
        with the value at its center.

    Returns
    -------
    Array
        Shape (n,), float64; NaN where a point lies outside the outer faces of the image.
    """
    counts = np.array(array.shape[::-1])
    is_inside = lies_inside(array, points_ijk)
    values = np.full(len(points_ijk), np.nan)
    inner = np.clip(points_ijk[is_inside], 0, counts - 1)
    if interpolation == "nearest":
        i, j, k = np.clip(np.floor(points_ijk[is_inside] + 0.5).astype(np.intp), 0, counts - 1).T
        values[is_inside] = array[k, j, i]
    else:
        values[is_inside] = _linear(array, inner, counts)
    return values


def lies_inside(array: Array, points_ijk: Matrix) -> Array:
    """Say which points lie inside the outer faces of an image; shape (n,), bool."""
    counts = np.array(array.shape[::-1])
    return np.asarray(((points_ijk >= -0.5) & (points_ijk <= counts - 0.5)).all(axis=1))


def _linear(array: Array, points_ijk: Matrix, counts: Array) -> Array:
    low = np.minimum(points_ijk.astype(np.intp), np.maximum(counts - 2, 0))
    high = np.minimum(low + 1, counts - 1)
    part = points_ijk - low
    total = np.zeros(len(points_ijk))
    for corner in range(8):
        chosen = [(corner >> axis) & 1 for axis in range(3)]
        weight = np.prod([part[:, axis] if chosen[axis] else 1 - part[:, axis] for axis in range(3)], axis=0)
        i, j, k = ((high if chosen[axis] else low)[:, axis] for axis in range(3))
        # Nothing of a neighbor with weight 0 counts, not even its NaN.
        total += np.where(weight > 0, weight * np.where(weight > 0, array[k, j, i], 0), 0)
    return total
