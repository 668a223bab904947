"""Files as they leave: without identifiers where the policy hides them, in a transfer syntax the client wants."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.errors import DataInvalidError, FileUnreadableError
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.decoders import decode
from AgentBridgeLib.operations.dicom.library import PIXEL_TAGS, library, quiet
from AgentBridgeLib.operations.dicom.pixels import frame_count
from AgentBridgeLib.operations.dicom.privacy import without_identifiers

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Buffer

_ITEM, _END_OF_ITEMS = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF


def leaving_file(path: str, accept: str, *, hides: bool) -> tuple[str, list[Buffer]]:
    """Give a file's transfer syntax and its bytes in pieces; pixels are passed on uncopied where that is possible.

    Raises
    ------
    FileUnreadableError
        The file is gone or broken.
    NotAcceptableError
        The client wants another transfer syntax than there can be.
    """
    data = _bytes_of(path)
    try:
        with quiet():
            dataset, at = _read_head(data)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise FileUnreadableError("The file of this instance is no readable DICOM file.") from None
    stored = str(dataset.file_meta.TransferSyntaxUID)
    wanted = negotiation.file_syntax(accept, stored, can_decode=True)
    if wanted != stored:
        try:
            return wanted, [_transcoded(data, hides)]
        except DataInvalidError:
            negotiation.file_syntax(accept, stored, can_decode=False)
    if not hides:
        return stored, [data]
    tail = memoryview(data)[at:]
    if at and dataset.original_encoding[0] == _is_implicit(dataset) and _ends_with_pixels(tail, dataset):
        return stored, [_written(without_identifiers(dataset)), tail]
    return stored, [_written(_decoded(without_identifiers(_whole(data))))]


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - one call less per slice
            return file.read()
    except OSError:
        raise FileUnreadableError(
            "The file of this instance is gone from the disk; import the data again."
        ) from None


def _read_head(data: bytes) -> tuple[Any, int]:
    """Read everything before the pixels; give it with the place where they begin, 0 when that cannot be told."""
    file = io.BytesIO(data)
    dataset = library("pydicom.filereader").read_partial(file, lambda tag, *_: tag in PIXEL_TAGS)
    is_deflated = dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1.99"
    return dataset, 0 if is_deflated else file.tell()


def _ends_with_pixels(tail: memoryview, dataset: Any) -> bool:
    """Whether what follows is one element with pixels and nothing else: identifiers might stand behind."""
    if not tail:
        return True
    is_implicit, is_little = dataset.original_encoding
    order = "<" if is_little else ">"
    head = 8 if is_implicit else 12
    if len(tail) < head:
        return False
    if struct.unpack_from(f"{order}HH", tail)[0] != 0x7FE0:
        return False
    (length,) = struct.unpack_from(f"{order}I", tail, head - 4)
    if length != _UNDEFINED:
        return bool(head + length == len(tail))
    at = head
    while at + 8 <= len(tail):
        group, element, length = struct.unpack_from("<HHI", tail, at)
        at += 8
        if (group, element) == _END_OF_ITEMS:
            return at == len(tail)
        if (group, element) != _ITEM or length == _UNDEFINED:
            return False
        at += length
    return False


def _is_implicit(dataset: Any) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_implicit_VR)


def _whole(data: bytes) -> Any:
    with quiet():
        return library("pydicom").dcmread(io.BytesIO(data))


def _written(dataset: Any) -> bytes:
    out = io.BytesIO()
    try:
        with quiet():
            library("pydicom").dcmwrite(out, dataset)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise FileUnreadableError("This file cannot be rewritten; it is broken.") from None
    return out.getvalue()


def _transcoded(data: bytes, hides: bool) -> bytes:
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
            without_identifiers(dataset)
        _decoded(dataset)
    dataset.file_meta.TransferSyntaxUID = library("pydicom.uid").ExplicitVRLittleEndian
    out = io.BytesIO()
    try:
        with quiet():
            dataset.save_as(out, implicit_vr=False, little_endian=True, enforce_file_format=True)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise DataInvalidError("This file cannot be rewritten; it is broken.") from None
    return out.getvalue()


def _decoded(dataset: Any) -> Any:
    """Decode all values: those that were not are still in the encoding of the file they were read from."""
    with quiet():
        for element in dataset.iterall():
            _ = element.value
    return dataset


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
