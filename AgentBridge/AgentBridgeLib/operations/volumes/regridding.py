"""Where the voxels of a resampled volume lie, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import GeometryMismatchError, NodeTypeError
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.boxes import Box
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.reslicing import Kernel, is_long, reslice, working_bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

MOST_AXIS_VOXELS = 16384
WHOLE = 1e-6
"""How much an extent may exceed a whole number of voxels without getting one more."""
LATTICE = 7
SKIPPING = 1.5
"""Voxels larger than so many of the source skip values of it unless they average."""


@dataclass(frozen=True, eq=False)
class Regridding:
    """What to resample, and where to.

    Attributes
    ----------
    grid
        Voxels of the result, in the coordinates of its own node.
    to_source
        From indices of the result to those of the source: a 4 by 4 array, or a `vtkAbstractTransform`.
    """

    grid: Grid
    to_source: Any


def chosen_kernel(node: Any, asked: Kernel | None) -> Kernel:
    """Choose how to interpolate; labels are never averaged.

    Raises
    ------
    NodeTypeError
        Something else than ``nearest`` was asked for of a labelmap.
    """
    if not node.IsA("vtkMRMLLabelMapVolumeNode"):
        return asked or "linear"
    if asked not in {None, "nearest"}:
        raise NodeTypeError(f"{node.GetID()} is a labelmap: averages of labels mean nothing. Use nearest.")
    return "nearest"


def respaced(grid: Grid, spacing_mm: Sequence[float]) -> Grid:
    """Give the grid with another spacing around the same center; centers of voxels lie inside of the old faces."""
    return covering(Box.of_grid(grid), spacing_mm)


def covering(box: Box, spacing_mm: Sequence[float]) -> Grid:
    """Give the grid along the edges of a box that covers it, around its center."""
    counts = np.maximum(1, np.ceil(box.size_mm / spacing_mm - WHOLE))
    if counts.max() > MOST_AXIS_VOXELS:
        raise invalid(
            "spacing_mm", f"it makes {counts.max():.0f} voxels along an axis; {MOST_AXIS_VOXELS} are the most"
        )
    matrix = np.eye(4)
    matrix[:3, :3] = box.axes_ras.T * np.array(spacing_mm)
    matrix[:3, 3] = box.center_ras - matrix[:3, :3] @ ((counts - 1) / 2)
    i, j, k = (int(count) for count in counts)
    return Grid((i, j, k), matrix)


def spacing_along(grid: Grid, axes_ras: Matrix) -> tuple[float, float, float]:
    """Give for each of three directions the spacing of the axis of the grid that is most parallel to it."""
    i, j, k = (grid.spacing_mm[int(axis)] for axis in np.abs(axes_ras @ grid.axes_ras.T).argmax(axis=1))
    return i, j, k


def regrid(
    context: OperationContext, source: Array, work: Regridding, kernel: Kernel, fill_value: float
) -> Generator[Progress, None, tuple[Array, tuple[str, ...]]]:
    """Resample; gives the voxels, and what a reader of them should know.

    Raises
    ------
    GeometryMismatchError
        Source and result do not overlap.
    OutOfMemoryError
        The result would not fit into memory.
    ArgumentInvalidError
        The scalar type cannot hold `fill_value`.
    """
    background = voxels.held(fill_value, source.dtype, "fill_value")
    warnings = _warnings(source, work, kernel, fill_value)
    i, j, k = work.grid.dimensions_ijk
    size = working_bytes(source, work.to_source, (k, j, i), kernel)
    voxels.require_memory(context.host.application, size, "The result")
    working = reslice(source, work.to_source, (k, j, i), kernel, background)
    while True:
        try:
            yield Progress(next(working), "Resampling")
        except StopIteration as end:
            return end.value, warnings


def _warnings(source: Array, work: Regridding, kernel: Kernel, fill_value: float) -> tuple[str, ...]:
    warnings: list[str] = []
    places = _lattice(work)
    counts = np.array(source.shape[2::-1])
    is_below, is_above = places < -0.5 - WHOLE, places > counts - 0.5 + WHOLE
    if (is_below.all(axis=0) | is_above.all(axis=0)).any():
        raise GeometryMismatchError(
            "The volume and the place to take it to do not overlap: every voxel of the result would be `fill_value`."
        )
    outside = (is_below | is_above).any(axis=1)
    if outside.any():
        share = max(1, round(100 * float(outside.mean())))
        warnings.append(
            f"About {share} % of the result lie outside of the volume; voxels are {fill_value:g} there (`fill_value`)."
        )
    step = _step_voxels(work)
    if kernel in {"linear", "cubic"} and step > SKIPPING:
        warnings.append(
            f"Voxels of the result are {step:.2g} times as large as those of the volume along an axis, so that values "
            "in between do not count. `sinc` averages them; or smooth before (volumes.smooth)."
        )
    if kernel != "nearest" and is_long(source.dtype):
        warnings.append("64-bit integers were interpolated as float64: above 2^53 they are rounded.")
    return tuple(warnings)


def _lattice(work: Regridding) -> Matrix:
    """Give where evenly spread voxels of the result lie in the source, its corners among them; shape (n, 3)."""
    ends = [np.linspace(0, count - 1, LATTICE) for count in work.grid.dimensions_ijk]
    return _in_source(work, np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3))


def _step_voxels(work: Regridding) -> float:
    """Give how many voxels of the source one voxel of the result spans, along the worst axis, in the middle."""
    middle = (np.array(work.grid.dimensions_ijk, float) - 1) / 2
    places = _in_source(work, np.vstack([middle, middle + np.eye(3)]))
    return float(np.abs(places[1:] - places[0]).max())


def _in_source(work: Regridding, points_ijk: Matrix) -> Matrix:
    if isinstance(work.to_source, np.ndarray):
        return matrices.apply(work.to_source, points_ijk)
    return np.array([work.to_source.TransformPoint(*point) for point in points_ijk])
