"""Door 2: attached to Slicer's WebServer module, whoever starts, stops or reloads it.

`WebServerWidget.startServer()` replaces `logic.requestHandlers` and calls `logic.start()`, which builds a new server
that shares the list, unless it is empty. So a wrapper called `start` on the logic *instance* adds the handlers first,
calls the original, and completes the new server before the loop can deliver its first connection. The panel's button,
a reload and a script all pass there. A reload of the module makes a new logic: a slow repeating call notices.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Protocol

from AgentBridgeLib.host.qtcompat import attempt, report_incident, run_guarded
from AgentBridgeLib.transport.connection import ConnectionSetting
from AgentBridgeLib.transport.connections import ConnectionSet
from AgentBridgeLib.transport.guard import Guard
from AgentBridgeLib.transport.handlers import make_handler
from AgentBridgeLib.transport.handover import ATTRIBUTE, HandOver
from AgentBridgeLib.transport.peers import common_peer_host
from AgentBridgeLib.transport.plain import PlainHandler
from AgentBridgeLib.transport.safe_application import SafeApplication

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop, ScheduledCall
    from AgentBridgeLib.model.exchange import Application, TransportLimits
    from AgentBridgeLib.transport.guard import GuardPolicy

_CHECK_S = 2.0
_BACKLOG = 128
_logger = logging.getLogger(__name__)


class StockServer(Protocol):
    """What is used of Slicer's `SlicerHTTPServer`."""

    socket: socket.socket
    requestHandlers: list[object]  # noqa: N815  Slicer's name


class StockLogic(Protocol):
    """What is used of Slicer's `WebServerLogic`."""

    start: Callable[[], None]
    port: int
    docroot: bytes
    server: StockServer | None
    serverStarted: bool  # noqa: N815  Slicer's name
    requestHandlers: list[object]  # noqa: N815  Slicer's name


