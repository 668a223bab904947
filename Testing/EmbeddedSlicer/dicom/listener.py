"""`DICOMLib.DICOMListener`: what other programs send by C-STORE, into the database.

Follows `Modules/Scripted/DICOMLib/DICOMProcesses.py` (DICOMStoreSCPProcess, DICOMListener). Slicer runs DCMTK's
storescp, which listens on all interfaces; here a child process with pynetdicom listens on 127.0.0.1 only. Left out:
TLS, the question about other listeners, and the 10 s before received files are removed from the folder ``incoming``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRAM = Path(__file__).with_name("store_scp.py")
_STOP_TIMEOUT_MS = 3000


class DICOMListener:
    """Receives files and indexes them, as Slicer's does; any called and calling AE title is accepted."""

    def __init__(
        self,
        database: Any,
        fileToBeAddedCallback: Callable[[], None] | None = None,
        fileAddedCallback: Callable[[], None] | None = None,
    ) -> None:
        import ctk

        if not database.databaseDirectory:
            message = "Database directory not set: cannot start DICOMListener"
            raise UserWarning(message)
        self.dicomDatabase = database
        self.indexer = ctk.ctkDICOMIndexer()
        self.indexer.backgroundImportEnabled = True
        self.indexer.indexingComplete.connect(self._remove_incoming)
        self.fileToBeAddedCallback = fileToBeAddedCallback
        self.fileAddedCallback = fileAddedCallback
        self.lastFileAdded: str | None = None
        self.incomingFiles: list[str] = []
        self.incomingDataDir = str(Path(database.databaseDirectory) / "incoming")
        Path(self.incomingDataDir).mkdir(exist_ok=True)
        settings = qt.QSettings()
        self.port = settings.value("StoragePort")
        if not self.port:
            settings.setValue("StoragePort", "11112")
            self.port = settings.value("StoragePort")
        self.tlsEnabled = False
        self.process: Any = None

    def killStoreSCPProcesses(self) -> bool:
        """Ask whether other listeners shall be ended: a question that blocks, in Slicer."""
        message = "confirmYesNoDisplay: There are other DICOM listeners running."
        raise RuntimeError(message)

    def start(self) -> None:
        """Start the child process."""
        self.killStoreSCPProcesses()
        self.process = qt.QProcess()
        self.process.readyReadStandardOutput.connect(self.readFromStandardOutput)
        self.process.start(sys.executable, ["-u", str(_PROGRAM), str(self.port), self.incomingDataDir])

    def stop(self) -> None:
        """End the child process."""
        if self.process:
            self.process.kill()
            self.process.waitForFinished(_STOP_TIMEOUT_MS)
            self.process = None

    def readFromStandardOutput(self, *_: object) -> None:
        """Take what the child has said: one path per line."""
        while self.process and self.process.canReadLine():
            self.processStdoutLine(self.process.readLine().data().decode().strip())

    def processStdoutLine(self, line: str) -> None:
        """Let the indexer add a received file."""
        if self.fileToBeAddedCallback:
            self.fileToBeAddedCallback()
        self.incomingFiles.append(line)
        self.indexer.addFile(self.dicomDatabase, line, True)
        self.lastFileAdded = line
        if self.fileAddedCallback:
            self.fileAddedCallback()

    def _remove_incoming(self, *_: object) -> None:
        for path in self.incomingFiles:
            Path(path).unlink(missing_ok=True)
        self.incomingFiles.clear()
