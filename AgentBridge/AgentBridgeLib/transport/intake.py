"""Requests that have arrived on one connection and wait for their turn, without I/O.

Only heads are read ahead. After a head with a body, or a fault, nothing more is read until the body has been taken
(or never): the bytes that follow belong to it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.transport.http1 import RequestParser

if TYPE_CHECKING:
    from AgentBridgeLib.transport.heads import ParsedHead

_READ_AHEAD_BYTES = 64 * 1024


class Intake:
    """The waiting requests of one connection.

    Parameters
    ----------
    max_head_bytes
        Limit of one request head.
    max_waiting
        How many heads are read ahead.
    """

    def __init__(self, max_head_bytes: int, max_waiting: int) -> None:
        self.parser = RequestParser(max_head_bytes)
        self._max_waiting = max_waiting
        self._max_buffered_bytes = max(_READ_AHEAD_BYTES, max_head_bytes)
        self._waiting: deque[ParsedHead | BridgeError] = deque()
        self._is_shut = False
        self._body_is_due = False

    @property
    def has_room(self) -> bool:
        """Whether more bytes may be fed."""
        return self._body_is_due or self.parser.buffered_bytes < self._max_buffered_bytes

    def look_ahead(self) -> None:
        """Read heads off the buffer until one has a body, is faulty, or enough of them wait."""
        while not (self._is_shut or self._body_is_due) and len(self._waiting) < self._max_waiting:
            try:
                head = self.parser.next_head()
            except BridgeError as fault:
                self._waiting.append(fault)
                self._is_shut = True
                return
            if head is None:
                return
            self._waiting.append(head)
            self._body_is_due = head.has_body

    def take(self) -> ParsedHead | BridgeError | None:
        """Give the request, or the fault, whose turn it is; None when nothing complete has arrived."""
        if not self._waiting:
            self.look_ahead()
        return self._waiting.popleft() if self._waiting else None

    def take_body(self) -> memoryview | None:
        """Give the body that was begun, or None until it is complete; raises as `RequestParser.next_body` does."""
        body = self.parser.next_body()
        if body is not None:
            self._body_is_due = False
        return body

    def shut(self) -> None:
        """Read nothing more."""
        self._is_shut = True
        self._waiting.clear()
