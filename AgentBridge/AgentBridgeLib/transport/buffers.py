"""Room for a body whose length is known, taken once and without writing to it."""

from __future__ import annotations

import numpy as np

from AgentBridgeLib.errors import OutOfMemoryError

_ALIGNMENT_BYTES = 64
_SMALL_BYTES = 64 * 1024


def allocate_body(length: int) -> memoryview:
    """Take memory for a body.

    Large ones are left uninitialized, so that pages are touched only when data arrives, and begin at a multiple of
    64 bytes, which suits every NumPy and VTK scalar type.

    Parameters
    ----------
    length
        In bytes.

    Raises
    ------
    OutOfMemoryError
        There is not that much.
    """
    try:
        if length <= _SMALL_BYTES:
            return memoryview(bytearray(length))
        room = np.empty(length + _ALIGNMENT_BYTES, dtype=np.uint8)
    except (MemoryError, ValueError, OverflowError):
        raise OutOfMemoryError(f"There is no room in memory for a body of {length} bytes.") from None
    start = -room.__array_interface__["data"][0] % _ALIGNMENT_BYTES
    return room.data[start : start + length]
