"""Check what a client says about where voxels shall lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.operations.common.matrices import Matrix

SMALLEST_DETERMINANT = 1e-9
"""Of unit vectors: below, they lie in a plane as good as."""
LONGEST_MM = 1e7
"""Lengths and positions beyond are no mm of a patient, and products of them are not exact."""


def placed(
    dimensions_ijk: tuple[int, int, int],
    spacing_mm: Sequence[float],
    origin_ras: Sequence[float],
    axes: Matrix,
) -> Grid:
    """Make a grid.

    Parameters
    ----------
    dimensions_ijk, spacing_mm
        Voxels along i, j, k, and the distances of their centers.
    origin_ras
        Center of voxel (0, 0, 0).
    axes
        Directions of i, j, k in RAS, one in each row; of any length.

    Raises
    ------
    ArgumentInvalidError
        A spacing is not above 0, or the axes do not span space; the message names `spacing_mm`, `origin_ras` or
        `axes_ras`.
    """
    spacing, rows = np.array(spacing_mm, float), np.array(axes, float)
    if not (spacing > 0).all() or spacing.max() > LONGEST_MM:
        raise invalid("spacing_mm", "distances must be above 0, and in mm")
    if np.abs(np.array(origin_ras)).max() > LONGEST_MM:
        raise invalid("origin_ras", f"a coordinate is beyond {LONGEST_MM:g} mm")
    lengths = np.linalg.norm(rows, axis=1)
    if not (lengths > 0).all() or abs(np.linalg.det(rows / lengths[:, None])) < SMALLEST_DETERMINANT:
        raise invalid("axes_ras", "the axes do not span space")
    matrix = np.eye(4)
    matrix[:3, :3] = (rows / lengths[:, None]).T * spacing
    matrix[:3, 3] = origin_ras
    return Grid(dimensions_ijk, matrix)


def placed_by_matrix(dimensions_ijk: tuple[int, int, int], ijk_to_ras: Matrix) -> Grid:
    """Make a grid.

    Raises
    ------
    ArgumentInvalidError
        The matrix is singular or not affine; the message names `ijk_to_ras`.
    """
    lengths = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    is_affine = tuple(ijk_to_ras[3]) == (0, 0, 0, 1) and np.abs(ijk_to_ras).max() <= LONGEST_MM
    if not is_affine or not (lengths > 0).all():
        raise invalid("ijk_to_ras", "it is singular, its last row is not 0,0,0,1, or it is not in mm")
    if abs(np.linalg.det(ijk_to_ras[:3, :3] / lengths)) < SMALLEST_DETERMINANT:
        raise invalid("ijk_to_ras", "it is singular")
    return Grid(dimensions_ijk, np.array(ijk_to_ras, float))
