"""One HTTP/1.1 connection: a socket, its watches, and at most one exchange at a time.

Rules:

- Requests are handled one after the other; pipelined ones wait (RFC 9112, 9.3.2). Only heads are read ahead, never a
  body: what follows a head with a body stays in the socket until that request's turn.
- A connection ends in `close`, nowhere else. Whatever calls out (to the application, to callbacks) may find the
  connection closed when it comes back.
- The read watch stays armed while an answer is pending, so that a client that leaves is noticed; what it sends
  meanwhile is buffered up to a bound, then the watch pauses, because unread data would wake it without end.
- Each callback does a bounded amount of work and leaves the rest for a later turn: the application draws in between.
- After a fault that leaves the client's bytes unread, the answer is followed by a lingering close (RFC 9112, 9.6).
"""

from __future__ import annotations

import enum
import math
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import BridgeError, OutOfMemoryError, RequestTimeoutError, RequestTooLargeError
from AgentBridgeLib.model.exchange import RequestHead
from AgentBridgeLib.transport import answers
from AgentBridgeLib.transport.buffers import allocate_body
from AgentBridgeLib.transport.exchange import HttpExchange
from AgentBridgeLib.transport.intake import Intake
from AgentBridgeLib.transport.outlet import Outlet
from AgentBridgeLib.transport.safe_application import SafeApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.model.exchange import Admission, Application, Door, TransportLimits
    from AgentBridgeLib.model.file_ranges import FileRange
    from AgentBridgeLib.transport.heads import ParsedHead

_RECEIVE_BYTES = 256 * 1024
_LITTLE_BYTES = 64 * 1024
_BYTES_PER_CALLBACK = 4 * 1024 * 1024
_SECONDS_PER_CALLBACK = 0.008
_LINGER_S = 10.0
_LINGER_BYTES = 512 * 1024 * 1024
_NO_BODY = memoryview(b"")


@dataclass(frozen=True, slots=True)
class ConnectionSetting:
    """What all connections of one door share."""

    loop: EventLoop
    application: Application
    limits: TransportLimits
    door: Door


class Phase(enum.Enum):
    """Where a connection is in its life."""

    OPEN = enum.auto()
    LINGERING = enum.auto()
    CLOSED = enum.auto()


