"""What an edit is refused for before it begins, and what is worth a word when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.segmentations.description import segment_of
from AgentBridgeLib.operations.segmentations.intensities import require_linear
from AgentBridgeLib.operations.segmentations.surface_making import require_labelmaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array
    from AgentBridgeLib.operations.segmentations.edit_arguments import EditArguments


def check_edit(node: Any, volume: Any, arguments: EditArguments) -> None:
    """Refuse what the arguments alone do not tell to be wrong.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment, it is named twice, or a range is empty.
    NodeTypeError
        The segmentation has no binary labelmaps, or the volume several components.
    GeometryMismatchError
        A volume is used, or points are given, and a parent transform is not linear.
    """
    require_labelmaps(node)
    for name in ("segment_id", "other_segment_id"):
        segment_id = getattr(arguments, name)
        if segment_id is not None:
            segment_of(node, segment_id, name)
    if arguments.other_segment_id is not None and arguments.other_segment_id == arguments.segment_id:
        raise invalid("other_segment_id", "it is the segment itself; name another one")
    mask = arguments.mask
    if mask is not None and mask.segment_id is not None:
        segment_of(node, mask.segment_id, "mask/segment_id")
    if volume is not None and voxels.voxels_of(volume).ndim != 3:
        raise NodeTypeError(f"{volume.GetID()} has several components in each voxel; edits need one.")
    if volume is not None or arguments.positions_ras is not None:
        require_linear(node, volume)
    _check_range("", arguments.minimum, arguments.maximum)
    if mask is not None:
        _check_range("mask/", mask.minimum, mask.maximum)


def _check_range(prefix: str, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and maximum is not None and minimum > maximum:
        raise invalid(f"{prefix}minimum", f"{minimum} is above the maximum {maximum}")


def remarks(
    arguments: EditArguments, grid: Grid, before: Array, after: Array, said: Sequence[str]
) -> list[str]:
    """Say what a person would not expect, if nothing was `said`: nothing changed, or nothing is left."""
    if said:
        return []
    if np.array_equal(before, after):
        spacing = ", ".join(f"{step:.3g}" for step in grid.spacing_mm)
        is_small = any(
            length is not None and length < min(grid.spacing_mm)
            for length in (arguments.margin_mm, arguments.kernel_mm, arguments.thickness_mm)
        )
        return ["No voxel changed." + f" Voxel centers are {spacing} mm apart." * is_small]
    if arguments.effect != "clear" and before.any() and not after.any():
        return ["The segment is empty now."]
    return []
