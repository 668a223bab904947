"""Make the JSON Schemas of the catalogue ahead of the first question, a little in each quiet moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.host.ports.loop import EventLoop, ScheduledCall
    from AgentBridgeLib.registry.operation import Operation

PAUSE_S = 0.02
"""Between two operations; when nothing ran for that long, the moment is quiet."""


class Preparation:
    """Asks one operation after the other for its schemas, which it keeps.

    Whoever asks earlier gets them too, and only waits for those that it asked for.

    Parameters
    ----------
    turn
        Tells whether calls or jobs run.
    """

    def __init__(self, loop: EventLoop, turn: Turn) -> None:
        self._loop, self._turn = loop, turn
        self._seen = turn.activity
        self._waiting: list[Operation] = []
        self._call: ScheduledCall | None = None

    def begin(self, operations: Iterable[Operation]) -> None:
        """Prepare these, from the first to the last; anew after a second call."""
        self.stop()
        self._waiting = list(operations)[::-1]
        self._call = self._loop.call_later(PAUSE_S, self._prepare_one)

    def stop(self) -> None:
        """Leave the rest for those who ask. Safe to repeat."""
        if self._call is not None:
            self._call.cancel()
        self._call = None

    def _prepare_one(self) -> None:
        is_quiet = not self._turn.is_taken and self._turn.activity == self._seen
        self._seen = self._turn.activity
        if self._waiting and is_quiet:
            _ = self._waiting.pop().schemas
        if self._waiting:
            self._call = self._loop.call_later(PAUSE_S, self._prepare_one)
