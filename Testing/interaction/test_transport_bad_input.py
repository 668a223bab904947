"""Bad requests of every kind: an answer or a closed connection, nothing else, and the server alive."""

import random
import socket

import pytest

from transport_client import TransportHost


@pytest.fixture(scope="module")
def a_host():
    """Give a host that waits a second, not half a minute."""
    with TransportHost(idle_s=1.0, connections=256) as host:
        yield host


GOOD = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\r\n\r\n\r\n\r\n\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 411),
        (b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", 400),
        (b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413),
        (b"GET /" + b"x" * 40_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, 431),
    ],
)  # fmt: skip
def test_a_bad_request_gets_its_problem_and_the_connection_ends(a_host, request_bytes, status):
    """issue:#2 bad input gets a clear problem document."""
    with a_host.wire() as wire:
        wire.send(request_bytes)
        answer = wire.answer()

        assert answer.status == status == answer.json["status"]
        assert answer.headers["connection"] == "close"
        assert answer.json["detail"]
        assert wire.read_to_end() == b""
    assert a_host.is_alive


def test_bytes_after_a_fault_are_never_taken_for_a_request(a_host):
    """http: request smuggling ends where the framing is in doubt."""
    before = a_host.stats()["handled"]
    with a_host.wire() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\n" + GOOD * 5)
        assert wire.answer().status == 400
        assert wire.read_to_end() == b""

    assert a_host.stats()["handled"] == before + 1  # the second look at the statistics


def test_good_requests_before_a_bad_one_are_answered(a_host):
    """issue:#2 pipelined requests: nothing lost."""
    with a_host.wire() as wire:
        wire.send(GOOD * 3 + b"bad\r\n\r\n")

        assert [wire.answer().status for _ in range(4)] == [200, 200, 200, 400]


@pytest.mark.parametrize("count", range(1, len(GOOD), 7))
def test_a_half_sent_request_times_out_with_408(a_host, count):
    """issue:#2 half-sent requests; http: idle 30 s, here 1."""
    with a_host.wire() as wire:
        wire.send(GOOD[:count])

        assert wire.answer().status == 408
        assert wire.read_to_end() == b""


def test_a_never_sent_request_ends_in_silence(a_host):
    """issue:#2 never-sent requests."""
    with a_host.wire() as wire:
        assert wire.read_to_end() == b""


def test_an_idle_kept_connection_ends_in_silence(a_host):
    """http: idle limit between requests."""
    with a_host.wire() as wire:
        assert wire.ask("GET", "/hello").status == 200
        assert wire.read_to_end() == b""


@pytest.mark.parametrize("count", [0, 1, 20, 60, len(GOOD) - 1])
@pytest.mark.parametrize("resets", [False, True])
def test_a_client_that_leaves_at_any_point_leaks_nothing(a_host, count, resets):
    """issue:#2 upload cut in the middle; no descriptor leaked."""
    before = a_host.stats()
    for _ in range(20):
        wire = a_host.wire()
        wire.send(GOOD[:count])
        if resets:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()

    after = a_host.stats_when(lambda stats: stats["connections"] <= before["connections"])
    assert after["descriptors"] <= before["descriptors"]


def test_a_slow_upload_does_not_hold_up_others(a_host):
    """issue:#2 slow requests."""
    with a_host.wire() as slow:
        slow.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + bytes(500_000))
        assert a_host.ask("GET", "/hello").text == "hello"
        slow.send(bytes(500_000))
        assert slow.answer().body == bytes(1_000_000)


def _mutated(rng):
    data = bytearray(GOOD * rng.randint(1, 4))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data))
        choice = rng.randrange(5)
        if choice == 0:
            data[place] = rng.randrange(256)
        elif choice == 1:
            del data[place : place + rng.randint(1, 8)]
        elif choice == 2:
            data[place:place] = rng.choice(
                [b"\r\n", b"\n", b"\0", b" ", b":", b"Transfer-Encoding: chunked\r\n", b"\xff"]
            )
        elif choice == 3:
            data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 30)))
        else:
            data[place:] = data[: len(data) - place]
    return bytes(data)


@pytest.mark.parametrize("seed", range(12))
def test_mutated_requests_never_hang_or_hurt_the_server(a_host, seed):
    """issue:#2 malformed requests; twelve fixed seeds, thirty requests each."""
    rng = random.Random(seed)
    for _ in range(30):
        with a_host.wire() as wire:
            data = _mutated(rng)
            for start in range(0, len(data), 50):
                try:
                    wire.send(data[start : start + 50])
                except ConnectionError:
                    break
            wire.socket.shutdown(socket.SHUT_WR)
            answers = wire.read_to_end()
            assert answers == b"" or answers.startswith(b"HTTP/1.1 ")
            assert b" 500 " not in answers
    assert a_host.is_alive


def test_the_host_logged_no_fault_of_its_own():
    """house: bad input is no incident."""
    with TransportHost() as host:
        for seed in range(50):
            with host.wire() as wire:
                wire.send(_mutated(random.Random(1000 + seed)))
                wire.socket.shutdown(socket.SHUT_WR)
                wire.read_to_end()
        assert host.stop() == ""
