"""Drive a piece of work, step by step, until it ends or is closed.

Laws: the generator is resumed by one place only; a wake that nobody waits for any more does nothing; nothing
recurses, however often a step is over at once; whatever a step waits for is undone when the work is closed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.work import Step, Undo, Wait, Wake, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.mcp.vocabulary import Json


class Drive:
    """One piece of work on its way.

    Parameters
    ----------
    work
        The generator.
    carry_out
        Carries out a step other than `Wait`; calls `resume` when it is over.
    conclude
        Called once, with the result and None, or with None and what was raised. Not called after `close`.
    """

    def __init__(
        self,
        work: Work,
        carry_out: Callable[[Step], None],
        conclude: Callable[[Json | None, Exception | None], None],
    ) -> None:
        self._work = work
        self._carry_out = carry_out
        self._conclude = conclude
        self._inbox: deque[object] = deque()
        self._is_stepping = False
        self._is_running = False
        self._wake: Wake | None = None
        self._undo: Undo | None = None
        self.has_ended = False

    def resume(self, value: object = None) -> None:
        """Send a value into the generator; the first one is None."""
        self._inbox.append(value)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox and not self.has_ended:
                self._step(self._inbox.popleft())
        finally:
            self._is_stepping = False

    def close(self) -> None:
        """End the work; what it waits for is undone. Safe to repeat."""
        if self.has_ended:
            return
        self.has_ended = True
        undo, self._undo, self._wake = self._undo, None, None
        if undo is not None:
            undo()
        if not self._is_running:
            self._work.close()

    def _step(self, value: object) -> None:
        self._is_running = True
        try:
            step = self._work.send(value)
        except StopIteration as end:
            self._end(end.value, None)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._end(None, error)
            return
        finally:
            self._is_running = False
        if self.has_ended:  # closed while it ran
            self._work.close()
        elif isinstance(step, Wait):
            self._wait(step)
        else:
            self._carry_out(step)

    def _wait(self, step: Wait) -> None:
        def wake(value: object = None) -> None:
            if self._wake is wake:
                self._wake = self._undo = None
                self.resume(value)

        self._wake = wake
        undo = step.start(wake)
        if self._wake is wake:
            self._undo = undo

    def _end(self, result: Json | None, error: Exception | None) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._conclude(result, error)
