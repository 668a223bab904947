"""Files as they leave: without identifiers where the policy hides them, in a transfer syntax the client wants."""

from __future__ import annotations

import io
import math
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, FileUnreadableError
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.decoders import decode, is_new_pydicom, little_endian, require_moderate
from AgentBridgeLib.operations.dicom.header_filter import UNDEFINED, HeaderFilter
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.library import DEFLATED, file_meta, library, quiet, read_dataset
from AgentBridgeLib.operations.dicom.pixels import frame_count
from AgentBridgeLib.operations.dicom.privacy import decoded, method, without_identifiers
from AgentBridgeLib.operations.dicom.stored_files import StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.model.exchange import Buffer, Piece
    from AgentBridgeLib.operations.dicom.instances import BurnedIn
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

_ITEM, _END_OF_ITEMS = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_IMPLICIT = "1.2.840.10008.1.2"
_META = 132  # where the file meta information begins (PS3.10, 7.1)
_BURNED_IN = 0x00280301
_UNUSUAL = {"1.2.840.10008.1.2.2", DEFLATED}  # big endian, deflated


class LeavingFile(NamedTuple):
    """A file as it leaves.

    Attributes
    ----------
    syntax
        UID of its transfer syntax.
    pieces
        Its bytes; pixels stay on the disk until they are sent, where that is possible.
    burned_in
        Whether its pixels show text about the patient, as far as it says.
    """

    syntax: str
    pieces: Sequence[Piece]
    burned_in: BurnedIn


def leaving_file(
    path: str,
    accept: str,
    *,
    hides: bool,
    uids: UidPseudonyms | None = None,
    keep: Callable[[bytes], Piece] = memoryview,
) -> Generator[Progress, None, LeavingFile]:
    """Make what leaves of a file; frames are decoded one by one.

    Parameters
    ----------
    path
        The file.
    accept
        Media types that the client takes.
    hides
        Whether identifiers are taken out.
    uids
        Gives UIDs their pseudonyms.
    keep
        Puts away what had to be made anew.

    Raises
    ------
    FileUnreadableError
        The file is gone or broken.
    NotAcceptableError
        The client wants another transfer syntax than there can be.
    """
    file = StoredFile(path)
    stored, start = _syntax_of(file.head())
    flag = _flag_of(file.whole() if stored == DEFLATED else file.head(), stored, start)
    wanted = negotiation.file_syntax(accept, stored, can_decode=True)
    if wanted != stored:
        try:
            made = yield from _transcoded(file.whole(), hides, uids)
            return LeavingFile(wanted, [keep(made)], flag)
        except DataInvalidError:
            negotiation.file_syntax(accept, stored, can_decode=False)
    if not hides:
        return LeavingFile(stored, [file.part(0, file.size)], flag)
    return LeavingFile(
        stored, _filtered(file, stored, start, uids) or [keep(_rewritten(file.whole(), uids))], flag
    )


def _syntax_of(data: bytes) -> tuple[str, int]:
    """Give the transfer syntax, and where the data set begins, behind the file meta information."""
    syntax, start = file_meta(data)
    if not syntax:
        raise FileUnreadableError("The file of this instance is no readable DICOM file.")
    return syntax, start


def _flag_of(data: bytes, syntax: str, start: int) -> BurnedIn:
    """Give what a file says about text in its pixels; pydicom looks where the encoding is unusual."""
    if syntax not in _UNUSUAL:
        with suppress(ValueError):
            said = HeaderFilter(data, is_implicit=syntax == _IMPLICIT).value_of(_BURNED_IN, start)
            return burned_in({"BurnedInAnnotation": said.decode("ascii", "replace").strip(" \0")})
    with suppress(FileUnreadableError):  # cut off, or broken further on
        return burned_in(read_dataset(io.BytesIO(data), tags=["BurnedInAnnotation"]))
    return "unknown"


