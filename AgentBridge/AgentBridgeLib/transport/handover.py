"""Connections of Slicer's WebServer, sorted by a first look at their request line.

For each connection Slicer's server calls `self.SlicerRequestCommunicator(socket, handlers, docroot, log, cors)` and
keeps the result. An attribute on the server *instance* wins over the class, so a `HandOver` put there sees every
connection first: those for `/agent` become connections of the bridge, all others go on to Slicer's own class. The look
consumes nothing (MSG_PEEK). Only OSError is caught by the caller: nothing else may come out.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from AgentBridgeLib.host.qtcompat import attempt, report_incident, run_guarded
from AgentBridgeLib.transport.peers import is_local, peer_host
from AgentBridgeLib.transport.plain import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop, ScheduledCall, Watch
    from AgentBridgeLib.transport.connections import ConnectionSet

ATTRIBUTE = "SlicerRequestCommunicator"
_PEEK_BYTES = 256
_RETRY_S = 0.02
_GIVE_UP_S = 5.0


class HandOver:
    """Stands in for `SlicerRequestCommunicator` on one running server.

    Parameters
    ----------
    loop
        Slicer's event loop.
    connections
        Takes the connections for `/agent`.
    stock
        Slicer's own class.
    is_answering
        Says whether the bridge answers on Slicer's server at present.
    """

    def __init__(
        self,
        loop: EventLoop,
        connections: ConnectionSet,
        stock: Callable[..., object],
        is_answering: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._stock = stock
        self._is_answering = is_answering

    def __call__(self, connection: socket.socket, *rest: object) -> object:
        """Look first, unless that is impossible."""

        def make_stock() -> object:
            return self._stock(connection, *rest)

        def leave_to_stock(error: BaseException) -> object:
            report_incident("looking at a connection of Slicer's WebServer", error)
            connection.setblocking(True)
            return make_stock()

        def look() -> object:
            if not self._is_answering():
                return make_stock()
            return FirstLook(self._loop, connection, make_stock, self._connections)

        return attempt(look, leave_to_stock)

    def deactivate(self) -> None:
        """Leave all later connections to Slicer."""
        self._is_answering = _never


def _never() -> bool:
    return False


class FirstLook:
    """Waits for the request line of one connection. Slicer's server keeps it, and it keeps its successor alive.

    Parameters
    ----------
    loop
        Slicer's event loop.
    connection
        Owned until it is passed on.
    make_stock
        Makes Slicer's own object for this connection.
    connections
        Takes the connection if it is for `/agent`.
    """

    def __init__(
        self,
        loop: EventLoop,
        connection: socket.socket,
        make_stock: Callable[[], object],
        connections: ConnectionSet,
    ) -> None:
        connection.setblocking(False)
        self._loop = loop
        self._connection = connection
        self._make_stock: Callable[[], object] | None = make_stock
        self._connections = connections
        self._give_up_at = loop.now() + _GIVE_UP_S
        self._successor: object = None
        self._retry: ScheduledCall | None = None
        self._watch: Watch = loop.watch_readable(connection.fileno(), self._look)

    @property
    def connectionSocket(self) -> socket.socket:  # noqa: N802  Slicer's name for it
        """The socket that is looked at."""
        return self._connection

    def _look(self) -> None:
        try:
            head = self._connection.recv(_PEEK_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            head = b""
        verdict = is_for_the_bridge(head) if head else None
        if head and verdict is None and self._loop.now() < self._give_up_at:
            # The bytes stay where they are and would fire the watch again at once: look again by time.
            self._watch.set_enabled(False)
            self._retry = self._loop.call_later(_RETRY_S, self._look)
        else:
            self._pass_on(verdict)

    def _pass_on(self, verdict: bool | None) -> None:
        self._watch.close()  # two read notifiers on one descriptor do not mix
        make_stock, self._make_stock = self._make_stock, None
        if verdict is False and make_stock is not None:
            run_guarded(lambda: self._become(make_stock))
        elif verdict and is_local(peer_host(self._connection)):
            self._connections.take(self._connection)
        else:
            # From another computer, gone, or without a request line, where Slicer's class would leak the descriptor.
            self._connection.close()

    def _become(self, make_stock: Callable[[], object]) -> None:
        self._connection.setblocking(True)  # as Slicer's class expects it
        self._successor = make_stock()


# RFC 9112, 3.2.2; what may become one when more bytes come.
_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_BEGUN_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*(:/{0,2})?")


def is_for_the_bridge(head: bytes) -> bool | None:
    """Judge the beginning of a request: True, False, or None while the request line has not come far enough."""
    may_grow = len(head) < _PEEK_BYTES
    _method, space, rest = head.partition(b" ")
    target, is_whole, _ = rest.partition(b" ")
    may_grow = may_grow and not is_whole
    if not space or _BEGUN_ABSOLUTE_FORM.fullmatch(target):
        return None if may_grow else False
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute:
        target = target[absolute.end() :]
    if target.startswith((PREFIX + b"/", PREFIX + b"?")):
        return True
    if may_grow and (PREFIX + b"/").startswith(target):
        return None
    return target == PREFIX
