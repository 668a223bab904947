"""A DICOM file of the database, read no further than is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import FileUnreadableError
from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINNINGS = (64 << 10, 1 << 20, 16 << 20)
"""How much is read at first: nearly every header is shorter than the first; those of multi-frame images are longer."""


class StoredFile:
    """One file as it is now.

    Parameters
    ----------
    path
        Where it is.

    Raises
    ------
    FileUnreadableError
        It is gone.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            found = Path(path).stat()
        except OSError:
            raise _gone() from None
        self.size = found.st_size
        self._modified_ns = found.st_mtime_ns
        self._head = self.read(0, _BEGINNINGS[0])

    def head(self) -> bytes:
        """Give the first bytes."""
        return self._head

    def beginnings(self) -> Iterator[bytes]:
        """Give more and more of it; the last time all."""
        yield self._head
        for count in (*_BEGINNINGS[1:], self.size):
            if count > len(self._head) and self.size > len(self._head):
                self._head = self.read(0, count)
                yield self._head

    def whole(self) -> bytes:
        """Read all of it."""
        return self.read(0, self.size)

    def read(self, start: int, count: int) -> bytes:
        """Read a part; less where the file ends.

        Raises
        ------
        FileUnreadableError
            It is gone.
        """
        if count <= 0:
            return b""
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - one call less per slice
                file.seek(start)
                return file.read(count)
        except OSError:
            raise _gone() from None

    def part(self, start: int, count: int) -> FileRange:
        """Name a part that is read when it is sent."""
        return FileRange(self._path, start, count, self._modified_ns)


def _gone() -> FileUnreadableError:
    return FileUnreadableError("The file of this instance is gone from the disk; import the data again.")
