"""What waits to be sent."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.transport.outbox import Outbox


class Sink:
    """A socket that takes a bounded number of bytes per call, or blocks."""

    def __init__(self, appetites):
        self.appetites = list(appetites)
        self.taken = b""

    def send(self, view):
        return self.sendmsg([view])

    def sendmsg(self, views):
        appetite = self.appetites.pop(0) if self.appetites else 1 << 30
        if not appetite:
            raise BlockingIOError
        part = b"".join(views)[:appetite]
        self.taken += part
        return len(part)


@given(st.lists(st.binary(max_size=20), max_size=40), st.lists(st.integers(0, 15), max_size=20))
def test_whatever_the_socket_takes_the_bytes_arrive_once_and_in_order(parts, appetites):
    """issue:#2 answers are sent as the socket takes them."""
    outbox, sink = Outbox(), Sink(appetites)
    outbox.put(map(memoryview, parts))
    assert outbox.pending_bytes == sum(map(len, parts))

    sent = 0
    for _ in range(len(appetites) + 1):
        sent += outbox.send(sink, 1 << 30)

    assert sink.taken == b"".join(parts)
    assert (sent, outbox.pending_bytes) == (len(sink.taken), 0)


def test_one_call_sends_no_more_than_its_share():
    """house: bounded work per turn, so that the application draws in between."""
    outbox, sink = Outbox(), Sink([4] * 100)
    outbox.put([memoryview(bytes(100))])

    assert outbox.send(sink, 10) == 12
    assert outbox.pending_bytes == 88


def test_a_broken_connection_is_reported():
    """house: closing is the connection's business."""
    left, right = socket.socketpair()
    right.close()
    outbox = Outbox()
    outbox.put([memoryview(b"x")])

    with left, pytest.raises(OSError):
        outbox.send(left, 100)


def test_a_cleared_outbox_keeps_no_view_alive():
    """house: no volume outlives its connection."""
    memory, outbox = bytearray(10), Outbox()
    outbox.put([memoryview(memory)])

    outbox.clear()

    memory.extend(b"x")  # a bytearray with an exported view cannot grow
    assert outbox.pending_bytes == 0
