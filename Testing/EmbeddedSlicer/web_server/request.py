"""One HTTP request as Slicer's WebServer reads it, quirks included.

Follows the observable contract of `Modules/Scripted/WebServer/WebServer.py`
(SlicerRequestCommunicator.onReadable):

- The length is searched as the bytes `Content-Length:`, in this spelling, anywhere before and after the end
  of the head; other spellings and chunked bodies mean an empty body.
- The number stands behind the next space: `Content-Length:5` raises ValueError, and the client waits for
  ever.
- A body counts as complete if it came with the whole head in one piece, or else with a piece after the
  head's.
"""

from __future__ import annotations

END_OF_HEAD = b"\r\n\r\n"
LENGTH_TAG = b"Content-Length:"


class IncomingRequest:
    """Bytes of one connection until the request is complete."""

    def __init__(self) -> None:
        self.received = b""
        self.is_complete = False
        self._expected = -1

    def add(self, part: bytes) -> None:
        """Take the next piece; an empty one means that the client has closed."""
        self.received += part
        end = self.received.find(END_OF_HEAD)
        if self._expected > 0:
            self.is_complete = len(self.received) >= self._expected
        elif end >= 0 and LENGTH_TAG in self.received:
            self._expected = end + len(END_OF_HEAD) + self._length()
            self.is_complete = len(part) == self._expected
        elif end >= 0:
            self.is_complete = True

    def _length(self) -> int:
        tag = self.received[self.received.find(LENGTH_TAG) :]
        return int(tag[tag.find(b" ") : tag.find(b"\r\n")])

    @property
    def first_line(self) -> bytes:
        """The request line."""
        return self.received.split(b"\r\n", 1)[0]

    @property
    def body(self) -> bytes:
        """The body; empty if no length was found."""
        if self._expected <= 0:
            return b""
        return self.received[self.received.find(END_OF_HEAD) + len(END_OF_HEAD) :]
