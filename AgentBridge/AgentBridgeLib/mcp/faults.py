"""Turn what was raised into what a client sees: an error of the protocol, or a result that says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.wording import for_agents
from AgentBridgeLib.mcp.work import text_result
from AgentBridgeLib.model.envelopes import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.errors import BridgeError, FieldProblem
    from AgentBridgeLib.mcp.vocabulary import Json

    Blame = Callable[[BaseException, str], BridgeError]

_LONGEST = 10_000


def error_result(error: BridgeError, operation: str = "") -> Json:
    """Give a fault of an operation as the result of a tool: the document of every other route, naming tools."""
    document = _problem(error, operation)
    detail = document["detail"]
    text = f"{error.code}: {detail}"
    for entry in error.errors:
        text += _line(entry, text, is_only=len(error.errors) == 1)
    if error.wire.is_retryable:
        text += "\nNothing was changed; the same call may succeed later."
    return text_result(text[:_LONGEST], structuredContent=document, isError=True)


def _line(entry: FieldProblem, told: str, *, is_only: bool) -> str:
    """Say what was not told yet: an agent pays for every word."""
    where = entry.pointer or "arguments"
    problem = entry.problem if is_only else f"{where}: {entry.problem}"
    unsaid = [
        words
        for words, sign in ((entry.problem, problem), (entry.expected, entry.expected))
        if sign not in told
    ]
    return f"\n{where}: {'. '.join(unsaid)}" if unsaid else ""


def rpc_error(error: BridgeError) -> RpcError:
    """Give a fault of the bridge where a method has no other place for it."""
    document = _problem(error)
    return RpcError(error.wire.jsonrpc, document["detail"], {"problem": document})


def _problem(error: BridgeError, operation: str = "") -> Json:
    document = problem(error, operation=operation)
    return {**document, "detail": for_agents(document["detail"])}
