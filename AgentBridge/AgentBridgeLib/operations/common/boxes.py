"""Boxes in the world, of any orientation: where a ROI is, or bounds are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.matrices import Matrix

ROI = "vtkMRMLMarkupsROINode"


@dataclass(frozen=True, eq=False)
class Box:
    """A box.

    Attributes
    ----------
    center_ras
        Its middle, mm.
    axes_ras
        Unit vectors along its edges, one in each row.
    size_mm
        Its extents along them; 0 for a ROI that is not placed yet.
    """

    center_ras: Matrix
    axes_ras: Matrix
    size_mm: Matrix

    @classmethod
    def of_roi(cls, roi: Any) -> Box:
        """Read a ROI markup in the world, its parent transforms applied."""
        center, size, axis = [0.0] * 3, [0.0] * 3, [0.0] * 3
        roi.GetCenterWorld(center)
        roi.GetSizeWorld(size)
        axes = []
        for index in range(3):
            roi.GetAxisWorld(index, axis)
            axes.append(np.array(axis) / np.linalg.norm(axis))
        return cls(np.array(center), np.array(axes), np.array(size))

    @classmethod
    def of_bounds(cls, bounds_ras: Sequence[float]) -> Box:
        """Make one of (R min, R max, A min, A max, S min, S max)."""
        ends = np.array(bounds_ras, float).reshape(3, 2)
        return cls(ends.mean(axis=1), np.eye(3), ends[:, 1] - ends[:, 0])

    @classmethod
    def of_grid(cls, grid: Grid) -> Box:
        """Make one of the outer faces of voxels."""
        middle = (np.array(grid.dimensions_ijk, float) - 1) / 2
        center = grid.ijk_to_ras[:3, :3] @ middle + grid.ijk_to_ras[:3, 3]
        return cls(center, grid.axes_ras, np.array(grid.dimensions_ijk) * grid.spacing_mm)

    def corners_ras(self) -> Matrix:
        """Give the corners; shape (8, 3)."""
        signs = np.array([[r, a, s] for r in (-0.5, 0.5) for a in (-0.5, 0.5) for s in (-0.5, 0.5)])
        return self.center_ras + (signs * self.size_mm) @ self.axes_ras
