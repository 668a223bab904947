"""Slicer's event loop as the bridge sees it: `ports.EventLoop` over `qt`.

Rules of this file:

- One `QTimer` for everything that waits. Slicer's `QTimer.singleShot` keeps each call alive forever.
- A notifier is level-triggered. A callback that spins a nested loop would therefore be called again and again for
  the same unread bytes; its watch is held until the callback returns. Other watches and the timer go on, so that
  `GET /health` is answered while a dialog is open.
- The timer is armed again before each callback, for the same reason.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded, run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable

_CANCELED_BEFORE_TIDYING = 256


def _nothing(*_: object) -> None:
    """Stand in for a callback that is gone."""


class QtWatch:
    """A socket notifier that never re-enters its callback; implements `ports.Watch`."""

    def __init__(self, loop: QtEventLoop, notifier: Any, on_ready: Callable[[], None], enabled: bool) -> None:
        self._loop = loop
        self._notifier = notifier
        self._on_ready: Callable[..., None] = on_ready
        self._is_wanted = enabled
        self._is_running = False
        self._is_held = False
        self._slot = guarded(self._on_activated)
        notifier.setEnabled(enabled)
        notifier.activated.connect(self._slot)

    def set_enabled(self, enabled: bool) -> None:
        """Pause or resume."""
        if enabled == self._is_wanted or self._notifier is None:
            return
        self._is_wanted = enabled
        if not self._is_held:
            self._notifier.setEnabled(enabled)

    def close(self) -> None:
        """End it. Safe to repeat, also from its own callback."""
        notifier, self._notifier = self._notifier, None
        if notifier is None:
            return
        self._is_wanted = False
        notifier.setEnabled(False)
        notifier.activated.disconnect(self._slot)
        self._slot = self._on_ready = (
            _nothing  # or owner, watch and slot would keep each other until a collection
        )
        self._loop.retire(notifier)

    def _on_activated(self) -> None:
        if self._is_running:
            self._is_held = True
            self._notifier.setEnabled(False)
        elif self._is_wanted:
            self._run()

    def _run(self) -> None:
        self._is_running = True
        try:
            self._on_ready()
        finally:
            self._is_running = False
            if self._is_held:
                self._release()

    def _release(self) -> None:
        self._is_held = False
        if self._notifier is not None:
            self._notifier.setEnabled(self._is_wanted)


class QtCall:
    """A call that waits in the loop's queue; implements `ports.ScheduledCall`."""

    __slots__ = ("_loop", "callback")

    def __init__(self, loop: QtEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it. Safe to repeat and after it was made."""
        if self.callback is not None:
            self.callback = None
            self._loop.note_canceled()


class QtEventLoop:
    """Sockets and time on Slicer's main thread; implements `ports.EventLoop`."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, QtCall]] = []
        self._numbers = itertools.count()
        self._canceled = 0
        self._armed_for = math.inf
        self._retired: list[Any] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(guarded(self._on_timeout))

    def now(self) -> float:
        """Monotonic time in seconds."""
        return time.monotonic()

    def watch_readable(self, descriptor: int, on_ready: Callable[[], None]) -> QtWatch:
        """Call `on_ready` whenever `descriptor` has something to read."""
        return QtWatch(self, qt.QSocketNotifier(descriptor, qt.QSocketNotifier.Read), on_ready, True)

    def watch_writable(self, descriptor: int, on_ready: Callable[[], None]) -> QtWatch:
        """Call `on_ready` whenever `descriptor` takes more; begins paused."""
        return QtWatch(self, qt.QSocketNotifier(descriptor, qt.QSocketNotifier.Write), on_ready, False)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> QtCall:
        """Call once, after at least `delay_s` seconds; 0 means the next turn of the loop."""
        call = QtCall(self, callback)
        heapq.heappush(self._queue, (self.now() + max(0.0, delay_s), next(self._numbers), call))
        self._arm()
        return call

    def close(self) -> None:
        """Forget every waiting call, at shutdown."""
        self._timer.stop()
        self._queue.clear()
        self._retired.clear()

    def retire(self, notifier: Any) -> None:
        """Keep a closed notifier until the next turn: it may be the one whose signal is being delivered."""
        if not self._retired:
            self.call_later(0.0, self._drop_retired)
        self._retired.append(notifier)

    def note_canceled(self) -> None:
        """Count a canceled call; sweep them out when they are the larger part of the queue."""
        self._canceled += 1
        if self._canceled > max(_CANCELED_BEFORE_TIDYING, len(self._queue) // 2):
            self._queue = [entry for entry in self._queue if entry[2].callback is not None]
            heapq.heapify(self._queue)
            self._canceled = 0

    def _drop_retired(self) -> None:
        retired, self._retired = self._retired, []
        for notifier in retired:
            notifier.deleteLater()

    def _arm(self) -> None:
        if self._queue and self._queue[0][0] < self._armed_for:
            self._armed_for = self._queue[0][0]
            self._timer.start(max(0, math.ceil((self._armed_for - self.now()) * 1000)))

    def _on_timeout(self) -> None:
        self._armed_for = math.inf
        turn_ends_at = next(self._numbers)
        now = self.now()
        while self._queue and self._queue[0][0] <= now:
            if self._queue[0][1] > turn_ends_at:
                break
            self._run_next()
        self._arm()

    def _run_next(self) -> None:
        call = heapq.heappop(self._queue)[2]
        callback, call.callback = call.callback, None
        if callback is None:
            self._canceled = max(0, self._canceled - 1)
            return
        self._arm()
        run_guarded(callback)
