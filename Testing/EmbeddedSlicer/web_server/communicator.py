"""One connection of the emulated WebServer.

Has the contract of `SlicerHTTPServer.SlicerRequestCommunicator` in `Modules/Scripted/WebServer/WebServer.py`:
made with (connection, handlers, docroot, log, cors), one request, one answer, then closed. HEAD, PATCH,
HTTP/1.0, malformed lines and empty connections get no answer, and their descriptor stays open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from EmbeddedSlicer.web_server import answer
from EmbeddedSlicer.web_server.request import IncomingRequest

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")


class SlicerRequestCommunicator:
    """Reads one request, asks the surest handler, writes its answer."""

    bufferSize = 1024 * 1024

    def __init__(
        self,
        connectionSocket: socket.socket,
        requestHandlers: list[Any],
        docroot: bytes,
        logMessage: Callable[..., None],
        enableCORS: bool,
    ) -> None:
        self.connectionSocket = connectionSocket
        self.docroot = docroot
        self.logMessage = logMessage
        self.enableCORS = enableCORS
        self.requestHandlers: list[Any] = []
        for handler in requestHandlers:
            self.registerRequestHandler(handler)
        self._request = IncomingRequest()
        self._answer = memoryview(b"")
        self.readNotifier = qt.QSocketNotifier(connectionSocket.fileno(), qt.QSocketNotifier.Read)
        self.readNotifier.activated.connect(self.onReadable)
        self.writeNotifier: Any = None

    def registerRequestHandler(self, handler: Any) -> None:
        """Take a handler; its log is replaced with this connection's."""
        self.requestHandlers.append(handler)
        handler.logMessage = self.logMessage

    def onReadable(self, *_: object) -> None:
        """Read the next piece."""
        try:
            part = self.connectionSocket.recv(self.bufferSize)
        except OSError as error:
            self.logMessage(f"Socket error: {error}")
            part = b""
        if not part:
            # Slicer's server may turn for ever here, at 100 % CPU; the waiting client is emulated, the heat is not.
            self.readNotifier.setEnabled(False)
        self._request.add(part)
        if not part or self._request.is_complete:
            self.readNotifier.setEnabled(False)
            self._respond()

    def _respond(self) -> None:
        line = self._request.first_line.split(b" ")
        if not self._request.received or len(line) != 3:
            self.logMessage("Could not interpret first request lines")
            return
        method, uri, version = line[0].decode(), line[1], line[2]
        if version != b"HTTP/1.1" or method not in METHODS:
            self.logMessage(f"Warning, we don't speak {version!r} or do not handle {method}")
            return
        self._answer = memoryview(self._ask(method, uri))
        self.writeNotifier = qt.QSocketNotifier(self.connectionSocket.fileno(), qt.QSocketNotifier.Write)
        self.writeNotifier.activated.connect(self.onWritable)

    def _ask(self, method: str, uri: bytes) -> bytes:
        # canHandleRequest is called outside any try: a handler that raises here leaves its client without an answer.
        request = {"method": method, "uri": uri, "requestBody": self._request.body}
        surest, confidence = None, 0.0
        for handler in self.requestHandlers:
            found = handler.canHandleRequest(**request)
            if found > confidence:  # of equals the first one wins
                surest, confidence = handler, found
        if method == "OPTIONS":
            return answer.make_options_answer(self.enableCORS)
        if surest is None:
            return answer.NOT_FOUND
        status = "200 OK"
        try:
            content_type, body = surest.handleRequest(**request)
        except Exception as error:
            self.logMessage(repr(error))
            content_type, body = b"application/json", answer.make_error_body(error)
            status = "500 Internal Server Error"
        return answer.make_answer(content_type, body, status, self.enableCORS) if body else answer.NOT_FOUND

    def onWritable(self, *_: object) -> None:
        """Write the next piece; at the end close the connection."""
        try:
            sent = self.connectionSocket.send(self._answer[: 500 * self.bufferSize])
        except OSError as error:
            self.logMessage(f"Socket error while sending: {error}")
            sent = len(self._answer)
        self._answer = self._answer[sent:]
        if not self._answer:
            self.writeNotifier.setEnabled(False)
            self.connectionSocket.close()
