"""The listener as a client sees it: methods, framing, faults, in a process whose event loop holds the lock."""

import pytest

from transport_client import TransportHost


@pytest.fixture(scope="module")
def a_host():
    """Give a host with the default limits."""
    with TransportHost() as host:
        yield host


@pytest.fixture
def wire(a_host):
    """Give a fresh connection."""
    with a_host.wire() as wire:
        yield wire


def test_the_application_sees_the_whole_head(a_host, wire):
    """http: any header case."""
    seen = wire.ask("GET", "/head?q=1", headers={"ACCEPT": "a", "accept": "b", "content-length": "0"}).json

    assert seen["method"] == "GET"
    assert seen["target"] == "/head?q=1"
    assert seen["headers"]["accept"] == "a, b"
    assert (seen["door"], seen["peer_host"], seen["local_port"]) == ("listener", "127.0.0.1", a_host.port)
    assert seen["content_length"] == 0


def test_a_connection_serves_many_requests_with_and_without_body(wire):
    """http: keep-alive."""
    for number in range(20):
        body = bytes([number]) * number * 1000
        assert wire.ask("POST", "/echo", body=body).body == body
        assert wire.ask("GET", "/hello").text == "hello"


def test_head_is_get_without_the_body(wire):
    """http: HEAD works wherever GET does."""
    answer = wire.ask("HEAD", "/bytes?n=1000000")

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "1000000", b"")
    assert wire.ask("GET", "/hello").text == "hello"


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "DELETE", "BREW"])
def test_every_method_reaches_the_application(wire, method):
    """http: OPTIONS lists methods; unknown method 405 with Allow."""
    assert wire.ask(method, "/head").json["method"] == method


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_body_leaves_the_connection_in_step(wire, status):
    """http: 204 and 304 carry no body."""
    assert wire.ask("GET", f"/empty?status={status}").status == status
    assert wire.ask("GET", "/hello").text == "hello"


