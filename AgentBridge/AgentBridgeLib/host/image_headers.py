"""What an image file claims to hold, read before Slicer's readers allocate it.

`AllocateScalars` ends the process when memory is short, so a 300-byte header could end Slicer. Formats: NRRD (NRRD0001
to 5), NIfTI-1 and -2 with Analyze, MetaImage, MGH. A header that is not understood here gives no claim: the reader
has the last word. Nothing in this file touches Slicer.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass, replace

HEAD_BYTES = 256 * 1024

#: Deflate cannot do better (RFC 1951: 258 bytes in two bits), so a larger claim is wrong.
MOST_DEFLATE_RATIO = 1032


@dataclass(frozen=True, slots=True)
class ImageClaim:
    """What a header says.

    Attributes
    ----------
    memory_bytes
        Size of all voxels.
    stored_bytes
        Bytes that must at least be in the file, header included; 0 when that cannot be said.
    data_file
        Name of the file with the voxels, relative to the header; empty when they follow the header.
    is_read_as_long
        Whether Slicer's reader makes 64-bit integers of it, as it does of NIfTI; of other formats it makes float32.
    """

    memory_bytes: int
    stored_bytes: int
    data_file: str = ""
    is_read_as_long: bool = False


def read_claim(name: str, head: bytes) -> ImageClaim | None:
    """Read the claim of an image header.

    Parameters
    ----------
    name
        File name; its ending decides where the content has no signature.
    head
        The first `HEAD_BYTES` of the file, or all of a shorter one.

    Raises
    ------
    ValueError
        The header has a signature but its sizes make no sense.
    """
    low = name.lower()
    if low.endswith((".gz", ".mgz")):
        return _of_compressed(low, head)
    if head.startswith(b"NRRD"):
        return _nrrd(head)
    if low.endswith((".mha", ".mhd")):
        return _meta_image(head)
    if low.endswith((".nii", ".hdr", ".img")):
        return _nifti(head, in_same_file=low.endswith(".nii"))
    if low.endswith((".mgh",)):
        return _mgh(head)
    return None


def _of_compressed(name: str, packed: bytes) -> ImageClaim | None:
    inner = f"{name[:-1]}h" if name.endswith(".mgz") else name.removesuffix(".gz")
    try:
        head = zlib.decompressobj(wbits=31).decompress(packed, HEAD_BYTES)
    except zlib.error:
        return None
    claim = read_claim(inner, head)
    return claim and replace(claim, stored_bytes=_deflated(claim.memory_bytes))


def _deflated(byte_count: int) -> int:
    return byte_count // MOST_DEFLATE_RATIO


def _count(sizes: list[int]) -> int:
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes {sizes} are not all positive")
    return math.prod(sizes)


_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4
    ),
    **dict.fromkeys(
        ("longlong", "long long", "long long int", "signed long long", "signed long long int"), 8
    ),
    **dict.fromkeys(("int64", "int64_t", "ulonglong", "unsigned long long", "unsigned long long int"), 8),
    **dict.fromkeys(("uint64", "uint64_t", "double"), 8),
    "float": 4,
}
_HEADER_END = re.compile(rb"\r?\n\r?\n")


def _nrrd(head: bytes) -> ImageClaim | None:
    end = _HEADER_END.search(head)
    text = head[: end.start() if end else len(head)].decode("latin-1")
    pairs = (
        line.partition(":") for line in text.splitlines() if not line.startswith("#") and ":=" not in line
    )
    fields = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if "sizes" not in fields or "type" not in fields:
        return None
    count = _count([int(size) for size in fields["sizes"].split()])
    kind = fields["type"].lower()
    voxel_bytes = int(fields.get("block size", "1")) if kind == "block" else _NRRD_BYTES.get(kind)
    if voxel_bytes is None:
        return None
    data_file = fields.get("data file", fields.get("datafile", ""))
    data_bytes = _nrrd_stored(fields.get("encoding", "raw").lower(), count, voxel_bytes)
    skipped = max(0, int(fields.get("byte skip", fields.get("byteskip", "0"))))
    start = 0 if data_file else (end.end() if end else len(head))
    is_list = data_file.upper().startswith("LIST") or "%" in data_file
    stored = 0 if is_list else start + skipped + data_bytes
    return ImageClaim(count * voxel_bytes, stored, "" if is_list else data_file)


def _nrrd_stored(encoding: str, count: int, voxel_bytes: int) -> int:
    if encoding == "raw":
        return count * voxel_bytes
    if encoding in {"txt", "text", "ascii"}:
        return 2 * count - 1  # one digit each, one separator between
    if encoding == "hex":
        return 2 * count * voxel_bytes
    return _deflated(count * voxel_bytes) if encoding in {"gz", "gzip"} else 0


_META_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR", "MET_ASCII_CHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG", "MET_ULONG", "MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_META_LAST = re.compile(rb"^ElementDataFile\s*=[^\n]*\n?", re.MULTILINE)


def _meta_image(head: bytes) -> ImageClaim | None:
    end = _META_LAST.search(head)
    if end is None:
        return None
    pairs = (line.partition("=") for line in head[: end.end()].decode("latin-1").splitlines())
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    voxel_bytes = _META_BYTES.get(fields.get("ElementType", "").removesuffix("_ARRAY"))
    if voxel_bytes is None or "DimSize" not in fields:
        return None
    count = _count([int(size) for size in fields["DimSize"].split()])
    memory = count * voxel_bytes * int(fields.get("ElementNumberOfChannels", "1"))
    data = _deflated(memory) if fields.get("CompressedData", "False").lower() == "true" else memory
    place = fields["ElementDataFile"]
    if place.upper() == "LOCAL":
        return ImageClaim(memory, end.end() + data)
    is_list = place.upper().startswith("LIST") or "%" in place
    return ImageClaim(memory, 0 if is_list else data, "" if is_list else place)


_NIFTI_LONG = (1024, 1280)  # DT_INT64, DT_UINT64 (nifti1.h)


def _nifti(head: bytes, *, in_same_file: bool) -> ImageClaim | None:
    for order in "<>":
        if head[:4] == struct.pack(order + "i", 348) and len(head) >= 348:
            sizes = struct.unpack_from(order + "8h", head, 40)
            kind, bits = struct.unpack_from(order + "2h", head, 70)
            offset = int(struct.unpack_from(order + "f", head, 108)[0])
            claim = _nifti_claim(list(sizes), bits, offset if in_same_file else 0)
            return replace(claim, is_read_as_long=kind in _NIFTI_LONG)
        if head[:4] == struct.pack(order + "i", 540) and len(head) >= 540:
            sizes = struct.unpack_from(order + "8q", head, 16)
            kind, bits = struct.unpack_from(order + "2h", head, 12)
            (offset,) = struct.unpack_from(order + "q", head, 168)
            claim = _nifti_claim(list(sizes), bits, offset if in_same_file else 0)
            return replace(claim, is_read_as_long=kind in _NIFTI_LONG)
    return None


def _nifti_claim(sizes: list[int], bits: int, offset: int) -> ImageClaim:
    axes = sizes[0]
    if not 1 <= axes <= 7:
        raise ValueError(f"{axes} axes; NIfTI has 1 to 7")
    memory = _count(sizes[1 : axes + 1]) * bits // 8
    # The voxels of a two-file image are in the other file, whose name the reader derives.
    return ImageClaim(memory, max(0, offset) + memory if offset else 0)


_MGH_BYTES = {0: 1, 1: 4, 3: 4, 4: 2}  # uchar, int, float, short
_MGH_DATA_OFFSET = 284


def _mgh(head: bytes) -> ImageClaim | None:
    if len(head) < 24:
        return None
    version, *sizes, kind = struct.unpack_from(">6i", head)
    if version != 1 or kind not in _MGH_BYTES:
        return None
    memory = _count(sizes) * _MGH_BYTES[kind]
    return ImageClaim(memory, _MGH_DATA_OFFSET + memory)
