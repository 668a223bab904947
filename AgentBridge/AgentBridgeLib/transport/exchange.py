"""One request that waits for its answer, on a connection that can speak HTTP/1.1."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from AgentBridgeLib.host.qtcompat import run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.model.exchange import RequestHead, Response

_logger = logging.getLogger(__name__)


class AnswerSink(Protocol):
    """The side of a connection that exchanges see."""

    def send_response(self, exchange: HttpExchange, response: Response) -> None:
        """Send a complete answer; ignored unless it is the turn of `exchange`."""

    def send_stream_head(
        self, exchange: HttpExchange, status: int, headers: Sequence[tuple[str, str]]
    ) -> None:
        """Begin an answer of unknown length."""

    def send_stream_data(self, data: bytes) -> None:
        """Send one piece of the open answer."""

    def end_stream(self, exchange: HttpExchange) -> None:
        """End the open answer."""

    def is_streaming(self, exchange: HttpExchange) -> bool:
        """Say whether `exchange` is the open answer of the connection."""


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
    ) -> None:
        self.head = head
        self.body = body
        self.closes = closes
        self.leaves_unread = False
        self.is_answered = False
        self.is_complete = False
        self._connection: AnswerSink | None = connection
        self._callbacks: list[Callable[[], None]] = []

    def respond(self, response: Response) -> None:
        """Give the answer; ignored when the client has gone."""
        connection = self._claim()
        if connection is not None:
            self.is_complete = True
            connection.send_response(self, response)

    def open_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> ChunkedStream:
        """Begin an answer of unknown length."""
        connection = self._claim()
        stream = ChunkedStream(self, connection)
        if connection is not None:
            connection.send_stream_head(self, status, headers)
        return stream

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


class ChunkedStream:
    """Implements `model.exchange.EventStream`: chunked, or until the end of the connection for HTTP/1.0."""

    __slots__ = ("_connection", "_exchange")

    def __init__(self, exchange: HttpExchange, connection: AnswerSink | None) -> None:
        self._exchange = exchange
        self._connection = connection

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return self._connection is not None and self._connection.is_streaming(self._exchange)

    def write(self, data: bytes) -> None:
        """Send `data`; dropped silently when the stream is closed."""
        if data and self.is_open and self._connection is not None:
            self._connection.send_stream_data(data)

    def close(self) -> None:
        """End the answer. Safe to repeat."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_streaming(self._exchange):
            connection.end_stream(self._exchange)
