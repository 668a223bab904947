"""Where the listener binds."""

import socket
from contextlib import ExitStack

import pytest

from AgentBridgeLib.errors import OperationFailedError
from AgentBridgeLib.transport import listener as listener_module
from AgentBridgeLib.transport.listener import Listener


@pytest.fixture
def a_listener(a_loop, an_application, limits):
    """Make listeners that are stopped at the end."""
    with ExitStack() as stack:

        def make():
            made = Listener(a_loop, an_application, limits)
            stack.callback(made.stop)
            return made

        yield make


def test_a_taken_port_makes_it_bind_the_next_free_one(a_listener):
    """http: if it is taken, the next free one is bound."""
    first, second, third = a_listener(), a_listener(), a_listener()
    port = first.start(0)

    assert second.start(port) > port
    assert third.start(port) > second.port
    assert len({port, second.port, third.port}) == 3


def test_a_port_taken_on_all_interfaces_is_not_shared(a_listener):
    """slicer: the stock WebServer listens on all interfaces."""
    with socket.create_server(("", 0)) as stock:
        port = stock.getsockname()[1]

        assert a_listener().start(port) > port


def test_only_the_loopback_address_is_bound(a_listener):
    """http: 127.0.0.1 only."""
    a_listener_ = a_listener()
    a_listener_.start(0)

    assert a_listener_._socket.getsockname()[0] == "127.0.0.1"


def test_starting_twice_and_stopping_twice_is_harmless(a_listener, a_loop):
    """slicer: the button, the launch and a script may all start it."""
    listener = a_listener()
    assert listener.port is None
    port = listener.start(0)
    assert listener.start(0) == port == listener.port

    listener.stop()
    listener.stop()

    assert listener.port is None
    assert a_loop.watches == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert listener.start(port) == port


def test_the_last_port_number_is_no_wall(a_listener, monkeypatch):
    """house: beyond the range the system chooses."""
    monkeypatch.setattr(listener_module, "_PORTS_TO_TRY", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert a_listener().start(port) not in {0, port}


def test_no_port_at_all_is_an_error_with_words(a_listener, monkeypatch):
    """house: no `None` for failure."""
    monkeypatch.setattr(listener_module, "_bind", lambda port: None)

    with pytest.raises(OperationFailedError, match="2016"):
        a_listener().start(2016)


def test_more_connections_than_one_turn_takes_are_all_looked_at(a_listener, a_loop, an_application):
    """http: accept until would-block, bounded per turn."""
    listener = a_listener()
    port = listener.start(0)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]

    a_loop.settle()

    assert listener.connection_count == 3
    assert len(an_application.faults) == 3
    for client in clients:
        client.close()
    a_loop.settle()
    assert listener.connection_count == 0
