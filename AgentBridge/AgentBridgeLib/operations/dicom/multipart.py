"""Messages of several parts, ``multipart/related`` (RFC 2387, PS3.18 8.6)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_PARTS = 10_000
_FIRST_LINE = re.compile(rb"(?:\r\n)?--([^\r\n]{1,200}?)[ \t]*\r\n")
_HEAD_BYTES = 8192


def write(kind: str, parts: Sequence[tuple[str, bytes]]) -> Content:
    """Make a message; nothing is joined or copied.

    Parameters
    ----------
    kind
        Media type of the parts, such as ``application/dicom``.
    parts
        Content type and bytes of each.
    """
    boundary = f"agentbridge-{secrets.token_hex(16)}"
    pieces: list[bytes] = []
    for content_type, data in parts:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
        pieces += [head.encode(), data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Content(f'multipart/related; type="{kind}"; boundary={boundary}', pieces)


def read(body: memoryview) -> Iterator[memoryview]:
    """Walk over the bodies of the parts of a message; the boundary is taken from its first line.

    Raises
    ------
    DataInvalidError
        It is no such message, is cut off, or has more than 10,000 parts.
    """
    first = _FIRST_LINE.match(body[:_HEAD_BYTES])
    if first is None:
        raise DataInvalidError(
            "The body is no multipart message: it does not begin with a boundary. Send multipart/related with parts "
            "of type application/dicom."
        )
    delimiter = re.compile(rb"\r\n--" + re.escape(first[1]) + rb"(--)?[ \t]*(?:\r\n|$)")
    start, is_closed = first.end(), False
    for count, found in enumerate(delimiter.finditer(body, start - 2)):
        if count >= MOST_PARTS:
            raise DataInvalidError(f"The message has more than {MOST_PARTS:,} parts.")
        if found.start() >= start:
            yield _without_head(body[start : found.start()])
        start = found.end()
        if found[1]:
            is_closed = True
            break
    if not is_closed:
        raise DataInvalidError("The multipart message is cut off: its closing boundary is missing.")


def _without_head(part: memoryview) -> memoryview:
    head = bytes(part[:_HEAD_BYTES])
    if head.startswith(b"\r\n"):
        return part[2:]
    end = head.find(b"\r\n\r\n")
    if end < 0:
        raise DataInvalidError("A part of the multipart message has no end of its head.")
    return part[end + 4 :]
