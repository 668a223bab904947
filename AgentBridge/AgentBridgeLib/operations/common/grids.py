"""Where the voxels of an image lie: dimensions and the matrix from indices to RAS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.operations.common import matrices

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix

SAME_POSITION_MM = 1e-3
"""Two grids are the same when no corner differs by more; a thousandth of a millimeter is below any scanner."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels.

    Attributes
    ----------
    dimensions_ijk
        Number of voxels along i, j, k.
    ijk_to_ras
        4 by 4 matrix from zero-based indices at voxel centers to RAS in mm.
    """

    dimensions_ijk: tuple[int, int, int]
    ijk_to_ras: Matrix

    @classmethod
    def of(cls, volume: Any) -> Grid:
        """Read the grid of a volume node, in the node's own coordinates: without its parent transforms.

        Raises
        ------
        NodeTypeError
            Its geometry is not finite.
        """
        matrix = vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        image = volume.GetImageData()
        dimensions = image.GetDimensions() if image is not None else (0, 0, 0)
        found = matrices.from_vtk(matrix)
        if not np.isfinite(found).all():
            raise NodeTypeError(f"{volume.GetID()} lies nowhere: its geometry is not finite. Load it anew.")
        return cls(dimensions, found)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of voxel centers along i, j, k."""
        i, j, k = (float(value) for value in np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0))
        return i, j, k

    @property
    def origin_ras(self) -> tuple[float, float, float]:
        """Center of the first voxel."""
        r, a, s = (float(value) for value in self.ijk_to_ras[:3, 3])
        return r, a, s

    @property
    def axes_ras(self) -> Matrix:
        """Unit vectors of i, j, k; shape (3, 3), one axis in each row."""
        return (self.ijk_to_ras[:3, :3] / np.array(self.spacing_mm)).T

    @property
    def is_left_handed(self) -> bool:
        """Whether i × j points against k."""
        return bool(np.linalg.det(self.ijk_to_ras[:3, :3]) < 0)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])))

    def part(
        self, start_ijk: tuple[int, int, int], dimensions_ijk: tuple[int, int, int], stride: int
    ) -> Grid:
        """Give the grid of every `stride`-th voxel from `start_ijk` on."""
        step = np.diag([stride, stride, stride, 1.0])
        step[:3, 3] = start_ijk
        return Grid(dimensions_ijk, self.ijk_to_ras @ step)

    def corners_ijk(self) -> Matrix:
        """Outer corners of the outermost voxels; shape (8, 3)."""
        ends = [(-0.5, count - 0.5) for count in self.dimensions_ijk]
        return np.array([[i, j, k] for i in ends[0] for j in ends[1] for k in ends[2]])

    def is_same(self, other: Grid) -> bool:
        """Whether both have the same voxels at the same places."""
        if self.dimensions_ijk != other.dimensions_ijk:
            return False
        corners = self.corners_ijk()
        difference = matrices.apply(self.ijk_to_ras, corners) - matrices.apply(other.ijk_to_ras, corners)
        return bool(np.abs(difference).max() <= SAME_POSITION_MM)