def test_a_body_of_several_parts_arrives_as_one(wire):
    """house: parts are sent one after the other."""
    assert wire.ask("GET", "/parts?n=1").body == b"abcdef"
    assert wire.ask("GET", "/parts?n=50000").body == b"abcdef" * 50000


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
def test_a_chunked_body_arrives_whole(wire, size):
    """http: Content-Length or chunked."""
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    wire.send(b"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in range(0, size, 40_000):
        piece = body[start : start + 40_000]
        wire.send(b"%x;e=1\r\n%b\r\n" % (len(piece), piece))
    wire.send(b"0\r\nX-Checksum: 1\r\n\r\n")

    assert wire.answer().body == body
    assert wire.ask("GET", "/hello").text == "hello"


def test_a_request_in_single_bytes_is_understood(wire):
    """issue:#2 slow requests."""
    for byte in b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
        wire.send(bytes([byte]))

    assert wire.answer().body == b"abc"


def test_pipelined_requests_are_answered_in_order(wire):
    """http: at most 8 waiting; more wait in the socket, none is lost."""
    for number in range(300):
        body = b"%d" % number
        wire.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    assert [wire.answer().body for _ in range(300)] == [b"%d" % number for number in range(300)]


def test_pipelined_requests_behind_a_late_answer_wait_for_it(wire):
    """http: deferred answers keep the order."""
    wire.send(
        b"GET /later?s=0.05 HTTP/1.1\r\nHost: h\r\n\r\n" + b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 20
    )

    assert [wire.answer().text for _ in range(21)] == ["later"] + ["hello"] * 20


def test_continue_is_said_after_admission_and_before_the_body(wire):
    """http: Expect: 100-continue."""
    wire.request("PUT", "/echo", headers={"Content-Length": "3", "Expect": "100-continue"})
    assert wire.answer().status == 100

    wire.send(b"abc")
    assert wire.answer().body == b"abc"
    assert wire.ask("GET", "/hello").text == "hello"


@pytest.mark.parametrize(
    ("target", "length", "status"), [("/forbidden", 3, 401), ("/limited", 1001, 413), ("/echo", 1 << 40, 413)]
)
def test_continue_is_never_said_to_what_is_refused(wire, target, length, status):
    """http: 100 only after the head was admitted; the client saves its upload."""
    wire.request("PUT", target, headers={"Content-Length": str(length), "Expect": "100-continue"})

    answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert wire.read_to_end() == b""


def test_an_unknown_expectation_is_refused(wire):
    """http: RFC 9110, 10.1.1."""
    wire.request("PUT", "/echo", headers={"Content-Length": "3", "Expect": "coffee"})

    assert wire.answer().status == 400


def test_a_client_that_sends_its_whole_body_first_still_reads_the_refusal(wire):
    """http: 413 and 401 reach clients that look at the answer only after the upload."""
    wire.request("PUT", "/forbidden", headers={"Content-Length": "30000000"})
    wire.send(bytes(30_000_000))

    assert wire.answer().status == 401
    assert wire.read_to_end() == b""


def test_a_refused_request_without_body_keeps_the_connection(wire):
    """http: keep-alive."""
    assert wire.ask("GET", "/forbidden").status == 401
    assert wire.ask("GET", "/hello").text == "hello"


def test_a_chunked_body_beyond_the_limit_gets_413(wire):
    """http: body limit."""
    wire.send(b"PUT /limited HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.send(b"200\r\n" + bytes(512) + b"\r\n" + b"200\r\n" + bytes(512) + b"\r\n")

    assert wire.answer().status == 413
    assert wire.read_to_end() == b""


def test_a_head_beyond_the_limit_gets_431(wire):
    """http: head 32 KiB."""
    wire.send(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 40_000 + b"\r\n\r\n")

    answer = wire.answer()
    assert (answer.status, answer.json["code"]) == (431, "request.head_too_large")
    assert wire.read_to_end() == b""


def test_1_0_closes_unless_asked_to_stay(a_host):
    """http: RFC 9112, 9.3."""
    with a_host.wire() as wire:
        wire.send(b"GET /hello HTTP/1.0\r\n\r\n")
        assert wire.answer().headers["connection"] == "close"
        assert wire.read_to_end() == b""
    with a_host.wire() as wire:
        wire.send(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert wire.answer().headers["connection"] == "keep-alive"
        assert wire.ask("GET", "/hello").text == "hello"


def test_connection_close_is_obeyed_and_confirmed(wire):
    """http: RFC 9112, 9.6."""
    assert wire.ask("GET", "/hello", headers={"Connection": "close"}).headers["connection"] == "close"
    assert wire.read_to_end() == b""


def test_an_answer_may_be_given_in_a_later_turn(wire):
    """http: deferred answers."""
    assert wire.ask("GET", "/later").text == "later"


def test_a_second_answer_is_dropped(wire):
    """house: a request is answered exactly once."""
    assert wire.ask("GET", "/twice").text == "first"
    assert wire.ask("GET", "/hello").text == "hello"


def test_events_come_in_chunks_and_the_connection_goes_on(wire):
    """http: server-sent events."""
    answer = wire.ask("GET", "/stream?count=50")

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text == "".join(f"data: {number}\n\n" for number in range(50, 0, -1))
    assert wire.ask("GET", "/hello").text == "hello"


@pytest.mark.parametrize("kind", ["KeyError", "SystemExit", "KeyboardInterrupt"])
def test_whatever_the_application_raises_is_a_500_without_its_text(a_host, wire, kind):
    """issue:#2 an operation that raises anything, SystemExit included."""
    answer = wire.ask("GET", f"/raise?kind={kind}")

    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json["incident"]
    assert a_host.is_alive


def test_the_log_has_the_incident_that_the_client_was_told():
    """http: internal faults give an incident id that the Slicer log has too."""
    with TransportHost() as host:
        incident = host.ask("GET", "/raise?kind=KeyError").json["incident"]
        log = host.stop()

    assert incident in log
    assert "KeyError" in log


def test_raising_after_the_answer_does_not_send_a_second_one(a_host):
    """house: a request is answered exactly once, or its connection is closed."""
    with a_host.wire() as wire:
        assert wire.ask("GET", "/raise?kind=KeyError&answered=1").text == "fine"
    assert a_host.is_alive


@pytest.mark.parametrize("target", ["/admit-raises", "/refuse-raises", "/bad-header"])
def test_a_fault_in_admitting_describing_or_encoding_is_a_500(a_host, target):
    """house: no exception leaves a slot, no client waits in vain."""
    answer = a_host.ask("GET", target)

    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "set-cookie" not in answer.headers
    assert a_host.is_alive


def test_an_applications_own_length_is_replaced(wire):
    """house: transport adds Date, Content-Length and Connection."""
    answer = wire.ask("GET", "/own-header")

    assert (answer.headers["content-length"], answer.headers["x-mine"], answer.body) == ("1", "1", b"x")
