"""One connection on a clock that the test moves."""

import contextlib
import socket

import pytest

from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.model.exchange import Response

GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"


def received(client):
    """Give what has come, and whether the server has closed."""
    data = b""
    while True:
        try:
            part = client.recv(1 << 16)
        except BlockingIOError:
            return data, False
        except ConnectionResetError:
            return data, True
        if not part:
            return data, True
        data += part


def test_a_connection_that_says_nothing_is_closed_silently(connect, a_loop, connections):
    """http: idle 30 s; here 10."""
    client = connect()

    a_loop.pass_time(9.5)
    assert received(client) == (b"", False)

    a_loop.pass_time(1.5)
    assert received(client) == (b"", True)
    assert len(connections) == 0


def test_an_answer_begins_the_idle_time_again(connect, a_loop):
    """http: keep-alive."""
    client = connect()
    a_loop.pass_time(8)
    client.send(GET % 1)
    a_loop.settle()
    received(client)

    a_loop.pass_time(8)
    assert received(client) == (b"", False)

    a_loop.pass_time(3)
    assert received(client) == (b"", True)


def test_a_head_that_comes_drop_by_drop_has_one_deadline(connect, a_loop):
    """issue:#2 slow and half-sent requests: 408."""
    client = connect()
    for byte in (GET % 1)[:10]:
        client.send(bytes([byte]))
        a_loop.pass_time(1.25)

    answer, _ = received(client)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request.timeout" in answer
    assert b"The head of the request" in answer
    assert b"Connection: close" in answer


