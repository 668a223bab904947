"""Door 1: the bridge's own listener on the loopback address."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import OperationFailedError
from AgentBridgeLib.transport.connection import ConnectionSetting
from AgentBridgeLib.transport.connections import ConnectionSet

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.loop import EventLoop, Watch
    from AgentBridgeLib.model.exchange import Application, TransportLimits

LOOPBACK = "127.0.0.1"
_BACKLOG = 512
_PORTS_TO_TRY = 100
_ACCEPTS_PER_CALLBACK = 32
_PAUSE_S = 0.2
_HIGHEST_PORT = 65535
_TAKEN = frozenset((errno.EADDRINUSE, errno.EACCES, getattr(errno, "WSAEACCES", errno.EACCES)))
_NONE_LEFT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Listener:
    """Accepts connections from this computer and serves them.

    Parameters
    ----------
    loop
        Slicer's event loop.
    application
        Where requests go.
    limits
        Sizes, times and counts.
    """

    def __init__(self, loop: EventLoop, application: Application, limits: TransportLimits) -> None:
        self._loop = loop
        self._limits = limits
        self._connections = ConnectionSet(ConnectionSetting(loop, application, limits, "listener"))
        self._socket: socket.socket | None = None
        self._watch: Watch | None = None

    @property
    def port(self) -> int | None:
        """The port that is bound; None while stopped."""
        return None if self._socket is None else int(self._socket.getsockname()[1])

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def start(self, port: int = 2016) -> int:
        """Listen on `port` or the next free one; does nothing when listening already.

        Parameters
        ----------
        port
            Where to begin; 0 lets the system choose.

        Returns
        -------
        int
            The port that was bound.

        Raises
        ------
        OperationFailedError
            No port could be bound.
        """
        if self._socket is None:
            self._socket = _listen(port)
            self._watch = self._loop.watch_readable(self._socket.fileno(), self._on_acceptable)
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        """Stop listening and close every connection. Safe to repeat."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()
        self._connections.close_all()

    def disconnect(self) -> None:
        """Close every connection, and go on listening."""
        self._connections.close_all()

    def _on_acceptable(self) -> None:
        for _ in range(_ACCEPTS_PER_CALLBACK):
            if self._socket is None:
                return
            try:
                connection, _peer = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # it was gone before it was accepted
            except OSError as error:
                self._pause(error)
                return
            if self._connections.take(connection) is None:
                return  # too many: let those that were refused leave before the next one is

    def _pause(self, error: OSError) -> None:
        """Wait for descriptors to become free: the watch would fire again at once and burn a core."""
        watch = self._watch
        if watch is not None and error.errno in _NONE_LEFT:
            watch.set_enabled(False)
            self._loop.call_later(_PAUSE_S, lambda: watch.set_enabled(True))


def _listen(port: int) -> socket.socket:
    last = min(port + _PORTS_TO_TRY, _HIGHEST_PORT + 1)
    for candidate in [*range(port, last), 0]:
        listening = _bind(candidate)
        if listening is not None:
            return listening
    raise OperationFailedError(f"None of the ports from {port} to {last - 1} is free.")


def _bind(port: int) -> socket.socket | None:
    """Bind and listen; None when the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with contextlib.ExitStack() as undo:
        undo.callback(listening.close)
        _protect(listening)
        try:
            listening.bind((LOOPBACK, port))
            listening.listen(_BACKLOG)
        except OSError as error:
            if error.errno in _TAKEN:
                return None
            raise OperationFailedError(f"Port {port} cannot be opened for listening.") from error
        listening.setblocking(False)
        undo.pop_all()
    return listening


def _protect(listening: socket.socket) -> None:
    """See to it that nobody shares the port, and that a restart finds it again.

    SO_REUSEADDR means something else on each system. On Windows any program could then take over our port, so it is
    bound exclusively. On macOS we could slip in front of another server that listens on all interfaces. On Linux it
    only lets us bind while old connections are in TIME_WAIT.
    """
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    elif sys.platform.startswith("linux"):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
