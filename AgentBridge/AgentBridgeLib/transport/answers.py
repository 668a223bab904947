"""Answers as bytes: status line, header fields, chunks, and the problem document of last resort."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from AgentBridgeLib.model.exchange import Response, length_of
from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from AgentBridgeLib.errors import BridgeError
    from AgentBridgeLib.model.exchange import Piece

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_OWN_FIELDS = frozenset(("date", "content-length", "connection", "transfer-encoding"))
_BODILESS = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))  # RFC 9110, 6.4.1
_JOIN_BYTES = 64 * 1024


class _Clock:
    """The Date field, made once per second."""

    def __init__(self) -> None:
        self._second = 0
        self._field = ""

    def field(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._field = second, f"Date: {formatdate(second, usegmt=True)}"
        return self._field


_clock = _Clock()


def encode_head(status: int, headers: Iterable[tuple[str, str]], own: Sequence[str]) -> bytes:
    """Make status line and header fields.

    Parameters
    ----------
    status
        HTTP status code.
    headers
        The application's; those that transport decides itself are left out.
    own
        Complete lines of transport: Content-Length, Connection, Transfer-Encoding.

    Raises
    ------
    ValueError
        A name or value holds a line end or a character that is not in Latin-1.
    """
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown", _clock.field()]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _OWN_FIELDS]
    lines += own
    text = "\r\n".join(lines)
    ends = len(lines) - 1
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
        raise ValueError("a header field holds a control character")
    return text.encode("latin-1") + b"\r\n\r\n"


def encode_response(response: Response, method: str, own: Sequence[str]) -> list[memoryview | FileRange]:
    """Make a complete answer: one buffer when it is small, else the head and the untouched parts of the body.

    Raises
    ------
    ValueError, TypeError, OSError
        A header field cannot be sent, a part of the body is not contiguous, or its file is gone.
    """
    length = _length_line(response)
    head = encode_head(response.status, response.headers, [*own, length] if length else own)
    if not allows_body(response.status, method):
        return [memoryview(head)]
    body = [part for part in map(_as_bytes_view, response.body) if part.nbytes]
    if len(head) + length_of(body) <= _JOIN_BYTES:
        return [memoryview(b"".join((head, *map(bytes, body))))]
    return [memoryview(head), *body]


def encode_chunk(data: bytes) -> bytes:
    """Make one chunk of an answer of unknown length."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def allows_body(status: int, method: str) -> bool:
    """Say whether an answer with this status to this method may carry a body."""
    return method != "HEAD" and status not in _BODILESS


def problem_of_last_resort(fault: BridgeError) -> Response:
    """Describe a fault when the application itself cannot."""
    document = {
        "type": "about:blank",
        "title": fault.title,
        "status": fault.wire.status,
        "code": fault.code,
        "detail": fault.message,
    }
    headers = [("Content-Type", "application/problem+json")]
    if fault.retry_after_s is not None:
        headers.append(("Retry-After", str(max(1, round(fault.retry_after_s)))))
    return Response(fault.wire.status, headers, (json.dumps({**fault.facts, **document}).encode(),))


def _length_line(response: Response) -> str | None:
    """Make the Content-Length line, or None where RFC 9110, 8.6 wants none."""
    if response.status == HTTPStatus.NO_CONTENT or (
        response.status == HTTPStatus.NOT_MODIFIED and not response.body
    ):
        return None
    return f"Content-Length: {response.length}"


def _as_bytes_view(part: Piece) -> memoryview | FileRange:
    """View a part of a body as plain bytes, without a copy; what is in a file stays there."""
    if isinstance(part, FileRange):
        return part
    view = memoryview(part)
    if view.nbytes == 0:
        return memoryview(b"")  # an empty view of several dimensions cannot be cast
    return view if view.ndim == 1 and view.format == "B" and view.contiguous else view.cast("B")
