"""An event loop in memory with a clock that the test moves, and connections over it."""

# ruff: noqa: D101, D102  ports in memory; the names are those of the ports

import selectors
import socket

import pytest

from AgentBridgeLib.model.exchange import Admission, Response, TransportLimits
from AgentBridgeLib.transport.answers import problem_of_last_resort
from AgentBridgeLib.transport.connection import ConnectionSetting
from AgentBridgeLib.transport.connections import ConnectionSet


class MemoryWatch:
    def __init__(self, loop, descriptor, event, on_ready, enabled):
        self.loop, self.descriptor, self.event, self.on_ready = loop, descriptor, event, on_ready
        self.enabled = enabled
        loop.watches.append(self)

    def set_enabled(self, enabled):
        self.enabled = enabled

    def close(self):
        self.enabled = False
        if self in self.loop.watches:
            self.loop.watches.remove(self)


class MemoryCall:
    def __init__(self, due, callback):
        self.due, self.callback = due, callback

    def cancel(self):
        self.callback = None


class MemoryLoop:
    """Level-triggered and single-threaded; nothing happens but in `turn`."""

    def __init__(self):
        self.time = 1000.0
        self.watches, self.calls = [], []

    def now(self):
        return self.time

    def watch_readable(self, descriptor, on_ready):
        return MemoryWatch(self, descriptor, selectors.EVENT_READ, on_ready, True)

    def watch_writable(self, descriptor, on_ready):
        return MemoryWatch(self, descriptor, selectors.EVENT_WRITE, on_ready, False)

    def call_later(self, delay_s, callback):
        self.calls.append(MemoryCall(self.time + delay_s, callback))
        return self.calls[-1]

    def ready(self):
        """Watches that would fire now."""
        with selectors.DefaultSelector() as selector:
            for watch in self.watches:
                if not watch.enabled:
                    continue
                if watch.descriptor in selector.get_map():
                    known = selector.get_key(watch.descriptor)
                    selector.modify(watch.descriptor, known.events | watch.event, [*known.data, watch])
                else:
                    selector.register(watch.descriptor, watch.event, [watch])
            return [watch for key, events in selector.select(0) for watch in key.data if watch.event & events]

    def turn(self):
        """One turn: calls that were due at its beginning, then ready watches; how many callbacks ran."""
        due = [call for call in self.calls if call.due <= self.time]
        self.calls = [call for call in self.calls if call.due > self.time]
        ready = self.ready()
        for call in due:
            if call.callback is not None:
                call.callback()
        for watch in ready:
            if watch.enabled:
                watch.on_ready()
        return len(due) + len(ready)

    def settle(self):
        """Turn until nothing is left to do without the clock or the client."""
        for _ in range(10_000):
            if not self.turn():
                return
        raise AssertionError("the loop never comes to rest: a watch fires without end")

    def pass_time(self, seconds):
        """Move the clock in steps, so that what repeats gets its turns."""
        end = self.time + seconds
        while self.time < end:
            self.time = min(end, self.time + 0.25)
            self.settle()


class RecordingApplication:
    """Keeps exchanges; answers at once unless told to hold."""

    def __init__(self):
        self.exchanges, self.gone, self.faults = [], [], []
        self.holds = False
        self.on_handle = lambda exchange: None
        self.max_body_bytes = 1 << 20

    def admit(self, head):
        return Admission(self.max_body_bytes)

    def handle(self, exchange):
        self.exchanges.append(exchange)
        exchange.on_disconnect(lambda: self.gone.append(exchange))
        self.on_handle(exchange)
        if not self.holds:
            exchange.respond(Response(200, (), (exchange.head.target.encode(),)))

    def refuse(self, head, error):
        self.faults.append(error)
        return problem_of_last_resort(error)


@pytest.fixture
def a_loop():
    return MemoryLoop()


@pytest.fixture
def an_application():
    return RecordingApplication()


@pytest.fixture
def limits():
    return TransportLimits(
        head_bytes=2000, idle_s=10.0, connections=3, waiting_requests=2, stream_buffer_bytes=1000
    )


@pytest.fixture
def connections(a_loop, an_application, limits):
    served = ConnectionSet(ConnectionSetting(a_loop, an_application, limits, "listener"))
    yield served
    served.close_all()


@pytest.fixture
def connect(connections, a_loop):
    """Give the client's end of a new connection, non-blocking."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients = []

        def make(receive_buffer=None):
            client = socket.socket()
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.connect(server.getsockname())
            client.setblocking(False)
            clients.append(client)
            connections.take(server.accept()[0])
            a_loop.settle()
            return client

        yield make
        for client in clients:
            client.close()
