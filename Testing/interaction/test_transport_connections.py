"""Many connections, slow ones, and what becomes of descriptors, memory and processor time."""

import contextlib
import signal
import socket

import pytest

from transport_client import TransportHost

MIB = 1 << 20
GET = b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def a_host():
    """Give a host with room for 256 connections."""
    with TransportHost(connections=256) as host:
        yield host


def test_five_thousand_connections_one_after_the_other_leave_no_descriptor(a_host):
    """issue:#2 5,000 connections with no descriptor leaked."""
    before = a_host.stats()

    for number in range(5000):
        with socket.create_connection(("127.0.0.1", a_host.port)) as client:
            if number % 3:
                client.sendall(GET)
            if number % 3 == 1:
                assert client.recv(4096).startswith(b"HTTP/1.1 200 ")

    after = a_host.stats_when(lambda stats: stats["connections"] == before["connections"])
    assert after["descriptors"] == before["descriptors"]


def test_two_hundred_connections_at_once_are_served_and_leave_no_descriptor(a_host):
    """issue:#2 200 at once."""
    before = a_host.stats()

    wires = [a_host.wire() for _ in range(200)]
    for wire in wires:
        wire.request("GET", "/hello")
    assert [wire.answer().text for wire in wires] == ["hello"] * 200
    assert a_host.stats()["connections"] == before["connections"] + 200
    for wire in wires:
        wire.close()

    after = a_host.stats_when(lambda stats: stats["connections"] == before["connections"])
    assert after["descriptors"] == before["descriptors"]


def test_a_busy_slicer_turns_nobody_away(a_host):
    """http: backlog of at least 128: clients that come while Slicer computes wait, and are answered."""
    a_host.process.send_signal(signal.SIGSTOP)
    try:
        wires = [a_host.wire() for _ in range(130)]
        for wire in wires:
            wire.request("GET", "/hello")
    finally:
        a_host.process.send_signal(signal.SIGCONT)

    assert [wire.answer().text for wire in wires] == ["hello"] * 130
    for wire in wires:
        wire.close()


def test_beyond_the_limit_every_client_is_told_so():
    """http: 64 connections; one more gets 503 with Retry-After."""
    with TransportHost(connections=8) as host:
        kept = [host.wire() for _ in range(8)]
        assert [wire.ask("GET", "/hello").status for wire in kept] == [200] * 8
        for _ in range(20):
            with host.wire() as wire:
                wire.send(GET)
                answer = wire.answer()
                assert (answer.status, answer.json["code"]) == (503, "request.too_many")
                assert int(answer.headers["retry-after"]) >= 1
                assert wire.read_to_end() == b""
        assert kept[3].ask("GET", "/hello").text == "hello"


def test_without_descriptors_it_waits_without_burning_the_processor():
    """issue:#2 no descriptor leaked; house: EMFILE wakes the listener without end if nobody pauses it."""
    with TransportHost(connections=256) as host, host.wire() as first:
        first.ask("GET", "/lower-descriptors?spare=5")
        before = float(first.ask("GET", "/cpu").text)
        wires = [host.wire() for _ in range(10)]
        for wire in wires:
            wire.request("GET", "/hello")
        assert [wire.answer().text for wire in wires[:5]] == ["hello"] * 5
        assert wires[7].is_silent(1.0)
        assert float(first.ask("GET", "/cpu").text) - before < 0.5

        for wire in wires[:5]:
            wire.close()
        assert [wire.answer().text for wire in wires[5:]] == ["hello"] * 5


def test_a_client_that_leaves_while_its_answer_is_pending_is_noticed(a_host):
    """http: disconnects are noticed."""
    before = a_host.stats()["gone"]
    with a_host.wire() as wire:
        wire.request("GET", "/hold")
        a_host.stats_when(lambda stats: stats["held"] == 1)

    a_host.stats_when(lambda stats: stats["gone"] == before + 1)
    assert a_host.ask("GET", "/release").text == "1"  # its late answer goes nowhere


def test_unread_pipelined_bytes_do_not_burn_the_processor(a_host):
    """slicer: notifiers are level-triggered; peeking without reading burns a core."""
    with a_host.wire() as wire:
        wire.request("GET", "/hold")
        wire.socket.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                wire.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
        before = a_host.stats()["cpu_s"]
        assert wire.is_silent(1.0)
        assert a_host.stats()["cpu_s"] - before < 0.5
        a_host.ask("GET", "/release")
        wire.socket.settimeout(20)
        assert wire.answer().text == "released"
        assert wire.answer().text == "hello"


