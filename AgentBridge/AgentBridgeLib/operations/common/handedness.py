"""Find out whether the axes of an image file are left-handed; Slicer's reader reverses the k axis of such a file."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common.nrrd import read_axes_lps

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix

HEAD_BYTES = 64 * 1024
NIFTI_HEADER_BYTES = 348


def is_left_handed_file(path: str) -> bool:
    """Whether an NRRD or NIfTI file says that its axes are left-handed; False for anything else."""
    try:
        axes = _axes(path)
    except (OSError, EOFError, zlib.error, struct.error, DataInvalidError):
        return False  # what cannot be read cannot be warned about
    return axes is not None and bool(np.linalg.det(axes) < 0)


def _axes(path: str) -> Matrix | None:
    name = path.lower()
    if name.endswith((".nrrd", ".nhdr", ".seg.nrrd")):
        with Path(path).open("rb") as file:
            return np.array(read_axes_lps(file.read(HEAD_BYTES)))
    if name.endswith(".nii"):
        with Path(path).open("rb") as file:
            return _nifti_axes(file.read(NIFTI_HEADER_BYTES))
    if name.endswith(".nii.gz"):
        with gzip.open(path, "rb") as file:
            return _nifti_axes(file.read(NIFTI_HEADER_BYTES))
    return None


def _nifti_axes(header: bytes) -> Matrix | None:
    """Read the axes in RAS: sform if set, else qform (NIfTI-1, nifti1.h)."""
    order = "<" if struct.unpack_from("<i", header, 0)[0] == NIFTI_HEADER_BYTES else ">"
    qform, sform = struct.unpack_from(f"{order}2h", header, 252)
    # ITK prefers qform when both are set and agree in being plausible; the handedness of both is the same.
    if sform > 0:
        return np.array(struct.unpack_from(f"{order}12f", header, 280)).reshape(3, 4)[:, :3]
    if qform > 0:
        pixdim = struct.unpack_from(f"{order}f", header, 76)[0]
        return np.diag([1.0, 1.0, -1.0 if pixdim < 0 else 1.0])
    return None
