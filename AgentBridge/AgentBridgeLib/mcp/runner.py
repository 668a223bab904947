"""Run operations for agents: a result within 20 s, or a handle of the job that goes on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.call import Accepted, Call, Done, Failed, Preference
from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.jobs.states import State
from AgentBridgeLib.mcp import approvals, faults, results
from AgentBridgeLib.mcp.wording import for_agents
from AgentBridgeLib.mcp.work import Ask, InputRequiredError, Progress, Wait, WorkCanceledError
from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from AgentBridgeLib.dispatch.call import Outcome
    from AgentBridgeLib.jobs.machine import Job
    from AgentBridgeLib.mcp.parts import ProductParts
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.mcp.work import Request, Step, Work
    from AgentBridgeLib.registry.operation import Operation

    Shape = Callable[[bytes], Json]

LONGEST_CALL_S = 20.0
"""TypeScript clients give up after 60 s, and people sooner."""
SHORTEST_WAIT_S = 5.0
"""Long work too may be over soon, or fail at once: following a job costs an agent two more calls."""
_TASK_LOOK_S = 60.0
_LONGEST_QUESTION_S = 3600.0
"""More than any approval stays open."""


class OutcomeBox:
    """What dispatch answers, now or later."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self._wake: Callable[[Outcome], None] | None = None

    def put(self, outcome: Outcome) -> None:
        """Take the answer."""
        self.outcome = outcome
        if self._wake is not None:
            self._wake(outcome)

    def arm(self, wake: Callable[[Outcome], None]) -> None:
        """Say whom to wake; at once when the answer is there."""
        self._wake = wake
        if self.outcome is not None:
            wake(self.outcome)


