"""Bytes that wait on the disk until they are sent."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import StorageFailedError
from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


class Spool:
    """One file without a name, made when it is first needed; it goes with the last part that refers to it.

    Parameters
    ----------
    folder
        Gives the folder that it is made in.
    """

    def __init__(self, folder: Callable[[], str]) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._end = 0

    def keep(self, data: bytes) -> FileRange:
        """Write bytes, and give where they are.

        Raises
        ------
        StorageFailedError
            There is no room on the disk.
        """
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder())  # noqa: SIM115 - it lives as long as its parts
            self._file.seek(self._end)
            self._file.write(data)
            self._file.flush()
        except OSError as fault:
            raise StorageFailedError(
                f"A part of the answer could not be kept: {fault.strerror}. Free disk space."
            ) from None
        start, self._end = self._end, self._end + len(data)
        return FileRange(self._file, start, len(data))
