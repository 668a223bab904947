"""Values of a volume at the voxels of a segmentation's grid, slab by slab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import GeometryMismatchError, NodeTypeError
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.interpolation import interpolate
from AgentBridgeLib.operations.common.stepping import slabs

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.operations.common.voxels import Array

STEP_POINTS = 1 << 14
"""Points that are interpolated in one step: some milliseconds."""
Box = tuple[tuple[int, ...], tuple[int, ...]]


def require_linear(*nodes: Any) -> None:
    """Refuse nodes whose parent transforms are not linear.

    Raises
    ------
    GeometryMismatchError
        One of them is under such a transform.
    """
    for node in nodes:
        if node is not None and not matrices.is_linear_to_world(node):
            raise GeometryMismatchError(
                f"{node.GetID()} has a parent transform that is not linear: harden it (transforms.harden)."
            )


def to_world(node: Any, grid: Grid) -> matrices.Matrix:
    """Give the matrix from indices of a segmentation's grid to the world, RAS mm."""
    return matrices.node_to_world(node) @ grid.ijk_to_ras


def values_on_grid(volume: Any, node: Any, grid: Grid, box: Box) -> Generator[Progress, None, Array]:
    """Give the values of a volume at the voxel centers of a box of the segmentation's grid.

    Where both have the same voxels they are the volume's own; else they are interpolated linearly, in the world, and
    NaN outside of the volume.

    Raises
    ------
    NodeTypeError
        The volume has no voxels, or several components.
    """
    array = voxels.voxels_of(volume)
    if array.ndim != 3:
        raise NodeTypeError(f"{volume.GetID()} has several components in each voxel; edits need one.")
    low, high = box
    own = Grid.of(volume)
    between = np.linalg.inv(matrices.node_to_world(volume)) @ matrices.node_to_world(node)
    if own.is_same(Grid(grid.dimensions_ijk, between @ grid.ijk_to_ras)):
        yield Progress(None, "Reading the volume")
        return array[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    to_index = np.linalg.inv(own.ijk_to_ras) @ between @ grid.ijk_to_ras
    shape = tuple(stop - start for start, stop in zip(low, high, strict=True))
    result = np.empty(shape, np.float32)
    rows = result.reshape(-1, shape[2])
    for start, stop in slabs(len(rows), shape[2], STEP_POINTS):
        k, j = np.divmod(np.arange(start, stop), shape[1])
        points = np.empty((stop - start, shape[2], 3))
        points[..., 0] = np.arange(low[2], high[2])
        points[..., 1], points[..., 2] = (j + low[1])[:, None], (k + low[0])[:, None]
        there = matrices.apply(to_index, points.reshape(-1, 3))
        rows[start:stop] = interpolate(array, there, "linear").reshape(-1, shape[2])
        yield Progress(None, "Interpolating the volume")
    return result
