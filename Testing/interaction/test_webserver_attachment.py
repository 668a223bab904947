"""Door 2: the bridge on Slicer's own WebServer, whoever starts, stops or reloads it."""

import signal
from pathlib import Path

import pytest

from transport_client import TransportHost, Wire

SCRIPT = Path(__file__).parent / "webserver_host.py"
OURS = ["Handler", "Handler"]


@pytest.fixture
def a_host():
    """Give a host with Slicer's WebServer stopped and the bridge not attached."""
    with TransportHost(script=SCRIPT) as host:
        yield host


def _press(host, button):
    assert host.ask("GET", f"/press?button={button}").text == "pressed"
    return _state(host)


def _state(host):
    return host.ask("GET", "/state").json


def _attached(host):
    assert host.ask("GET", "/ensure").text == "True"
    return _press(host, "start")


def test_both_handlers_are_registered_once_through_stop_start_and_reload(a_host):
    """slicer: startServer replaces the list, a reload makes a new logic."""
    assert _attached(a_host)["handlers"][-2:] == OURS
    for button in ("start", "stop", "start", "reload", "start"):
        state = _press(a_host, button)
        a_host.ask("GET", "/ensure")
        if button != "stop":
            assert _state(a_host)["handlers"].count("Handler") == 2
            assert state["shares_list"]


def test_the_bridge_finds_a_reloaded_module_by_itself(a_host):
    """slicer: a module reload makes a new logic; a slow timer calls `ensure()`."""
    _attached(a_host)

    _press(a_host, "reload")

    with_hand_over = a_host.ask("GET", "/state")
    while not with_hand_over.json["hands_over"]:
        with_hand_over = a_host.ask("GET", "/state")
    assert with_hand_over.json["handlers"].count("Handler") == 2
    with Wire(with_hand_over.json["port"]) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"


def test_attaching_to_a_running_server_works_at_once(a_host):
    """slicer: the bridge may be started after the server."""
    port = _press(a_host, "start")["port"]
    with Wire(port) as wire:
        assert wire.ask("GET", "/agent/hello").json["recorded"] == "file"

    a_host.ask("GET", "/ensure")

    with Wire(port) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"


