"""The life of jobs as a state machine: no I/O, no timers, no Slicer; the time is passed in.

Rules
-----
- Every change of state stands in `states.TRANSITIONS`; nothing else moves a job.
- The machine answers an event with instructions; `dispatch` carries them out and reports back with events.
- ``canceled`` is said only when the work has really stopped, not when somebody asked. A job that ends before its next
  step begins has succeeded, and tells that a cancel came too late.
- An event that comes after the end changes nothing. An event that cannot happen raises with the job's story.
- One job works on the main lane at a time (Slicer's one thread); up to four work beside it in processes. A job that
  waits for the person gives its slot away and goes on beside the others when the person is done.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from AgentBridgeLib.errors import (
    ApprovalDeniedError,
    ApprovalExpiredError,
    JobExpiredError,
    JobQueueFullError,
    JobStateConflictError,
    JobUnknownError,
)
from AgentBridgeLib.jobs.states import ENDED, TRANSITIONS, Event, Instruction, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from AgentBridgeLib.errors import BridgeError

Lane = Literal["main", "side"]


@dataclass(slots=True)
class Job:
    """One job. Times are seconds since 1970 (UTC).

    Attributes
    ----------
    lane
        ``main`` for steps on Slicer's thread, ``side`` for processes.
    story
        What happened to it, for error messages and the log.
    """

    id: str
    operation: str
    arguments_digest: str
    client: str
    lane: Lane
    state: State
    created_at: float
    fraction: float | None = None
    message: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    approval_deadline: float | None = None
    error: BridgeError | None = None
    prompt: str = ""
    is_cancel_requested: bool = False
    has_waited_for_user: bool = False
    version: int = 0
    story: list[str] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether it will never change again."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How many jobs there may be, and for how long their results are kept."""

    queued: int = 100
    main_lane: int = 1
    side_lane: int = 4
    kept: int = 500
    kept_s: float = 24 * 3600.0
    approval_s: float = 300.0
    remembered_ids: int = 10_000

    def lane(self, lane: Lane) -> int:
        """Slots of a lane."""
        return self.main_lane if lane == "main" else self.side_lane


@dataclass(frozen=True, slots=True)
class Order:
    """An instruction for one job."""

    instruction: Instruction
    job_id: str


