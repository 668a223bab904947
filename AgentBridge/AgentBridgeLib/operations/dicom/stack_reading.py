"""Read a stack of single-frame images through Slicer's volume reader, and compare what came with the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.dicom.stack import NoStackError, Slice, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

POSITION_TOLERANCE_MM = 0.01


def read_stack(context: OperationContext, stack: Stack, name: str) -> Any:
    """Read the slices in their order as one volume.

    Raises
    ------
    NoStackError
        The reader did not keep the geometry; nothing stays of what it made.
    FileUnreadableError, OutOfMemoryError
        The reader cannot read the files, or they would not fit.
    """
    paths = [one.path for one in stack.slices]
    properties: dict[str, object] = {"name": name, "fileNames": paths, "singleFile": len(paths) == 1}
    (node, *others) = context.host.files.load(paths[0], "VolumeFile", properties)
    problem = "the reader made several nodes" if others else difference(node, stack.slices)
    if problem:
        for made in (node, *others):
            context.host.scene.forget_node(made)
        raise NoStackError(f"Slicer's reader did not keep its geometry: {problem}")
    return node


def difference(node: Any, slices: Sequence[Slice]) -> str:
    """Compare the corners of each slice with the files, parent transforms applied; empty when they agree."""
    rows, columns = slices[0].shape[:2]
    expected = (int(columns), int(rows), len(slices))
    grid = Grid.of(node)
    if grid.dimensions_ijk != expected:
        return f"it has {grid.dimensions_ijk} voxels, not {expected}"
    allowed_mm = POSITION_TOLERANCE_MM * max(1.0, len(slices) / 100)

    def place(ijk: tuple[int, int, int]) -> Any:
        found_ras = [0.0, 0.0, 0.0]
        node.TransformPointToWorld((grid.ijk_to_ras @ (*ijk, 1.0))[:3].tolist(), found_ras)
        return found_ras

    distance_mm = offset_mm(slices, place)
    return f"a corner is {distance_mm:.3f} mm off" if distance_mm > allowed_mm else ""


def offset_mm(slices: Sequence[Slice], place_ras: Callable[[tuple[int, int, int]], Any]) -> float:
    """Give how far three corners of each slice are at the most, along an axis, from where (i, j, k) is placed."""
    largest = 0.0
    for k, one in enumerate(slices):
        rows, columns, row_mm, column_mm = one.shape
        for i, j in ((0, 0), (int(columns) - 1, 0), (0, int(rows) - 1)):
            wanted_lps = one.position_lps + one.axes[0] * i * column_mm + one.axes[1] * j * row_mm
            found_lps = np.array(place_ras((i, j, k))) * (-1, -1, 1)
            largest = max(largest, float(np.abs(found_lps - wanted_lps).max()))
    return largest
