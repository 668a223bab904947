"""Jobs as dispatch runs them: carries out the machine's orders and tells those who wait."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.stepper import Stepper
from AgentBridgeLib.errors import (
    BridgeError,
    JobCanceledError,
    JobExpiredError,
    JobNotFinishedError,
    JobStateConflictError,
)
from AgentBridgeLib.jobs.machine import Job, JobMachine, Order
from AgentBridgeLib.jobs.states import Event, Instruction, State
from AgentBridgeLib.model.envelopes import JobLinks, JobProgress, JobView, describe_error, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.dispatch.call import Done
    from AgentBridgeLib.dispatch.context import Progress, Suspend, WaitForUser
    from AgentBridgeLib.dispatch.events import EventRing
    from AgentBridgeLib.dispatch.results import ResultStore
    from AgentBridgeLib.dispatch.safety import Redaction
    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.scene import SceneHost
    from AgentBridgeLib.jobs.machine import Lane

JOBS_PATH = "/agent/v1/jobs"
_PROGRESS_EVENT_S = 0.1
_FORGET_S = 3600.0


@dataclass(frozen=True, slots=True)
class JobWork:
    """What a job is to do.

    Attributes
    ----------
    begin
        Checks once more what must hold and gives the generator; called when the job's turn comes.
    conclude
        Turns what the generator returned into an answer.
    blame
        Turns what it raised into an error for the client.
    end
        Called once when the job has ended, however it did.
    """

    begin: Callable[[], Generator[Progress | Suspend | WaitForUser | None, None, Any]]
    conclude: Callable[[Any], Done]
    blame: Callable[[BaseException], BridgeError]
    end: Callable[[Job], None]


class JobService:
    """All jobs of the bridge.

    Parameters
    ----------
    wall_clock
        Seconds since 1970.
    """

    def __init__(
        self,
        loop: EventLoop,
        scene: SceneHost,
        turn: Turn,
        events: EventRing,
        redaction: Redaction,
        results: ResultStore,
        wall_clock: Callable[[], float],
        machine: JobMachine | None = None,
    ) -> None:
        self._loop = loop
        self._events = events
        self._redaction = redaction
        self._wall_clock = wall_clock
        self._machine = machine or JobMachine()
        self._stepper = Stepper(loop, scene, turn, self)
        self._works: dict[str, JobWork] = {}
        self._results = results
        self._waiters: dict[str, dict[int, Callable[[], None]]] = {}
        self._keys = itertools.count()
        self._told: dict[str, float] = {}
        self._will_forget = False

    @property
    def machine(self) -> JobMachine:
        """The state machine, to read."""
        return self._machine

    @property
    def now(self) -> float:
        """The time that jobs go by, in seconds since 1970."""
        return self._wall_clock()

    def submit(
        self,
        operation: str,
        arguments_digest: str,
        client: str,
        lane: Lane,
        work: JobWork,
        *,
        needs_approval: bool,
    ) -> Job:
        """Take a new job.

        Raises
        ------
        JobQueueFullError
            Too many wait already.
        """
        job = Job(
            id=secrets.token_hex(8),
            operation=operation,
            arguments_digest=arguments_digest,
            client=client,
            lane=lane,
            state=State.AWAITING_APPROVAL if needs_approval else State.QUEUED,
            created_at=self._wall_clock(),
        )
        self._works[job.id] = work
        try:
            orders = self._machine.submit(job, self._wall_clock())
        except BridgeError:
            del self._works[job.id]
            raise
        self._carry_out(orders)
        self._tell(job)
        if needs_approval:
            self._loop.call_later(self._machine.limits.approval_s, self._on_approval_time)
        return job

    def approve(self, job_id: str) -> None:
        """Let a job that awaited approval go on."""
        self._move(job_id, Event.APPROVED)

    def deny(self, job_id: str) -> None:
        """End a job that awaited approval."""
        self._move(job_id, Event.DENIED)

    def expire_approvals(self) -> None:
        """End the jobs whose approval is overdue. A timer does it too, but stands still while a computer sleeps."""
        for job_id in self._machine.overdue_approvals(self._wall_clock()):
            self._move(job_id, Event.EXPIRED)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop.

        Raises
        ------
        JobUnknownError, JobExpiredError
            There is no such job.
        JobStateConflictError
            It has ended.
        """
        self._move(job_id, Event.CANCEL_REQUESTED)
        return self._machine.get(job_id)

    def user_done(self, job_id: str) -> None:
        """Let a job go on that waited for the person.

        Raises
        ------
        JobUnknownError, JobExpiredError
            There is no such job.
        JobStateConflictError
            It does not wait for the person.
        """
        job = self._machine.get(job_id)
        if job.state is not State.WAITING_FOR_USER:
            raise JobStateConflictError(
                f"The job '{job_id}' is {job.state}; it does not wait for the person."
            )
        self._move(job_id, Event.USER_DONE)

    def cancel_all(self) -> int:
        """Ask every job to stop; gives how many were asked."""
        asked = 0
        for job in list(self._machine):
            if not job.has_ended:
                self.cancel(job.id)
                asked += 1
        return asked

    def additions(self, job_id: str) -> Sequence[str]:
        """Give the ids of the nodes that a running job has added up to its present step, oldest first."""
        return self._stepper.additions(job_id)

    def result(self, job_id: str) -> Done:
        """Give the answer of a job that succeeded.

        Raises
        ------
        BridgeError
            The job's own error if it failed, else JobNotFinishedError, JobCanceledError, JobUnknownError or
            JobExpiredError.
        """
        job = self._machine.get(job_id)
        if job.state is State.FAILED and job.error is not None:
            raise job.error
        if job.state is State.CANCELED:
            raise JobCanceledError(
                f"The job '{job_id}' was canceled, so it has no result. Run it again if needed."
            )
        if job.state is not State.SUCCEEDED:
            raise JobNotFinishedError(
                f"The job '{job_id}' is {job.state}. GET {JOBS_PATH}/{job_id}?wait=20 answers when it changes.",
                retry_after_s=1.0,
            )
        done = self._results.get(job_id)
        if done.identifiers not in {"", self._redaction.policy}:
            raise JobExpiredError(
                f"The result of job '{job_id}' was made when patient identifiers were treated otherwise. Run it "
                "again if needed."
            )
        return done

    def delivered(self, job_id: str) -> None:
        """Forget a large result: the client has it and never learned of the job."""
        self._results.delivered(job_id)

    def when_changed(
        self, job_id: str, is_enough: Callable[[Job], bool], wait_s: float, tell: Callable[[], None]
    ) -> None:
        """Call `tell` once: when `is_enough` holds for the job, or after `wait_s` seconds.

        Raises
        ------
        JobUnknownError, JobExpiredError
            There is no such job.
        """
        job = self._machine.get(job_id)
        if wait_s <= 0 or is_enough(job):
            tell()
            return
        key = next(self._keys)

        def finish() -> None:
            if self._waiters.get(job_id, {}).pop(key, None) is not None:
                deadline.cancel()
                tell()

        def look() -> None:
            if is_enough(job):
                finish()

        deadline = self._loop.call_later(wait_s, finish)
        self._waiters.setdefault(job_id, {})[key] = look

    def view(self, job: Job) -> JobView:
        """Describe a job for clients, identifiers covered."""
        cover = self._redaction.redactor()
        error = describe_error(job.error, job.operation)
        return JobView(
            id=job.id,
            operation=job.operation,
            state=str(job.state),
            progress=JobProgress(fraction=job.fraction, message=cover.text(job.message)),
            created_at=timestamp(job.created_at) or "",
            started_at=timestamp(job.started_at),
            finished_at=timestamp(job.finished_at),
            cancelable=not job.has_ended,
            cancel_requested=job.is_cancel_requested,
            arguments_digest=job.arguments_digest,
            client=cover.text(job.client),
            prompt=cover.text(job.prompt),
            error=None if error is None else cover.apply(dict(error)),
            links=JobLinks(self=f"{JOBS_PATH}/{job.id}", result=f"{JOBS_PATH}/{job.id}/result"),
        )

    def progressed(self, job_id: str, progress: Progress) -> None:
        """Note progress, and tell about it now and then."""
        self._machine.progress(job_id, progress.fraction, progress.message)
        job = self._machine.get(job_id)
        now = self._loop.now()
        if now - self._told.get(job_id, 0.0) >= _PROGRESS_EVENT_S:
            self._told[job_id] = now
            self._tell(job)

    def user_needed(self, job_id: str, prompt: str) -> None:
        """Ask the person, and wait for them."""
        self._machine.get(job_id).prompt = prompt
        self._move(job_id, Event.USER_NEEDED)

    def finished(self, job_id: str, value: object) -> None:
        """Keep the answer; an answer that cannot be encoded is a failure of the job."""
        try:
            self._results.put(job_id, self._works[job_id].conclude(value))
        except BaseException as error:  # noqa: BLE001 - becomes the job's error
            self.raised(job_id, error)
            return
        self._move(job_id, Event.FINISHED)
        self._results.settle(job_id)

    def raised(self, job_id: str, error: BaseException) -> None:
        """End the job with an error."""
        self._move(job_id, Event.RAISED, self._works[job_id].blame(error))

    def stopped(self, job_id: str) -> None:
        """End the job as canceled."""
        self._move(job_id, Event.STOPPED)

    def _on_approval_time(self) -> None:
        self.expire_approvals()
        self._rearm()

    def _rearm(self) -> None:
        now = self._wall_clock()
        deadlines = [job.approval_deadline for job in self._machine if job.state is State.AWAITING_APPROVAL]
        open_deadlines = [deadline for deadline in deadlines if deadline is not None]
        if open_deadlines:
            self._loop.call_later(max(0.01, min(open_deadlines) - now), self._on_approval_time)

    def _move(self, job_id: str, event: Event, error: BridgeError | None = None) -> None:
        orders = self._machine.handle(job_id, event, self._wall_clock(), error)
        self._carry_out(orders)
        job = self._machine.get(job_id)
        self._tell(job)
        if job.has_ended:
            self._end(job)

    def _end(self, job: Job) -> None:
        self._told.pop(job.id, None)
        work = self._works.pop(job.id, None)
        if work is not None:
            work.end(job)
        self._forget_later()

    def _forget_later(self) -> None:
        """See to it that results go when their time is over, also when no new job comes."""
        if not self._will_forget and any(job.has_ended for job in self._machine):
            self._will_forget = True
            self._loop.call_later(_FORGET_S, self._forget_old)

    def _forget_old(self) -> None:
        self._will_forget = False
        self._carry_out(self._machine.forget_old(self._wall_clock()))
        self._forget_later()

    def _carry_out(self, orders: Sequence[Order]) -> None:
        for order in orders:
            _ORDERS[order.instruction](self, order.job_id)

    def _start_work(self, job_id: str) -> None:
        self._stepper.start(job_id, _begin(self._works[job_id]))
        self._tell(self._machine.get(job_id))

    def _tell(self, job: Job) -> None:
        self._events.publish("job.updated", self.view(job).model_dump(mode="json"))
        for look in list(self._waiters.get(job.id, {}).values()):
            look()
        if job.has_ended:
            self._waiters.pop(job.id, None)

    def _roll_back(self, job_id: str) -> None:
        self._stepper.roll_back(job_id)

    def _store_result(self, job_id: str) -> None:
        self._stepper.commit(job_id)

    def _forget(self, job_id: str) -> None:
        self._results.drop(job_id)

    def _resume(self, job_id: str) -> None:
        self._stepper.resume(job_id)

    def _ask_to_stop(self, job_id: str) -> None:
        self._stepper.close(job_id)

    def _nothing(self, job_id: str) -> None:
        """Do nothing: the state says it all."""


_ORDERS: dict[Instruction, Callable[[JobService, str], None]] = {
    Instruction.START_WORK: JobService._start_work,
    Instruction.RESUME_WORK: JobService._resume,
    Instruction.ASK_WORK_TO_STOP: JobService._ask_to_stop,
    Instruction.ROLL_BACK: JobService._roll_back,
    Instruction.STORE_RESULT: JobService._store_result,
    Instruction.STORE_ERROR: JobService._nothing,
    Instruction.SHOW_PROMPT: JobService._nothing,
    Instruction.FORGET: JobService._forget,
}


def _begin(work: JobWork) -> Generator[Progress | Suspend | WaitForUser | None, None, Any]:
    """Begin inside the first step, so that whatever fails there is the job's failure."""
    return (yield from work.begin())