def test_a_body_that_stops_in_the_middle_gets_408_and_reaches_nobody(connect, a_loop, an_application):
    """issue:#2 upload cut in the middle."""
    client = connect()
    client.send(PUT + b"ab")
    a_loop.pass_time(9)
    client.send(b"c")
    a_loop.pass_time(9)
    assert received(client) == (b"", False)

    a_loop.pass_time(2)

    answer, _ = received(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The body of the request" in answer
    assert an_application.exchanges == []


def test_a_body_cut_by_the_client_reaches_nobody(connect, a_loop, an_application, connections):
    """issue:#2 upload cut in the middle."""
    client = connect()
    client.send(PUT + b"ab")
    a_loop.settle()

    client.close()
    a_loop.settle()

    assert an_application.exchanges == []
    assert len(connections) == 0


@pytest.mark.parametrize("sent_before", [b"", PUT + b"bo"])
def test_a_client_is_not_blamed_for_the_time_in_which_slicer_was_busy(connect, a_loop, sent_before):
    """slicer: a handler that blocks delays everybody; what came meanwhile waits in the socket."""
    client = connect()
    client.send(sent_before)
    a_loop.settle()

    a_loop.time += 40.0
    client.send((PUT + b"body")[len(sent_before) :])
    a_loop.settle()

    assert received(client)[0].startswith(b"HTTP/1.1 200 ")


def test_the_application_may_take_its_time(connect, a_loop, an_application):
    """http: deferred answers."""
    an_application.holds = True
    client = connect()
    client.send(GET % 1)
    a_loop.pass_time(100)
    assert received(client) == (b"", False)

    an_application.exchanges[0].respond(Response(200, (), (b"at last",)))

    assert received(client)[0].endswith(b"at last")


def test_a_reader_that_stops_is_closed_and_the_application_told(connect, a_loop, an_application, connections):
    """issue:#2 a slow reader freezes nothing and keeps no memory."""
    an_application.holds = True
    client = connect(receive_buffer=4096)
    client.send(GET % 1)
    a_loop.settle()
    memory = bytearray(30_000_000)
    an_application.exchanges[0].respond(Response(200, (), (memoryview(memory),)))
    a_loop.pass_time(9)
    assert len(connections) == 1

    a_loop.pass_time(3)

    assert len(connections) == 0
    assert len(an_application.gone) == 1
    memory.append(0)  # no view is left


def test_a_second_answer_is_dropped_though_the_first_is_still_on_its_way(
    connect, a_loop, an_application, caplog
):
    """house: a request is answered exactly once."""
    an_application.holds = True
    client = connect(receive_buffer=4096)
    client.send(GET % 1)
    a_loop.settle()
    exchange = an_application.exchanges[0]

    exchange.respond(Response(200, (), (bytes(10_000_000),)))
    exchange.respond(Response(200, (), (b"second",)))
    assert not exchange.open_stream(200, ()).is_open

    data = b""
    while len(data) < 10_000_000:
        data += received(client)[0]
        a_loop.settle()
    assert data.count(b"HTTP/1.1") == 1
    assert "second answer" in caplog.text


def test_a_reader_that_goes_on_slowly_is_served_to_the_end(connect, a_loop, an_application):
    """house: progress counts, not speed."""
    an_application.holds = True
    client = connect(receive_buffer=4096)
    client.send(GET % 1)
    a_loop.settle()
    an_application.exchanges[0].respond(Response(200, (), (bytes(20_000_000),)))

    count, is_closed = 0, False
    while count < 20_000_000 and not is_closed:
        data, is_closed = received(client)
        count += len(data)
        a_loop.pass_time(1)

    assert count > 20_000_000
    assert not is_closed


def test_pipelined_requests_are_answered_in_order_though_the_first_is_late(connect, a_loop, an_application):
    """http: RFC 9112, 9.3.2."""
    an_application.holds = True
    client = connect()
    client.send(GET % 1 + GET % 2 + PUT + b"body" + GET % 3)
    a_loop.settle()
    assert [exchange.head.target for exchange in an_application.exchanges] == ["/1"]

    an_application.holds = False
    an_application.exchanges[0].respond(Response(200, (), (b"/1",)))
    a_loop.settle()

    answers = received(client)[0].split(b"HTTP/1.1 200 OK")[1:]
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == [b"/1", b"/2", b"/p", b"/3"]
    assert bytes(an_application.exchanges[2].head.method, "ascii") == b"PUT"


def test_nothing_is_read_without_bound_while_an_answer_is_pending_and_nothing_is_lost(
    connect, a_loop, an_application
):
    """http: at most so many requests waiting; reading pauses, and no core burns meanwhile."""
    an_application.holds = True
    client = connect()
    requests = b"".join(GET % number for number in range(10_000))
    sent = client.send(requests)
    a_loop.settle()  # raises if the watch fires for unread data

    assert len(an_application.exchanges) == 1
    assert a_loop.watches[0].enabled is False
    an_application.holds = False
    an_application.exchanges[0].respond(Response(200))
    answers = b""
    while sent < len(requests) or answers.count(b"HTTP/1.1 200") < 10_000:
        if sent < len(requests):
            with contextlib.suppress(BlockingIOError):
                sent += client.send(requests[sent:])
        a_loop.settle()
        answers += received(client)[0]
    assert [exchange.head.target for exchange in an_application.exchanges] == [f"/{n}" for n in range(10_000)]


def test_one_turn_does_a_bounded_amount_of_work(connect, a_loop, an_application):
    """house: the application draws between the requests of a long pipeline."""

    def work(_exchange):
        a_loop.time += 0.005

    an_application.on_handle = work
    client = connect()
    client.send(b"".join(GET % number for number in range(6)))

    a_loop.turn()
    assert len(an_application.exchanges) == 2

    a_loop.settle()
    assert len(an_application.exchanges) == 6


def test_a_client_that_leaves_while_an_answer_is_pending_is_noticed_once(connect, a_loop, an_application):
    """http: disconnects are noticed; what was not begun need not be."""
    an_application.holds = True
    client = connect()
    client.send(GET % 1 + GET % 2)
    a_loop.settle()

    client.close()
    a_loop.settle()

    assert an_application.gone == an_application.exchanges[:1]
    an_application.exchanges[0].respond(Response(200))  # ignored
    late = []
    an_application.exchanges[0].on_disconnect(lambda: late.append(1))
    assert late == [1]
    assert len(an_application.exchanges) == 1


def test_a_client_that_only_ends_its_sending_still_gets_what_can_be_answered(connect, a_loop):
    """house: `printf ... | nc` is a client too."""
    client = connect()
    client.send(GET % 1 + GET % 2)
    client.shutdown(socket.SHUT_WR)
    a_loop.settle()

    data, is_closed = received(client)

    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert is_closed


def test_a_finished_exchange_lets_go_of_its_body(connect, a_loop, an_application):
    """house: a volume does not stay in memory with whoever keeps the exchange."""
    client = connect()
    client.send(PUT + b"body")
    a_loop.settle()

    assert an_application.exchanges[0].body.nbytes == 0
    assert an_application.gone == []


def test_a_fault_answer_is_seen_though_the_client_goes_on_sending(
    connect, a_loop, an_application, connections
):
    """http: each limit has its own error, and the client can read it."""
    an_application.max_body_bytes = 10
    client = connect()
    client.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(10):
        client.send(bytes(10_000))
        a_loop.settle()

    assert received(client)[0].startswith(b"HTTP/1.1 413 ")
    client.close()
    a_loop.settle()
    assert len(connections) == 0


def test_lingering_ends_by_itself(connect, a_loop, connections):
    """house: a client that never closes keeps no connection."""
    client = connect()
    client.send(b"nonsense\r\n\r\n")
    a_loop.settle()
    assert received(client)[0].startswith(b"HTTP/1.1 400 ")

    for _ in range(12):
        client.send(b"more")
        a_loop.pass_time(1)
        if not len(connections):
            break

    assert len(connections) == 0


def test_lingering_reads_a_bounded_amount(connect, a_loop, connections, monkeypatch):
    """house: a client that floods keeps no connection."""
    monkeypatch.setattr("AgentBridgeLib.transport.connection._LINGER_BYTES", 100_000)
    client = connect()
    client.send(b"nonsense\r\n\r\n")
    a_loop.settle()

    while len(connections):
        client.send(bytes(50_000))
        a_loop.settle()


def test_one_connection_too_many_is_told_when_to_come_back(connect, a_loop, connections, an_application):
    """http: 64 connections; here 3; its own error, 503 with Retry-After."""
    clients = [connect() for _ in range(3)]

    data, _ = received(connect())

    assert data.startswith(b"HTTP/1.1 503 ")
    assert b"request.too_many" in data
    assert b"Retry-After: 1" in data
    assert len(connections) == 3
    clients[0].close()
    a_loop.settle()
    fresh = connect()
    fresh.send(GET % 1)
    a_loop.settle()
    assert received(fresh)[0].startswith(b"HTTP/1.1 200 ")


def test_a_flood_beyond_the_limit_is_closed_without_words(connect, connections):
    """house: refusing politely has its own bound."""
    clients = [connect() for _ in range(8)]

    answers = [received(client) for client in clients[3:]]
    assert [data.startswith(b"HTTP/1.1 503 ") for data, _ in answers] == [True] * 3 + [False] * 2
    assert answers[3:] == [(b"", True)] * 2
    assert len(connections) == 3


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_that_cannot_be_encoded_becomes_a_500(connect, a_loop, an_application, is_stream, caplog):
    """house: a request is answered exactly once, or its connection is closed."""
    an_application.holds = True
    client = connect()
    client.send(GET % 1)
    a_loop.settle()
    headers = [("X-Name", "a\r\nSet-Cookie: stolen")]

    if is_stream:
        stream = an_application.exchanges[0].open_stream(200, headers)
        stream.write(b"event")
        assert not stream.is_open
    else:
        an_application.exchanges[0].respond(Response(200, headers))
    a_loop.settle()

    answer, is_closed = received(client)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"stolen" not in answer
    assert is_closed
    assert "incident" in caplog.text


def test_an_open_stream_ends_when_its_reader_lags_too_far(connect, a_loop, an_application, connections):
    """http: server-sent events with a bounded buffer."""
    an_application.holds = True
    client = connect(receive_buffer=4096)
    client.send(GET % 1)
    a_loop.settle()
    stream = an_application.exchanges[0].open_stream(200, ())

    written = 0
    while stream.is_open:
        stream.write(bytes(500))
        written += 500
        assert written < 50_000_000

    assert an_application.gone == an_application.exchanges
    assert len(connections) == 0
    stream.write(b"dropped")
    stream.close()


def test_a_quiet_stream_stays_open(connect, a_loop, an_application):
    """http: GET /events may have nothing to say for long."""
    an_application.holds = True
    client = connect()
    client.send(GET % 1)
    a_loop.settle()
    stream = an_application.exchanges[0].open_stream(200, ())

    a_loop.pass_time(100)

    assert stream.is_open
    client.close()
    a_loop.settle()
    assert not stream.is_open


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stream_for_1_0_is_plain_bytes_and_for_head_only_a_head(connect, a_loop, an_application, method):
    """http: RFC 9112, 6.1 and 9.3."""
    an_application.holds = True
    client = connect()
    version = b"1.0" if method == "GET" else b"1.1"
    client.send(b"%b /s HTTP/%b\r\nHost: h\r\n\r\n" % (method.encode(), version))
    a_loop.settle()
    stream = an_application.exchanges[0].open_stream(200, ())
    stream.write(b"event")
    stream.close()
    a_loop.settle()

    head, _, body = received(client)[0].partition(b"\r\n\r\n")

    assert (b"Connection: close" in head) is (method == "GET")
    assert body == (b"event" if method == "GET" else b"")


def test_every_timer_ends_with_the_last_connection(connect, a_loop, connections):
    """house: an idle Slicer is not woken."""
    connect().close()
    a_loop.settle()
    a_loop.pass_time(3)

    assert len(connections) == 0
    assert a_loop.calls == []
    assert a_loop.watches == []


def test_closing_tells_the_application_once_and_may_be_repeated(connect, a_loop, an_application, connections):
    """house: closing is in one place."""
    an_application.holds = True
    connect().send(GET % 1)
    a_loop.settle()

    connections.close_all()
    connections.close_all()

    assert an_application.gone == an_application.exchanges
    assert a_loop.watches == []


def test_an_error_of_the_tree_raised_by_the_application_keeps_its_code(connect, a_loop, an_application):
    """house: a `BridgeError` is an answer wherever it is raised."""

    class OddError(BridgeError):
        code = "job.unknown"
        title = "Odd"

    def fail(_exchange):
        raise OddError("No such job.")

    an_application.on_handle = fail
    client = connect()
    client.send(GET % 1 + GET % 2)
    a_loop.settle()

    assert received(client)[0].count(b"HTTP/1.1 404 ") == 2
