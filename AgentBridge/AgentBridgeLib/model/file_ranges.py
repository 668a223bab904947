"""Bytes that stay in a file until they are sent, so that a large answer needs no memory."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileRange:
    """A part of a file.

    Attributes
    ----------
    file
        Path, or a file that is kept open because it has no name.
    start, nbytes
        Where the part begins, and its length in bytes.
    modified_ns
        When the file of this path was last changed; 0 does not look.
    """

    file: str | BinaryIO
    start: int
    nbytes: int
    modified_ns: int = 0

    def blocks(self) -> Iterator[bytes]:
        """Read it piece by piece.

        Raises
        ------
        OSError
            The file is gone, was changed, or ends too early.
        """
        with self._opened() as file:
            for at in range(0, self.nbytes, BLOCK_BYTES):
                wanted = min(BLOCK_BYTES, self.nbytes - at)
                file.seek(self.start + at)
                block = file.read(wanted)
                if len(block) != wanted:
                    raise OSError("a file became shorter while it was sent")
                yield block

    def __bytes__(self) -> bytes:
        """Read all of it; errors as in `blocks`."""
        return b"".join(self.blocks())

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        if not isinstance(self.file, str):
            return nullcontext(self.file)
        path = Path(self.file)
        if self.modified_ns and path.stat().st_mtime_ns != self.modified_ns:
            raise OSError("a file was changed before it was sent")
        return path.open("rb")
