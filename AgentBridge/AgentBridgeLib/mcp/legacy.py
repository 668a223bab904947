"""The versions with a handshake, 2025-11-25 back to 2025-03-26: `initialize` makes a session, later requests name it.

Closing the connection is no cancel here; `notifications/cancelled` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import messages
from AgentBridgeLib.mcp.answer import Answer, respond
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.methods import METHODS, object_of
from AgentBridgeLib.mcp.modern import client_name
from AgentBridgeLib.mcp.service import McpService, Serving, cannot_ask
from AgentBridgeLib.mcp.sessions import Session, SessionTable
from AgentBridgeLib.mcp.vocabulary import ASSUMED_LEGACY, INVALID_REQUEST, LEGACY, METHOD_NOT_FOUND, Json
from AgentBridgeLib.mcp.work import InputRequiredError, Request
from AgentBridgeLib.model.exchange import Response

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.messages import Message
    from AgentBridgeLib.model.exchange import Exchange

_TEST_METHODS = frozenset({"logging/setLevel", "resources/subscribe", "resources/unsubscribe"})


class LegacyEra:
    """Serves the generation with sessions."""

    def __init__(self, service: McpService) -> None:
        self._service = service
        self.sessions = SessionTable()

    def handle(self, exchange: Exchange, message: Message) -> None:
        """Answer one message.

        Raises
        ------
        RpcError
            The message is malformed, or its session is not known; nothing was answered.
        """
        self._check_version(exchange)
        if message.method == "initialize" and message.id is not None:
            self._initialize(exchange, message)
            return
        session = self._session(exchange)
        if message.is_response:
            self._take_response(exchange, session, message)
        elif message.id is None:
            self._take_notification(exchange, session, message)
        else:
            self._serve(exchange, session, message)

    def delete(self, exchange: Exchange) -> None:
        """End a session."""
        is_gone = self.sessions.close(exchange.head.headers.get("mcp-session-id", ""))
        exchange.respond(Response(204 if is_gone else 404))

    def resume(self, exchange: Exchange) -> bool:
        """Go on with a stream whose connection ended early; False when there is none."""
        headers = exchange.head.headers
        session = self.sessions.get(headers.get("mcp-session-id", ""))
        stream_id, _, number = headers.get("last-event-id", "").rpartition("-")
        call = session.streams.get(stream_id) if session is not None else None
        if call is None or not number.isdecimal():
            return False
        call.continue_on(Answer(exchange), int(number))
        return True

    def _check_version(self, exchange: Exchange) -> None:
        version = exchange.head.headers.get("mcp-protocol-version", ASSUMED_LEGACY).strip()
        if version not in LEGACY:
            raise RpcError(INVALID_REQUEST, f"Version {version[:40]} is not known.", status=400)

    def _session(self, exchange: Exchange) -> Session:
        session_id = exchange.head.headers.get("mcp-session-id", "")
        if not session_id:
            raise RpcError(
                INVALID_REQUEST, "Send the header Mcp-Session-Id that 'initialize' gave.", status=400
            )
        session = self.sessions.get(session_id)
        if session is None:
            raise RpcError(INVALID_REQUEST, "This session has ended. Send 'initialize' again.", status=404)
        return session

    def _initialize(self, exchange: Exchange, message: Message) -> None:
        params = message.params
        offered = params.get("protocolVersion")
        version = offered if offered in LEGACY else LEGACY[0]
        name = client_name(params.get("clientInfo"), exchange.head.headers.get("user-agent", ""))
        session = self.sessions.open(version, object_of(params, "capabilities"), name)
        surface = self._service.surface
        capabilities: Json = {
            "tools": {"listChanged": False},
            "resources": {"subscribe": True} if surface.has_test_methods else {},
            "prompts": {},
            "completions": {},
        }
        if surface.has_test_methods:
            capabilities["logging"] = {}
        result = {
            "protocolVersion": version,
            "capabilities": capabilities,
            "serverInfo": surface.server_info,
            "instructions": surface.instructions,
        }
        respond(exchange, 200, messages.result(message.id, result), [("Mcp-Session-Id", session.id)])

    def _take_response(self, exchange: Exchange, session: Session, message: Message) -> None:
        exchange.respond(Response(202))
        call, key = session.asked.pop(message.id, (None, ""))
        if call is not None:
            call.answered(key, message.content)

    def _take_notification(self, exchange: Exchange, session: Session, message: Message) -> None:
        exchange.respond(Response(202))
        number = message.params.get("requestId")
        if message.method == "notifications/cancelled" and isinstance(number, (str, int, float)):
            call = session.calls.pop(number, None)
            if call is not None:
                call.cancel()

    def _serve(self, exchange: Exchange, session: Session, message: Message) -> None:
        method = message.method
        has_test_methods = self._service.surface.has_test_methods
        if method == "ping" or (method in _TEST_METHODS and has_test_methods):
            respond(exchange, 200, messages.result(message.id, {}))
            return
        if method not in METHODS and method != "tools/call":
            raise RpcError(METHOD_NOT_FOUND, f"There is no method '{method[:100]}'.")
        request = Request(
            is_modern=False,
            capabilities=session.capabilities,
            client=session.client,
            door=exchange.head.door,
            request_id=exchange.head.headers.get("x-request-id", ""),
            progress_token=message.meta.get("progressToken"),
            number=message.id,
        )
        answer = Answer(exchange, is_primed=session.has_event_ids)
        Serving(self._service, answer, request, _object_only, _refuse_to_ask, session).serve(
            method, message.params
        )


def _object_only(result: Json) -> Json:
    """Leave results as they are: what only 2026-07-28 has is added elsewhere."""
    return result


def _refuse_to_ask(wish: InputRequiredError) -> Json:  # noqa: ARG001 - as in 2026-07-28
    return cannot_ask()
