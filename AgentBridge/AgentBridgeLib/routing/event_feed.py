"""Server-sent events: one open answer per watching client (WHATWG HTML, 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import ArgumentInvalidError, ConnectionLimitError, FieldProblem
from AgentBridgeLib.routing.visit import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.events import ServiceEvent
    from AgentBridgeLib.host.ports.loop import ScheduledCall
    from AgentBridgeLib.model.exchange import EventStream, Exchange
    from AgentBridgeLib.routing.services import Services

KEEP_ALIVE_S = 15.0
MOST_FEEDS = 16
_RETRY_MS = 2000

_open_feeds: set[int] = set()


class EventFeed:
    """Sends the ring's events to one client until it goes.

    Parameters
    ----------
    resume_from
        Number of the last event that the client has; the header ``Last-Event-ID`` wins.
    """

    def __init__(self, services: Services, exchange: Exchange, resume_from: str | None) -> None:
        self._services = services
        self._exchange = exchange
        self._resume_from = exchange.head.headers.get("last-event-id", resume_from)
        self._stream: EventStream | None = None
        self._stop_listening: Callable[[], None] | None = None
        self._beat: ScheduledCall | None = None

    def open(self) -> None:
        """Begin: missed events first, then each as it comes.

        Raises
        ------
        ArgumentInvalidError
            The number to resume from is none.
        ConnectionLimitError
            Too many clients watch already.
        """
        missed = self._missed()
        if len(_open_feeds) >= MOST_FEEDS:
            raise ConnectionLimitError(
                f"{MOST_FEEDS} clients watch events already. Close one, or poll GET /agent/v1/jobs instead.",
                retry_after_s=10.0,
            )
        _open_feeds.add(id(self))
        self._exchange.on_disconnect(self._close)
        headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
        self._stream = self._exchange.open_stream(200, headers)
        self._stream.write(f"retry: {_RETRY_MS}\n\n".encode() + missed)
        if not self._stream.is_open:  # HEAD, or it left at once
            self._close()
            return
        self._stop_listening = self._services.events.listen(self._send)
        self._schedule_beat()

    def _missed(self) -> bytes:
        if self._resume_from is None:
            return b""
        number = whole_number(self._resume_from)
        if number is None:
            raise ArgumentInvalidError(
                f"Last-Event-ID is '{self._resume_from}'; it must be the id of an event of this stream.",
                errors=[FieldProblem("/last_event_id", "is no event id", "a whole number")],
            )
        events, has_gap = self._services.events.since(number)
        gap = b'event: gap\ndata: {"reason":"Some events are no longer kept; read the scene again."}\n\n'
        return (gap if has_gap else b"") + b"".join(map(render, events))

    def _send(self, event: ServiceEvent) -> None:
        if self._stream is not None and self._stream.is_open:
            self._stream.write(render(event))
        else:
            self._close()

    def _schedule_beat(self) -> None:
        self._beat = self._services.loop.call_later(KEEP_ALIVE_S, self._keep_alive)

    def _keep_alive(self) -> None:
        if self._stream is None or not self._stream.is_open:
            self._close()
            return
        self._stream.write(b": still here\n\n")
        self._schedule_beat()

    def _close(self) -> None:
        _open_feeds.discard(id(self))
        if self._stop_listening is not None:
            self._stop_listening()
        if self._beat is not None:
            self._beat.cancel()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def render(event: ServiceEvent) -> bytes:
    """Write one event in the stream's format. JSON text has no line ends, so one data line is enough."""
    return f"id: {event.number}\nevent: {event.kind}\ndata: {event.data}\n\n".encode()
