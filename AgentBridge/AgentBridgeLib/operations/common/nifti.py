"""NIfTI headers, read with suspicion and written with geometry.

NIfTI-1 and NIfTI-2 files with attached data (``.nii``) are read, NIfTI-1 is written. Positions are RAS (x to the
right, y anterior, z superior), in mm. As in `nrrd`, every claim is checked against the number of bytes before
anything is allocated.

Sources: nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common.nifti_fields import (
    LAYOUTS,
    MAGIC,
    ORDERS,
    ByteOrder,
    read_fields,
    refuse,
)
from AgentBridgeLib.operations.common.nifti_geometry import matrix_to_ras, quaternion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.nifti_fields import Fields

WRITTEN_DATA_OFFSET = 352
MOST_AXIS_VOXELS = (1 << 15) - 1
"""NIfTI-1 counts voxels of an axis with 16 bits."""
MOST_DATA_OFFSET = 64 << 20
DISPLACEMENTS = 1006
"""NIFTI_INTENT_DISPVECT: three components, in RAS like every direction in such files. ITK turns them into LPS."""
VECTORS = 1007
"""NIFTI_INTENT_VECTOR: any components. ITK leaves them as they are, so displacements of ANTs are LPS."""

_CODES = {
    "uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512, "uint32": 768,
    "int64": 1024, "uint64": 1280,
}  # fmt: skip
_TYPES = {code: name for name, code in _CODES.items()}
_COLORS = {128: 3, 2304: 4}  # RGB24 and RGBA32: interleaved bytes
_COLOR_CODES = {count: code for code, count in _COLORS.items()}
_UNUSABLE = {1: "bit", 32: "complex64", 1536: "float128", 1792: "complex128", 2048: "complex256"}
_MM = 2
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT


@dataclass(frozen=True, slots=True, eq=False)
class NiftiHeader:
    """What a header claims, with all claims checked against each other.

    Attributes
    ----------
    scalar_type
        NumPy's name, such as ``int16``.
    byte_order
        ``<`` or ``>``.
    dimensions_ijk
        Voxels along i (fastest), j, k.
    component_count
        Values in each voxel.
    is_interleaved
        Whether the values of a voxel stand side by side (colors); else each component is an image of its own.
    ijk_to_ras
        4 by 4, from zero-based indices at voxel centers to RAS in mm.
    slope, intercept
        The value of a voxel is ``slope * stored + intercept``; 1 and 0 when the header asks for nothing.
    data_offset
        Where the voxels begin, in bytes.
    intent
        What the values mean, such as `DISPLACEMENTS`; 0 when the header does not say.
    warnings
        What was assumed.
    """

    scalar_type: str
    byte_order: ByteOrder
    dimensions_ijk: tuple[int, int, int]
    component_count: int
    is_interleaved: bool
    ijk_to_ras: Matrix
    slope: float
    intercept: float
    data_offset: int
    intent: int
    warnings: tuple[str, ...]

    @property
    def voxel_bytes(self) -> int:
        """How many bytes the voxels have."""
        return math.prod(self.dimensions_ijk) * self.component_count * np.dtype(self.scalar_type).itemsize

    @property
    def is_scaled(self) -> bool:
        """Whether stored numbers are not the values."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def is_nifti(head: bytes) -> bool:
    """Whether bytes begin as a NIfTI header, of attached data or not."""
    return any(head[:4] == struct.pack(f"{order}i", size) for order in ORDERS for size in LAYOUTS)


def read_header(head: bytes) -> NiftiHeader:
    """Read a header; `head` begins with it and may go on.

    Raises
    ------
    DataInvalidError
        The header is malformed, or says what this reader does not support.
    """
    fields = read_fields(head)
    dimensions, component_count = _shape(fields)
    scalar_type, colors = _scalar_type(fields.datatype)
    if colors > 1 and component_count > 1:
        refuse("it has several colors in each voxel")
    offset = int(fields.vox_offset) if math.isfinite(fields.vox_offset) else -1
    if not 0 < offset <= MOST_DATA_OFFSET or offset != fields.vox_offset:
        refuse(f"its voxels begin at byte {fields.vox_offset:g}")
    matrix, warnings = matrix_to_ras(fields)
    slope, intercept = _scaling(fields)
    return NiftiHeader(
        scalar_type=scalar_type,
        byte_order=fields.byte_order,
        dimensions_ijk=dimensions,
        component_count=max(colors, component_count),
        is_interleaved=colors > 1,
        ijk_to_ras=matrix,
        slope=slope,
        intercept=intercept,
        data_offset=offset,
        intent=fields.intent_code,
        warnings=tuple(warnings),
    )


def write_header(
    scalar_type: str,
    dimensions_ijk: Sequence[int],
    component_count: int,
    ijk_to_ras: Matrix,
    intent: int = VECTORS,
) -> bytes:
    """Write the NIfTI-1 header that raw voxels follow, in the byte order of this computer.

    Colors (uint8, three or four components) follow voxel by voxel; other components follow image by image. The matrix
    is written as sform, and as qform too unless its axes are oblique to each other, as float32. `intent` is that of
    components that are no colors.

    Raises
    ------
    DataInvalidError
        An axis has more voxels than NIfTI-1 can count.
    """
    if max(dimensions_ijk) > MOST_AXIS_VOXELS:
        raise DataInvalidError(
            f"NIfTI holds at most {MOST_AXIS_VOXELS} voxels along an axis, and the volume has {max(dimensions_ijk)}. "
            "Use format=nrrd, or a region."
        )
    is_color = is_interleaved(scalar_type, component_count)
    is_vector = component_count > 1 and not is_color
    dim = [5 if is_vector else 3, *dimensions_ijk, 1, component_count if is_vector else 1, 1, 1]
    code = _COLOR_CODES[component_count] if is_color else _CODES[scalar_type]
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    quatern, qfac = quaternion(ijk_to_ras[:3, :3] / spacing)
    fields: dict[str, Sequence[float]] = {
        "dim": dim,
        "intent_code": [intent if is_vector else 0],
        "datatype": [code],
        "pixdim": [qfac, *spacing, 1, 1, 1, 1],
        "vox_offset": [WRITTEN_DATA_OFFSET],
        "scl_slope": [1],
        "xyzt_units": [_MM],
        "qform_code": [_SCANNER if quatern is not None else 0],
        "sform_code": [_SCANNER],
        "quatern": quatern if quatern is not None else (0, 0, 0),
        "qoffset": list(ijk_to_ras[:3, 3]),
        "srow": list(ijk_to_ras[:3].ravel()),
    }
    head = bytearray(WRITTEN_DATA_OFFSET)
    struct.pack_into("=i", head, 0, 348)
    for name, values in fields.items():
        offset, letters = LAYOUTS[348][name]
        struct.pack_into(f"={letters}", head, offset, *values)
    bits = 8 * np.dtype(scalar_type).itemsize * (component_count if is_color else 1)
    struct.pack_into("=h", head, 72, bits)
    head[344:348] = MAGIC[348][1]
    return bytes(head)


def is_interleaved(scalar_type: str, component_count: int) -> bool:
    """Whether the components of such voxels stand side by side in a file that this module describes."""
    return scalar_type == "uint8" and component_count in _COLOR_CODES


def _shape(fields: Fields) -> tuple[tuple[int, int, int], int]:
    count, *sizes = fields.dim
    if not 1 <= count <= 7:
        refuse(f"it has {count} axes")
    used = [*sizes[:count], *([1] * (7 - count))]
    if min(used) < 1:
        refuse(f"its sizes are {used[:count]}")
    i, j, k, times, components, *rest = used
    if times > 1 or max(rest) > 1:
        refuse(f"it has the sizes {used[:count]}", "one image; load a file of several with files.load")
    return (i, j, k), components


def _scalar_type(code: int) -> tuple[str, int]:
    if code in _COLORS:
        return "uint8", _COLORS[code]
    if code not in _TYPES:
        name = _UNUSABLE.get(code, "unknown")
        refuse(f"its voxels have type {code} ({name}), which volumes cannot hold", ", ".join(_CODES))
    return _TYPES[code], 1


def _scaling(fields: Fields) -> tuple[float, float]:
    """Give slope and intercept; a slope of 0 means that there is no scaling, and so do numbers that are none."""
    slope, intercept = fields.scl_slope, fields.scl_inter
    if fields.datatype in _COLORS or not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        return 1.0, 0.0
    return slope, intercept