class WebServerAttachment:
    """Keeps the bridge's handlers and the hand-over in place on Slicer's WebServer.

    Parameters
    ----------
    loop
        Slicer's event loop.
    application
        Where requests go.
    limits
        For the connections that are handed over.
    get_logic
        Gives the logic of the module's panel, a new one after a reload; None where there is no WebServer module.
    handler_base
        `WebServerLib.BaseRequestHandler`.
    guard_policy
        The safety settings for Slicer's own routes.
    is_answering
        Says whether `/agent` is answered on Slicer's server; asked at each connection and request. Without it the
        attachment only guards.
    """

    def __init__(
        self,
        loop: EventLoop,
        application: Application,
        limits: TransportLimits,
        get_logic: Callable[[], StockLogic | None],
        handler_base: type,
        guard_policy: GuardPolicy,
        is_answering: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop = loop
        self._is_answering = is_answering
        self._get_logic = get_logic
        self._connections = ConnectionSet(ConnectionSetting(loop, application, limits, "webserver"))
        safe = SafeApplication(application)
        self._handlers = [
            make_handler(handler_base, PlainHandler(safe, is_answering, self._port, self._peer_host)),
            make_handler(handler_base, Guard(safe, guard_policy, self._docroot)),
        ]
        self._logic: StockLogic | None = None
        self._hook: Callable[[], None] | None = None
        self._restored: Callable[[], None] | None = None
        self._hand_over: HandOver | None = None
        self._check: ScheduledCall | None = None
        self._is_failing = False

    @property
    def is_attached(self) -> bool:
        """Whether a WebServer module carries the bridge's handlers."""
        return self._logic is not None

    @property
    def port(self) -> int | None:
        """The port of Slicer's server; None while it does not run."""
        return int(self._logic.port) if self._logic is not None and self._logic.serverStarted else None

    @property
    def connection_count(self) -> int:
        """How many connections were handed over and are open."""
        return len(self._connections)

    def ensure(self) -> bool:
        """Attach, and stay attached until `detach`. Safe to repeat.

        A WebServer module that is broken or of another shape is named in the log once; the bridge goes on without it.

        Returns
        -------
        bool
            Whether there is a WebServer module to attach to.
        """
        if self._check is None:
            self._check = self._loop.call_later(_CHECK_S, self._on_check)
        return attempt(self._attach, self._on_fault)

    def detach(self) -> None:
        """Leave Slicer's WebServer as it was. Safe to repeat."""
        if self._check is not None:
            self._check.cancel()
            self._check = None
        run_guarded(self._release)

    def disconnect(self) -> None:
        """Close every connection that was handed over, and stay attached."""
        self._connections.close_all()

    def _on_check(self) -> None:
        self._check = None
        self.ensure()

    def _attach(self) -> bool:
        logic = self._get_logic()
        if logic is not self._logic:
            self._release()
            if logic is not None:
                self._install(logic)
        if logic is not None:
            self._complete(logic)
        self._is_failing = False
        return logic is not None

    def _on_fault(self, error: BaseException) -> bool:
        if not self._is_failing:  # once, not every two seconds
            report_incident("attaching to Slicer's WebServer", error)
        self._is_failing = True
        return False

    def _install(self, logic: StockLogic) -> None:
        original = logic.start  # of the class, or another extension's wrapper on the instance
        self._restored = vars(logic).get("start")

        def start_with_handlers() -> None:
            if self._hook is start_with_handlers:
                self._add_handlers(logic.requestHandlers)  # the list was replaced just before
                self._connections.close_all()  # `start` stops the old server first
            original()
            if self._hook is start_with_handlers:
                self._complete(logic)

        logic.start = start_with_handlers
        self._logic, self._hook = logic, start_with_handlers

    def _complete(self, logic: StockLogic) -> None:
        self._add_handlers(logic.requestHandlers)
        server = logic.server
        if server is not None:
            self._add_handlers(server.requestHandlers)
        if server is not None and logic.serverStarted:
            self._take_over(server)
        else:
            self._connections.close_all()

    def _add_handlers(self, handlers: list[object]) -> None:
        handlers.extend(handler for handler in self._handlers if handler not in handlers)

    def _take_over(self, server: StockServer) -> None:
        current = vars(server).get(ATTRIBUTE)
        if current is not None and current is self._hand_over:
            return
        stock = getattr(server, ATTRIBUTE, None)
        if stock is None:
            _logger.warning("This WebServer has no %s: /agent is answered without status codes.", ATTRIBUTE)
            return
        self._hand_over = HandOver(self._loop, self._connections, stock, self._is_answering)
        setattr(server, ATTRIBUTE, self._hand_over)
        with contextlib.suppress(OSError):
            # Slicer's five places make every sixth simultaneous client repeat its knock a second later.
            server.socket.listen(_BACKLOG)

    def _release(self) -> None:
        logic, self._logic = self._logic, None
        self._connections.close_all()
        if logic is not None:
            self._restore_start(logic)
            self._restore_server(logic.server)
            self._remove_handlers(logic.requestHandlers)
            if logic.server is not None:
                self._remove_handlers(logic.server.requestHandlers)

    def _remove_handlers(self, handlers: list[object]) -> None:
        handlers[:] = [handler for handler in handlers if handler not in self._handlers]

    def _restore_start(self, logic: StockLogic) -> None:
        hook, self._hook = self._hook, None
        if vars(logic).get("start") is not hook:
            return  # somebody wrapped ours; without a hook it only passes on
        if self._restored is None:
            del logic.start
        else:
            logic.start = self._restored

    def _restore_server(self, server: StockServer | None) -> None:
        hand_over, self._hand_over = self._hand_over, None
        if hand_over is None:
            return
        hand_over.deactivate()
        if server is not None and vars(server).get(ATTRIBUTE) is hand_over:
            delattr(server, ATTRIBUTE)

    def _peer_host(self) -> str:
        return common_peer_host(None if self._logic is None else self._logic.server)

    def _port(self) -> int:
        return self.port or 0

    def _docroot(self) -> bytes | None:
        return None if self._logic is None else os.fsencode(self._logic.docroot)
