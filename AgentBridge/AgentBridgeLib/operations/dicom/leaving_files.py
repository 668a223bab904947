"""Files as they leave: without identifiers where the policy hides them, in a transfer syntax the client wants."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.errors import DataInvalidError, FileUnreadableError
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.decoders import decode, is_new_pydicom
from AgentBridgeLib.operations.dicom.header_filter import UNDEFINED, HeaderFilter
from AgentBridgeLib.operations.dicom.library import library, quiet
from AgentBridgeLib.operations.dicom.pixels import frame_count
from AgentBridgeLib.operations.dicom.privacy import decoded, method, without_identifiers

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

_ITEM, _END_OF_ITEMS = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_IMPLICIT = "1.2.840.10008.1.2"
_META = 132  # where the file meta information begins (PS3.10, 7.1)
_UNUSUAL = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}  # big endian, deflated


def leaving_file(
    path: str, accept: str, *, hides: bool, uids: UidPseudonyms | None = None
) -> tuple[str, list[Buffer]]:
    """Give a file's transfer syntax and its bytes in pieces; pixels are passed on uncopied where that is possible.

    Raises
    ------
    FileUnreadableError
        The file is gone or broken.
    NotAcceptableError
        The client wants another transfer syntax than there can be.
    """
    data = _bytes_of(path)
    stored, start = _syntax_of(data)
    wanted = negotiation.file_syntax(accept, stored, can_decode=True)
    if wanted != stored:
        try:
            return wanted, [_transcoded(data, hides, uids)]
        except DataInvalidError:
            negotiation.file_syntax(accept, stored, can_decode=False)
    if not hides:
        return stored, [data]
    return stored, _filtered(data, stored, start, uids) or [_rewritten(data, uids)]


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - one call less per slice
            return file.read()
    except OSError:
        raise FileUnreadableError(
            "The file of this instance is gone from the disk; import the data again."
        ) from None


def _syntax_of(data: bytes) -> tuple[str, int]:
    """Give the transfer syntax of a file, and where its data set begins, behind the file meta information."""
    file = io.BytesIO(data)
    try:
        with quiet():
            head = library("pydicom.filereader").read_partial(file, lambda *_: True)
        return str(head.file_meta.TransferSyntaxUID), file.tell()
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise FileUnreadableError("The file of this instance is no readable DICOM file.") from None


def _filtered(data: bytes, syntax: str, start: int, uids: UidPseudonyms | None = None) -> list[Buffer]:
    """Take the identifiers out without decoding anything; empty when that is not possible."""
    if syntax in _UNUSUAL:
        return []
    is_implicit = syntax == _IMPLICIT
    walker = HeaderFilter(data, is_implicit=is_implicit, uids=uids)
    try:
        pieces = _filtered_meta(data, start, uids)
        before, at = walker.run(start, len(data), _marks(is_implicit, uids))
        behind = at + _pixels_length(memoryview(data)[at:], is_implicit)
        rest, _ = walker.run(behind, len(data), {})
    except ValueError:
        return []
    return [*pieces, *before, memoryview(data)[at:behind], *rest]


def _filtered_meta(data: bytes, start: int, uids: UidPseudonyms | None) -> list[Buffer]:
    """Take out of the file meta information what may name somebody, and correct its length.

    Raises
    ------
    ValueError
        It does not begin with its length, as it has to (PS3.10, 7.1).
    """
    if data[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        raise ValueError("the file meta information has no length")
    pieces, _ = HeaderFilter(data, is_implicit=False, uids=uids).run(_META + 12, start, {})
    length = sum(memoryview(piece).nbytes for piece in pieces)
    return [bytes(128), data[128:140], struct.pack("<I", length), *pieces]


def _marks(is_implicit: bool, uids: UidPseudonyms | None) -> dict[int, bytes]:
    """Encode the attributes that say what was done (PS3.15, annex E.1.1)."""
    made = {}
    for number, kind, text in ((0x62, b"CS", "YES"), (0x63, b"LO", method(uids))):
        value = text.encode() + b" " * (len(text) % 2)
        length = struct.pack("<I", len(value)) if is_implicit else kind + struct.pack("<H", len(value))
        made[0x00120000 | number] = struct.pack("<HH", 0x0012, number) + length + value
    return made


def _pixels_length(tail: memoryview, is_implicit: bool) -> int:
    """Measure the element with the pixels that `tail` begins with; 0 at the end of the file.

    Raises
    ------
    ValueError
        It is cut off, or its items are broken.
    """
    if not tail:
        return 0
    at = 8 if is_implicit else 12
    if len(tail) < at:
        raise ValueError("the pixels are cut off")
    (length,) = struct.unpack_from("<I", tail, at - 4)
    if length != UNDEFINED:
        if at + length > len(tail):
            raise ValueError("the pixels are cut off")
        return int(at + length)
    while at + 8 <= len(tail):
        group, element, length = struct.unpack_from("<HHI", tail, at)
        at += 8
        if (group, element) == _END_OF_ITEMS:
            return at
        if (group, element) != _ITEM or length == UNDEFINED:
            raise ValueError("something else than items among the frames")
        at += length
    raise ValueError("the frames have no end")


def _whole(data: bytes) -> Any:
    with quiet():
        return library("pydicom").dcmread(io.BytesIO(data))


def _rewritten(data: bytes, uids: UidPseudonyms | None = None) -> bytes:
    """Take the identifiers out of a file that is encoded in an unusual way."""
    dataset = decoded(without_identifiers(_whole(data), uids))
    out = io.BytesIO()
    try:
        with quiet():
            library("pydicom").dcmwrite(out, dataset)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise FileUnreadableError("This file cannot be rewritten; it is broken.") from None
    return out.getvalue()


def _transcoded(data: bytes, hides: bool, uids: UidPseudonyms | None) -> bytes:
    """Write a file in Explicit VR Little Endian.

    Raises
    ------
    DataInvalidError
        Its pixels cannot be decoded.
    """
    dataset = _whole(data)
    syntax = dataset.file_meta.TransferSyntaxUID
    with quiet():
        if syntax.is_compressed and "PixelData" in dataset:
            _decompress(dataset)
        elif not syntax.is_little_endian:
            _swap_words(dataset)
        if hides:
            without_identifiers(dataset, uids)
        decoded(dataset)
    dataset.file_meta.TransferSyntaxUID = library("pydicom.uid").ExplicitVRLittleEndian
    try:
        with quiet():
            return _explicit_little(dataset)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise DataInvalidError("This file cannot be rewritten; it is broken.") from None


def _explicit_little(dataset: Any) -> bytes:
    out, write = io.BytesIO(), library("pydicom").dcmwrite
    if is_new_pydicom():
        write(out, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    else:
        dataset.is_implicit_VR, dataset.is_little_endian = False, True
        write(out, dataset, write_like_original=False)
    return out.getvalue()


def _decompress(dataset: Any) -> None:
    """Decode all frames; colors come as RGB."""
    count = frame_count(dataset)
    frames = [decode(dataset, index, count) for index in range(count)]
    samples = int(dataset.get("SamplesPerPixel", 1) or 1)
    if samples > 1:
        dataset.PlanarConfiguration = 0
        if str(dataset.get("PhotometricInterpretation", "")).startswith("YBR"):
            dataset.PhotometricInterpretation = "RGB"
    pixels = np.stack(frames).astype(frames[0].dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    element = dataset["PixelData"]
    element.VR = "OB" if int(dataset.BitsAllocated) <= 8 else "OW"
    element.is_undefined_length = False
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)


def _swap_words(dataset: Any) -> None:
    """Turn the bytes of binary values round: pydicom leaves them as they were read."""
    for element in dataset.iterall():
        if element.VR in {"OW", "OF", "OD", "OL", "OV"} and isinstance(element.value, bytes):
            size = {"OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(element.VR, 2)
            if element.tag == 0x7FE00010:
                size = max(2, int(dataset.BitsAllocated) // 8)
            if len(element.value) % size == 0:
                element.value = np.frombuffer(element.value, f">u{size}").astype(f"<u{size}").tobytes()
