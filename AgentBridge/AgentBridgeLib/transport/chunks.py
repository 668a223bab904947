"""Chunked request bodies (RFC 9112, 7.1), decoded strictly.

llhttp could decode them too, but `httptools` does not say where the message ended, and the next pipelined request
begins there. Chunk extensions and trailer fields are read and dropped.
"""

from __future__ import annotations

import re

from AgentBridgeLib.errors import RequestMalformedError, RequestTooLargeError

_SIZE_LINE = re.compile(rb"(?P<size>[0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_MAX_SIZE_LINE_BYTES = 512
_MAX_TRAILER_BYTES = 8 * 1024
_CRLF = b"\r\n"


class ChunkedDecoder:
    """Takes bytes off the front of a buffer and collects the body.

    Parameters
    ----------
    max_bytes
        How large the body may become.
    """

    def __init__(self, max_bytes: int) -> None:
        self.body = bytearray()
        self._max_bytes = max_bytes
        self._left_in_chunk = 0
        self._needs_crlf = False
        self._is_in_trailer = False

    def decode(self, buffer: bytearray) -> bool:
        """Consume what can be consumed of `buffer`; True when the body is complete.

        Raises
        ------
        RequestMalformedError
            The framing is not what RFC 9112 says.
        RequestTooLargeError
            The chunks so far, with the one announced, exceed the limit.
        """
        position = 0
        while not self._is_in_trailer:
            step = self._next_piece(buffer, position)
            if step is None:
                break
            position += step
        del buffer[:position]
        return self._is_in_trailer and self._skip_trailer(buffer)

    def _next_piece(self, buffer: bytearray, position: int) -> int | None:
        """Take one piece; how many bytes it had, or None when more have to come."""
        if self._left_in_chunk:
            return self._take_data(buffer, position)
        if self._needs_crlf:
            return self._take_crlf(buffer, position)
        return self._take_size(buffer, position)

    def _take_data(self, buffer: bytearray, position: int) -> int | None:
        count = min(self._left_in_chunk, len(buffer) - position)
        if not count:
            return None
        with memoryview(buffer) as view:
            self.body += view[position : position + count]
        self._left_in_chunk -= count
        return count

    def _take_crlf(self, buffer: bytearray, position: int) -> int | None:
        found = buffer[position : position + 2]
        if not _CRLF.startswith(found):
            raise RequestMalformedError("A chunk is longer than it says, or lacks its line end.")
        if len(found) < len(_CRLF):
            return None
        self._needs_crlf = False
        return len(_CRLF)

    def _take_size(self, buffer: bytearray, position: int) -> int | None:
        end = buffer.find(_CRLF, position, position + _MAX_SIZE_LINE_BYTES)
        if end < 0:
            _check_unfinished(buffer[position : position + _MAX_SIZE_LINE_BYTES], _MAX_SIZE_LINE_BYTES)
            return None
        line = _SIZE_LINE.fullmatch(buffer, position, end)
        if line is None:
            raise RequestMalformedError("A chunk has to begin with its size in hexadecimal digits.")
        self._begin_chunk(int(line["size"], 16))
        return end + len(_CRLF) - position

    def _begin_chunk(self, size: int) -> None:
        if len(self.body) + size > self._max_bytes:
            raise RequestTooLargeError(f"The body is larger than {self._max_bytes} bytes, the limit here.")
        self._left_in_chunk = size
        self._needs_crlf = size > 0
        self._is_in_trailer = size == 0

    def _skip_trailer(self, buffer: bytearray) -> bool:
        if buffer.startswith(_CRLF):
            del buffer[: len(_CRLF)]
            return True
        end = buffer.find(b"\r\n\r\n", 0, _MAX_TRAILER_BYTES)
        region = bytes(buffer[: end if end >= 0 else _MAX_TRAILER_BYTES])
        if region.count(b"\n") != region.count(_CRLF):
            raise RequestMalformedError("A trailer field has to end in CRLF.")
        if end < 0:
            _check_unfinished(region, _MAX_TRAILER_BYTES)
            return False
        del buffer[: end + 4]
        return True


def _check_unfinished(line: bytes | bytearray, limit: int) -> None:
    if b"\n" in line.replace(_CRLF, b"") or len(line) >= limit:
        raise RequestMalformedError("The framing of the chunked body is malformed.")
