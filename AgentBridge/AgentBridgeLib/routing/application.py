"""The application behind both doors: admits requests, finds their routes, hands calls to dispatch."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.call import Call
from AgentBridgeLib.errors import BridgeError, RouteUnknownError
from AgentBridgeLib.model.exchange import Admission, Response
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.registry.operation import Operation
from AgentBridgeLib.routing import answers, reading
from AgentBridgeLib.routing.gate import bearer_token
from AgentBridgeLib.routing.reply import Reply, with_headers
from AgentBridgeLib.routing.service_routes import SERVICE_ROUTES
from AgentBridgeLib.routing.table import BINARY_BYTES, JSON_BYTES, RouteTable
from AgentBridgeLib.routing.visit import ServiceRoute, Visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.dispatch.context import Caller
    from AgentBridgeLib.model.exchange import Exchange, RequestHead
    from AgentBridgeLib.routing.gate import Gate
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.table import Match

_PLAIN = "webserver_plain"
_WITHOUT_JOBS = "dicomweb."
LONGEST_WAIT_S = 3600.0
"""Clients of DICOMweb do not know jobs: they wait for the answer itself, and take 202 for another one."""


class BridgeApplication:
    """Implements `model.exchange.Application`.

    Parameters
    ----------
    gate
        Decides who may come in.
    services
        What the routes work with.
    """

    def __init__(self, gate: Gate, services: Services) -> None:
        self._gate = gate
        self._services = services
        self._table: tuple[int, RouteTable] | None = None

    def admit(self, head: RequestHead) -> Admission:
        """Decide on the head alone; a refused client never gets to send its body."""
        try:
            return Admission(self._body_limit(head))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return Admission(0, self.refuse(head, error))

    def handle(self, exchange: Exchange) -> None:
        """Route a complete request; every fault becomes an answer."""
        caller = reading.caller(exchange.head)
        reply = Reply(exchange, caller.request_id, self._common_headers(exchange.head, caller.request_id))
        try:
            self._route(reply, caller)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            reply.respond(self._failure(error, caller.request_id))

    def refuse(self, head: RequestHead | None, error: BaseException) -> Response:
        """Answer a fault that was found before a route was."""
        request_id = secrets.token_hex(8) if head is None else reading.caller(head).request_id
        return with_headers(self._failure(error, request_id), self._common_headers(head, request_id))

    def _body_limit(self, head: RequestHead) -> int:
        self._check_door(head)
        # Slicer's handlers see neither peer nor headers; there the token decides alone.
        if head.door != _PLAIN:
            self._gate.check_peer(head)
            self._gate.check_host(head)
            self._gate.check_origin(head)
        if head.method == "OPTIONS":
            if not head.headers.get("access-control-request-method"):
                self._gate.check_token(bearer_token(head))
            return 0
        if head.door == _PLAIN:
            return JSON_BYTES
        _refuse_oauth(head.path)
        match = self._find(head, is_trusted=False)
        if isinstance(match.target, Operation) and _takes_bytes(match.target, head):
            return BINARY_BYTES
        return JSON_BYTES

    def _check_door(self, head: RequestHead) -> None:
        if head.door != "listener" and not self._services.safety.current().answers_on_web_server:
            raise RouteUnknownError(
                "AgentBridge does not answer on Slicer's own web server: the person has switched that off. Use the "
                "address in the instance file."
            )

    def _find(self, head: RequestHead, *, is_trusted: bool) -> Match:
        """Find the route; without a token only the existence of public routes shows."""
        try:
            match = self._routes().find(head.method, head.path)
        except BridgeError:
            if not is_trusted:
                self._gate.check_token(bearer_token(head))
            raise
        if not is_trusted and not (isinstance(match.target, ServiceRoute) and not match.target.needs_token):
            self._gate.check_token(bearer_token(head))
        return match

    def _route(self, exchange: Exchange, caller: Caller) -> None:
        head = exchange.head
        self._check_door(head)
        if head.method == "OPTIONS":
            exchange.respond(self._options(head))
            return
        query = reading.parse_query(head.query)
        body = self._plain_body(exchange, query) if head.door == _PLAIN else None
        match = self._find(head, is_trusted=True)
        if isinstance(match.target, ServiceRoute):
            if match.target.body is not None and body is None:
                body = reading.parse_json_object(head, exchange.body)
            visit = Visit(exchange, caller, match.parameters, query, body or {})
            match.target.handle(self._services, visit)
            return
        self._call(exchange, caller, match.target, {"path": match.parameters, "query": query}, body)

    def _call(
        self,
        exchange: Exchange,
        caller: Caller,
        operation: Operation,
        texts: Mapping[str, Mapping[str, str]],
        body: dict[str, Any] | None,
    ) -> None:
        takes_bytes = _takes_bytes(operation, exchange.head)
        is_lax = bool(texts["query"]) or takes_bytes or exchange.head.method not in {"POST", "PUT", "PATCH"}
        arguments: dict[str, Any] = {}
        if takes_bytes and body is None:
            arguments["content"] = Bytes(exchange.body)
        else:
            arguments.update(
                reading.parse_json_object(exchange.head, exchange.body) if body is None else body
            )
        for source in texts.values():
            for name, text in source.items():
                if name in arguments:
                    raise reading.given_twice(name)
                arguments[name] = text
        preference = reading.preferences(exchange.head)
        is_silent = preference.wait_s is None and not preference.respond_async
        if is_silent and operation.name.startswith(_WITHOUT_JOBS):
            preference = replace(preference, wait_s=LONGEST_WAIT_S)
        self._services.call(exchange, Call(operation.name, arguments, caller, preference, is_lax))

    def _plain_body(self, exchange: Exchange, query: dict[str, str]) -> dict[str, Any]:
        """Take the token out of the body (or, where the person allows it, out of the query of a GET)."""
        head = exchange.head
        body = reading.parse_json_object(head, exchange.body)
        token = body.pop("access_token", None)
        from_query = query.pop("access_token", None)
        if token is None and head.method == "GET" and self._services.safety.current().takes_token_from_query:
            token = from_query
        if not self._is_public(head):
            self._gate.check_token(token if isinstance(token, str) else None)
        return body

    def _is_public(self, head: RequestHead) -> bool:
        try:
            target = self._routes().find(head.method, head.path).target
        except BridgeError:
            return False
        return isinstance(target, ServiceRoute) and not target.needs_token

    def _options(self, head: RequestHead) -> Response:
        methods = ", ".join(self._routes().methods(head.path))
        headers = [("Allow", methods)]
        if self._gate.listed_origin(head):
            wanted = head.headers.get("access-control-request-headers", "Authorization, Content-Type")
            headers += [
                ("Access-Control-Allow-Methods", methods),
                ("Access-Control-Allow-Headers", wanted),
                ("Access-Control-Max-Age", "600"),
            ]
        return Response(204, headers)

    def _common_headers(self, head: RequestHead | None, request_id: str) -> answers.Headers:
        """Give what every answer carries: a web page that may call must be able to read errors and events, too."""
        headers = [("X-Request-Id", request_id)]
        origin = "" if head is None else self._gate.listed_origin(head)
        if origin:
            headers += [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", "*"),
                ("Vary", "Origin"),
            ]
        return headers

    def _routes(self) -> RouteTable:
        version = self._services.catalog.version
        if self._table is None or self._table[0] != version:
            self._table = (version, RouteTable(SERVICE_ROUTES, self._services.catalog))
        return self._table[1]

    def _failure(self, error: BaseException, request_id: str) -> Response:
        return answers.from_error(self._services.dispatcher.blame(error, "request"), request_id)


def _takes_bytes(operation: Operation, head: RequestHead) -> bool:
    """Whether the body is the bytes themselves; where they may be left out, JSON is the arguments instead."""
    if not operation.mark.binary_body:
        return False
    media_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type != "application/json" or operation.arguments.model_fields["content"].is_required()


def _refuse_oauth(path: str) -> None:
    """Say, without asking for a token first, that there is no OAuth here: clients of MCP look for it after a 401.

    Raises
    ------
    RouteUnknownError
        The path belongs to OAuth.
    """
    if path.startswith("/.well-known/") or path == "/register":
        raise RouteUnknownError(
            "There is no OAuth here. Use the token from the AgentBridge panel: Authorization: Bearer TOKEN."
        )
