"""One request and its answer, as transport and routing hand them to each other.

The two rooms are blind to each other; they share these values and protocols only. Nothing here knows sockets
or routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Buffer = bytes | bytearray | memoryview
"""Contiguous bytes. Large ones travel as `memoryview`, so that no volume is copied on its way."""

Piece = Buffer | FileRange
"""A part of an answer: bytes, or where they are."""


def length_of(pieces: Iterable[Piece]) -> int:
    """Sum up the lengths of pieces in bytes."""
    return sum(one.nbytes if isinstance(one, FileRange) else memoryview(one).nbytes for one in pieces)


Door = Literal["listener", "webserver", "webserver_plain"]
"""How the request came in: the own listener, a connection handed over by Slicer's WebServer, or Slicer's
plain handler, which shows no headers and carries no status."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Everything of a request but its body.

    Attributes
    ----------
    method
        Upper case, such as ``GET``.
    target
        The request target as it came, ``/agent/v1/nodes?limit=5``.
    headers
        Names in lower case; values of repeated fields joined by ", " (RFC 9110, 5.3).
    peer_host, peer_port
        The other end of the connection; an IP address and a number.
    local_port
        The port that the client reached.
    door
        How it came in.
    content_length
        Announced length in bytes; None when the body comes in chunks; 0 without a body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    peer_host: str
    peer_port: int
    local_port: int
    door: Door
    content_length: int | None = 0

    @property
    def path(self) -> str:
        """The target up to the question mark, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the question mark, still percent-encoded; empty without one."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer.

    Attributes
    ----------
    status
        HTTP status code.
    headers
        Name and value; transport adds Date, Content-Length and Connection.
    body
        Parts that are sent one after the other, never joined. For HEAD transport sends only their length.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: Sequence[Piece] = ()

    @property
    def length(self) -> int:
        """Length of the body in bytes."""
        return length_of(self.body)


@dataclass(frozen=True, slots=True)
class Admission:
    """What routing says when it has seen only the head of a request.

    Attributes
    ----------
    max_body_bytes
        How large the body may become. A larger one is answered with `request.too_large`.
    refusal
        An answer to give at once, without reading the body; None lets the request in.
    """

    max_body_bytes: int
    refusal: Response | None = None


class EventStream(Protocol):
    """An answer that stays open (server-sent events), sent in chunks."""

    def write(self, data: bytes) -> None:
        """Send `data`; dropped silently when the stream is closed."""

    def close(self) -> None:
        """End the answer. Safe to repeat."""

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""


class Exchange(Protocol):
    """One request that waits for its answer. Exactly one of `respond` and `open_stream` is called, once."""

    @property
    def head(self) -> RequestHead:
        """Everything of the request but its body."""

    @property
    def body(self) -> memoryview:
        """The complete body."""

    def respond(self, response: Response) -> None:
        """Give the answer; now or from a later turn of the event loop. Ignored when the client has gone."""

    def open_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> EventStream:
        """Begin an answer of unknown length."""

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Register what is called once if the client goes before its answer is complete."""


class Application(Protocol):
    """What transport talks to."""

    def admit(self, head: RequestHead) -> Admission:
        """Decide on the head alone: are client, host and origin welcome, and how large may the body be."""

    def handle(self, exchange: Exchange) -> None:
        """Take over a complete request. Never raises; answers exactly once, possibly later."""

    def refuse(self, head: RequestHead | None, error: Exception) -> Response:
        """Turn a fault that transport found (a `BridgeError`) into an answer in the client's format."""


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """What one listener puts up with.

    Attributes
    ----------
    head_bytes
        Request line and headers together.
    idle_s
        How long a connection may stay silent between requests, or between two parts of one, in seconds.
    connections
        Connections at the same time; one more is answered 503 and closed.
    waiting_requests
        Pipelined requests that may wait on one connection.
    stream_buffer_bytes
        Events that may wait for a slow reader before its stream is closed.
    """

    head_bytes: int = 32 * 1024
    idle_s: float = 30.0
    connections: int = 64
    waiting_requests: int = 8
    stream_buffer_bytes: int = 1024 * 1024
