"""The first look at a connection of Slicer's server."""

import socket

import pytest

from AgentBridgeLib.transport.handover import HandOver, is_for_the_bridge
from AgentBridgeLib.transport.peers import UNKNOWN_PEER, common_peer_host, is_local, peer_host


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (b"GET /agent HTTP/1.1\r\n", True), (b"GET /agent/v1 HTTP/1.1", True), (b"POST /agent/", True),
        (b"GET /agent?x=1", True), (b"GET http://127.0.0.1:2016/agent/v1/x HTTP/1.1", True),
        (b"GET", None), (b"GET ", None), (b"GET /", None), (b"GET /ag", None), (b"GET /agent", None),
        (b"GET htt", None), (b"GET http:/", None), (b"GET http://a", None), (b"GET http://a/ag", None),
        (b"GET / HTTP/1.1", False), (b"GET /agents", False), (b"GET /slicer/agent", False),
        (b"GET /agen HTTP/1.1", False),
        (b"GET http://a/slicer", False), (b"GET http: HTTP/1.1", False), (b"\x16\x03\x01 /x", False),
        (b"x" * 256, False), (b"G /" + b"x" * 300, False), (b"G h" + b"x" * 253, False),
    ],
)  # fmt: skip
def test_the_beginning_of_a_request_line_is_judged_as_soon_as_possible(head, verdict):
    """slicer: connections whose request line begins with /agent are handed over."""
    assert is_for_the_bridge(head) is verdict


@pytest.fixture
def an_accepted(a_loop, connections):
    """Give Slicer's end and the client's end of connections that pass through a hand-over."""
    made = []
    hand_over = HandOver(
        a_loop, connections, lambda connection, *rest: made.append((connection, rest)), lambda: True
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = []

        def accept():
            client = socket.create_connection(server.getsockname())
            connection = server.accept()[0]
            ends.extend((client, connection))
            keeper = hand_over(connection, "handlers", "docroot")
            return client, connection, keeper

        yield accept, made, hand_over
        connections.close_all()
        for end in ends:
            end.close()


def test_a_request_for_the_bridge_never_reaches_slicer(an_accepted, a_loop, connections):
    """slicer: hand-over through the server's instance attribute."""
    accept, made, _ = an_accepted
    client, _, _keeper = accept()
    client.sendall(b"GET /agent/v1 HTTP/1.1\r\nHost: h\r\n\r\n")
    a_loop.settle()

    assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert len(connections) == 1
    assert made == []


def test_another_request_reaches_slicer_untouched_and_blocking(an_accepted, a_loop, connections):
    """slicer: two read notifiers on one descriptor do not mix; the stock class expects a blocking socket."""
    accept, made, _ = an_accepted
    client, connection, _keeper = accept()
    client.sendall(b"GET /slicer HTTP/1.1\r\n\r\n")
    a_loop.settle()

    assert made == [(connection, ("handlers", "docroot"))]
    assert connection.getblocking()
    assert connection.recv(1000) == b"GET /slicer HTTP/1.1\r\n\r\n"
    assert a_loop.watches == []


def test_a_request_line_in_pieces_is_waited_for_without_burning_the_processor(
    an_accepted, a_loop, connections
):
    """slicer: peeking without reading burns a core; pause and look again by timer."""
    accept, made, _ = an_accepted
    client, _, _keeper = accept()
    for part in (b"GE", b"T /ag", b"ent/v1 HTTP/1.1\r\nHost: h\r\n\r\n"):
        client.sendall(part)
        a_loop.settle()
        a_loop.pass_time(0.25)

    assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert made == []


def test_a_request_line_that_never_comes_whole_is_closed(an_accepted, a_loop):
    """slicer: its own class would keep the descriptor for ever."""
    accept, made, _ = an_accepted
    client, connection, _keeper = accept()
    client.sendall(b"GE")
    a_loop.pass_time(4)
    assert connection.fileno() >= 0

    a_loop.pass_time(2)

    assert connection.fileno() == -1
    assert made == []
    assert a_loop.calls == []


def test_a_client_that_leaves_at_once_is_closed_and_slicer_not_bothered(an_accepted, a_loop):
    """slicer: an empty connection leaks its descriptor."""
    accept, made, _ = an_accepted
    client, connection, _keeper = accept()
    client.close()
    a_loop.settle()

    assert made == []
    assert connection.fileno() == -1


def test_another_computer_is_closed(an_accepted, a_loop, connections, monkeypatch):
    """slicer: the server listens on all interfaces; the bridge serves this computer only."""
    monkeypatch.setattr("AgentBridgeLib.transport.handover.peer_host", lambda connection: "192.0.2.7")
    accept, made, _ = an_accepted
    client, connection, _keeper = accept()
    client.sendall(b"GET /agent/v1 HTTP/1.1\r\n\r\n")
    a_loop.settle()

    assert connection.fileno() == -1
    assert len(connections) == 0
    assert made == []


def test_after_deactivation_everything_goes_to_slicer(an_accepted, a_loop):
    """slicer: detach leaves the server as it was."""
    accept, made, hand_over = an_accepted
    hand_over.deactivate()
    _client, connection, _keeper = accept()

    assert made == [(connection, ("handlers", "docroot"))]


def test_while_the_bridge_does_not_answer_there_everything_goes_to_slicer(connections, a_loop):
    """slicer: a setting; asked at each connection."""
    made = []
    left, right = socket.socketpair()
    with left, right:
        HandOver(a_loop, connections, made.append, lambda: False)(left)

    assert made == [left]


def test_a_first_look_that_fails_leaves_the_connection_to_slicer(connections, a_loop):
    """slicer: only OSError is caught by the caller; any other exception leaves the client without an answer."""
    made = []
    hand_over = HandOver(a_loop, connections, made.append, lambda: True)
    left, right = socket.socketpair()
    with left, right:

        def fail(*_):
            raise SystemExit(1)

        a_loop.watch_readable = fail
        hand_over(left)

        assert made == [left]
        assert left.getblocking()


def test_a_stock_class_that_fails_lets_nothing_out(an_accepted, a_loop):
    """slicer: no exception leaves a slot."""
    accept, _, hand_over = an_accepted

    def fail(*_):
        raise ValueError

    hand_over._stock = fail
    client, _, _keeper = accept()
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")

    a_loop.settle()


class Communicator:
    def __init__(self, connection):
        self.connectionSocket = connection


class Server:
    def __init__(self, *communicators):
        self.requestCommunicators = dict(enumerate(communicators))


class Elsewhere:
    """A connection from another computer."""

    def fileno(self):
        return 99

    def getpeername(self):
        return ("192.0.2.7", 4)


def test_a_plain_request_is_local_only_when_every_open_connection_is():
    """slicer: a handler sees no peer."""
    closed = socket.socket()
    closed.close()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        here = server.accept()[0]
        with here:
            assert common_peer_host(Server(Communicator(here))) == "127.0.0.1"
            assert common_peer_host(Server(Communicator(here), Communicator(closed))) == "127.0.0.1"
            assert common_peer_host(Server(Communicator(here), Communicator(Elsewhere()))) == "192.0.2.7"
            assert not is_local(common_peer_host(Server(Communicator(here), object())))
            assert peer_host(client) == "127.0.0.1"
    assert common_peer_host(Server()) == common_peer_host(None) == UNKNOWN_PEER
    assert not is_local(UNKNOWN_PEER)
    assert not is_local("not an address")
