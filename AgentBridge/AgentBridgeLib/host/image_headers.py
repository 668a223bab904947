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

HEAD_BYTES = 1 << 20
"""As much as `file_references` looks at, which refuses longer headers."""

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
    packed_from, unpacked_bytes
        Where compressed data begins, and how many bytes it must hold when unpacked; 0 when nothing is compressed.
    """

    memory_bytes: int
    stored_bytes: int
    data_file: str = ""
    is_read_as_long: bool = False
    packed_from: int = 0
    unpacked_bytes: int = 0


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
        return _meta_image(low, head)
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
    if claim is None:
        return None
    return replace(
        claim, stored_bytes=_deflated(claim.memory_bytes), packed_from=0, unpacked_bytes=claim.stored_bytes
    )


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
_GZIP = {"gz", "gzip"}
_PATTERN = re.compile(r"[^%]*%0?\d{0,2}d[^%]*")
_SEGMENT_EXTENT = re.compile(r"Segment\d+_Extent:=(.*)")


def _nrrd(head: bytes) -> ImageClaim | None:
    end = _HEADER_END.search(head)
    lines = head[: end.start() if end else len(head)].decode("latin-1").split("\n")
    pairs = (line.partition(":") for line in lines if not line.startswith("#") and ":=" not in line)
    fields = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if "sizes" not in fields or "type" not in fields:
        return None
    count = _count([int(size) for size in fields["sizes"].split()])
    kind = fields["type"].lower()
    voxel_bytes = int(fields.get("block size", "1")) if kind == "block" else _NRRD_BYTES.get(kind)
    if voxel_bytes is None:
        return None
    _check_segment_extents(lines, count)
    data_file = fields.get("data file", fields.get("datafile", ""))
    encoding = fields.get("encoding", "raw").lower()
    data_bytes = _nrrd_stored(encoding, count, voxel_bytes)
    skipped = max(0, int(fields.get("byte skip", fields.get("byteskip", "0"))))
    start = 0 if data_file else (end.end() if end else len(head))
    is_list = _is_list(data_file)
    stored = 0 if is_list else start + skipped + data_bytes
    unpacked = count * voxel_bytes if encoding in _GZIP and not is_list else 0
    return ImageClaim(
        count * voxel_bytes,
        stored,
        "" if is_list else data_file,
        packed_from=start,
        unpacked_bytes=unpacked,
    )


def _is_list(data_file: str) -> bool:
    """Whether a header names several files; readers hand their pattern to `snprintf`, so it has to be a plain one."""
    if "%" in data_file and not _PATTERN.fullmatch(data_file):
        raise ValueError("the pattern of its files is none")
    return data_file.upper().startswith("LIST") or "%" in data_file


def _check_segment_extents(lines: list[str], count: int) -> None:
    """Refuse segments that are larger than the image that holds them; Slicer would allocate them."""
    for found in filter(None, map(_SEGMENT_EXTENT.match, lines)):
        ends = [int(part) for part in found[1].split()]
        sizes = [max(0, high - low + 1) for low, high in zip(ends[::2], ends[1::2], strict=True)]
        if math.prod(sizes) > count:
            raise ValueError("a segment is larger than the image")


def _nrrd_stored(encoding: str, count: int, voxel_bytes: int) -> int:
    if encoding == "raw":
        return count * voxel_bytes
    if encoding in {"txt", "text", "ascii"}:
        return 2 * count - 1  # one digit each, one separator between
    if encoding == "hex":
        return 2 * count * voxel_bytes
    return _deflated(count * voxel_bytes) if encoding in _GZIP else 0


_META_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR", "MET_ASCII_CHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG", "MET_ULONG", "MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
# MetaIO takes a colon for an equals sign, and skips what is blank.
_META_LAST = re.compile(rb"^[ \t\v\f]*ElementDataFile[ \t]*[=:][^\n]*\n?", re.MULTILINE)
_META_FIELD = re.compile(r"[ \t\v\f]*(\w+)[ \t]*[=:]\s*(.*?)\s*")
_META_MOST_AXES = 10
_META_DATA_AT_END = -1


def _meta_image(name: str, head: bytes) -> ImageClaim | None:
    end = _META_LAST.search(head)
    if end is None:
        return None
    found = map(_META_FIELD.fullmatch, head[: end.end()].decode("latin-1").split("\n"))
    fields = {field[1]: field[2] for field in found if field}
    voxel_bytes = _META_BYTES.get(fields.get("ElementType", "").removesuffix("_ARRAY"))
    if voxel_bytes is None or "DimSize" not in fields:
        return None
    sizes = [int(size) for size in fields["DimSize"].split()]
    channels, skipped = int(fields.get("ElementNumberOfChannels", "1")), int(fields.get("HeaderSize", "0"))
    axes = int(fields.get("NDims", len(sizes)))
    if not 1 <= axes <= _META_MOST_AXES or axes > len(sizes) or channels < 1 or skipped < _META_DATA_AT_END:
        raise ValueError("its numbers of axes or channels, or the size of its header, make no sense")
    # A sequence of transforms is an image without voxels.
    is_empty = ".seq." in name and not any(sizes[:-1])
    memory = 0 if is_empty else _count(sizes) * voxel_bytes * channels
    is_packed = fields.get("CompressedData", "False").lower().startswith(("t", "1"))
    data = max(_deflated(memory), int(fields.get("CompressedDataSize", "0"))) if is_packed else memory
    place = fields["ElementDataFile"]
    is_list, is_local = _is_list(place), place.upper() == "LOCAL"
    start = max(end.end() if is_local else 0, skipped)
    return ImageClaim(
        memory,
        0 if is_list else start + data,
        "" if is_list or is_local else place,
        packed_from=start,
        unpacked_bytes=memory if is_packed and not is_list else 0,
    )


_NIFTI_LONG = (1024, 1280)  # DT_INT64, DT_UINT64 (nifti1.h)
# Readers go by the type of the voxels; what the header says of their bits beside it need not agree.
_NIFTI_BITS = {
    **dict.fromkeys((2, 256), 8),
    **dict.fromkeys((4, 512), 16),
    **dict.fromkeys((8, 16, 768, 2304), 32),
    **dict.fromkeys((32, 64, *_NIFTI_LONG), 64),
    **dict.fromkeys((1536, 1792), 128),
    128: 24,
    2048: 256,
}
_NIFTI_PLACES = {
    348: ("8h", 40, 70, "f", 108),
    540: ("8q", 16, 12, "q", 168),
}  # sizes, type, offset of voxels


def _nifti(head: bytes, *, in_same_file: bool) -> ImageClaim | None:
    for order in "<>":
        for version, (letters, sizes_at, kind_at, letter, offset_at) in _NIFTI_PLACES.items():
            if head[:4] == struct.pack(order + "i", version) and len(head) >= version:
                sizes = struct.unpack_from(order + letters, head, sizes_at)
                kind, bits = struct.unpack_from(order + "2h", head, kind_at)
                (offset,) = struct.unpack_from(order + letter, head, offset_at)
                if not math.isfinite(offset):
                    raise ValueError("its voxels begin nowhere")
                start = max(int(offset), version) if in_same_file else 0
                claim = _nifti_claim(list(sizes), max(bits, _NIFTI_BITS.get(kind, 0)), start)
                return replace(claim, is_read_as_long=kind in _NIFTI_LONG)
    return None


def _nifti_claim(sizes: list[int], bits: int, start: int) -> ImageClaim:
    axes = sizes[0]
    if not 1 <= axes <= 7:
        raise ValueError(f"{axes} axes; NIfTI has 1 to 7")
    memory = _count(sizes[1 : axes + 1]) * bits // 8
    # The voxels of a two-file image are in the other file, whose name the reader derives.
    return ImageClaim(memory, start + memory if start else 0)


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
