"""The request side of one HTTP/1.1 connection, without I/O: bytes in, heads and bodies out.

Rules:

- However the bytes are cut, the same heads, bodies and faults come out in the same order.
- After a fault nothing more comes out: what follows cannot be told from a smuggled request.
- A head comes out before its body, and the body waits until the caller has said where it goes and how large it may
  become. Nothing is allocated here for a body of known length.

Use: `feed`, `next_head`; if the head has a body `receive_into` or `receive_chunks`, then `next_body` until it comes.
For a body of known length the caller may write into `body_space` itself (`recv_into`) and report with `body_filled`.
"""

from __future__ import annotations

from AgentBridgeLib.errors import HeadTooLargeError, RequestMalformedError
from AgentBridgeLib.transport.chunks import ChunkedDecoder
from AgentBridgeLib.transport.heads import ParsedHead, parse_head

_MAX_EMPTY_LINES = 4  # RFC 9112, 2.2: at least one before a request line is ignored
_FIRST_BYTES = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\r")
_NOTHING = memoryview(b"")


class RequestParser:
    """Cuts the bytes of one connection into requests.

    Parameters
    ----------
    max_head_bytes
        Request line and header fields together, with the empty line that ends them.
    """

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._buffer = bytearray()
        self._empty_lines = 0
        self._target: memoryview | None = None
        self._filled = 0
        self._chunks: ChunkedDecoder | None = None

    @property
    def buffered_bytes(self) -> int:
        """How many bytes were fed and have not come out yet."""
        return len(self._buffer)

    @property
    def body_space(self) -> memoryview:
        """Where the rest of a body of known length goes; empty when none is being received."""
        return _NOTHING if self._target is None else self._target[self._filled :]

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes in the order in which they came."""
        self._buffer += data

    def next_head(self) -> ParsedHead | None:
        """Give the next request head, or None until more bytes have come.

        Raises
        ------
        RequestMalformedError, LengthRequiredError, HeadTooLargeError
            The connection cannot go on.
        """
        buffer, limit = self._buffer, self._max_head_bytes
        self._skip_empty_lines()
        if not buffer:
            return None
        if buffer[0] not in _FIRST_BYTES:
            raise RequestMalformedError("This is no HTTP request. The bridge speaks HTTP/1.1 without TLS.")
        end = buffer.find(b"\r\n\r\n", 0, limit)
        known = end + 4 if end >= 0 else min(len(buffer), limit)
        if buffer.count(b"\n", 0, known) != buffer.count(b"\r\n", 0, known):
            raise RequestMalformedError("A line of the request head has to end in CRLF, not in LF alone.")
        if end < 0:
            if len(buffer) >= limit:
                raise HeadTooLargeError(f"Request line and headers exceed {limit} bytes.")
            return None
        raw = bytes(buffer[:known])
        del buffer[:known]
        self._empty_lines = 0
        return parse_head(raw)

    def receive_into(self, target: memoryview) -> None:
        """Begin a body of known length; what was fed already is copied to its place."""
        self._target, self._filled = target, 0
        self._move_to(target)

    def receive_chunks(self, max_bytes: int) -> None:
        """Begin a chunked body of at most `max_bytes`."""
        self._chunks = ChunkedDecoder(max_bytes)

    def body_filled(self, count: int) -> None:
        """Report that `count` bytes were written to the front of `body_space`."""
        self._filled += count

    def next_body(self) -> memoryview | None:
        """Give the body that was begun, or None until it is complete.

        Raises
        ------
        RequestMalformedError, RequestTooLargeError
            The connection cannot go on.
        """
        if self._chunks is not None:
            return self._finish_chunks(self._chunks)
        target = self._target
        if target is None:
            return None
        self._move_to(target)
        if self._filled < len(target):
            return None
        self._target = None
        return target

    def _move_to(self, target: memoryview) -> None:
        """Move what was fed to its place in the body."""
        count = min(len(target) - self._filled, len(self._buffer))
        if count:
            target[self._filled : self._filled + count] = self._buffer[:count]
            del self._buffer[:count]
            self._filled += count

    def _finish_chunks(self, chunks: ChunkedDecoder) -> memoryview | None:
        if not chunks.decode(self._buffer):
            return None
        self._chunks = None
        return memoryview(chunks.body)

    def _skip_empty_lines(self) -> None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
            self._empty_lines += 1
            if self._empty_lines > _MAX_EMPTY_LINES:
                raise RequestMalformedError("Empty lines instead of a request.")
