"""Messages of several parts, ``multipart/related`` (RFC 2387, PS3.18 8.6)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import DataInvalidError, MediaTypeError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.exchange import length_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from AgentBridgeLib.model.exchange import Piece

MOST_PARTS = 10_000
_FIRST_LINE = re.compile(rb"(?:^|\r\n)--([^\r\n]{1,200}?)[ \t]*\r\n")
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([^;\s]{1,200})", re.IGNORECASE | re.MULTILINE)
_HEAD_BYTES = 8192


def write(kind: str, parts: Sequence[tuple[str, Sequence[Piece]]]) -> Content:
    """Make a message; nothing is joined or copied.

    Parameters
    ----------
    kind
        Media type of the parts, such as ``application/dicom``.
    parts
        Content type and bytes, in pieces, of each.
    """
    boundary = f"agentbridge-{secrets.token_hex(16)}"
    pieces: list[Piece] = []
    for content_type, body in parts:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Length: {length_of(body)}\r\n\r\n"
        pieces += [head.encode(), *body, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Content(f'multipart/related; type="{kind}"; boundary={boundary}', pieces)


def read(body: memoryview, kind: str) -> Iterator[memoryview]:
    """Walk over the bodies of the parts of a message; the boundary is taken from its first line.

    Parameters
    ----------
    body
        The whole message, or one bare DICOM file.
    kind
        Media type that the parts must have; a part that says none is taken.

    Raises
    ------
    DataInvalidError
        It is no such message, is cut off, or has more than 10,000 parts.
    MediaTypeError
        A part is of another media type.
    """
    if bytes(body[128:132]) == b"DICM":
        yield body
        return
    first = _FIRST_LINE.search(body[:_HEAD_BYTES])  # what stands before the first boundary is to be ignored
    if first is None:
        raise DataInvalidError(
            "The body is no multipart message: it does not begin with a boundary. Send multipart/related with parts "
            f"of type {kind}."
        )
    delimiter = re.compile(rb"\r\n--" + re.escape(first[1]) + rb"(--)?[ \t]*(?:\r\n|$)")
    start, is_closed = first.end(), False
    for count, found in enumerate(delimiter.finditer(body, start - 2)):
        if count >= MOST_PARTS:
            raise DataInvalidError(f"The message has more than {MOST_PARTS:,} parts.")
        if found.start() >= start:
            yield _without_head(body[start : found.start()], kind)
        start = found.end()
        if found[1]:
            is_closed = True
            break
    if not is_closed:
        raise DataInvalidError("The multipart message is cut off: its closing boundary is missing.")


def _without_head(part: memoryview, kind: str) -> memoryview:
    head = bytes(part[:_HEAD_BYTES])
    if head.startswith(b"\r\n"):
        return part[2:]
    end = head.find(b"\r\n\r\n")
    if end < 0:
        raise DataInvalidError("A part of the multipart message has no end of its head.")
    said = _CONTENT_TYPE.search(head[:end])
    if said is not None and said[1].decode("latin-1").lower() != kind:
        raise MediaTypeError(f"Parts have to be {kind}; one is {said[1].decode('latin-1')}.")
    return part[end + 4 :]