def test_a_handed_over_connection_speaks_all_of_http(a_host):
    """slicer: same connection object as door 1."""
    port = _attached(a_host)["port"]
    with Wire(port) as wire:
        seen = wire.ask("GET", "/agent/head", headers={"authorization": "Bearer t"}).json
        assert (seen["door"], seen["local_port"], seen["peer_host"]) == ("webserver", port, "127.0.0.1")
        assert seen["headers"]["authorization"] == "Bearer t"
        wire.send(b"POST /agent/echo HTTP/1.1\r\nhost: h\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000))
        assert wire.answer().body == bytes(300_000)
        assert wire.ask("HEAD", "/agent/hello").status == 200
        assert wire.ask("PATCH", "/agent/hello").text == "hello"
        assert wire.ask("GET", "/agent/nothing").status == 404
        assert wire.ask("GET", "/agent/later").text == "later"
        assert wire.ask("GET", "/agent/stream?count=2").text == "data: 2\n\ndata: 1\n\n"
        wire.send(
            b"PUT /agent/echo HTTP/1.1\r\nHost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert wire.answer().body == b"abc"


def test_a_request_line_in_pieces_is_handed_over(a_host):
    """slicer: GE, T /ag, ent/v1."""
    with Wire(_attached(a_host)["port"]) as wire:
        for part in (b"GE", b"T /ag", b"ent/hello HTTP/1.1\r\nHost: x\r\n\r\n"):
            wire.send(part)
            assert _state(a_host)["port"]  # a round trip: the part was seen alone
        assert wire.answer().text == "hello"


def test_slicers_own_routes_stay_as_they_are(a_host):
    """slicer: all other connections go on to Slicer's code untouched."""
    port = _attached(a_host)["port"]
    for method, target, recorded in (
        ("GET", "/slicer/mrml/names", "mrml"),
        ("POST", "/slicer/volume", "volume"),
        ("GET", "/index.html", "file"),
    ):
        with Wire(port) as wire:
            answer = wire.ask(method, target, headers={"Content-Length": "0"})
            assert answer.json["recorded"] == recorded
            assert wire.read_to_end() == b""


def test_stopping_the_server_closes_what_was_handed_over(a_host):
    """slicer: `logic.stop()` closes the listening socket only."""
    port = _attached(a_host)["port"]
    with Wire(port) as idle, Wire(port) as busy:
        assert idle.ask("GET", "/agent/hello").text == "hello"
        busy.request("GET", "/agent/hold")
        while not _state(a_host)["held"]:
            pass

        _press(a_host, "stop")

        assert idle.read_to_end() == b""
        assert busy.read_to_end() == b""
    assert _state(a_host)["connections"] == 0
    assert _state(a_host)["gone"] == 1
    assert _state(a_host)["attachment_port"] is None


def test_starting_again_closes_what_was_handed_over_before(a_host):
    """slicer: start stops the old server first."""
    with Wire(_attached(a_host)["port"]) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"
        state = _press(a_host, "start")
        assert wire.read_to_end() == b""
    with Wire(state["port"]) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"


def test_detaching_leaves_the_server_as_it_was(a_host):
    """slicer: detach deletes the instance attribute."""
    port = _attached(a_host)["port"]
    with Wire(port) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"
        a_host.ask("GET", "/detach")
        a_host.ask("GET", "/detach")
        assert wire.read_to_end() == b""
    state = _state(a_host)
    assert "Handler" not in state["handlers"]
    assert not state["has_hook"]
    assert not state["hands_over"]
    assert not state["is_attached"]
    with Wire(port) as wire:
        assert wire.ask("GET", "/slicer/exec").status == 500  # Slicer's own answer: exec is switched off
    assert "Handler" not in _press(a_host, "start")["handlers"]


def test_attaching_again_after_detaching_works(a_host):
    """slicer: a setting switches the door off and on."""
    _attached(a_host)
    a_host.ask("GET", "/detach")
    state = _attached(a_host)
    assert state["handlers"].count("Handler") == 2
    with Wire(state["port"]) as wire:
        assert wire.ask("GET", "/agent/hello").text == "hello"


def test_the_wrapper_of_another_extension_survives(a_host):
    """slicer: others may follow the same instance attribute."""
    a_host.ask("GET", "/ensure")
    a_host.ask("GET", "/wrap")
    state = _press(a_host, "start")
    assert state["was_wrapped"]
    assert state["hands_over"]

    a_host.ask("GET", "/detach")

    assert _state(a_host)["has_hook"]  # theirs
    assert "Handler" not in _press(a_host, "start")["handlers"]


def test_without_hand_over_the_plain_handler_answers(a_host):
    """slicer: if the hand-over is not possible, body only, status and code inside."""
    state = _attached(a_host)
    a_host.ask("GET", "/forget-hand-over")

    def ask(method, target, **keywords):
        with Wire(state["port"]) as wire:
            return wire.ask(method, target, **keywords)

    assert ask("GET", "/agent/hello").text == "hello"
    seen = ask("GET", "/agent/head").json
    assert (seen["door"], seen["peer_host"], seen["headers"]) == ("webserver_plain", "127.0.0.1", {})
    assert ask("POST", "/agent/echo", body=b"abc").body == b"abc"
    for target, status, code in (
        ("/agent/nothing", 404, "request.route_unknown"),
        ("/agent/raise?kind=SystemExit", 500, "internal"),
        ("/agent/later", 503, "scene.busy"),
        ("/agent/stream?count=1", 501, "host.feature_missing"),
        ("/agent/forbidden", 401, "auth.required"),
    ):
        answer = ask("GET", target)
        assert answer.status == 200  # Slicer's server cannot say anything else
        assert (answer.json["status"], answer.json["code"], answer.json["success"]) == (status, code, False)
    assert ask("GET", "/agent/empty?status=204").json == {"status": 204}


def test_forty_clients_that_come_while_slicer_computes_are_answered(a_host):
    """slicer: a backlog of 5 makes simultaneous clients wait a second each."""
    port = _attached(a_host)["port"]
    a_host.process.send_signal(signal.SIGSTOP)
    try:
        wires = [Wire(port) for _ in range(40)]
        for wire in wires:
            wire.request("GET", "/agent/hello")
    finally:
        a_host.process.send_signal(signal.SIGCONT)
    assert [wire.answer().text for wire in wires] == ["hello"] * 40
    for wire in wires:
        wire.close()


def test_clients_that_leave_during_the_first_look_leak_nothing(a_host):
    """slicer: an empty connection leaks its descriptor in the stock server."""
    port = _attached(a_host)["port"]
    before = a_host.stats()["descriptors"]
    for data in (b"", b"GE", b"GET /ag", b"GET /agent/hello HTTP/1.1\r\n") * 25:
        with Wire(port) as wire:
            wire.send(data)

    a_host.stats_when(lambda stats: stats["descriptors"] <= before)
    assert _state(a_host)["connections"] == 0


def test_nothing_is_reported_as_a_fault():
    """slicer: an exception in a slot fails --testing runs at their end."""
    with TransportHost(script=SCRIPT) as host:
        port = _attached(host)["port"]
        for target in ("/agent/hello", "/slicer/mrml", "/slicer/exec", "/../../etc/passwd"):
            with Wire(port) as wire:
                wire.ask("GET", target)
        _press(host, "reload")
        host.ask("GET", "/detach")
        assert "Traceback" not in host.stop()
