"""What waits to be sent on one connection."""

from __future__ import annotations

import socket
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_PARTS_PER_CALL = 16
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")  # not on Windows


class Outbox:
    """Buffers in order. Large ones are sent from where they are, never joined."""

    __slots__ = ("_parts", "pending_bytes")

    def __init__(self) -> None:
        self._parts: deque[memoryview] = deque()
        self.pending_bytes = 0

    def put(self, parts: Iterable[memoryview]) -> None:
        """Append; empty parts are dropped."""
        for part in parts:
            if part.nbytes:
                self._parts.append(part)
                self.pending_bytes += part.nbytes

    def clear(self) -> None:
        """Forget everything, so that no volume outlives its connection."""
        self._parts.clear()
        self.pending_bytes = 0

    def send(self, connection: socket.socket, max_bytes: int) -> int:
        """Send until the socket takes no more, or `max_bytes` are gone; how many were sent.

        Raises
        ------
        OSError
            The connection is broken. (That it would block is no error.)
        """
        total = 0
        while self._parts and total < max_bytes:
            try:
                sent = self._send_once(connection)
            except (BlockingIOError, InterruptedError):
                break
            self._drop(sent)
            total += sent
        return total

    def _send_once(self, connection: socket.socket) -> int:
        if len(self._parts) == 1 or not _HAS_SENDMSG:
            return connection.send(self._parts[0])
        return connection.sendmsg(list(islice(self._parts, _MAX_PARTS_PER_CALL)))

    def _drop(self, count: int) -> None:
        self.pending_bytes -= count
        while count:
            first = self._parts[0]
            if first.nbytes > count:
                self._parts[0] = first[count:]
                return
            count -= first.nbytes
            self._parts.popleft()
