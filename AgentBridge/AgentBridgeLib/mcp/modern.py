"""2026-07-28: stateless. Every request says who asks and what it can do; closing the connection is the cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.mcp import inbound, messages, request_state
from AgentBridgeLib.mcp.answer import Answer, respond
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.methods import METHODS, cache_hints, object_of
from AgentBridgeLib.mcp.service import McpService, Serving
from AgentBridgeLib.mcp.vocabulary import (
    CAPABILITY_MISSING,
    INVALID_PARAMS,
    META_CAPABILITIES,
    META_CLIENT,
    META_LOG_LEVEL,
    META_SERVER,
    METHOD_NOT_FOUND,
    MODERN,
    TASKS_EXTENSION,
    Json,
)
from AgentBridgeLib.mcp.work import InputRequiredError, Request
from AgentBridgeLib.model.exchange import Response

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.messages import Message
    from AgentBridgeLib.model.exchange import Exchange

_TASK_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
_KINDS = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}


def client_name(info: object, fallback: str) -> str:
    """Give the name that a client gives itself, fit for logs and approvals."""
    name = info.get("name") if isinstance(info, dict) else None
    text = name if isinstance(name, str) else fallback
    return (
        "".join(character for character in text if character.isprintable()).strip()[:100] or "unnamed client"
    )


class ModernEra:
    """Serves the stateless generation."""

    def __init__(self, service: McpService) -> None:
        self._service = service

    def handle(self, exchange: Exchange, message: Message) -> None:
        """Answer one message.

        Raises
        ------
        RpcError
            The message is malformed or asks for what there is not; nothing was answered.
        """
        if message.id is None or message.is_response:
            exchange.respond(Response(202))
            return
        headers = exchange.head.headers
        inbound.check_modern(headers, message)
        method = message.method
        request = self._request(exchange, message)
        if method == "server/discover":
            respond(exchange, 200, messages.result(message.id, self._wrap(method, self._discovered())))
        elif method == "subscriptions/listen":
            self._service.subscriptions.listen(exchange, Answer(exchange), message.id, message.params)
        elif method in _TASK_METHODS:
            view = self._service.tasks.serve(method, request, message.params)
            respond(exchange, 200, messages.result(message.id, self._wrap(method, view)))
        elif method in METHODS or method == "tools/call":
            self._serve(exchange, message, request)
        else:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method '{method[:100]}'.", status=404)

    def _serve(self, exchange: Exchange, message: Message, request: Request) -> None:
        method, params = message.method, message.params
        if method == "tools/call":
            self._check_parameter_headers(exchange, params)
        if params.get("requestState") is not None:
            subject = request_state.subject(method, params, request.client)
            request.state = self._service.seal.verify(params["requestState"], subject)

        def on_input_required(wish: InputRequiredError) -> Json | RpcError:
            return self._input_required(request, wish, request_state.subject(method, params, request.client))

        serving = Serving(
            self._service,
            Answer(exchange),
            request,
            lambda result: self._wrap(method, result),
            on_input_required,
        )
        call = serving.serve(method, params)
        if call is not None:
            exchange.on_disconnect(call.abort)

    def _check_parameter_headers(self, exchange: Exchange, params: Json) -> None:
        tool = self._service.surface.tool(str(params.get("name")))
        if tool is not None:
            arguments = object_of(params, "arguments")
            inbound.check_parameter_headers(
                exchange.head.headers, tool.description.get("inputSchema", {}), arguments
            )

    def _request(self, exchange: Exchange, message: Message) -> Request:
        meta, head = message.meta, exchange.head
        responses = message.params.get("inputResponses")
        if responses is not None and not isinstance(responses, dict):
            raise RpcError(INVALID_PARAMS, "'inputResponses' must be an object.")
        return Request(
            is_modern=True,
            capabilities=meta[META_CAPABILITIES],
            client=client_name(meta.get(META_CLIENT), head.headers.get("user-agent", "")),
            door=head.door,
            request_id=head.headers.get("x-request-id", ""),
            progress_token=meta.get("progressToken"),
            log_level=meta.get(META_LOG_LEVEL),
            responses=responses,
            number=message.id,
        )

    def _input_required(self, request: Request, wish: InputRequiredError, subject: str) -> Json | RpcError:
        kinds = {_KINDS[question["method"]] for question in wish.requests.values()}
        missing: Json = {kind: {} for kind in sorted(kinds) if kind not in request.capabilities}
        if missing:
            return RpcError(
                CAPABILITY_MISSING,
                f"This call needs {', '.join(missing)} in the client.",
                {"requiredCapabilities": missing},
                400,
            )
        result: Json = {"inputRequests": wish.requests}
        if wish.state is not None:
            result["requestState"] = self._service.seal.sign(wish.state, subject)
        return {**self._wrap("", result), "resultType": "input_required"}

    def _discovered(self) -> Json:
        surface = self._service.surface
        capabilities: dict[str, Any] = {
            "tools": {"listChanged": True},
            "prompts": {"listChanged": True},
            "resources": {},
            "completions": {},
            "extensions": {TASKS_EXTENSION: {}},
        }
        if surface.has_test_methods:
            capabilities["logging"] = {}
        return {
            "supportedVersions": list(MODERN),
            "capabilities": capabilities,
            "instructions": surface.instructions,
        }

    def _wrap(self, method: str, result: Json) -> Json:
        meta = {**result.get("_meta", {}), META_SERVER: self._service.surface.server_info}
        return {"resultType": "complete", **cache_hints(method), **result, "_meta": meta}
