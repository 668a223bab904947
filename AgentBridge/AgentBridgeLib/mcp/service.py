"""What both generations work with, and how they run the work that answers a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.mcp import faults, messages
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.methods import METHODS, object_of, text_of
from AgentBridgeLib.mcp.running import RunningCall
from AgentBridgeLib.mcp.tasks import tasks_missing
from AgentBridgeLib.mcp.vocabulary import INVALID_PARAMS, Json
from AgentBridgeLib.mcp.work import InputRequiredError, text_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.mcp.answer import Answer
    from AgentBridgeLib.mcp.faults import Blame
    from AgentBridgeLib.mcp.request_state import StateSeal
    from AgentBridgeLib.mcp.sessions import Session
    from AgentBridgeLib.mcp.subscriptions import Subscriptions
    from AgentBridgeLib.mcp.surface import Surface, Tool
    from AgentBridgeLib.mcp.tasks import TaskTable
    from AgentBridgeLib.mcp.work import Request, Work

    Wrap = Callable[[Json], Json]
    OnInputRequired = Callable[[InputRequiredError], "Json | RpcError"]


@dataclass(slots=True)
class McpService:
    """The parts of one endpoint.

    Attributes
    ----------
    surface
        What is served.
    blame
        Turns whatever was raised, and the operation's name, into an error with identifiers covered.
    """

    surface: Surface
    loop: EventLoop
    blame: Blame
    seal: StateSeal
    tasks: TaskTable
    subscriptions: Subscriptions


class Serving:
    """Serves one request.

    Parameters
    ----------
    wrap
        Adds to a result what its generation asks for.
    on_input_required
        Makes the answer of work that needs the person's answer first.
    session
        Of a version with a handshake.
    """

    def __init__(
        self,
        service: McpService,
        answer: Answer,
        request: Request,
        wrap: Wrap,
        on_input_required: OnInputRequired,
        session: Session | None = None,
    ) -> None:
        self._service = service
        self._answer = answer
        self._request = request
        self._wrap = wrap
        self._on_input_required = on_input_required
        self._session = session
        self._tool = ""

    def serve(self, method: str, params: Json) -> RunningCall | None:
        """Answer `method`, now or later; gives the call that goes on.

        Raises
        ------
        RpcError
            The request is malformed. Nothing was answered.
        """
        tool = self._find_tool(params) if method == "tools/call" else None
        try:
            if tool is not None:
                found = tool.run(self._request, object_of(params, "arguments"))
            else:
                found = METHODS[method](self._service.surface, self._request, params)
        except RpcError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._finish(None, error)
            return None
        if isinstance(found, dict):
            self._finish(found, None)
            return None
        if self._request.is_task:
            self._make_task(found)
            return None
        call = RunningCall(self._answer, self._request, found, self._conclude, self._session)
        call.start()
        return call

    def _find_tool(self, params: Json) -> Tool:
        name = text_of(params, "name")
        tool = self._service.surface.tool(name)
        if tool is None:
            raise RpcError(
                INVALID_PARAMS,
                f"There is no tool '{name[:200]}'. operations_search finds those that are not listed.",
            )
        if tool.task == "required" and self._request.is_modern and not self._request.has_tasks:
            raise tasks_missing()
        self._tool = tool.name
        self._request.is_task = tool.task != "never" and self._request.has_tasks
        return tool

    def _make_task(self, work: Work) -> None:
        task = self._service.tasks.add(self._request.client, work, self._conclude_task)
        self._give({**self._wrap({}), "resultType": "task", **task.head()})

    def _conclude_task(self, result: Json | None, error: Exception | None) -> Json | RpcError:
        value = self._conclude(result, error)
        if isinstance(value, dict):
            value.pop("_meta", None)
        return value

    def _finish(self, result: Json | None, error: Exception | None) -> None:
        self._give(self._conclude(result, error))

    def _give(self, value: Json | RpcError) -> None:
        if isinstance(value, dict):
            self._answer.finish(messages.result(self._request.number, value))
        else:
            self._answer.finish(messages.failure(self._request.number, value), value.status)

    def _conclude(self, result: Json | None, error: Exception | None) -> Json | RpcError:
        if error is None:
            return self._wrap(result or {})
        if isinstance(error, InputRequiredError):
            return self._on_input_required(error)
        if isinstance(error, RpcError):
            return error
        blamed = error if isinstance(error, BridgeError) else self._service.blame(error, self._tool or "mcp")
        if self._tool:
            return self._wrap(faults.error_result(blamed, self._tool))
        return faults.rpc_error(blamed)


def cannot_ask() -> Json:
    """Give the result of a tool that needs an answer which this generation cannot get."""
    return text_result("This protocol version has no way to ask for what this call needs.", isError=True)
