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
    lines = [detail, *(_line(entry) for entry in error.errors if not _is_said(entry, detail))]
    if error.wire.is_retryable:
        lines.append("Nothing was changed; the same call may succeed later.")
    text = f"{error.code}: " + "\n".join(lines)
    return text_result(text[:_LONGEST], structuredContent=document, isError=True)


def _line(entry: FieldProblem) -> str:
    return f"{entry.pointer or 'arguments'}: {entry.problem}. {entry.expected}".rstrip()


def _is_said(entry: FieldProblem, detail: str) -> bool:
    """Whether the first sentence has it all already: an agent pays for every word."""
    return entry.problem in detail and entry.expected in detail


def rpc_error(error: BridgeError) -> RpcError:
    """Give a fault of the bridge where a method has no other place for it."""
    document = _problem(error)
    return RpcError(error.wire.jsonrpc, document["detail"], {"problem": document})


def _problem(error: BridgeError, operation: str = "") -> Json:
    document = problem(error, operation=operation)
    return {**document, "detail": for_agents(document["detail"])}
