"""The compatibility route: method, address and body in, a body out."""

import json

import pytest

from AgentBridgeLib.model.exchange import Admission, Response
from AgentBridgeLib.transport.handlers import as_plain_answer
from AgentBridgeLib.transport.plain import PlainHandler
from AgentBridgeLib.transport.safe_application import SafeApplication


@pytest.fixture
def a_handler(an_application):
    """Give the handler in front of an application in memory."""
    return PlainHandler(SafeApplication(an_application), lambda: True, lambda: 2016, lambda: "127.0.0.1")


@pytest.mark.parametrize(
    ("uri", "confidence"),
    [
        (b"/agent", 1.0), (b"/agent/v1/nodes?x=1", 1.0), (b"http://h/agent/v1", 1.0), (b"/agent?x", 1.0),
        (b"/agents", 0.0), (b"/slicer/agent", 0.0), (b"/", 0.0), (b"http://[::1/agent", 0.0), (b"\xff", 0.0),
    ],
)  # fmt: skip
def test_it_claims_the_bridges_own_addresses_and_never_raises(a_handler, uri, confidence):
    """slicer: confidence 1.0 for `/agent`."""
    assert a_handler.confidence("GET", uri, b"") == confidence


def test_a_route_that_is_switched_off_claims_nothing(an_application):
    """slicer: the bridge may only guard, without answering there."""
    handler = PlainHandler(SafeApplication(an_application), lambda: False, lambda: 2016, lambda: "127.0.0.1")

    assert handler.confidence("GET", b"/agent/v1", b"") == 0.0


def test_the_application_sees_what_little_there_is(a_handler, an_application):
    """slicer: no headers, peer or status."""
    seen = []
    an_application.on_handle = lambda exchange: seen.append((exchange.head, bytes(exchange.body)))

    a_handler.answer("POST", b"http://h/agent/v1/a%20b%C3%A4?q=1", b'{"access_token": "t"}')

    head, body = seen[0]
    assert (head.method, head.target, head.door) == ("POST", "/agent/v1/a%20b%C3%A4?q=1", "webserver_plain")
    assert (head.peer_host, head.local_port, dict(head.headers)) == ("127.0.0.1", 2016, {})
    assert head.content_length == len(body) == 21


def test_an_answer_keeps_its_type_and_body(a_handler, an_application):
    """slicer: (content type, body), both bytes."""
    an_application.on_handle = lambda exchange: exchange.respond(
        Response(200, [("Content-Type", "image/png")], (b"ab", memoryview(b"cd")))
    )

    assert a_handler.answer("GET", b"/agent/x", b"") == (b"image/png", b"abcd")


def test_a_failure_carries_status_and_code_inside(a_handler, an_application):
    """http: a failure is never dressed as success."""

    def fail(_exchange):
        raise KeyError("secret")

    an_application.on_handle = fail
    content_type, body = a_handler.answer("GET", b"/agent/x", b"")

    document = json.loads(body)
    assert content_type == b"application/problem+json"
    assert (document["status"], document["code"], document["success"]) == (500, "internal", False)
    assert "secret" not in body.decode()


@pytest.mark.parametrize(
    "body", [(), (b"not json",), (b'["a list"]',), (b'{"status": 200, "success": true}',)]
)
def test_a_failure_without_a_problem_document_gets_one(body):
    """http: status and code always stand in the body."""
    _, sent = as_plain_answer(Response(405, (), body))

    assert json.loads(sent)["status"] == 405
    assert json.loads(sent)["code"]
    assert json.loads(sent)["success"] is False


@pytest.mark.parametrize("status", [202, 204, 304])
def test_an_empty_success_is_not_turned_into_slicers_404(status):
    """slicer: 404 for an empty body."""
    assert json.loads(as_plain_answer(Response(status))[1]) == {"status": status}


def test_an_answer_that_is_not_ready_is_given_up_honestly(a_handler, an_application):
    """http: scene.busy says that nothing was executed, so the application is told to stop."""
    an_application.holds = True

    document = json.loads(a_handler.answer("POST", b"/agent/x", b"{}")[1])

    assert (document["status"], document["code"]) == (503, "scene.busy")
    assert an_application.gone == an_application.exchanges
    an_application.exchanges[0].respond(Response(200))  # too late, ignored
    late = []
    an_application.exchanges[0].on_disconnect(lambda: late.append(1))
    assert late == [1]


def test_an_answer_in_time_tells_nobody_of_a_disconnect(a_handler, an_application):
    """house: a request is answered exactly once."""
    a_handler.answer("GET", b"/agent/x", b"")

    assert an_application.gone == []


def test_a_stream_is_refused(a_handler, an_application):
    """slicer: the server cannot stream."""

    def stream(exchange):
        opened = exchange.open_stream(200, ())
        opened.write(b"x")
        opened.close()
        assert not opened.is_open

    an_application.on_handle = stream
    an_application.holds = True

    assert json.loads(a_handler.answer("GET", b"/agent/x", b"")[1])["code"] == "host.feature_missing"


def test_admission_counts_here_too(a_handler, an_application):
    """http: token and body limit."""
    an_application.max_body_bytes = 3
    assert json.loads(a_handler.answer("POST", b"/agent/x", b"1234")[1])["status"] == 413

    an_application.admit = lambda head: Admission(0, Response(401, (), (b'{"code": "auth.required"}',)))
    assert json.loads(a_handler.answer("POST", b"/agent/x", b"")[1])["code"] == "auth.required"
    assert an_application.exchanges == []
