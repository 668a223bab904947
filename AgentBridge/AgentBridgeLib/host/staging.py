"""Files that appear whole or not at all.

Writers get a private folder beside the target, so that all parts of a format (``.nhdr`` and ``.raw``, ``.obj`` and
``.mtl``) have their final names and lie on the target's file system. When the writing succeeded the parts are made
durable and renamed into place, the named file last; if a rename fails, what was there before is put back.

Many of Slicer's writers (JSON, tables, texts, OBJ) report success on a full disk. So each part is asked to grow by one
block after writing: on a full disk, or at a size limit, that fails where the writer was silent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import FileExistsAlreadyError, StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROWTH_PROBE_BYTES = 64 * 1024


class Staging:
    """A private folder beside a target file.

    Attributes
    ----------
    folder
        Where the writer puts its files.
    file
        The target's name inside it.
    """

    def __init__(self, target: Path, folder: Path) -> None:
        self._target = target
        self._previous = folder / "previous"
        self.folder = folder / "new"
        self.file = self.folder / target.name
        self._previous.mkdir()
        self.folder.mkdir()

    def commit(self) -> None:
        """Make what was written durable and move it into place.

        Raises
        ------
        FileExistsAlreadyError
            The target is new, but what goes with it would replace something that is there.
        StorageFailedError
            A part is incomplete or could not be moved; the target is as it was.
        """
        if not self.file.is_file():
            raise StorageFailedError(f"Slicer wrote no file for {self._target.name}.")
        if self._target.is_file() and not os.access(self._target, os.W_OK):
            raise StorageFailedError(f"{self._target.name} is there and may not be written.")
        check_written(self.folder)
        parts = sorted(self.folder.iterdir(), key=lambda part: part == self.file)
        if not self._target.exists():  # else it was asked for, and its parts with it
            self._check_new(parts)
        moved: list[Path] = []
        try:
            for part in parts:
                self._move(part, moved)
        except OSError as error:
            self._put_back(moved)
            raise StorageFailedError(
                f"{self._target.name} could not be put in place: {error.strerror}."
            ) from error
        _sync_folder(self._target.parent)

    def _check_new(self, parts: Iterable[Path]) -> None:
        there = [part.name for part in parts if os.path.lexists(self._target.parent / part.name)]
        if there:
            raise FileExistsAlreadyError(
                f"{there[0]}, which would go with {self._target.name}, exists. Choose another name."
            )

    def _move(self, part: Path, moved: list[Path]) -> None:
        place = self._target.parent / part.name
        if place.is_dir() and not place.is_symlink():
            place.replace(self._previous / part.name)
        elif place.is_file() and part == self.file:
            shutil.copymode(
                place, part
            )  # the permissions stay; the file itself is there until the last moment
        elif place.exists():
            place.replace(self._previous / part.name)
        moved.append(place)
        part.replace(place)

    def _put_back(self, moved: list[Path]) -> None:
        for place in moved:
            with contextlib.suppress(OSError):
                previous = self._previous / place.name
                if previous.exists():
                    _remove(place)
                    previous.replace(place)
                elif place != self._target:
                    _remove(place)


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Staging]:
    """Make a staging folder beside `target` and remove it in the end, whatever happened.

    Raises
    ------
    StorageFailedError
        The folder of the target does not exist or takes no files.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=".agentbridge-", dir=target.parent))
    except OSError as error:
        message = f"Nothing can be written into the folder of {target.name}: {error.strerror}."
        raise StorageFailedError(message) from error
    try:
        yield Staging(target, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_written(folder: Path) -> None:
    """Make every file below `folder` durable, and make sure that none was cut by a full disk.

    Raises
    ------
    StorageFailedError
        The disk is full, or a file reached a size limit.
    """
    try:
        for path in folder.rglob("*"):
            if path.is_file():
                _grow_and_sync(path)
    except OSError as error:
        raise StorageFailedError(
            f"Writing failed: {error.strerror}. What was there before is still there."
        ) from error


def _grow_and_sync(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        file.seek(size)
        try:
            written = file.write(bytes(GROWTH_PROBE_BYTES))
            if written is None or written < GROWTH_PROBE_BYTES:
                raise OSError(None, "the disk is full or the file reached its size limit")
            os.fsync(file.fileno())
        finally:
            file.truncate(size)
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows has no descriptors of folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # network file systems may not support it; the files themselves are synced
        pass
    finally:
        os.close(descriptor)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
