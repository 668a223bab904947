"""Drive the generators of jobs on Slicer's one thread, a few milliseconds at a time.

Fair turns: within the budget of one tick every runnable job gets a step in order. A job that is suspended costs
nothing. Whatever a job adds to the scene while it is on the stack is noted, so that it can be taken back.
"""

from __future__ import annotations

import inspect
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from AgentBridgeLib.dispatch.context import Progress, Suspend, WaitForUser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.scene import AdditionRecord, SceneHost

    Steps = Generator[Progress | Suspend | WaitForUser | None, None, Any]

BUDGET_S = 0.008
_PAUSE_S = 0.001


class StepReport(Protocol):
    """Who hears what became of the steps."""

    def progressed(self, job_id: str, progress: Progress) -> None:
        """Hear how far it is."""

    def finished(self, job_id: str, value: object) -> None:
        """Hear that the generator returned `value`."""

    def raised(self, job_id: str, error: BaseException) -> None:
        """Hear that the generator raised."""

    def user_needed(self, job_id: str, prompt: str) -> None:
        """It waits for the person."""

    def stopped(self, job_id: str) -> None:
        """Hear that the generator was closed before its end."""


@dataclass(slots=True)
class _Work:
    steps: Steps
    is_suspended: bool = False
    is_close_wanted: bool = False
    added: list[str] = field(default_factory=list)
    record: AdditionRecord | None = None


class Stepper:
    """All generators in progress.

    Parameters
    ----------
    turn
        Steps are taken only while nothing else is on the stack.
    """

    def __init__(self, loop: EventLoop, scene: SceneHost, turn: Turn, report: StepReport) -> None:
        self._loop = loop
        self._scene = scene
        self._turn = turn
        self._report = report
        self._works: dict[str, _Work] = {}
        self._added: dict[str, Sequence[str]] = {}
        self._runnable: deque[str] = deque()
        self._is_scheduled = False

    def start(self, job_id: str, steps: Steps) -> None:
        """Begin with a generator; its first step comes in a later turn."""
        self._works[job_id] = _Work(steps)
        self._make_runnable(job_id)

    def resume(self, job_id: str) -> None:
        """Let a suspended generator go on. Ignored when it is not suspended."""
        work = self._works.get(job_id)
        if work is not None and work.is_suspended:
            work.is_suspended = False
            self._make_runnable(job_id)

    def close(self, job_id: str) -> None:
        """Stop a generator at its next chance; `stopped` is reported when it really has."""
        work = self._works.get(job_id)
        if work is not None:
            work.is_close_wanted = True
            if work.is_suspended or job_id not in self._runnable:
                work.is_suspended = False
                self._make_runnable(job_id)

    def additions(self, job_id: str) -> Sequence[str]:
        """Give the ids of the nodes that a job in progress has added, oldest first."""
        work = self._works.get(job_id)
        if work is None:
            return ()
        now = work.record.so_far() if work.record is not None else ()
        return (*work.added, *now)

    def commit(self, job_id: str) -> None:
        """Keep what an ended job has added."""
        self._added.pop(job_id, None)

    def roll_back(self, job_id: str) -> None:
        """Remove the nodes that an ended job had added."""
        for node_id in reversed(self._added.pop(job_id, ())):
            node = self._scene.scene.GetNodeByID(node_id)
            if node is not None:
                self._scene.forget_node(node)

    def _make_runnable(self, job_id: str) -> None:
        if job_id not in self._runnable:
            self._runnable.append(job_id)
        self._schedule(0.0)

    def _schedule(self, delay_s: float) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._is_scheduled = False
        if self._turn.is_taken:
            self._schedule(BUDGET_S)
            return
        end = self._loop.now() + BUDGET_S
        while self._runnable:
            self._turn_of(self._runnable.popleft())
            if self._loop.now() >= end:
                break
        if self._runnable:
            self._schedule(_PAUSE_S)

    def _turn_of(self, job_id: str) -> None:
        work = self._works.get(job_id)
        if work is None:
            return
        with self._turn.hold(f"job {job_id}"):
            work.record = record = self._scene.record_additions()
            try:
                conclusion = self._step(job_id, work)
            finally:
                work.record = None
                work.added += record.stop()
        if conclusion is not None:
            del self._works[job_id]
            self._added[job_id] = work.added
            conclusion()
        elif not work.is_suspended:
            self._runnable.append(job_id)

    def _step(self, job_id: str, work: _Work) -> Callable[[], None] | None:
        """Take one step; give what is to be reported when it was the last."""
        try:
            if work.is_close_wanted:
                work.steps.close()
                return lambda: self._report.stopped(job_id)
            self._note(job_id, work, next(work.steps))
        except StopIteration as end:
            value = end.value
            return lambda: self._report.finished(job_id, value)
        except BaseException as error:  # noqa: BLE001 - the job's fault is reported, never let into the event loop
            fault = error
            return lambda: self._report.raised(job_id, fault)
        return None

    def _note(self, job_id: str, work: _Work, said: Progress | Suspend | WaitForUser | None) -> None:
        if isinstance(said, Progress):
            self._report.progressed(job_id, said)
        elif isinstance(said, Suspend):
            work.is_suspended = True
            said.arm(lambda: self.resume(job_id))
        elif isinstance(said, WaitForUser):
            work.is_suspended = True
            self._report.user_needed(job_id, said.prompt)


def as_steps(value: object) -> Steps:
    """Make a generator of whatever an operation returned: itself, or a value that is already there."""
    return cast("Steps", value) if inspect.isgenerator(value) else _finished(value)


def _finished(value: object) -> Steps:
    yield from ()  # no step: what is done can no longer be canceled
    return value
