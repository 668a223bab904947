"""The bytes of a NIfTI header, taken apart into the fields that matter, of either version.

Sources: nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from AgentBridgeLib.errors import DataInvalidError

HEADER_BYTES = 540
"""As many bytes as a header of either version has at most."""
ByteOrder = Literal["<", ">"]
ORDERS: tuple[ByteOrder, ...] = ("<", ">")


@dataclass(frozen=True, slots=True)
class Fields:
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
LAYOUTS: dict[int, dict[str, tuple[int, str]]] = {
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
MAGIC = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\x1a\n")}


def read_fields(head: bytes) -> Fields:
    """Read a header; `head` begins with it and may go on.

    Raises
    ------
    DataInvalidError
        It is of neither version, or its voxels are elsewhere.
    """
    found = [
        (order, size) for order in ORDERS for size in LAYOUTS if head[:4] == struct.pack(f"{order}i", size)
    ]
    if not found:
        refuse("it does not begin with 348 or 540")
    order, size = found[0]
    if len(head) < size:
        refuse(f"it has {len(head)} bytes; the header alone has {size}")
    place, magic = MAGIC[size]
    if head[place : place + len(magic)] != magic:
        refuse("its voxels are in another file, or it is Analyze", "a single .nii file")
    return Fields(order, **{name: _unpack(head, order, *entry) for name, entry in LAYOUTS[size].items()})


def _unpack(head: bytes, order: str, offset: int, letters: str) -> Any:
    values = struct.unpack_from(f"{order}{letters}", head, offset)
    return values if len(letters) > 1 else values[0]


def refuse(problem: str, expected: str = "") -> NoReturn:
    """Say what is wrong with a header, and what to send.

    Raises
    ------
    DataInvalidError
        Always.
    """
    hint = f" Send {expected}." if expected else ""
    raise DataInvalidError(f"The NIfTI data cannot be used: {problem}.{hint}")
