"""`POST /agent/v1/mcp`: one URL for both generations of the protocol.

Peer, Host, Origin, token and size were checked before (routing). Here, in this order: method, Accept, JSON, JSON-RPC,
generation. No fault leaves as an HTML page or without a body; none is 5xx.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.mcp import inbound, messages
from AgentBridgeLib.mcp.answer import respond
from AgentBridgeLib.mcp.faults import rpc_error
from AgentBridgeLib.mcp.legacy import LegacyEra
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.modern import ModernEra
from AgentBridgeLib.mcp.request_state import StateSeal
from AgentBridgeLib.mcp.service import McpService
from AgentBridgeLib.mcp.subscriptions import Subscriptions
from AgentBridgeLib.mcp.tasks import TaskTable
from AgentBridgeLib.mcp.vocabulary import INVALID_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.mcp.faults import Blame
    from AgentBridgeLib.mcp.surface import Surface
    from AgentBridgeLib.model.exchange import Exchange

_PLAIN = "webserver_plain"


class McpEndpoint:
    """Answers the exchanges of the endpoint.

    Parameters
    ----------
    surface
        What is served.
    blame
        Turns whatever was raised, and the operation's name, into an error with identifiers covered.
    on_beat
        Called now and then while somebody listens for changes.
    url
        Gives the base URL of the bridge's own listener.
    """

    def __init__(
        self,
        surface: Surface,
        loop: EventLoop,
        blame: Blame,
        on_beat: Callable[[], None] = lambda: None,
        url: Callable[[], str] = lambda: "",
    ) -> None:
        self._url = url
        self._blame = blame
        self._service = McpService(
            surface,
            loop,
            blame,
            StateSeal(loop.now),
            TaskTable(loop, time.time),
            Subscriptions(loop, on_beat),
        )
        self._modern = ModernEra(self._service)
        self._legacy = LegacyEra(self._service)

    def handle(self, exchange: Exchange) -> None:
        """Answer one request, now or later. Never raises."""
        method = exchange.head.method
        try:
            if exchange.head.door == _PLAIN:
                raise _no_headers(self._url())
            if method == "POST":
                self._post(exchange)
            elif method == "DELETE":
                self._legacy.delete(exchange)
            elif method != "GET" or not self._legacy.resume(exchange):
                self._refuse_method(exchange)
        except RpcError as error:
            respond(exchange, error.status, messages.failure(None, error))

    def tell(self, kind: str) -> None:
        """Tell clients that listen that a list has changed (`vocabulary.LIST_NOTICES`)."""
        self._service.subscriptions.tell(kind)

    def close(self) -> None:
        """End every stream and task."""
        self._service.subscriptions.close({"resultType": "complete"})
        self._service.tasks.close()
        self._legacy.sessions.clear()

    def _post(self, exchange: Exchange) -> None:
        if not inbound.accepts_answers(exchange.head.headers):
            text = "Accept must take application/json or text/event-stream."
            raise RpcError(INVALID_REQUEST, text, status=406)
        message = messages.read(exchange.body)
        era = self._modern if inbound.is_modern(exchange.head.headers, message) else self._legacy
        try:
            era.handle(exchange, message)
        except RpcError as error:
            respond(exchange, error.status, messages.failure(message.id, error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            fault = rpc_error(self._blame(error, "mcp"))
            respond(exchange, fault.status, messages.failure(message.id, fault))

    def _refuse_method(self, exchange: Exchange) -> None:
        error = RpcError(INVALID_REQUEST, "Messages come by POST; this endpoint opens no streams of its own.")
        respond(exchange, 405, messages.failure(None, error), [("Allow", "POST, DELETE")])


def _no_headers(url: str) -> RpcError:
    return rpc_error(
        FeatureMissingError(
            "This Slicer hands no headers to request handlers of its web server, and the Model Context Protocol needs "
            f"them. Connect to the bridge's own address instead: {url}/mcp"
        )
    )
