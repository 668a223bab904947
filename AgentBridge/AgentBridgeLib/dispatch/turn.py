"""Whose turn it is on Slicer's one thread.

A socket notifier may fire inside any nested event loop (a progress dialog, `processEvents`), so a second call can
arrive while an operation is on the stack. It waits here; it is never nested.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import SceneBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from AgentBridgeLib.errors import BridgeError
    from AgentBridgeLib.host.ports.loop import EventLoop, ScheduledCall

_MOST_WAITING = 200


class _Waiting:
    __slots__ = ("deadline", "give_up", "run")

    def __init__(self, run: Callable[[], None], give_up: Callable[[BridgeError], None]) -> None:
        self.run = run
        self.give_up = give_up
        self.deadline: ScheduledCall | None = None


class Turn:
    """The one busy flag, and those who wait for it.

    Parameters
    ----------
    loop
        Used to go on in a later turn of the event loop.

    Attributes
    ----------
    activity
        Moves with every call and every step of a job; whoever waits for a quiet moment sees by it that there was none.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._holder: str | None = None
        self._since = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._is_scheduled = False
        self.activity = 0

    @property
    def is_taken(self) -> bool:
        """Whether an operation or a job's step is on the stack."""
        return self._holder is not None

    @contextmanager
    def hold(self, who: str) -> Iterator[None]:
        """Take the turn for the body of the `with` statement."""
        if self._holder is not None:
            raise RuntimeError(f"{who} cannot run inside {self._holder}")
        self._holder, self._since = who, self._loop.now()
        self.activity += 1
        try:
            yield
        finally:
            self._holder = None
            if self._waiting:
                self._schedule()

    def when_free(
        self, run: Callable[[], None], give_up: Callable[[BridgeError], None], wait_s: float
    ) -> None:
        """Run at once when the turn is free, else in order, else give up after `wait_s` seconds without running."""
        self.activity += 1
        if not self.is_taken and not self._waiting:
            run()
            return
        if wait_s <= 0 or len(self._waiting) >= _MOST_WAITING:
            give_up(self._busy())
            return
        entry = _Waiting(run, give_up)
        entry.deadline = self._loop.call_later(wait_s, lambda: self._expire(entry))
        self._waiting.append(entry)
        self._schedule()

    def _expire(self, entry: _Waiting) -> None:
        if entry in self._waiting:
            self._waiting.remove(entry)
            entry.give_up(self._busy())

    def _busy(self) -> BridgeError:
        age_s = self._loop.now() - self._since
        doing = f"{self._holder} (for {age_s:.0f} s)" if self._holder else "other calls"
        return SceneBusyError(
            f"Slicer is busy with {doing}. This call was not executed; repeating it is safe.",
            retry_after_s=2.0,
        )

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(0.0, self._drain)

    def _drain(self) -> None:
        self._is_scheduled = False
        if self.is_taken:
            return  # whoever holds the turn schedules again at its end
        if self._waiting:
            entry = self._waiting.popleft()
            if entry.deadline is not None:
                entry.deadline.cancel()
            if self._waiting:
                self._schedule()
            entry.run()