class JobMachine:
    """All jobs of one bridge.

    Parameters
    ----------
    fate
        Tells what became of a job of an earlier session, as the error to raise; None if nobody knows it.
    """

    def __init__(
        self, limits: JobLimits | None = None, fate: Callable[[str], BridgeError | None] = lambda _id: None
    ) -> None:
        self._limits = limits or JobLimits()
        self._fate = fate
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    @property
    def limits(self) -> JobLimits:
        """The limits in force."""
        return self._limits

    def __iter__(self) -> Iterator[Job]:
        """Walk over the jobs, oldest first."""
        return iter(self._jobs.values())

    def get(self, job_id: str) -> Job:
        """Find a job.

        Raises
        ------
        JobExpiredError
            There was one, and it was kept for its time.
        JobLostError
            It belonged to an earlier session, which ended before it did.
        JobUnknownError
            There never was one.
        """
        job = self._jobs.get(job_id)
        if job is not None:
            return job
        if job_id in self._forgotten:
            raise JobExpiredError(
                f"The job '{job_id}' ended long ago and is no longer kept. Run it again if needed."
            )
        raise self._fate(job_id) or JobUnknownError(
            f"There is no job '{job_id}'. Jobs do not outlive Slicer; GET /agent/v1/jobs lists those there are."
        )

    def submit(self, job: Job, now: float) -> list[Order]:
        """Take a new job, which is either queued or awaiting approval.

        Raises
        ------
        JobQueueFullError
            Too many jobs wait already; nothing was taken.
        """
        if job.state not in {State.QUEUED, State.AWAITING_APPROVAL}:
            raise ValueError(f"a job begins as queued or awaiting approval, not as {job.state}")
        waiting = sum(other.state in {State.QUEUED, State.AWAITING_APPROVAL} for other in self)
        if waiting >= self._limits.queued:
            raise JobQueueFullError(
                f"{waiting} jobs wait already. Wait until some have ended, or cancel some; this call was not "
                "executed.",
                retry_after_s=5.0,
            )
        if job.state is State.AWAITING_APPROVAL:
            job.approval_deadline = now + self._limits.approval_s
        job.story.append(job.state)
        self._jobs[job.id] = job
        return [*self.forget_old(now), *self._fill_slots(now)]

    def handle(self, job_id: str, event: Event, now: float, error: BridgeError | None = None) -> list[Order]:
        """Move a job.

        Parameters
        ----------
        error
            Why, with `DENIED`, `EXPIRED` and `RAISED`.

        Raises
        ------
        JobStateConflictError
            A client asked for what cannot be done in the present state.
        RuntimeError
            Dispatch reported what cannot have happened; the message tells the job's story.
        """
        if event is Event.SLOT_FREE:
            raise ValueError("slots are given by the machine itself")
        job = self.get(job_id)
        job.story.append(event)
        if job.has_ended:
            return self._late(job, event)
        job.is_cancel_requested |= event is Event.CANCEL_REQUESTED
        step = TRANSITIONS.get((job.state, event))
        if step is None:
            raise RuntimeError(
                f"{event} cannot happen to job {job.id}, whose story is: {' > '.join(job.story)}"
            )
        state, instructions = step
        job.has_waited_for_user |= event is Event.USER_NEEDED
        self._enter(job, state, now, _default_error(job, event) if error is None else error)
        orders = [Order(instruction, job.id) for instruction in instructions]
        return [*orders, *self._fill_slots(now)]

    def progress(self, job_id: str, fraction: float | None, message: str) -> None:
        """Note how far a running job is. The fraction never goes backwards."""
        job = self.get(job_id)
        if job.state is not State.RUNNING:
            return
        if fraction is not None:
            job.fraction = min(1.0, max(fraction, job.fraction or 0.0))
        job.message = message or job.message
        job.version += 1

    def overdue_approvals(self, now: float) -> list[str]:
        """Ids of jobs whose approval was not given in time."""
        return [
            job.id
            for job in self
            if job.state is State.AWAITING_APPROVAL
            and job.approval_deadline is not None
            and now >= job.approval_deadline
        ]

    def forget_old(self, now: float) -> list[Order]:
        """Let go of the ended jobs that are too old or too many."""
        ended = [job for job in self if job.has_ended]
        surplus = max(0, len(ended) - self._limits.kept)
        old = [
            job.id
            for number, job in enumerate(ended)
            if number < surplus or now - (job.finished_at or now) > self._limits.kept_s
        ]
        for job_id in old:
            del self._jobs[job_id]
            self._forgotten[job_id] = None
        while len(self._forgotten) > self._limits.remembered_ids:
            self._forgotten.popitem(last=False)
        return [Order(Instruction.FORGET, job_id) for job_id in old]

    def validate(self) -> None:
        """Check the invariants.

        Raises
        ------
        AssertionError
            One is broken.
        """
        held = (job.lane for job in self if job.state is State.RUNNING and not job.has_waited_for_user)
        for lane, count in Counter(held).items():
            assert count <= self._limits.lane(lane), f"lane {lane} is overfull"
        for job in self:
            assert job.has_ended == (job.finished_at is not None), f"{job.id}: {' > '.join(job.story)}"
            assert (job.error is not None) == (job.state is State.FAILED), (
                f"{job.id}: {' > '.join(job.story)}"
            )

    def _late(self, job: Job, event: Event) -> list[Order]:
        if event is Event.CANCEL_REQUESTED:
            raise JobStateConflictError(
                f"The job '{job.id}' has already {_PAST[job.state]}; there is nothing to cancel."
            )
        return []

    def _enter(self, job: Job, state: State, now: float, error: BridgeError | None) -> None:
        job.state = state
        job.version += 1
        if state is State.RUNNING and job.started_at is None:
            job.started_at = now
        if state in ENDED:
            job.finished_at = now
        if state is State.SUCCEEDED:
            job.fraction = 1.0
        if state is State.FAILED:
            job.error = error

    def _fill_slots(self, now: float) -> list[Order]:
        running = Counter(job.lane for job in self if job.state is State.RUNNING)
        orders: list[Order] = []
        for job in self:
            if job.state is State.QUEUED and running[job.lane] < self._limits.lane(job.lane):
                running[job.lane] += 1
                state, instructions = TRANSITIONS[State.QUEUED, Event.SLOT_FREE]
                job.story.append(Event.SLOT_FREE)
                self._enter(job, state, now, None)
                orders += [Order(instruction, job.id) for instruction in instructions]
        return orders


_PAST: Mapping[State, str] = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELED: "been canceled",
}


def _default_error(job: Job, event: Event) -> BridgeError | None:
    if event is Event.DENIED:
        return ApprovalDeniedError(
            f"The person in front of Slicer denied {job.operation}. Do not repeat it unasked."
        )
    if event is Event.EXPIRED:
        return ApprovalExpiredError(
            f"Nobody answered the request to run {job.operation} in time, so it was not executed. Ask again when "
            "somebody is there."
        )
    return None
