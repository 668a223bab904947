"""What waits to be sent."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.model import file_ranges
from AgentBridgeLib.model.file_ranges import FileRange
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


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(file_ranges, "BLOCK_BYTES", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("appetites", [[], [3] * 60, [20, 0, 1, 0, 50]])
def test_what_is_in_files_arrives_in_its_place(tmp_path, appetites):
    """issue:#6: files are read while they are sent, whatever the socket takes."""
    path = tmp_path / "data"
    path.write_bytes(bytes(range(100)))
    outbox, sink = Outbox(), Sink(appetites)
    outbox.put([memoryview(b"first"), FileRange(str(path), 10, 50), memoryview(b"|")])
    outbox.put([FileRange(str(path), 0, 3), FileRange(str(path), 90, 0), memoryview(b"last")])
    wanted = b"first" + bytes(range(10, 60)) + b"|" + bytes(range(3)) + b"last"
    assert outbox.pending_bytes == len(wanted)
    for _ in range(len(appetites) + 1):
        outbox.send(sink, 1 << 30)
    assert sink.taken == wanted
    assert outbox.pending_bytes == 0


def test_no_more_of_a_file_is_read_than_one_call_can_send(tmp_path):
    """issue:#6: an answer larger than memory can be sent."""
    path = tmp_path / "data"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # it has holes only
    outbox = Outbox()
    outbox.put([memoryview(b"x"), *(FileRange(str(path), 0, 1 << 40) for _ in range(3))])
    assert outbox.send(Sink([5, 0]), 1 << 30) == 5
    assert outbox.pending_bytes == 3 * (1 << 40) - 4
    held = sum(part.nbytes for part in outbox._parts if isinstance(part, memoryview))
    assert held < 2 * file_ranges.BLOCK_BYTES


@pytest.mark.parametrize("what", ["changed", "shorter", "gone"])
def test_a_file_that_is_not_what_it_was_breaks_the_answer(tmp_path, what):
    """house: the client sees that the answer is cut off, never another file's bytes."""
    path = tmp_path / "data"
    path.write_bytes(bytes(100))
    part = FileRange(str(path), 0, 100, path.stat().st_mtime_ns if what == "changed" else 0)
    outbox = Outbox()
    outbox.put([memoryview(b"x"), part])
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes(100 if what == "changed" else 50))
        os.utime(path, ns=(0, 0))
    with pytest.raises(OSError):
        outbox.send(Sink([]), 1 << 30)
