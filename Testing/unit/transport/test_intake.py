"""Requests that wait for their turn."""

from AgentBridgeLib.errors import RequestMalformedError
from AgentBridgeLib.transport.intake import Intake

GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT /put HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"


def _an_intake(data=b"", max_waiting=3):
    intake = Intake(1000, max_waiting)
    intake.parser.feed(data)
    return intake


def test_pipelined_requests_come_out_in_order():
    """http: at most 8 requests waiting per connection, none lost."""
    intake = _an_intake(b"".join(GET % number for number in range(7)))

    assert [intake.take().target for _ in range(7)] == [f"/{number}" for number in range(7)]
    assert intake.take() is None


def test_only_so_many_heads_are_read_ahead():
    """http: at most 8 requests waiting per connection."""
    intake = _an_intake(b"".join(GET % number for number in range(7)))
    before = intake.parser.buffered_bytes

    intake.look_ahead()
    intake.look_ahead()

    assert before - intake.parser.buffered_bytes == 3 * len(GET % 0)


def test_nothing_is_read_past_a_body_until_it_was_taken():
    """house: a body belongs to the request whose turn it is."""
    intake = _an_intake(PUT + GET % 1)

    assert intake.take().method == "PUT"
    assert intake.take() is None
    intake.parser.receive_into(memoryview(bytearray(3)))
    assert bytes(intake.take_body()) == b"abc"
    assert intake.take().target == "/1"


def test_a_fault_waits_for_its_turn_and_is_the_last():
    """http: answers come in order, the one to a fault too."""
    intake = _an_intake(GET % 0 + b"nonsense\r\n\r\n" + GET % 1)

    assert intake.take().target == "/0"
    assert isinstance(intake.take(), RequestMalformedError)
    assert intake.take() is None


def test_there_is_room_until_the_buffer_is_full_and_again_for_a_body():
    """issue:#2 nothing lost, nothing without bound."""
    intake = _an_intake()
    assert intake.has_room

    intake.parser.feed(bytes(64 * 1024))
    assert not intake.has_room


def test_a_shut_intake_gives_nothing():
    """house: after a fault nothing of the client is trusted."""
    intake = _an_intake(GET % 0 + GET % 1)
    intake.look_ahead()

    intake.shut()

    assert intake.take() is None
