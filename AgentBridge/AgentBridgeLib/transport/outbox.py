"""What waits to be sent on one connection."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_PARTS_PER_CALL = 16
_ENOUGH_BYTES = 256 * 1024  # for one call; more is not read ahead
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")  # not on Windows


class Outbox:
    """Buffers in order. Large ones are sent from where they are, never joined; files are read block by block."""

    __slots__ = ("_blocks", "_parts", "pending_bytes")

    def __init__(self) -> None:
        self._parts: deque[memoryview | FileRange] = deque()
        self._blocks: Iterator[bytes] | None = None
        self.pending_bytes = 0

    def put(self, parts: Iterable[memoryview | FileRange]) -> None:
        """Append; empty parts are dropped."""
        for part in parts:
            if part.nbytes:
                self._parts.append(part)
                self.pending_bytes += part.nbytes

    def clear(self) -> None:
        """Forget everything, so that no volume outlives its connection."""
        self._parts.clear()
        self._blocks = None
        self.pending_bytes = 0

    def send(self, connection: socket.socket, max_bytes: int) -> int:
        """Send until the socket takes no more, or `max_bytes` are gone; how many were sent.

        Raises
        ------
        OSError
            The connection is broken, or a file is not what it was. (That it would block is no error.)
        """
        total = 0
        while self._parts and total < max_bytes:
            ready = self._ready()
            try:
                sent = self._send_once(connection, ready)
            except (BlockingIOError, InterruptedError):
                break
            self._drop(sent)
            total += sent
        return total

    def _ready(self) -> list[memoryview]:
        """Give the next buffers; what is in files among them is read, one block at a time."""
        ready: list[memoryview] = []
        size = 0
        while len(ready) < min(_MAX_PARTS_PER_CALL, len(self._parts)):
            part = self._parts[len(ready)]
            if isinstance(part, FileRange):
                if size >= _ENOUGH_BYTES:
                    break
                part = self._unfold(len(ready), part)
            ready.append(part)
            size += part.nbytes
        return ready

    def _unfold(self, place: int, part: FileRange) -> memoryview:
        """Read the next block of a file, and put it before what is left of it."""
        self._blocks = self._blocks or part.blocks()
        block = memoryview(next(self._blocks))
        if block.nbytes == part.nbytes:
            self._parts[place] = block
            self._blocks = None
        else:
            self._parts[place] = replace(
                part, start=part.start + block.nbytes, nbytes=part.nbytes - block.nbytes
            )
            self._parts.insert(place, block)
        return block

    def _send_once(self, connection: socket.socket, ready: list[memoryview]) -> int:
        if len(ready) == 1 or not _HAS_SENDMSG:
            return connection.send(ready[0])
        return connection.sendmsg(ready)

    def _drop(self, count: int) -> None:
        self.pending_bytes -= count
        while count:
            first = cast("memoryview", self._parts[0])  # only buffers are sent
            if first.nbytes > count:
                self._parts[0] = first[count:]
                return
            count -= first.nbytes
            self._parts.popleft()
