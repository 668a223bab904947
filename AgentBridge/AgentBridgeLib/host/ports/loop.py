"""What the bridge needs of Slicer's event loop: watches of sockets, timers, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Watch(Protocol):
    """Interest in one direction of one descriptor."""

    def set_enabled(self, enabled: bool) -> None:
        """Pause or resume. Notifiers are level-triggered: pause one whose data nobody reads."""

    def close(self) -> None:
        """End it, before the descriptor is closed. Safe to repeat."""


class ScheduledCall(Protocol):
    """A call that waits for its time."""

    def cancel(self) -> None:
        """Forget it. Safe to repeat and after it was made."""


class EventLoop(Protocol):
    """Sockets and time on Slicer's one thread. No callback ever raises into Qt."""

    def now(self) -> float:
        """Monotonic time in seconds."""

    def watch_readable(self, descriptor: int, on_ready: Callable[[], None]) -> Watch:
        """Call `on_ready` whenever `descriptor` has something to read."""

    def watch_writable(self, descriptor: int, on_ready: Callable[[], None]) -> Watch:
        """Call `on_ready` whenever `descriptor` takes more; begins paused."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> ScheduledCall:
        """Call once, after at least `delay_s` seconds; 0 means the next turn of the loop."""
