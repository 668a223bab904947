"""NIfTI headers, read with suspicion and written with geometry.

NIfTI-1 and NIfTI-2 files with attached data (``.nii``) are read, NIfTI-1 is written. Positions are RAS (x to the
right, y anterior, z superior), in mm. As in `nrrd`, every claim is checked against the number of bytes before
anything is allocated.

Sources: nifti1.h and nifti2.h of the NIfTI Data Format Working Group; nifti_mat44_to_quatern of their nifti1_io.c.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np

from AgentBridgeLib.errors import DataInvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.operations.common.matrices import Matrix

HEADER_BYTES = 540
"""As many bytes as a header of either version has at most."""
WRITTEN_DATA_OFFSET = 352
MOST_AXIS_VOXELS = (1 << 15) - 1
"""NIfTI-1 counts voxels of an axis with 16 bits."""
LARGEST_NUMBER = 1e9
MOST_DATA_OFFSET = 64 << 20
SAME_PLACE_MM = 0.01
"""qform and sform that differ by less say the same; both are float32."""

DISPLACEMENTS = 1006
"""NIFTI_INTENT_DISPVECT: three components, in RAS like every direction in such files. ITK turns them into LPS."""
VECTORS = 1007
"""NIFTI_INTENT_VECTOR: any components. ITK leaves them as they are, so displacements of ANTs are LPS."""

ByteOrder = Literal["<", ">"]
_ORDERS: tuple[ByteOrder, ...] = ("<", ">")

_CODES = {
    "uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512, "uint32": 768,
    "int64": 1024, "uint64": 1280,
}  # fmt: skip
_TYPES = {code: name for name, code in _CODES.items()}
_COLORS = {128: 3, 2304: 4}  # RGB24 and RGBA32: interleaved bytes
_COLOR_CODES = {count: code for code, count in _COLORS.items()}
_UNUSABLE = {1: "bit", 32: "complex64", 1536: "float128", 1792: "complex128", 2048: "complex256"}
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: unknown, meter, mm, micron
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


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields that matter, of either version."""

    byte_order: ByteOrder
    dim: tuple[int, ...]
    intent_code: int
    datatype: int
    pixdim: tuple[float, ...]
    vox_offset: float
    scl_slope: float
    scl_inter: float
    xyzt_units: int
    qform_code: int
    sform_code: int
    quatern: tuple[float, ...]
    qoffset: tuple[float, ...]
    srow: tuple[float, ...]


# Name, offset and type (struct's letter) in NIfTI-1 and NIfTI-2.
_LAYOUTS: dict[int, dict[str, tuple[int, str]]] = {
    348: {
        "dim": (40, "8h"), "intent_code": (68, "h"), "datatype": (70, "h"), "pixdim": (76, "8f"),
        "vox_offset": (108, "f"), "scl_slope": (112, "f"), "scl_inter": (116, "f"), "xyzt_units": (123, "B"),
        "qform_code": (252, "h"), "sform_code": (254, "h"), "quatern": (256, "3f"), "qoffset": (268, "3f"),
        "srow": (280, "12f"),
    },
    540: {
        "dim": (16, "8q"), "intent_code": (504, "i"), "datatype": (12, "h"), "pixdim": (104, "8d"),
        "vox_offset": (168, "q"), "scl_slope": (176, "d"), "scl_inter": (184, "d"), "xyzt_units": (500, "i"),
        "qform_code": (344, "i"), "sform_code": (348, "i"), "quatern": (352, "3d"), "qoffset": (376, "3d"),
        "srow": (400, "12d"),
    },
}  # fmt: skip
_MAGIC = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\x1a\n")}


def is_nifti(head: bytes) -> bool:
    """Whether bytes begin as a NIfTI header, of attached data or not."""
    return any(head[:4] == struct.pack(f"{order}i", size) for order in _ORDERS for size in _LAYOUTS)


