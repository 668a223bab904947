"""NRRD headers, read with suspicion and written with geometry.

Every claim of a header is checked against the number of bytes before anything is allocated: VTK ends the process
when it is asked for too much memory.

Source: "Definition of NRRD File Format", teem.sourceforge.net/nrrd/format.html. Headers without `space` are taken as
LPS, as ITK and therefore Slicer's own reader take them.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from AgentBridgeLib.errors import DataInvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAGIC = b"NRRD000"
MOST_HEADER_BYTES = 1 << 20
MOST_AXIS_VOXELS = (1 << 31) - 1  # VTK counts voxels of an axis with int
GZIP_BEST_RATIO = 1032  # DEFLATE (RFC 1951): 258 bytes from 2 bits

Vector = tuple[float, float, float]
ByteOrder = Literal["<", ">"]
Parsed = TypeVar("Parsed")

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
_SPACES: dict[str, Vector] = {
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
}  # signs that lead to LPS
_COMPONENT_KINDS = {
    "vector", "covariant-vector", "list", "point", "normal", "stub", "scalar", "complex", "2-vector", "3-color",
    "rgb-color", "hsv-color", "xyz-color", "4-color", "rgba-color", "3-vector", "3-gradient", "3-normal",
    "4-vector", "quaternion",
}  # fmt: skip
_SYNONYMS = {
    "centers": "centerings", "datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip",
    "blocksize": "block size", "sampleunits": "sample units", "oldmin": "old min", "oldmax": "old max",
    "axismins": "axis mins", "axismaxs": "axis maxs",
}  # fmt: skip


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
    fields, data_offset = _fields(bytes(data[:MOST_HEADER_BYTES]))
    header = _interpret(fields, data_offset)
    _check_length(header, data.nbytes - data_offset)
    return header


def read_axes_lps(head: bytes) -> tuple[Vector, Vector, Vector]:
    """Read the axes from the beginning of an NRRD file, attached data or not; errors as in `read_header`."""
    fields, _ = _fields(head if b"\n\n" in head or b"\n\r\n" in head else head + b"\n\n")
    sizes = _listed(fields, "sizes", int)
    domain = _domain_axes(fields, len(sizes))
    axes, _, _ = _geometry(fields, len(sizes), domain)
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


def _fields(head: bytes) -> tuple[dict[str, str], int]:
    if not head.startswith(MAGIC):
        _refuse("it does not begin with NRRD000")
    end = re.search(rb"\n\r?\n", head)
    if end is None:
        _refuse(f"no empty line ends the header within {MOST_HEADER_BYTES} bytes")
    try:
        lines = head[: end.start()].decode("utf-8").splitlines()
    except UnicodeDecodeError:
        _refuse("the header is not text")
    if lines[0].strip() not in {"NRRD0001", "NRRD0002", "NRRD0003", "NRRD0004", "NRRD0005"}:
        _refuse(f"the format version {lines[0][:20]!r} is unknown")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if line.startswith("#") or ":=" in line:
            continue
        name, separator, value = line.partition(": ")
        name = _SYNONYMS.get(name.strip().lower(), name.strip().lower())
        if not separator:
            _refuse(f"the line {line[:60]!r} is neither 'field: value' nor 'key:=value'")
        if name in fields:
            _refuse(f"the field '{name}' comes twice")
        fields[name] = value.strip()
    return fields, end.end()


def _interpret(fields: dict[str, str], data_offset: int) -> NrrdHeader:
    if "data file" in fields:
        _refuse("the data is in another file; send it attached")
    scalar_type = _TYPES.get(_required(fields, "type").lower())
    if scalar_type is None:
        _refuse(f"the type '{fields['type']}' is not supported", f"one of {', '.join(SIZES)}")
    dimension, sizes = _one(fields, "dimension", int), _listed(fields, "sizes", int)
    if dimension != len(sizes):
        _refuse(f"dimension is {dimension}, but there are {len(sizes)} sizes")
    if any(not 1 <= size <= MOST_AXIS_VOXELS for size in sizes):
        _refuse("a size is below 1 or beyond 2147483647")
    domain = _domain_axes(fields, dimension)
    axes, origin, warnings = _geometry(fields, dimension, domain)
    i, j, k = (sizes[axis] for axis in domain)
    if int(fields.get("line skip", "0") or "0"):
        _refuse("`line skip` is not supported")
    return NrrdHeader(
        scalar_type=scalar_type,
        byte_order=_byte_order(fields, scalar_type),
        dimensions_ijk=(i, j, k),
        component_count=sizes[0] if dimension == 4 else 1,
        axes_lps=axes,
        origin_lps=origin,
        encoding=_encoding(fields),
        data_offset=data_offset,
        byte_skip=_one(fields, "byte skip", int) if "byte skip" in fields else 0,
        warnings=warnings,
    )


def _domain_axes(fields: Mapping[str, str], dimension: int) -> tuple[int, int, int]:
    """Find the three axes that are space; a fourth one holds components and must be the fastest."""
    if dimension == 3:
        return 0, 1, 2
    if dimension != 4:
        _refuse(f"it has {dimension} axes", "three axes of space, and components as a fastest fourth")
    kinds = fields.get("kinds", "").lower().split()
    directions = fields.get("space directions", "").split()
    is_component = (kinds and kinds[0] in _COMPONENT_KINDS) or (directions and directions[0] == "none")
    if not is_component:
        _refuse("of four axes the fastest (first) must hold the components of a voxel")
    return 1, 2, 3


def _byte_order(fields: Mapping[str, str], scalar_type: str) -> ByteOrder:
    if SIZES[scalar_type] == 1:
        return "<" if sys.byteorder == "little" else ">"
    orders: dict[str, ByteOrder] = {"little": "<", "big": ">"}
    order = orders.get(_required(fields, "endian").lower())
    if order is None:
        _refuse("endian is neither little nor big")
    return order


def _encoding(fields: Mapping[str, str]) -> str:
    encoding = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(_required(fields, "encoding").lower())
    if encoding is None:
        _refuse(f"the encoding '{fields['encoding']}' is not supported", "raw or gzip")
    return encoding


def _geometry(
    fields: Mapping[str, str], dimension: int, domain: Sequence[int]
) -> tuple[tuple[Vector, Vector, Vector], Vector, tuple[str, ...]]:
    warnings: list[str] = []
    signs: Vector = (1.0, 1.0, 1.0)
    space = fields.get("space", "").lower()
    if space:
        if space not in _SPACES:
            _refuse(
                f"the space '{space}' is not supported", "right-anterior-superior or left-posterior-superior"
            )
        signs = _SPACES[space]
    else:
        warnings.append(
            "The header names no space: positions were taken as LPS, as Slicer's own reader does."
        )
    _check_unit(fields)
    if "space directions" in fields:
        texts = re.findall(r"none|\([^)]*\)", fields["space directions"].lower())
        if len(texts) != dimension:
            _refuse(f"`space directions` has {len(texts)} entries for {dimension} axes")
        vectors = [_vector(texts[axis], signs, "space directions") for axis in domain]
    else:
        spacings = _listed(fields, "spacings", float) if "spacings" in fields else [1.0] * dimension
        if len(spacings) != dimension:
            _refuse(f"`spacings` has {len(spacings)} entries for {dimension} axes")
        steps = [spacings[axis] if math.isfinite(spacings[axis]) else 1.0 for axis in domain]
        vectors = [(steps[0], 0.0, 0.0), (0.0, steps[1], 0.0), (0.0, 0.0, steps[2])]
        warnings.append("The header gives no directions: the axes were taken as parallel to L, P and S.")
    origin = (
        _vector(fields["space origin"], signs, "space origin")
        if "space origin" in fields
        else (0.0, 0.0, 0.0)
    )
    i, j, k = vectors
    _check_axes(i, j, k)
    return (i, j, k), origin, tuple(warnings)


def _check_unit(fields: Mapping[str, str]) -> None:
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    if units - {"mm", "", "millimeter", "millimeters"}:
        _refuse(f"space units are {', '.join(sorted(units))}", "mm")


def _check_axes(i: Vector, j: Vector, k: Vector) -> None:
    normal = (i[1] * j[2] - i[2] * j[1], i[2] * j[0] - i[0] * j[2], i[0] * j[1] - i[1] * j[0])
    volume = abs(sum(a * b for a, b in zip(normal, k, strict=True)))
    lengths = math.prod(math.hypot(*axis) for axis in (i, j, k))
    if lengths == 0 or volume < 1e-6 * lengths:
        _refuse("the axes do not span space: one of them is zero, or they lie in a plane")


def _vector(text: str, signs: Vector, field: str) -> Vector:
    parts = text.strip().strip("()").split(",")
    try:
        x, y, z = (sign * float(part) + 0.0 for sign, part in zip(signs, parts, strict=True))
    except ValueError:
        _refuse(f"`{field}` has {text[:60]!r} where three numbers belong")
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        _refuse(f"`{field}` has a number that is not finite")
    return x, y, z


def _check_length(header: NrrdHeader, available: int) -> None:
    needed = header.voxel_bytes + max(header.byte_skip, 0)
    if header.byte_skip < -1 or (header.byte_skip and header.encoding != "raw"):
        _refuse("`byte skip` is supported for raw data only")
    if header.encoding == "gzip":
        if needed > available * GZIP_BEST_RATIO + 64:
            _refuse(f"it claims {needed} bytes of voxels, which {available} compressed bytes cannot hold")
        return
    is_right = available >= needed if header.byte_skip == -1 else available == needed
    if not is_right:
        _refuse(f"it claims {needed} bytes of voxels, and {available} bytes follow the header")


def _required(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        _refuse(f"the field '{name}' is missing")
    return fields[name]


def _one(fields: Mapping[str, str], name: str, parse: Callable[[str], Parsed]) -> Parsed:
    values = _listed(fields, name, parse)
    if len(values) != 1:
        _refuse(f"`{name}` is not one number")
    return values[0]


def _listed(fields: Mapping[str, str], name: str, parse: Callable[[str], Parsed]) -> list[Parsed]:
    parts = _required(fields, name).split()
    try:
        return [parse(part) for part in parts]
    except ValueError:
        _refuse(f"`{name}` has something that is no number: {fields[name][:60]!r}")


def _refuse(problem: str, expected: str = "") -> NoReturn:
    hint = f" Send {expected}." if expected else ""
    raise DataInvalidError(f"The NRRD data cannot be used: {problem}.{hint}")
