"""Slicer's DICOM listener (C-STORE): DICOMLib's DICOMListener, which runs DCMTK's storescp.

It is kept in `slicer.dicomListener`, where the DICOM module looks for it. Traps: its `start` opens a question when
another storescp runs anywhere on the machine, which blocks a Slicer without a window for good; storescp listens on
all interfaces and answers to any AE title; a port that is taken only shows by the end of the process.
"""

from __future__ import annotations

import socket
from typing import Any

import qt
import slicer

from AgentBridgeLib.errors import FeatureMissingError, OperationFailedError
from AgentBridgeLib.host.qtcompat import run_guarded


class SlicerDicomListener:
    """The application's one listener; implements `ports.DicomListenerHost`."""

    def __init__(self) -> None:
        self._own: Any = None
        self._received = 0

    @property
    def is_running(self) -> bool:
        """Whether it receives, whoever has started it."""
        process = getattr(self._listener, "process", None)
        return process is not None and process.state() == qt.QProcess.Running

    @property
    def port(self) -> int | None:
        """Where it listens; None when it does not."""
        return int(self._listener.port) if self.is_running else None

    @property
    def received_count(self) -> int | None:
        """Files received since the bridge started it; None when the bridge did not."""
        return self._received if self.is_running and self._listener is self._own else None

    def start(self, database: Any, port: int | None) -> None:
        """Start it; it runs when `is_running` says so.

        Raises
        ------
        FeatureMissingError
            This Slicer has no listener.
        OperationFailedError
            The port is taken, or it did not start.
        """
        try:
            from DICOMLib import DICOMListener  # noqa: PLC0415 - there is none without the DICOM module
        except ImportError:
            raise FeatureMissingError("This Slicer has no DICOM module, which has the listener.") from None
        self.stop()
        try:
            listener = DICOMListener(database, fileAddedCallback=self._on_file)
            listener.killStoreSCPProcesses = _leave_others_alone
            listener.port = str(port or listener.port)
            _require_free(int(listener.port))
            listener.start()
        except (UserWarning, OSError, ValueError) as fault:
            raise OperationFailedError(f"Slicer's DICOM listener did not start: {fault}.") from None
        self._own, self._received = listener, 0
        slicer.dicomListener = listener

    def stop(self) -> None:
        """End it, whoever has started it. Safe to repeat."""
        listener = self._listener
        if listener is not None:
            listener.stop()
            # The DICOM module removes it itself when it hears of the end.
            if getattr(slicer, "dicomListener", None) is listener:
                del slicer.dicomListener

    def close(self) -> None:
        """End it if the bridge has started it."""
        if self._own is not None and self._listener is self._own:
            self.stop()

    @property
    def _listener(self) -> Any:
        return getattr(slicer, "dicomListener", None)

    def _on_file(self, *_: object) -> None:
        run_guarded(self._count)

    def _count(self) -> None:
        self._received += 1


def _leave_others_alone() -> bool:
    return True


def _require_free(port: int) -> None:
    """Refuse a port that another program listens on: storescp would end with a message box."""
    with socket.socket() as probe:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # only a listening socket stands in the way, not one that is closing
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise OperationFailedError(
                f"Port {port} cannot be used: {fault.strerror}. The person can choose another one in the settings."
            ) from None
