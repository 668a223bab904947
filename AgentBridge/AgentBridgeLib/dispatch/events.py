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
    """One event. `data` is JSON text with the identifier policy applied."""

    number: int
    kind: str
    data: str


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
        self._events: deque[ServiceEvent] = deque(maxlen=size)
        self._listeners: dict[int, Callable[[ServiceEvent], None]] = {}
        self._keys = itertools.count()
        self._first = self._next = first

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Send an event to everyone who listens, and keep it."""
        text = json.dumps(self._redactor().apply(data), separators=(",", ":"))
        event = ServiceEvent(self._next, kind, text)
        self._next += 1
        self._events.append(event)
        for listener in list(self._listeners.values()):
            listener(event)

    def since(self, number: int) -> tuple[list[ServiceEvent], bool]:
        """Give the events after `number` (0 for all), and whether some before them are no longer kept."""
        number = number or self._first - 1
        first = self._events[0].number if self._events else self._next
        has_gap = number < first - 1 or number >= self._next
        return [event for event in self._events if event.number > number or number >= self._next], has_gap

    def listen(self, listener: Callable[[ServiceEvent], None]) -> Callable[[], None]:
        """Call `listener` with every new event; the result ends that and may be called again."""
        key = next(self._keys)
        self._listeners[key] = listener

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop
