"""Whether compressed voxels are all there.

Readers fill up what a cut file lacks with zeros (ITK, of NIfTI) or with what happens to be in memory (MetaIO), and say
nothing.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

    from AgentBridgeLib.host.image_headers import ImageClaim

CHUNK_BYTES = 1 << 20
MOST_UNPACKED_BYTES = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def is_complete(path: Path, claim: ImageClaim) -> bool:
    """Say whether a file has all the compressed data that its header claims; True where nothing is compressed.

    The length at the end of a gzip file decides. Where it says something else (a cut file, several parts), and for
    zlib, which has none, all is unpacked.
    """
    if not claim.unpacked_bytes:
        return True
    with path.open("rb") as file:
        file.seek(claim.packed_from)
        is_gzip = file.read(2) == _GZIP_MAGIC
        file.seek(-4, os.SEEK_END)
        if is_gzip and int.from_bytes(file.read(4), "little") == claim.unpacked_bytes % (1 << 32):
            return True
        file.seek(claim.packed_from)
        try:
            return _unpacked_bytes(file) >= claim.unpacked_bytes
        except zlib.error:
            return False


def _unpacked_bytes(file: BinaryIO) -> int:
    """Count the bytes that gzip or zlib data unpacks to, part after part; those of an unfinished part do not count."""
    total, in_part, rest = 0, 0, b""
    machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    while rest or (rest := file.read(CHUNK_BYTES)):
        in_part += len(machine.decompress(rest, MOST_UNPACKED_BYTES))
        rest = machine.unconsumed_tail
        if machine.eof:
            total, in_part = total + in_part, 0
            rest = machine.unused_data or file.read(CHUNK_BYTES)
            if not rest.startswith(_GZIP_MAGIC):
                break
            machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    return total
