"""Find out whether the axes of an image file are left-handed; Slicer's reader reverses the k axis of such a file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common import nifti
from AgentBridgeLib.operations.common.nifti_fields import HEADER_BYTES
from AgentBridgeLib.operations.common.nrrd import read_axes_lps

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix

HEAD_BYTES = 64 * 1024


def is_left_handed_file(path: str) -> bool:
    """Whether an NRRD or NIfTI file says that its axes are left-handed; False for anything else."""
    try:
        axes = _axes(path)
    except (OSError, EOFError, zlib.error, DataInvalidError):
        return False  # what cannot be read cannot be warned about
    return axes is not None and bool(np.linalg.det(axes) < 0)


def _axes(path: str) -> Matrix | None:
    name = path.lower()
    if name.endswith((".nrrd", ".nhdr", ".seg.nrrd")):
        with Path(path).open("rb") as file:
            return np.array(read_axes_lps(file.read(HEAD_BYTES)))
    if name.endswith(".nii"):
        with Path(path).open("rb") as file:
            return nifti.read_header(file.read(HEADER_BYTES)).ijk_to_ras[:3, :3]
    if name.endswith(".nii.gz"):
        with gzip.open(path, "rb") as file:
            return nifti.read_header(file.read(HEADER_BYTES)).ijk_to_ras[:3, :3]
    return None
