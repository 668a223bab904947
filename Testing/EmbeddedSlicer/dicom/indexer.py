"""`ctk.ctkDICOMIndexer`: files into the database, beside the event loop.

Follows CTK `Libs/DICOM/Core/ctkDICOMIndexer.h`. In CTK a C++ thread parses the files; here a timer takes a few
milliseconds of each turn of the event loop, so that the caller goes on as it does there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from EmbeddedSlicer.application.signals import Emitter, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLICE_S = 0.008


class Indexer(Emitter):
    """ctkDICOMIndexer."""

    stands_for = "ctkDICOMIndexer"

    backgroundImportEnabled = False
    followSymlinks = True
    importing = False
    progress: Signal = None  # type: ignore[assignment]
    progressStep: Signal = None  # type: ignore[assignment]
    progressDetail: Signal = None  # type: ignore[assignment]
    indexingComplete: Signal = None  # type: ignore[assignment]

    def __init__(self) -> None:
        for name in ("progress", "progressStep", "progressDetail", "indexingComplete"):
            setattr(self, name, Signal())
        self._database: Any = None
        self._waiting: list[tuple[str, bool]] = []
        self._done = 0
        self._before = (0, 0, 0, 0)
        self._timer = qt.QTimer()
        self._timer.timeout.connect(self._work)

    def setDatabase(self, database: Any, /) -> None:
        """Choose where files go."""
        self._database = database

    def addDirectory(self, database: Any, directoryName: str, copyFile: bool = False, /) -> None:
        """Add all files below a folder; hidden ones too."""
        walk = os.walk(directoryName, followlinks=self.followSymlinks)
        paths = (str(Path(folder) / name) for folder, _, names in walk for name in sorted(names))
        self.addListOfFiles(database, list(paths), copyFile)

    def addFile(self, database: Any, filePath: str, copyFile: bool = False, /) -> None:
        """Add one file."""
        self.addListOfFiles(database, [filePath], copyFile)

    def addListOfFiles(self, database: Any, listOfFiles: Iterable[str], copyFile: bool = False, /) -> None:
        """Add files; returns at once when importing in the background."""
        self._database = database
        if not self.importing:
            self._before, self._done, self.importing = self._counts(), 0, True
        self._waiting += [(str(path), bool(copyFile)) for path in listOfFiles]
        if self.backgroundImportEnabled:
            self._timer.start(0)
        else:
            self.waitForImportFinished()

    def waitForImportFinished(self, msecTimeout: int = -1, /) -> None:
        """Work until nothing is left."""
        while self.importing:
            self._work()

    def cancel(self) -> None:
        """Stop; what is in the database stays there."""
        self._waiting.clear()

    def _work(self, *_: object) -> None:
        end = time.monotonic() + _SLICE_S
        while self._waiting and time.monotonic() < end:
            path, copy = self._waiting.pop(0)
            self.progressDetail.emit(path)
            self._database.insert(path, copy, False)
            self._done += 1
        total = self._done + len(self._waiting)
        self.progress.emit(100 * self._done // max(1, total))
        if not self._waiting and self.importing:
            self._timer.stop()
            self.importing = False
            now = self._counts()
            self._database.databaseChanged.emit()
            self.indexingComplete.emit(
                *(after - before for after, before in zip(now, self._before, strict=True))
            )

    def _counts(self) -> tuple[int, int, int, int]:
        base = self._database
        return base.patientsCount(), base.studiesCount(), base.seriesCount(), base.imagesCount()


facade = Indexer