def test_a_nested_event_loop_neither_stops_the_server_nor_enters_a_request_twice():
    """slicer: socket notifiers re-enter inside dialogs, pip and progress windows."""
    with TransportHost() as host, host.wire() as wire:
        wire.send(b"GET /nested HTTP/1.1\r\nHost: h\r\n\r\n" + b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 3)
        before = host.stats_when(lambda stats: stats["handled"] > 1)
        assert host.ask("GET", "/later").text == "later"
        wire.request("GET", "/hello")
        assert wire.is_silent(0.5)
        assert host.stats()["cpu_s"] - before["cpu_s"] < 0.4

        host.ask("GET", "/release")

        assert wire.answer().text == "depth 0"
        assert [wire.answer().text for _ in range(4)] == ["hello"] * 4


def test_a_slow_reader_of_a_large_answer_holds_nobody_up(a_host):
    """slicer: stock sockets block and Slicer freezes."""
    with a_host.wire(receive_buffer=4096) as slow:
        slow.request("GET", f"/bytes?n={50 * MIB}")
        head = slow.read_until(b"\r\n\r\n")
        for _ in range(50):
            assert a_host.ask("GET", "/hello").text == "hello"
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(slow.read_exactly(50 * MIB)) == 50 * MIB


def test_a_reader_that_leaves_in_the_middle_frees_everything(a_host):
    """issue:#2 nothing lost, the server alive."""
    before = a_host.stats()
    for _ in range(5):
        with a_host.wire() as wire:
            wire.request("GET", f"/bytes?n={100 * MIB}")
            wire.read_until(b"\r\n\r\n")
    a_host.stats_when(lambda stats: stats["connections"] == before["connections"])


def test_a_stream_whose_reader_stops_is_closed():
    """http: server-sent events with a bounded buffer."""
    with TransportHost(stream_buffer_bytes=100_000) as host, host.wire(receive_buffer=4096) as wire:
        wire.request("GET", "/endless")
        wire.read_until(b"\r\n\r\n")

        host.stats_when(lambda stats: stats["gone"] == 1)
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                wire.read_exactly(MIB)


def test_a_stream_whose_reader_leaves_is_closed(a_host):
    """http: disconnects are noticed."""
    before = a_host.stats()["gone"]
    with a_host.wire() as wire:
        wire.request("GET", "/open-stream")
        wire.read_until(b"begun")
        assert a_host.stats()["open_streams"] == 1

    assert a_host.stats_when(lambda stats: stats["gone"] > before)["open_streams"] == 0


def test_stopping_closes_every_connection_and_frees_the_port():
    """slicer: stop and start from the panel."""
    with TransportHost() as host:
        with host.wire() as idle, host.wire() as busy, host.wire() as stopping:
            busy.request("GET", "/hold")
            assert stopping.ask("GET", "/stop").text == "stopping"
            assert [one.read_to_end() for one in (idle, busy, stopping)] == [b""] * 3
        with pytest.raises(ConnectionRefusedError):
            host.wire()


def test_two_hosts_take_two_ports():
    """http: port taken, the next free one is bound."""
    with TransportHost() as first, TransportHost(port=first.port) as second:
        assert second.port > first.port
        assert first.is_alive
        assert second.is_alive


@pytest.mark.parametrize("size", [200 * MIB, 64 * 1024 + 1])
def test_a_large_upload_lies_in_one_aligned_buffer(a_host, size):
    """issue:#2 received straight into its final buffer."""
    with a_host.wire() as wire:
        wire.request("PUT", "/length", headers={"Content-Length": str(size)})
        body = memoryview(bytearray(size))
        body[0], body[-1] = 3, 4
        wire.socket.sendall(body)

        assert wire.answer().text == f"{size} 0 7"


def test_large_bodies_need_no_memory_beside_themselves(a_host):
    """issue:#2 200 MiB volume GET and PUT with less than 5 % extra memory."""
    size = 200 * MIB
    a_host.ask("GET", "/reset-peak")
    before = a_host.stats()["now_kib"]
    with a_host.wire() as wire:
        wire.request("GET", f"/bytes?n={size}")
        wire.read_until(b"\r\n\r\n")
        assert len(wire.read_exactly(size)) == size
    assert (a_host.stats()["peak_kib"] - before) * 1024 < 0.05 * size

    with a_host.wire() as wire:
        wire.request("PUT", "/length", headers={"Content-Length": str(size)})
        wire.socket.sendall(memoryview(bytearray(size)))
        assert wire.answer().status == 200
    assert (a_host.stats()["peak_kib"] - before) * 1024 < 1.05 * size


def test_a_body_that_does_not_fit_into_memory_is_refused_before_it_comes():
    """issue:#2 huge requests: nothing is allocated, nothing is killed."""
    with TransportHost() as host, host.wire() as wire:
        wire.request("PUT", "/limited", headers={"Content-Length": str(1 << 45)})
        assert wire.answer().status == 413
        assert host.is_alive
