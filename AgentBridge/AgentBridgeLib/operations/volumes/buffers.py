"""Buffers of clients: taken as arrays without copying, decompressed and compressed in steps."""

from __future__ import annotations

import ctypes
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common.stepping import STEP_S, Pace

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

STEP_BYTES = 4 << 20
"""Decompressed bytes in one step: some 10 ms."""
FIRST_COMPRESSED_BYTES = 64 << 10
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class ReceivedVolume:
    """Voxels, and where they lie if the bytes say so; whether they say that the values are displacements in RAS."""

    array: Array
    grid: Grid | None
    warnings: tuple[str, ...]
    format: Literal["nrrd", "nii", "npy"]
    is_displacement: bool = False


def adopt(data: memoryview, offset: int, dtype: np.dtype, count: int) -> Array:
    """Take part of a buffer as an array in native byte order; copied only if the buffer is read-only.

    Voxels that are not aligned to their size are moved down inside the buffer, over the end of the header.
    """
    if data.readonly:
        return np.frombuffer(data, dtype, count, offset).astype(dtype.newbyteorder("="))
    size = count * dtype.itemsize
    address = np.frombuffer(data, np.uint8).ctypes.data + offset
    shift = address % dtype.itemsize
    if shift > offset:
        return np.frombuffer(data, dtype, count, offset).astype(dtype.newbyteorder("="))
    if shift:
        ctypes.memmove(address - shift, address, size)
    array = np.frombuffer(data, dtype, count, offset - shift)
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return array


def decompress(data: memoryview, size: int) -> Generator[float, None, bytearray]:
    """Decompress gzip or zlib data of exactly `size` bytes; yields how far it is.

    Raises
    ------
    DataInvalidError
        The data is damaged, or holds more or fewer bytes.
    """
    result, filled = bytearray(size), 0
    machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    waiting: bytes | memoryview = data
    try:
        while not machine.eof and filled <= size:
            piece = machine.decompress(waiting, min(STEP_BYTES, size - filled + 1))
            if not piece and not machine.unconsumed_tail and not machine.eof:
                break
            if filled + len(piece) > size:
                raise DataInvalidError(
                    f"The compressed data holds more than the {size} bytes that the header claims."
                )
            result[filled : filled + len(piece)] = piece
            filled += len(piece)
            waiting = machine.unconsumed_tail
            yield filled / size
    except zlib.error:
        raise DataInvalidError("The compressed data is damaged.") from None
    if filled != size or not machine.eof:
        raise DataInvalidError(
            f"The compressed data holds {filled} bytes; the header claims {size}. It may be cut."
        )
    return result


def compress(parts: Sequence[Buffer]) -> Generator[float, None, list[bytes]]:
    """Compress buffers that follow each other as gzip, quickly rather than small; yields how far it is."""
    machine = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=zlib.MAX_WBITS | 16)
    total = sum(memoryview(part).nbytes for part in parts)
    pieces, done, pace = [], 0, Pace(FIRST_COMPRESSED_BYTES, STEP_S)
    for part in [memoryview(part) for part in parts]:
        start = 0
        while start < part.nbytes:
            piece = part[start : start + pace.size]
            with pace.measured(piece.nbytes):
                pieces.append(machine.compress(piece))
            start += piece.nbytes
            done += piece.nbytes
            yield done / total
    return [*pieces, machine.flush()]


def decompressed_head(data: memoryview, size: int) -> bytes:
    """Decompress the first `size` bytes of gzip data, or fewer where there are not so many.

    Raises
    ------
    DataInvalidError
        The data is damaged.
    """
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data[: 64 * 1024], size)
    except zlib.error:
        raise DataInvalidError("The compressed data is damaged.") from None
