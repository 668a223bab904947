"""The extension `io.modelcontextprotocol/tasks`: work that no request waits for.

working ⇄ input_required, and from both to completed (also for a tool that failed: its result says so), failed (an
error of the protocol only) or cancelled. End states stay. Keys of questions are never used twice.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.drive import Drive
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.vocabulary import CAPABILITY_MISSING, INVALID_PARAMS, TASKS_EXTENSION, Json
from AgentBridgeLib.mcp.work import Ask, Log, Progress, Step, WorkCanceledError
from AgentBridgeLib.model.envelopes import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.mcp.work import Request, Work

    Conclude = Callable[[Json | None, Exception | None], "Json | RpcError"]

MOST_TASKS = 500
TTL_MS = 24 * 60 * 60 * 1000
POLL_MS = 200
_ENDED = frozenset({"completed", "failed", "cancelled"})


class Task:
    """One piece of work that is asked about.

    Parameters
    ----------
    conclude
        Makes the `result` member, or the error, of what came out.
    wall_clock
        Seconds since 1970.
    """

    def __init__(
        self, task_id: str, client: str, work: Work, conclude: Conclude, wall_clock: Callable[[], float]
    ) -> None:
        self.id = task_id
        self.client = client
        self._conclude = conclude
        self._wall_clock = wall_clock
        self._created_at = self._updated_at = wall_clock()
        self._status = "working"
        self._message = ""
        self._result: Json | None = None
        self._error: Json | None = None
        self._questions: dict[str, Json] = {}
        self._names: dict[str, str] = {}
        self._answers: Json = {}
        self._drive = Drive(work, self._carry_out, self._finish)

    @property
    def has_ended(self) -> bool:
        """Whether nothing changes any more."""
        return self._status in _ENDED

    @property
    def expires_at(self) -> float:
        """When it may be forgotten, in seconds since 1970."""
        return self._created_at + TTL_MS / 1000

    def start(self) -> None:
        """Begin."""
        self._drive.resume()

    def head(self) -> Json:
        """Describe it without what it holds, as the answer to the call that made it."""
        view: Json = {
            "taskId": self.id,
            "status": self._status,
            "createdAt": timestamp(self._created_at),
            "lastUpdatedAt": timestamp(self._updated_at),
            "ttlMs": TTL_MS,
            "pollIntervalMs": POLL_MS,
        }
        if self._message:
            view["statusMessage"] = self._message
        return view

    def view(self) -> Json:
        """Describe it with its result, its error or its open questions."""
        view = self.head()
        if self._status == "input_required":
            view["inputRequests"] = dict(self._questions)
        elif self._status == "completed":
            view["result"] = self._result
        elif self._status == "failed":
            view["error"] = self._error
        return view

    def update(self, responses: Json) -> None:
        """Take answers; unknown keys are ignored. The work goes on when all are there."""
        for key in responses.keys() & self._questions.keys():
            self._answers[self._names.pop(key)] = responses[key]
            del self._questions[key]
        if self._status == "input_required" and not self._questions:
            answers, self._answers = self._answers, {}
            self._set("working")
            self._drive.resume(answers)

    def cancel(self) -> None:
        """Stop the work; an ended task stays as it is."""
        if not self.has_ended:
            self._set("cancelled")
            self._drive.close()

    def _carry_out(self, step: Step) -> None:
        if isinstance(step, Ask):
            for name, question in step.requests.items():
                key = f"{name}-{secrets.token_hex(4)}"
                self._questions[key], self._names[key] = question, name
            self._set("input_required")
            if step.unless is not None:
                step.unless(lambda _: self._withdraw())
            return
        if isinstance(step, Progress):
            percent = f"{step.done / step.total:.0%} " if step.total else ""
            self._message = (percent + step.message).strip()
            self._updated_at = self._wall_clock()
        elif isinstance(step, Log):
            self._message = str(step.data)
        self._drive.resume()

    def _withdraw(self) -> None:
        """Take back what is still asked: it was decided elsewhere."""
        if self._status == "input_required":
            self._questions.clear()
            self._names.clear()
            self._answers = {}
            self._set("working")
            self._drive.resume({})

    def _finish(self, result: Json | None, error: Exception | None) -> None:
        if isinstance(error, WorkCanceledError):
            self._message = str(error)
            self._set("cancelled")
            return
        value = self._conclude(result, error)
        if isinstance(value, RpcError):
            self._error = value.as_json()
            self._set("failed")
        else:
            self._result = value
            self._set("completed")

    def _set(self, status: str) -> None:
        self._status = status
        self._updated_at = self._wall_clock()


class TaskTable:
    """Tasks by id.

    Parameters
    ----------
    loop
        Work begins in a turn of its own, so that the client hears of the task first.
    """

    def __init__(self, loop: EventLoop, wall_clock: Callable[[], float]) -> None:
        self._loop = loop
        self._wall_clock = wall_clock
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def add(self, client: str, work: Work, conclude: Conclude) -> Task:
        """Take work as a task."""
        self._drop_old()
        task = Task(secrets.token_hex(16), client, work, conclude, self._wall_clock)
        self._tasks[task.id] = task
        self._loop.call_later(0, task.start)
        return task

    def serve(self, method: str, request: Request, params: Json) -> Json:
        """Answer `tasks/get`, `tasks/update` and `tasks/cancel`.

        Raises
        ------
        RpcError
            The client does not declare tasks; there is no such task of this client; answers are no object.
        """
        if not request.has_tasks:
            raise tasks_missing()
        task = self._tasks.get(str(params.get("taskId")))
        if task is None or task.client != request.client:
            raise RpcError(INVALID_PARAMS, "There is no such task, or it is no longer kept.")
        if method == "tasks/get":
            return task.view()
        if method == "tasks/cancel":
            task.cancel()
            return {}
        responses = params.get("inputResponses")
        if not isinstance(responses, dict):
            raise RpcError(INVALID_PARAMS, "'inputResponses' must be an object.")
        task.update(responses)
        return {}

    def close(self) -> None:
        """Stop all."""
        for task in self._tasks.values():
            task.cancel()

    def _drop_old(self) -> None:
        now = self._wall_clock()
        gone = [task_id for task_id, task in self._tasks.items() if task.has_ended and task.expires_at < now]
        ended = [task_id for task_id, task in self._tasks.items() if task.has_ended]
        gone += ended[: max(0, len(self._tasks) - MOST_TASKS + 1)]
        for task_id in gone:
            self._tasks.pop(task_id, None)


def tasks_missing() -> RpcError:
    """Make the error for a client that does not declare the extension."""
    missing: Json = {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}}
    return RpcError(CAPABILITY_MISSING, "This needs the tasks extension in the client.", missing, 400)