class Connection:
    """Serves one socket until it is closed.

    Parameters
    ----------
    connection
        Connected; owned from now on.
    setting
        Shared with the other connections of the door.
    on_closed
        Called once, when the socket has been closed.

    Raises
    ------
    OSError
        The client has gone already.
    """

    def __init__(
        self, connection: socket.socket, setting: ConnectionSetting, on_closed: Callable[[Connection], None]
    ) -> None:
        self._peer_host, self._peer_port = connection.getpeername()[:2]
        self._local_port: int = connection.getsockname()[1]
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._loop = setting.loop
        self._limits = setting.limits
        self._door = setting.door
        self._application = SafeApplication(setting.application)
        self._on_closed = on_closed
        self._intake = Intake(setting.limits.head_bytes, setting.limits.waiting_requests)
        self._phase = Phase.OPEN
        self._is_http_11 = True
        self._arriving: tuple[ParsedHead, RequestHead] | None = None
        self._exchange: HttpExchange | None = None
        self._is_advancing = False
        self._is_advance_scheduled = False
        self._peer_has_finished = False
        self._linger_bytes = _LINGER_BYTES
        self._deadline = self._loop.now() + self._limits.idle_s
        self._outlet = Outlet(connection, self._loop, self._on_sent, self.close)
        self._is_reading = True
        self._read_watch = self._loop.watch_readable(connection.fileno(), self._on_readable)

    # -- life -----------------------------------------------------------------------------------------------------

    def refuse(self, error: BridgeError) -> None:
        """Answer with `error` without waiting for a request, then close."""
        self._fail(None, error)

    def postpone_deadline(self, seconds: float) -> None:
        """Leave out a time in which nobody looked at the sockets: the client may have been on time."""
        self._deadline += seconds

    def check_deadline(self, now: float) -> None:
        """Close or answer 408 when the client has kept us waiting too long."""
        if now < self._deadline or self._phase is Phase.CLOSED:
            return
        if self._phase is Phase.OPEN and not self._outlet.pending_bytes:
            if self._exchange is not None:
                self._deadline = math.inf  # the application's turn, it may take its time
                return
            if self._arriving is not None or self._intake.parser.buffered_bytes:
                self._time_out()
                return
        self.close()

    def close(self) -> None:
        """End it, and tell whoever waits. Safe to repeat."""
        if self._phase is Phase.CLOSED:
            return
        self._phase = Phase.CLOSED
        self._read_watch.close()
        self._outlet.close()
        self._socket.close()
        self._forget_input()
        exchange, self._exchange = self._exchange, None
        self._on_closed(self)
        if exchange is not None:
            exchange.abandon()

    def _time_out(self) -> None:
        head = None if self._arriving is None else self._arriving[1]
        part = "head" if head is None else "body"
        self._fail(
            head,
            RequestTimeoutError(
                f"The {part} of the request did not arrive within {self._limits.idle_s:g} s."
            ),
        )

    def _linger(self) -> None:
        self._phase = Phase.LINGERING
        self._deadline = self._loop.now() + _LINGER_S
        self._forget_input()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
        else:
            self._update_reading()

    def _forget_input(self) -> None:
        self._arriving = None
        self._intake = Intake(0, 0)

    def _extend_deadline(self) -> None:
        self._deadline = self._loop.now() + self._limits.idle_s

    # -- reading --------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        try:
            if self._phase is Phase.LINGERING:
                self._drain()
            elif len(self._intake.parser.body_space):
                self._receive_body()
            else:
                self._receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        self._advance()

    def _receive(self) -> None:
        parser = self._intake.parser
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            self._peer_has_finished = True
        elif self._arriving is not None or not parser.buffered_bytes:
            self._extend_deadline()  # the bytes of a head share one deadline, or it could come drop by drop
        parser.feed(data)

    def _receive_body(self) -> None:
        """Receive straight into the place where the body stays."""
        parser, left_bytes, count = self._intake.parser, _BYTES_PER_CALLBACK, _LITTLE_BYTES
        while left_bytes > 0 and count >= _LITTLE_BYTES and len(parser.body_space):
            count = self._socket.recv_into(parser.body_space)
            self._peer_has_finished = count == 0
            parser.body_filled(count)
            self._extend_deadline()
            left_bytes -= count

    def _drain(self) -> None:
        count = len(self._socket.recv(_RECEIVE_BYTES))
        self._linger_bytes -= count
        if not count or self._linger_bytes < 0:
            self.close()

    def _update_reading(self) -> None:
        """Let the read watch run whenever reading would make something move."""
        wanted = not self._peer_has_finished and (self._phase is Phase.LINGERING or self._intake.has_room)
        if wanted != self._is_reading and self._phase is not Phase.CLOSED:
            self._is_reading = wanted
            self._read_watch.set_enabled(wanted)

    # -- from requests to exchanges -------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Do what can be done with what has arrived, for one turn's worth of work."""
        if self._is_advancing:
            return  # an outer call goes on as soon as the application comes back
        self._is_advancing = True
        stop_at = self._loop.now() + _SECONDS_PER_CALLBACK
        try:
            while self._step():
                if self._loop.now() > stop_at:
                    self._advance_later()
                    break
        finally:
            self._is_advancing = False
        if self._exchange is not None:
            self._intake.look_ahead()
        if self._peer_has_finished and not self._is_advance_scheduled:
            self._leave_with_peer()
        self._update_reading()

    def _advance_later(self) -> None:
        if not self._is_advance_scheduled:
            self._is_advance_scheduled = True
            self._loop.call_later(0.0, self._on_advance_later)

    def _on_advance_later(self) -> None:
        self._is_advance_scheduled = False
        self._advance()

    def _leave_with_peer(self) -> None:
        """Close after the client's end of input, unless a complete answer is on its way.

        The client may have closed, or (as `nc` does) only have said that no more requests come. So what could be
        answered at once has been; nobody is kept for an answer that the application has not given yet.
        """
        if self._exchange is None or not self._exchange.is_complete:
            self.close()

    def _step(self) -> bool:
        """Take one request one step further; False when more bytes, or an answer, must come first."""
        if self._phase is not Phase.OPEN or self._exchange is not None:
            return False
        if self._arriving is not None:
            return self._finish_body(*self._arriving)
        first = self._intake.take()
        if first is None:
            return False
        if isinstance(first, BridgeError):
            self._fail(None, first)
        else:
            self._begin(first)
        return True

    def _begin(self, parsed: ParsedHead) -> None:
        self._is_http_11 = not parsed.is_http_10
        head = self._request_head(parsed.method, parsed.target, parsed.headers, parsed.content_length)
        admission = self._application.admit(head)
        if isinstance(admission, BridgeError):
            self._fail(head, admission)
        elif admission.refusal is not None:
            exchange = self._new_exchange(head, closes=parsed.has_body or not parsed.keep_alive)
            exchange.leaves_unread = parsed.has_body
            exchange.respond(admission.refusal)
        elif parsed.has_body:
            self._begin_body(parsed, head, admission)
        else:
            self._hand_over(parsed, head, _NO_BODY)

    def _begin_body(self, parsed: ParsedHead, head: RequestHead, admission: Admission) -> None:
        limit, length = admission.max_body_bytes, parsed.content_length
        try:
            if length is None:
                self._intake.parser.receive_chunks(limit)
            elif length > limit:
                raise RequestTooLargeError(f"The body has {length} bytes; the limit here is {limit}.")
            else:
                self._intake.parser.receive_into(allocate_body(length))
        except BridgeError as fault:
            self._fail(head, fault)
            return
        self._arriving = parsed, head
        self._extend_deadline()
        if parsed.expects_continue:
            self._outlet.put([memoryview(answers.CONTINUE)])

    def _finish_body(self, parsed: ParsedHead, head: RequestHead) -> bool:
        try:
            body = self._intake.take_body()
        except MemoryError:
            self._fail(head, OutOfMemoryError("There is no room in memory for the body."))
            return True
        except BridgeError as fault:
            self._fail(head, fault)
            return True
        if body is None:
            return False
        self._arriving = None
        self._hand_over(parsed, head, body)
        return True

    def _hand_over(self, parsed: ParsedHead, head: RequestHead, body: memoryview) -> None:
        exchange = self._new_exchange(head, closes=not parsed.keep_alive, body=body)
        fault = self._application.handle(exchange)
        if fault is None:
            return
        if exchange.is_answered:
            self.close()  # an answer is on its way; only the end of the connection can tell that it is wrong
        else:
            exchange.respond(self._application.refuse(head, fault))

    def _fail(self, head: RequestHead | None, fault: BridgeError) -> None:
        """Answer a fault that transport found; the connection cannot go on after it."""
        self._arriving = None
        self._intake.shut()
        exchange = self._new_exchange(head or self._request_head("", "", {}, 0), closes=True)
        exchange.leaves_unread = True
        exchange.respond(self._application.refuse(head, fault))

    def _new_exchange(self, head: RequestHead, *, closes: bool, body: memoryview = _NO_BODY) -> HttpExchange:
        self._deadline = math.inf
        self._exchange = HttpExchange(self, head, body, closes=closes, is_http_11=self._is_http_11)
        return self._exchange

    def _request_head(
        self, method: str, target: str, headers: dict[str, str], length: int | None
    ) -> RequestHead:
        return RequestHead(
            method, target, headers, self._peer_host, self._peer_port, self._local_port, self._door, length
        )

    # -- writing --------------------------------------------------------------------------------------------------

    def send(self, exchange: HttpExchange, parts: Sequence[memoryview | FileRange]) -> None:
        """Send what comes next of the answer; the reader of a stream that lags too far behind is dropped."""
        if exchange is not self._exchange or self._phase is not Phase.OPEN:
            return
        self._outlet.put(parts)
        if self._outlet.pending_bytes > self._limits.stream_buffer_bytes and not exchange.is_complete:
            self.close()

    def is_serving(self, exchange: HttpExchange) -> bool:
        """Say whether it is the turn of `exchange`."""
        return exchange is self._exchange

    def _on_sent(self, is_blocked: bool, is_moving: bool) -> None:
        if is_blocked and is_moving:
            self._extend_deadline()
        elif not is_blocked and self._exchange is not None and self._exchange.is_complete:
            self._finish(self._exchange)

    def _finish(self, exchange: HttpExchange) -> None:
        """Go on after a complete answer: next request, or the end."""
        self._exchange = None
        exchange.release()
        if exchange.leaves_unread and not self._peer_has_finished:
            self._linger()
        elif exchange.closes:
            self.close()
        else:
            self._extend_deadline()
            self._advance()
