"""The way out of one connection: what waits is sent as the socket takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.transport.outbox import Outbox

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from AgentBridgeLib.host.ports.loop import EventLoop, Watch
    from AgentBridgeLib.model.file_ranges import FileRange

_BYTES_PER_CALLBACK = 4 * 1024 * 1024


def _nothing(*_: object) -> None:
    """Stand in for a callback that is gone."""


class Outlet:
    """Sends at once what it can, and the rest in later turns of the event loop.

    Parameters
    ----------
    connection
        Borrowed, non-blocking.
    loop
        Tells when the socket takes more.
    on_sent
        Called after each attempt: whether something still waits, and whether it has moved, or waits since just now.
    on_broken
        Called when the client is gone, or a file is not what it was.
    """

    def __init__(
        self,
        connection: socket.socket,
        loop: EventLoop,
        on_sent: Callable[[bool, bool], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._socket = connection
        self._loop = loop
        self._on_sent: Callable[[bool, bool], None] = on_sent
        self._on_broken: Callable[[], None] = on_broken
        self._outbox = Outbox()
        self._is_blocked = False
        self._watch: Watch | None = None

    @property
    def pending_bytes(self) -> int:
        """How much waits."""
        return self._outbox.pending_bytes

    def put(self, parts: Iterable[memoryview | FileRange]) -> None:
        """Send these after what waits already."""
        self._outbox.put(parts)
        if not self._is_blocked:
            self._flush()

    def close(self) -> None:
        """Send nothing more, and forget what waits."""
        if self._watch is not None:
            self._watch.close()
        self._outbox.clear()
        self._on_sent = self._on_broken = (
            _nothing  # or this and its owner would keep each other until a collection
        )

    def _flush(self) -> None:
        try:
            sent = self._outbox.send(self._socket, _BYTES_PER_CALLBACK)
        except OSError:
            self._on_broken()
            return
        was_blocked, self._is_blocked = self._is_blocked, self._outbox.pending_bytes > 0
        if self._is_blocked != was_blocked:
            if self._watch is None:
                self._watch = self._loop.watch_writable(self._socket.fileno(), self._flush)
            self._watch.set_enabled(self._is_blocked)
        self._on_sent(self._is_blocked, sent > 0 or not was_blocked)