class OperationRunner:
    """Calls operations through dispatch, as every other door does."""

    def __init__(self, parts: ProductParts) -> None:
        self._parts = parts

    def run(
        self,
        request: Request,
        operation: Operation,
        arguments: Json,
        *,
        as_job: bool = False,
        shape: Shape = results.structured,
    ) -> Json | Work:
        """Call an operation; what is answered at once costs no generator.

        Parameters
        ----------
        as_job
            Give the handle of a job at once, whatever the operation declares.
        shape
            Makes the result of a tool from what the operation gave.
        """
        if isinstance(request.state, dict) and request.state.get("operation") == operation.name:
            return self._after_question(request, operation, str(request.state.get("job")))
        is_long = operation.mark.execution != "inline" or operation.mark.long
        fitted = results.fit_picture(operation, arguments)
        box = OutcomeBox()
        self.call(request, operation.name, fitted, box, is_async=as_job or is_long)
        finish = _Finish(self._parts, operation, fitted, arguments, shape)
        if box.outcome is not None and not isinstance(box.outcome, Accepted):
            return finish(box.outcome)
        return self._wait(request, operation, box, finish, as_job)

    def call(
        self,
        request: Request,
        name: str,
        arguments: Json,
        box: OutcomeBox,
        *,
        is_async: bool = False,
        lax: bool = False,
    ) -> None:
        """Hand a call to dispatch; the box gets the outcome."""
        caller = Caller(request.client, request.request_id or secrets.token_hex(8), request.door)
        preference = Preference(respond_async=is_async)
        self._parts.dispatcher.call(Call(name, arguments, caller, preference, lax), box.put)

    def follow(self, job_id: str, is_enough: Callable[[Job], bool], wait_s: float) -> Wait:
        """Make the step that waits for a job."""

        def start(wake: Callable[[object], None]) -> None:
            self._parts.jobs.when_changed(job_id, is_enough, wait_s, lambda: wake(None))

        return Wait(start)

    def view(self, job_id: str) -> Json:
        """Describe a job. Raises JobUnknownError or JobExpiredError."""
        jobs = self._parts.jobs
        spared = {"links", "arguments_digest"}  # routes, and what approvals are bound to
        view = jobs.view(jobs.machine.get(job_id)).model_dump(mode="json", exclude=spared)
        if view["error"] is not None:
            view["error"] = {**view["error"], "detail": for_agents(str(view["error"].get("detail", "")))}
        return view

    def _wait(
        self,
        request: Request,
        operation: Operation,
        box: OutcomeBox,
        finish: _Finish,
        as_job: bool,
    ) -> Work:
        outcome = yield Wait(box.arm)
        if not isinstance(outcome, Accepted):
            return finish(outcome)
        if as_job:
            return results.job_handle(self.view(outcome.job.id))
        return (yield from self._follow_job(request, operation, outcome.job.id, finish))

    def _follow_job(self, request: Request, operation: Operation, job_id: str, finish: _Finish) -> Work:
        job = self._parts.jobs.machine.get(job_id)
        can_wait = request.is_task or not operation.mark.long or request.progress_token is not None
        deadline = self._parts.loop.now() + (LONGEST_CALL_S if can_wait else SHORTEST_WAIT_S)
        is_handed_over = False
        try:
            while not job.has_ended:
                if job.state is State.AWAITING_APPROVAL and not request.is_task:
                    is_handed_over = True
                    pending = yield from self._ask(request, operation, job_id)
                    if pending is not None:
                        return pending
                    is_handed_over = False
                elif job.state is State.AWAITING_APPROVAL and self._can_ask(request, job_id):
                    yield from self._ask(request, operation, job_id)
                left = _TASK_LOOK_S if request.is_task else deadline - self._parts.loop.now()
                if left <= 0:
                    is_handed_over = True
                    return results.job_handle(self.view(job_id))
                seen = (job.state, job.fraction, job.message)
                yield self.follow(job_id, lambda now, seen=seen: _differs(now, seen), left)  # type: ignore[misc]
                yield Progress(round((job.fraction or 0.0) * 100, 2), 100, _sentence(job))
            return self._ended(request, job, finish)
        finally:
            if not is_handed_over:
                self._give_up(job)

    def _ended(self, request: Request, job: Job, finish: _Finish) -> Json:
        if job.state is State.CANCELED and request.is_task:
            raise WorkCanceledError("The job was canceled.")
        try:
            return finish(self._parts.jobs.result(job.id))
        except BridgeError as error:
            return faults.error_result(error, job.operation)

    def _give_up(self, job: Job) -> None:
        """Cancel the job of a call that nobody waits for any more."""
        if not job.has_ended:
            self._parts.jobs.cancel(job.id)

    def _can_ask(self, request: Request, job_id: str) -> bool:
        is_open = self._parts.preferences().approves_by_form and request.has_elicitation
        return is_open and approvals.waiting_request(self._parts.dispatcher.desk, job_id) is not None

    def _ask(self, request: Request, operation: Operation, job_id: str) -> Generator[Step, Any, Json | None]:
        """Ask by a form where that is possible; give what to answer at once where it is not, else None."""
        desk = self._parts.dispatcher.desk
        waiting = approvals.waiting_request(desk, job_id)
        if waiting is None or not self._can_ask(request, job_id):
            return results.approval_pending(self.view(job_id))
        cover = self._parts.redactor().text
        form = approvals.question(waiting, cover, is_modern=request.is_modern)
        if request.is_modern and not request.is_task:
            raise InputRequiredError({approvals.KEY: form}, {"job": job_id, "operation": operation.name})
        elsewhere = self.follow(
            job_id, lambda job: job.state is not State.AWAITING_APPROVAL, _LONGEST_QUESTION_S
        )
        answers = yield Ask({approvals.KEY: form}, unless=elsewhere.start)
        if approvals.KEY in answers:
            approvals.decide(desk, waiting, answers[approvals.KEY])
        return None

    def _after_question(self, request: Request, operation: Operation, job_id: str) -> Json | Work:
        desk = self._parts.dispatcher.desk
        waiting = approvals.waiting_request(desk, job_id)
        answer = (request.responses or {}).get(approvals.KEY)
        if waiting is not None and answer is not None and self._parts.preferences().approves_by_form:
            approvals.decide(desk, waiting, answer)
        finish = _Finish(self._parts, operation, {}, None, results.structured)
        request.state = None
        return self._follow_job(request, operation, job_id, finish)


class _Finish:
    """Makes the result of a tool from the outcome of its operation."""

    def __init__(
        self, parts: ProductParts, operation: Operation, arguments: Json, asked: Json | None, shape: Shape
    ) -> None:
        self._parts = parts
        self._operation = operation
        self._arguments = arguments
        self._asked = asked
        self._shape = shape

    def __call__(self, outcome: Outcome) -> Json:
        if isinstance(outcome, Failed):
            return faults.error_result(outcome.error, self._operation.name)
        if not isinstance(outcome, Done):
            raise TypeError(f"{type(outcome).__name__} is no end of a call")
        payload = outcome.payload
        if isinstance(payload, Content):
            url = self._parts.url()
            return results.content_result(self._operation, payload, self._arguments, self._asked, url)
        result = self._shape(payload)
        size = len(result["content"][0]["text"])
        if size > results.LARGEST_TEXT:
            hint = "Ask for less: a smaller limit, a region, one node; or read the route over HTTP."
            return results.too_large(size, hint)
        return results.with_undo_problem(result, outcome.undo_problem)


def _differs(job: Job, seen: tuple[State, float | None, str]) -> bool:
    return job.has_ended or (job.state, job.fraction, job.message) != seen


def _sentence(job: Job) -> str:
    return job.prompt or job.message or str(job.state).replace("_", " ")
