"""The listening socket of the emulated WebServer.

Has the contract of `SlicerHTTPServer` in `Modules/Scripted/WebServer/WebServer.py`. One thing differs on
purpose: it binds 127.0.0.1 only, while Slicer's binds every interface.
"""

from __future__ import annotations

import logging
import socket
from http.server import HTTPServer
from typing import TYPE_CHECKING, Any

import qt

from EmbeddedSlicer.web_server.communicator import SlicerRequestCommunicator

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = "127.0.0.1"


class SlicerHTTPServer(HTTPServer):
    """Accepts connections when Qt's loop says so; one server object per `WebServerLogic.start()`."""

    #: Looked up on the instance, so a hand-over may replace it there.
    SlicerRequestCommunicator = SlicerRequestCommunicator

    def __init__(
        self,
        server_address: tuple[str, int] = ("", 2016),
        requestHandlers: list[Any] | None = None,
        docroot: bytes = b".",
        logMessage: Callable[..., None] | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        enableCORS: bool = False,
    ) -> None:
        if certfile or keyfile:
            message = "TLS is not emulated"
            raise NotImplementedError(message)
        HTTPServer.__init__(self, (LOOPBACK, server_address[1]), None)  # type: ignore[arg-type]
        self.requestHandlers = requestHandlers or []  # an empty list is not shared with the logic
        self.docroot = docroot
        self.logMessage = logMessage or logging.getLogger(__name__).debug
        self.enableCORS = enableCORS
        #: What SlicerRequestCommunicator made, by descriptor; this keeps it alive.
        self.requestCommunicators: dict[int, Any] = {}
        self.notifier: Any = None
        self.socket.settimeout(5.0)

    def server_bind(self) -> None:
        """Bind without a look-up of the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def onServerSocketNotify(self, *_: object) -> None:
        """Accept one connection; only OSError is caught."""
        try:
            connection, _address = self.socket.accept()
            self.requestCommunicators[connection.fileno()] = self.SlicerRequestCommunicator(
                connection, self.requestHandlers, self.docroot, self.logMessage, self.enableCORS
            )
        except OSError as error:
            self.logMessage(f"Socket Error {error}")

    def start(self) -> None:
        """Listen."""
        self.notifier = qt.QSocketNotifier(self.socket.fileno(), qt.QSocketNotifier.Read)
        self.notifier.activated.connect(self.onServerSocketNotify)

    def stop(self) -> None:
        """Close the listening socket; accepted connections live on."""
        if self.notifier:
            self.notifier.setEnabled(False)
        self.notifier = None
        self.socket.close()

    @classmethod
    def findFreePort(cls, port: int = 2016) -> int:
        """Give the port if it is free, else the next one, which is not checked."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return port + 1
        return port
