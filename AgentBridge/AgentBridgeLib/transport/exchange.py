"""One request that waits for its answer, on a connection that can speak HTTP/1.1: how the answer is framed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from AgentBridgeLib.host.qtcompat import run_guarded
from AgentBridgeLib.transport import answers
from AgentBridgeLib.transport.safe_application import as_bridge_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.model.exchange import RequestHead, Response
    from AgentBridgeLib.model.file_ranges import FileRange

    Parts = Sequence[memoryview | FileRange]

_logger = logging.getLogger(__name__)


class AnswerSink(Protocol):
    """The side of a connection that exchanges see."""

    def send(self, exchange: HttpExchange, parts: Parts) -> None:
        """Send what comes next of an answer; ignored unless it is the turn of `exchange`."""

    def is_serving(self, exchange: HttpExchange) -> bool:
        """Say whether it is the turn of `exchange`."""


class HttpExchange:
    """Implements `model.exchange.Exchange`.

    Parameters
    ----------
    connection
        Where the answer goes.
    head
        With an empty method when the fault that is answered left no readable one.
    body
        Owned by the exchange; whoever keeps a view keeps the memory.
    closes
        The connection ends with this answer.
    is_http_11
        Whether the client understands chunks, and stays unless told otherwise.

    Attributes
    ----------
    leaves_unread
        Bytes of the client stay unread, so the connection has to linger or the client never sees the answer.
    is_answered
        An answer was begun.
    is_complete
        All of the answer is known to the connection; it may still be on its way.
    """

    __slots__ = (
        "_callbacks",
        "_connection",
        "_is_http_11",
        "body",
        "closes",
        "head",
        "is_answered",
        "is_complete",
        "leaves_unread",
    )

    def __init__(
        self,
        connection: AnswerSink,
        head: RequestHead,
        body: memoryview,
        *,
        closes: bool,
        is_http_11: bool,
    ) -> None:
        self.head = head
        self.body = body
        self.closes = closes
        self.leaves_unread = False
        self.is_answered = False
        self.is_complete = False
        self._is_http_11 = is_http_11
        self._connection: AnswerSink | None = connection
        self._callbacks: list[Callable[[], None]] = []

    def respond(self, response: Response) -> None:
        """Give the answer; ignored when the client has gone."""
        connection = self._claim()
        if connection is not None:
            self.is_complete = True
            connection.send(self, self._encode(response))

    def open_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> ChunkedStream:
        """Begin an answer of unknown length: in chunks, or until the end of the connection for HTTP/1.0."""
        connection = self._claim()
        if connection is not None:
            self.closes = self.closes or not self._is_http_11
            self.is_complete = not answers.allows_body(status, self.head.method)
            connection.send(self, self._encode_stream_head(status, headers))
        return ChunkedStream(self, connection, is_chunked=self._is_http_11)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Register what is called once if the client goes before its answer is complete."""
        if self._connection is not None:
            self._callbacks.append(callback)
        elif not self.is_complete:
            run_guarded(callback)

    def release(self) -> None:
        """Let go of connection, body and callbacks: the answer is out."""
        self._connection = None
        self._callbacks.clear()
        self.body = memoryview(b"")

    def abandon(self) -> None:
        """Tell the application that the client has gone."""
        callbacks = list(self._callbacks)
        self.is_complete = False
        self.release()
        for callback in callbacks:
            run_guarded(callback)

    def _claim(self) -> AnswerSink | None:
        if self.is_answered:
            _logger.error("A second answer to %s %s was dropped.", self.head.method, self.head.path)
            return None
        self.is_answered = True
        return self._connection

    def _encode(self, response: Response) -> Parts:
        try:
            return answers.encode_response(response, self.head.method, self._persistence())
        except (ValueError, TypeError, OSError) as error:
            return self._encode_failure(error)

    def _encode_stream_head(self, status: int, headers: Sequence[tuple[str, str]]) -> Parts:
        own = self._persistence()
        if self._is_http_11:
            own.append("Transfer-Encoding: chunked")
        try:
            return [memoryview(answers.encode_head(status, headers, own))]
        except ValueError as error:
            self.is_complete = True
            return self._encode_failure(error)

    def _encode_failure(self, error: Exception) -> Parts:
        """Make the answer to a client whose real answer cannot be put into bytes."""
        self.closes = True
        response = answers.problem_of_last_resort(as_bridge_error("encoding an answer", error))
        return answers.encode_response(response, self.head.method, self._persistence())

    def _persistence(self) -> list[str]:
        if self.closes:
            return ["Connection: close"]
        return [] if self._is_http_11 else ["Connection: keep-alive"]


class ChunkedStream:
    """Implements `model.exchange.EventStream`: chunked, or until the end of the connection for HTTP/1.0."""

    __slots__ = ("_connection", "_exchange", "_is_chunked")

    def __init__(self, exchange: HttpExchange, connection: AnswerSink | None, *, is_chunked: bool) -> None:
        self._exchange = exchange
        self._connection = connection
        self._is_chunked = is_chunked

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return self._open_connection() is not None

    def write(self, data: bytes) -> None:
        """Send `data`; dropped silently when the stream is closed."""
        connection = self._open_connection()
        if data and connection is not None:
            chunk = answers.encode_chunk(data) if self._is_chunked else data
            connection.send(self._exchange, [memoryview(chunk)])

    def close(self) -> None:
        """End the answer. Safe to repeat."""
        connection = self._open_connection()
        self._connection = None
        if connection is not None:
            self._exchange.is_complete = True
            connection.send(self._exchange, [memoryview(answers.LAST_CHUNK)] if self._is_chunked else [])

    def _open_connection(self) -> AnswerSink | None:
        if self._connection is None or self._exchange.is_complete:
            return None
        return self._connection if self._connection.is_serving(self._exchange) else None
