"""The voxel grid that an ordered stack of slices makes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.dicom.stack import Slice

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ijk_to_ras(first: Slice, step_lps: np.ndarray) -> Matrix:
    """Give the 4x4 matrix from voxel indices to RAS in mm.

    Parameters
    ----------
    first
        The slice of index 0.
    step_lps
        From one slice to the next, in mm.
    """
    row_mm, column_mm = first.shape[2:4]
    matrix = np.eye(4)
    matrix[:3, 0] = first.axes[0] * column_mm
    matrix[:3, 1] = first.axes[1] * row_mm
    matrix[:3, 2] = step_lps
    matrix[:3, 3] = first.position_lps
    return LPS_TO_RAS @ matrix


def normal_of(one: Slice) -> np.ndarray:
    """Give the unit normal of a slice in LPS."""
    normal = np.cross(one.axes[0], one.axes[1])
    return np.asarray(normal / np.linalg.norm(normal))
