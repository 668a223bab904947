"""NRRD headers, read with suspicion and written with geometry.

Every claim of a header is checked against the number of bytes before anything is allocated: VTK ends the process
when it is asked for too much memory.

Source: "Definition of NRRD File Format", teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from AgentBridgeLib.operations.common.nrrd_fields import (
    MOST_HEADER_BYTES,
    listed,
    one,
    read_fields,
    refuse,
    required,
)
from AgentBridgeLib.operations.common.nrrd_geometry import Vector, domain_axes, geometry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_AXIS_VOXELS = (1 << 31) - 1  # VTK counts voxels of an axis with int
GZIP_BEST_RATIO = 1032  # DEFLATE (RFC 1951): 258 bytes from 2 bits

ByteOrder = Literal["<", ">"]

_TYPES: dict[str, str] = {
    name: scalar_type
    for scalar_type, names in {
        "int8": ("signed char", "int8", "int8_t"),
        "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
        "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
        "int32": ("int", "signed int", "int32", "int32_t"),
        "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
        "int64": (
            "longlong",
            "long long",
            "long long int",
            "signed long long",
            "signed long long int",
            "int64",
            "int64_t",
        ),
        "uint64": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
        "float32": ("float",),
        "float64": ("double",),
    }.items()
    for name in names
}
SIZES: dict[str, int] = {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float32": 4, "float64": 8,
}  # fmt: skip
_WRITTEN = {
    "int64": "long long int",
    "uint64": "unsigned long long int",
    "float32": "float",
    "float64": "double",
}


@dataclass(frozen=True, slots=True)
class NrrdHeader:
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
        Values in each voxel; they are the fastest axis.
    axes_lps, origin_lps
        Steps from voxel to voxel along i, j, k, and the center of the first voxel, in mm.
    encoding
        ``raw`` or ``gzip``.
    data_offset
        Where the data begins, in bytes.
    byte_skip
        Bytes of (decompressed) data before the voxels; -1: the voxels are the last bytes.
    warnings
        What was assumed.
    """

    scalar_type: str
    byte_order: ByteOrder
    dimensions_ijk: tuple[int, int, int]
    component_count: int
    axes_lps: tuple[Vector, Vector, Vector]
    origin_lps: Vector
    encoding: str
    data_offset: int
    byte_skip: int
    warnings: tuple[str, ...]

    @property
    def voxel_bytes(self) -> int:
        """How many bytes the voxels have."""
        return math.prod(self.dimensions_ijk) * self.component_count * SIZES[self.scalar_type]


def read_header(data: memoryview) -> NrrdHeader:
    """Read the header of a whole NRRD file with attached data.

    Raises
    ------
    DataInvalidError
        The header is malformed, says what this reader does not support, or claims another number of bytes than follow.
    """
    fields, data_offset = read_fields(bytes(data[:MOST_HEADER_BYTES]))
    header = _interpret(fields, data_offset)
    _check_length(header, data.nbytes - data_offset)
    return header


def read_axes_lps(head: bytes) -> tuple[Vector, Vector, Vector]:
    """Read the axes from the beginning of an NRRD file, attached data or not; errors as in `read_header`."""
    fields, _ = read_fields(head if b"\n\n" in head or b"\n\r\n" in head else head + b"\n\n")
    sizes = listed(fields, "sizes", int)
    domain = domain_axes(fields, len(sizes))
    axes, _, _ = geometry(fields, len(sizes), domain)
    return axes


