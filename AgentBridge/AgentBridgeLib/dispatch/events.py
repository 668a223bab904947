"""Events for clients that watch: a bounded ring with numbers, so that a client that was away can catch up."""

from __future__ import annotations

import itertools
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.policy.identifiers import Redactor


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One event. `data` is JSON text with the identifier policy of this moment applied."""

    number: int
    kind: str
    data: str


_Kept = tuple[int, str, dict[str, Any]]


class EventRing:
    """The last events, and those who want the next ones.

    Parameters
    ----------
    redactor
        Gives the redactor to apply; asked for each event.
    size
        How many events are kept for clients that come back.
    first
        Number of the first event. Above those of earlier runs, or a client that comes back from one would go on in
        the middle of this one without being told of the gap.
    """

    def __init__(self, redactor: Callable[[], Redactor], size: int = 1000, first: int = 1) -> None:
        self._redactor = redactor
        self._events: deque[_Kept] = deque(maxlen=size)
        self._listeners: dict[int, Callable[[ServiceEvent], None]] = {}
        self._keys = itertools.count()
        self._first = self._next = first

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Send an event to everyone who listens, and keep it."""
        text = self._covered(data)  # which may notice, and publish, that the policy has changed
        event = ServiceEvent(self._next, kind, text)
        self._events.append((self._next, kind, data))
        self._next += 1
        for listener in list(self._listeners.values()):
            listener(event)

    def since(self, number: int) -> tuple[list[ServiceEvent], bool]:
        """Give the events after `number` (0 for all), and whether some before them are no longer kept."""
        number = number or self._first - 1
        first = self._events[0][0] if self._events else self._next
        has_gap = number < first - 1 or number >= self._next
        wanted = [kept for kept in self._events if kept[0] > number or number >= self._next]
        return [ServiceEvent(at, kind, self._covered(data)) for at, kind, data in wanted], has_gap

    def listen(self, listener: Callable[[ServiceEvent], None]) -> Callable[[], None]:
        """Call `listener` with every new event; the result ends that and may be called again."""
        key = next(self._keys)
        self._listeners[key] = listener

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def _covered(self, data: dict[str, Any]) -> str:
        return json.dumps(self._redactor().apply(data), separators=(",", ":"))