def _filtered(file: StoredFile, syntax: str, start: int, uids: UidPseudonyms | None = None) -> list[Piece]:
    """Take the identifiers out without decoding anything; empty when that is not possible."""
    if syntax in _UNUSUAL:
        return []
    for data in file.beginnings():
        try:
            return _filtered_beginning(file, data, syntax == _IMPLICIT, start, uids)
        except ValueError:
            continue  # it may only be cut off here
    return []


def _filtered_beginning(
    file: StoredFile, data: bytes, is_implicit: bool, start: int, uids: UidPseudonyms | None
) -> list[Piece]:
    """Filter what stands before the pixels and behind them.

    Raises
    ------
    ValueError
        The pixels are not reached in these first bytes, or something is encoded in an unusual way.
    """
    walker = HeaderFilter(data, is_implicit=is_implicit, uids=uids)
    meta = _filtered_meta(data, start, uids)
    before, at = walker.run(start, len(data), _marks(is_implicit, uids))
    if at == len(data) < file.size:
        raise ValueError("the pixels are further on")
    behind = _pixels_end(file, at, is_implicit)
    tail = file.read(behind, file.size - behind)
    rest, _ = HeaderFilter(tail, is_implicit=is_implicit, uids=uids).run(0, len(tail), {})
    head = b"".join((*meta, *before))  # so that what was read can go
    return [head, file.part(at, behind - at), b"".join(rest)]


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


def _pixels_end(file: StoredFile, at: int, is_implicit: bool) -> int:
    """Find where the element with the pixels ends that begins at `at`; there may be none at the end of the file.

    Raises
    ------
    ValueError
        It is cut off, or its items are broken.
    """
    if at == file.size:
        return at
    inside = at + (8 if is_implicit else 12)
    (length,) = struct.unpack("<I", _exactly(file, inside - 4, 4))
    if length != UNDEFINED:
        if inside + length > file.size:
            raise ValueError("the pixels are cut off")
        return int(inside + length)
    while True:
        group, element, length = struct.unpack("<HHI", _exactly(file, inside, 8))
        inside += 8
        if (group, element) == _END_OF_ITEMS:
            return inside
        if (group, element) != _ITEM or length == UNDEFINED:
            raise ValueError("something else than items among the frames")
        inside += length


def _exactly(file: StoredFile, start: int, count: int) -> bytes:
    found = file.read(start, count)
    if len(found) != count:
        raise ValueError("the pixels are cut off")
    return found


def _whole(data: bytes) -> Any:
    return read_dataset(io.BytesIO(data), pixels=True)


def _rewritten(data: bytes, uids: UidPseudonyms | None = None) -> bytes:
    """Take the identifiers out of a file that is encoded in an unusual way."""
    dataset, out = _whole(data), io.BytesIO()
    try:
        with quiet():
            library("pydicom").dcmwrite(out, decoded(without_identifiers(dataset, uids)))
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
        raise FileUnreadableError("This file cannot be rewritten; it is broken.") from None
    return out.getvalue()


def _transcoded(data: bytes, hides: bool, uids: UidPseudonyms | None) -> Generator[Progress, None, bytes]:
    """Write a file in Explicit VR Little Endian.

    Raises
    ------
    DataInvalidError
        Its pixels cannot be decoded.
    """
    dataset = _whole(data)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax not in negotiation.UNCOMPRESSED and "PixelData" in dataset:
        yield from _decompress(dataset)
    try:
        with quiet():
            little_endian(dataset)
            if hides:
                without_identifiers(dataset, uids)
            decoded(dataset)
            dataset.file_meta.TransferSyntaxUID = library("pydicom.uid").ExplicitVRLittleEndian
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


def _decompress(dataset: Any) -> Generator[Progress, None, None]:
    """Decode all frames; colors come as RGB."""
    count = frame_count(dataset)
    require_moderate(dataset, math.ceil(count / 8))  # up to eight times as much, of 2 bytes: about 2 GiB
    frames = []
    for index in range(count):
        frames.append(decode(dataset, index, count))
        yield Progress(None, "Decoding frames")
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
