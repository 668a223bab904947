"""Displacement fields as bytes: NRRD, and NIfTI as ITK and Slicer exchange it.

Which frame the vectors are in is a matter of convention, stated here once:

* NRRD: LPS unless asked for otherwise, as ITK's and Slicer's files have them. The header's `space` is about the grid.
* NIfTI with intent 1006 (displacements): RAS, the frame of the format. ITK, from 5.3 on, and so Slicer turn them into
  LPS on reading and back on writing. Such files are written here.
* NIfTI with intent 1007 or none: LPS. ITK leaves those vectors alone, and ANTs writes its fields so.

Sources: nifti1.h; `itk::NiftiImageIO::SetConvertRASDisplacementVectors`; `vtkMRMLTransformStorageNode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.model.frames import Frame, matrix_in
from AgentBridgeLib.operations.common import matrices, nifti, nrrd
from AgentBridgeLib.operations.volumes import nifti_bytes

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array
    from AgentBridgeLib.operations.volumes.buffers import ReceivedVolume

FieldFormat = Literal["nrrd", "nii", "nii.gz"]
MEDIA_TYPES: dict[FieldFormat, str] = {
    "nrrd": "application/x-nrrd",
    "nii": "application/x-nifti",
    "nii.gz": "application/gzip",
}
LPS_SIGNS = np.array([-1.0, -1.0, 1.0])
# What makes Slicer's and ITK's readers take an NRRD file for a displacement field.
_INTENT = {"intent_code": str(nifti.DISPLACEMENTS)}


def nrrd_parts(vectors_ras: Array, grid: Grid, frame: Frame, *, is_displacement: bool) -> list[Buffer]:
    """Write vectors (k, j, i, 3) in mm, and where they lie, as NRRD in this frame."""
    rows = matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras))[f"ijk_to_{frame}"]
    texts = _INTENT if is_displacement else {}
    head = nrrd.write_header(vectors_ras.dtype.name, grid.dimensions_ijk, 3, rows, frame, texts)
    vectors = np.ascontiguousarray(_turned(vectors_ras, frame))
    return [head, vectors.reshape(-1).data.cast("B")]


def nifti_parts(vectors_ras: Array, grid: Grid) -> list[Buffer]:
    """Write displacements (k, j, i, 3) in mm, and where they lie, as NIfTI with intent 1006.

    Raises
    ------
    DataInvalidError
        NIfTI cannot count so many grid points along an axis.
    """
    scalar_type = vectors_ras.dtype.name
    head = nifti.write_header(
        scalar_type, grid.dimensions_ijk, 3, grid.ijk_to_ras, intent=nifti.DISPLACEMENTS
    )
    return [head, *nifti_bytes.body_parts(vectors_ras)]


def displacements_ras(received: ReceivedVolume, frame: Frame | None) -> tuple[Array, Grid]:
    """Take what was received for displacements, in mm, and where they lie; without `frame` as the bytes have it.

    Raises
    ------
    DataInvalidError
        They are not three float components in each voxel with geometry, or not finite.
    """
    array = received.array
    is_field = array.ndim == 4 and array.shape[3] == 3 and array.dtype.kind == "f"
    if received.grid is None or not is_field:
        raise DataInvalidError(
            "A displacement field is NRRD or NIfTI with three float components in each voxel (NIfTI: five axes, of "
            "which the fourth is 1 and the fifth 3)."
        )
    vectors = _turned(array, frame or ("ras" if received.is_displacement else "lps"))
    if not np.isfinite(vectors).all():
        raise DataInvalidError("A vector of the displacement field is not finite.")
    return vectors, received.grid


def _turned(vectors: Array, frame: Frame) -> Array:
    """Turn vectors from RAS into a frame, or from it into RAS."""
    return vectors * LPS_SIGNS.astype(vectors.dtype) if frame == "lps" else vectors
