"""The answer to one POST: JSON, or an event stream that opens with its first event (WHATWG HTML, 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import messages
from AgentBridgeLib.mcp.vocabulary import EVENT_STREAM_TYPE, JSON_TYPE, Json
from AgentBridgeLib.model.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.model.exchange import EventStream, Exchange

_RETRY_MS = 100
_STREAM_HEADERS = (
    ("Content-Type", EVENT_STREAM_TYPE),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
_JSON_HEADERS = (("Content-Type", JSON_TYPE), ("Cache-Control", "no-store"))

Headers = "Sequence[tuple[str, str]]"


class Answer:
    """Gives messages over one exchange.

    Parameters
    ----------
    exchange
        The request that waits.
    is_primed
        Whether a stream begins with an empty event that lets the client resume (2025-11-25).
    """

    def __init__(self, exchange: Exchange, *, is_primed: bool = False) -> None:
        self._exchange = exchange
        self._is_primed = is_primed
        self._stream: EventStream | None = None

    @property
    def is_streaming(self) -> bool:
        """Whether the event stream is open."""
        return self._stream is not None

    def send(self, message: Json) -> None:
        """Send a message that is not the last one; opens the stream."""
        self.open()
        self.write(event(message))

    def open(self, stream_id: str = "") -> None:
        """Open the stream, unless it is open.

        Parameters
        ----------
        stream_id
            Makes a stream that a client can resume begin with an empty event, numbered 0.
        """
        if self._stream is not None:
            return
        self._stream = self._exchange.open_stream(200, _STREAM_HEADERS)
        if self._is_primed and stream_id:
            self._stream.write(f"id: {stream_id}-0\nretry: {_RETRY_MS}\ndata: \n\n".encode())

    def write(self, data: bytes) -> None:
        """Send raw bytes over the open stream."""
        if self._stream is not None:
            self._stream.write(data)

    def finish(self, message: Json, status: int = 200) -> None:
        """Give the last message."""
        if self._stream is None:
            self._exchange.respond(Response(status, _JSON_HEADERS, [messages.write(message)]))
            return
        self._stream.write(event(message))
        self._stream.close()

    def end(self) -> None:
        """End without a further message: the stream closes, or the answer is 202."""
        if self._stream is None:
            self._exchange.respond(Response(202))
        else:
            self._stream.close()


def event(message: Json, event_id: str = "") -> bytes:
    """Write a message as one event."""
    number = f"id: {event_id}\n".encode() if event_id else b""
    return b"event: message\n" + number + b"data: " + messages.write(message) + b"\n\n"


def respond(exchange: Exchange, status: int, message: Json, headers: Sequence[tuple[str, str]] = ()) -> None:
    """Give a JSON answer at once."""
    exchange.respond(Response(status, [*_JSON_HEADERS, *headers], [messages.write(message)]))