def write_header(
    scalar_type: str,
    dimensions_ijk: Sequence[int],
    component_count: int,
    matrix: Sequence[Sequence[float]],
    frame: str,
    texts: Mapping[str, str],
) -> bytes:
    """Write the header that raw voxels follow.

    Parameters
    ----------
    scalar_type
        NumPy's name; the voxels follow in the byte order of this computer.
    dimensions_ijk, component_count
        As in `NrrdHeader`.
    matrix
        4 by 4, from zero-based indices to `frame`, in mm.
    frame
        ``ras`` or ``lps``.
    texts
        Key/value pairs, such as the volume's unit.
    """
    directions = [f"({','.join(repr(float(matrix[row][axis])) for row in range(3))})" for axis in range(3)]
    origin = ",".join(repr(float(matrix[row][3])) for row in range(3))
    space = "right-anterior-superior" if frame == "ras" else "left-posterior-superior"
    sizes, kinds = [str(count) for count in dimensions_ijk], ["domain"] * 3
    if component_count > 1:
        sizes.insert(0, str(component_count))
        kinds.insert(0, "RGB-color" if component_count == 3 and scalar_type == "uint8" else "vector")
        directions.insert(0, "none")
    lines = [
        "NRRD0005",
        f"type: {_WRITTEN.get(scalar_type, scalar_type)}",
        f"dimension: {len(sizes)}",
        f"space: {space}",
        f"sizes: {' '.join(sizes)}",
        f"space directions: {' '.join(directions)}",
        f"kinds: {' '.join(kinds)}",
        *([f"endian: {sys.byteorder}"] if SIZES[scalar_type] > 1 else []),
        "encoding: raw",
        f"space origin: ({origin})",
        *(f"{key}:={_escaped(value)}" for key, value in texts.items()),
    ]
    return ("\n".join(lines) + "\n\n").encode()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _interpret(fields: dict[str, str], data_offset: int) -> NrrdHeader:
    if "data file" in fields:
        refuse("the data is in another file; send it attached")
    scalar_type = _TYPES.get(required(fields, "type").lower())
    if scalar_type is None:
        refuse(f"the type '{fields['type']}' is not supported", f"one of {', '.join(SIZES)}")
    dimension, sizes = one(fields, "dimension", int), listed(fields, "sizes", int)
    if dimension != len(sizes):
        refuse(f"dimension is {dimension}, but there are {len(sizes)} sizes")
    if any(not 1 <= size <= MOST_AXIS_VOXELS for size in sizes):
        refuse("a size is below 1 or beyond 2147483647")
    domain = domain_axes(fields, dimension)
    axes, origin, warnings = geometry(fields, dimension, domain)
    i, j, k = (sizes[axis] for axis in domain)
    if fields.get("line skip") and one(fields, "line skip", int):
        refuse("`line skip` is not supported")
    return NrrdHeader(
        scalar_type=scalar_type,
        byte_order=_byte_order(fields, scalar_type),
        dimensions_ijk=(i, j, k),
        component_count=sizes[0] if dimension == 4 else 1,
        axes_lps=axes,
        origin_lps=origin,
        encoding=_encoding(fields),
        data_offset=data_offset,
        byte_skip=one(fields, "byte skip", int) if "byte skip" in fields else 0,
        warnings=warnings,
    )


def _byte_order(fields: Mapping[str, str], scalar_type: str) -> ByteOrder:
    if SIZES[scalar_type] == 1:
        return "<" if sys.byteorder == "little" else ">"
    orders: dict[str, ByteOrder] = {"little": "<", "big": ">"}
    order = orders.get(required(fields, "endian").lower())
    if order is None:
        refuse("endian is neither little nor big")
    return order


def _encoding(fields: Mapping[str, str]) -> str:
    encoding = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(required(fields, "encoding").lower())
    if encoding is None:
        refuse(f"the encoding '{fields['encoding']}' is not supported", "raw or gzip")
    return encoding


def _check_length(header: NrrdHeader, available: int) -> None:
    needed = header.voxel_bytes + max(header.byte_skip, 0)
    if header.byte_skip < -1 or (header.byte_skip and header.encoding != "raw"):
        refuse("`byte skip` is supported for raw data only")
    if header.encoding == "gzip":
        if needed > available * GZIP_BEST_RATIO + 64:
            refuse(f"it claims {needed} bytes of voxels, which {available} compressed bytes cannot hold")
        return
    is_right = available >= needed if header.byte_skip == -1 else available == needed
    if not is_right:
        refuse(f"it claims {needed} bytes of voxels, and {available} bytes follow the header")