def read_header(head: bytes) -> NiftiHeader:
    """Read a header; `head` begins with it and may go on.

    Raises
    ------
    DataInvalidError
        The header is malformed, or says what this reader does not support.
    """
    fields = _fields(head)
    dimensions, component_count = _shape(fields)
    scalar_type, colors = _scalar_type(fields.datatype)
    if colors > 1 and component_count > 1:
        _refuse("it has several colors in each voxel")
    offset = int(fields.vox_offset) if math.isfinite(fields.vox_offset) else -1
    if not 0 < offset <= MOST_DATA_OFFSET or offset != fields.vox_offset:
        _refuse(f"its voxels begin at byte {fields.vox_offset:g}")
    matrix, warnings = _geometry(fields)
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
    quatern, qfac = _quaternion(ijk_to_ras[:3, :3] / spacing)
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
        offset, letters = _LAYOUTS[348][name]
        struct.pack_into(f"={letters}", head, offset, *values)
    bits = 8 * np.dtype(scalar_type).itemsize * (component_count if is_color else 1)
    struct.pack_into("=h", head, 72, bits)
    head[344:348] = _MAGIC[348][1]
    return bytes(head)


def is_interleaved(scalar_type: str, component_count: int) -> bool:
    """Whether the components of such voxels stand side by side in a file that this module describes."""
    return scalar_type == "uint8" and component_count in _COLOR_CODES


def _fields(head: bytes) -> _Fields:
    found = [
        (order, size) for order in _ORDERS for size in _LAYOUTS if head[:4] == struct.pack(f"{order}i", size)
    ]
    if not found:
        _refuse("it does not begin with 348 or 540")
    order, size = found[0]
    if len(head) < size:
        _refuse(f"it has {len(head)} bytes; the header alone has {size}")
    place, magic = _MAGIC[size]
    if head[place : place + len(magic)] != magic:
        _refuse("its voxels are in another file, or it is Analyze", "a single .nii file")
    return _Fields(order, **{name: _unpack(head, order, *entry) for name, entry in _LAYOUTS[size].items()})


def _unpack(head: bytes, order: str, offset: int, letters: str) -> Any:
    values = struct.unpack_from(f"{order}{letters}", head, offset)
    return values if len(letters) > 1 else values[0]


def _shape(fields: _Fields) -> tuple[tuple[int, int, int], int]:
    count, *sizes = fields.dim
    if not 1 <= count <= 7:
        _refuse(f"it has {count} axes")
    used = [*sizes[:count], *([1] * (7 - count))]
    if min(used) < 1:
        _refuse(f"its sizes are {used[:count]}")
    i, j, k, times, components, *rest = used
    if times > 1 or max(rest) > 1:
        _refuse(f"it has the sizes {used[:count]}", "one image; load a file of several with files.load")
    return (i, j, k), components


def _scalar_type(code: int) -> tuple[str, int]:
    if code in _COLORS:
        return "uint8", _COLORS[code]
    if code not in _TYPES:
        name = _UNUSABLE.get(code, "unknown")
        _refuse(f"its voxels have type {code} ({name}), which volumes cannot hold", ", ".join(_CODES))
    return _TYPES[code], 1


def _scaling(fields: _Fields) -> tuple[float, float]:
    """Give slope and intercept; a slope of 0 means that there is no scaling, and so do numbers that are none."""
    slope, intercept = fields.scl_slope, fields.scl_inter
    if fields.datatype in _COLORS or not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        return 1.0, 0.0
    return slope, intercept


def _geometry(fields: _Fields) -> tuple[Matrix, list[str]]:
    """Give the matrix to RAS: sform if there is one, else qform, else spacing only (nifti1.h, methods 3, 2, 1)."""
    warnings: list[str] = []
    unit = _UNITS_MM.get(fields.xyzt_units & 7)
    if unit is None:
        _refuse(f"its unit of length is unknown ({fields.xyzt_units & 7})")
    if unit != 1.0:
        warnings.append(f"Lengths in the header are not in mm; they were multiplied by {unit:g}.")
    used = [
        *(fields.srow if fields.sform_code > 0 else ()),
        *((*fields.quatern, *fields.qoffset) if fields.qform_code > 0 else ()),
        *fields.pixdim[:4],
    ]
    if not all(abs(value) <= LARGEST_NUMBER for value in used):  # not-a-number is not either
        _refuse("a number of its geometry is not finite, or beyond any length")
    by_qform = _by_qform(fields) if fields.qform_code > 0 else None
    by_sform = np.vstack([np.reshape(fields.srow, (3, 4)), (0, 0, 0, 1)]) if fields.sform_code > 0 else None
    if by_sform is not None:
        matrix = by_sform
        if by_qform is not None and _apart_mm(by_sform, by_qform, fields) * unit > SAME_PLACE_MM:
            warnings.append(
                "qform and sform of the header place the voxels differently; sform was taken. Slicer may take qform."
            )
    elif by_qform is not None:
        matrix = by_qform
    else:
        matrix = np.diag([*(abs(size) or 1.0 for size in fields.pixdim[1:4]), 1.0])
        warnings.append(
            "The header gives no orientation (neither qform nor sform): axes were taken as R, A, S."
        )
    matrix = np.diag([unit, unit, unit, 1.0]) @ matrix
    if not _spans_space(matrix[:3, :3]):
        _refuse("its axes do not span space: one of them is zero, or they lie in a plane")
    return matrix, warnings


def _by_qform(fields: _Fields) -> Matrix:
    b, c, d = fields.quatern
    a = math.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    matrix = np.eye(4)
    steps = np.abs(fields.pixdim[1:4]) * (1, 1, -1 if fields.pixdim[0] < 0 else 1)
    matrix[:3, :3] = turn * steps
    matrix[:3, 3] = fields.qoffset
    return matrix


def _apart_mm(one: Matrix, other: Matrix, fields: _Fields) -> float:
    last = np.array(fields.dim[1:4]) - 1
    corners = np.array([[i, j, k, 1.0] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])])
    return float(np.abs(corners @ (one - other).T).max())


def _spans_space(axes: Matrix) -> bool:
    lengths = np.linalg.norm(axes, axis=0)
    return bool(lengths.min() > 0 and abs(np.linalg.det(axes / lengths)) > 1e-6)


def _quaternion(axes: Matrix) -> tuple[tuple[float, float, float] | None, float]:
    """Give (b, c, d) of a rotation and the sign of the k axis; None when the axes are oblique to each other."""
    qfac = 1.0 if np.linalg.det(axes) > 0 else -1.0
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-5):
        return None, qfac
    turn = axes * (1, 1, qfac)
    # The largest of the four is found from the diagonal, the others from it (Shepperd 1978): no small divisors.
    squares = np.array([turn.trace(), *np.diag(turn)])
    largest = int(squares.argmax())
    if largest == 0:
        values = [
            1 + turn.trace(), turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1],
        ]  # fmt: skip
    else:
        x = largest - 1
        y, z = (x + 1) % 3, (x + 2) % 3
        values = [turn[z, y] - turn[y, z], 0.0, 0.0, 0.0]
        values[1 + x] = 1 + turn[x, x] - turn[y, y] - turn[z, z]
        values[1 + y] = turn[y, x] + turn[x, y]
        values[1 + z] = turn[z, x] + turn[x, z]
    unit = np.array(values) / np.linalg.norm(values)
    b, c, d = (float(value) for value in (unit if unit[0] >= 0 else -unit)[1:])
    return (b, c, d), qfac


def _refuse(problem: str, expected: str = "") -> NoReturn:
    hint = f" Send {expected}." if expected else ""
    raise DataInvalidError(f"The NIfTI data cannot be used: {problem}.{hint}")
