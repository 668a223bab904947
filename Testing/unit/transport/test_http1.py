"""The protocol core: however the bytes are cut, the same requests and faults come out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.errors import BridgeError, HeadTooLargeError, RequestMalformedError, RequestTooLargeError
from AgentBridgeLib.transport.http1 import RequestParser

MAX_HEAD_BYTES = 300
MAX_BODY_BYTES = 50
CHUNKED = b"PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


def events_of(pieces, *, writes_directly=False):
    """Drive a parser as a connection does; what came out, a fault last."""
    parser, events, receiving = RequestParser(MAX_HEAD_BYTES), [], False
    try:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                room = parser.body_space
                if writes_directly and room:
                    count = min(len(room), len(left))
                    room[:count] = left[:count]
                    parser.body_filled(count)
                else:
                    count = len(left)
                    parser.feed(left)
                left = left[count:]
                receiving = _collect(parser, events, receiving)
    except BridgeError as fault:
        events.append(fault.code)
    return events


def _collect(parser, events, receiving):
    while True:
        if receiving:
            body = parser.next_body()
            if body is None:
                return True
            events.append(bytes(body))
            receiving = False
        head = parser.next_head()
        if head is None:
            return False
        events.append(head)
        receiving = head.has_body
        if receiving and head.content_length is None:
            parser.receive_chunks(MAX_BODY_BYTES)
        elif receiving:
            parser.receive_into(memoryview(bytearray(head.content_length)))


def _cut(data, places):
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


MESSAGES = st.sampled_from(
    [
        b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\r\nGET /b?c=d HTTP/1.0\r\nX-Empty:\r\nX: y\r\n\r\n",
        b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nGET / HTTP/",
        CHUNKED + b"5\r\nhello\r\n00A;ext=1\r\n\r\n\r\n567890\r\n0\r\n\r\n",
        CHUNKED + b"0\r\nTrailer: GET /\r\nB: c\r\n\r\n",
        b"PUT /f HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        b"\r\n\r\n\r\n",
        # faults
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\n",
        b"GET / HTTP/1.1\r\nHost: " + b"h" * 400 + b"\r\n\r\n",
        CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
        CHUNKED + b"5\nhello\r\n0\r\n\r\n",
        CHUNKED + b"hello\r\n0\r\n\r\n",
        CHUNKED + b"33\r\nhello",
        CHUNKED + b"0\r\nA: b\nC: d\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n" * 6,
        b"\rGET / HTTP/1.1\r\n\r\n",
    ]
)  # fmt: skip


@given(st.lists(MESSAGES, min_size=1, max_size=5), st.lists(st.integers(0, 3000), max_size=12), st.booleans())
def test_any_cut_of_the_input_gives_the_same_events(messages, places, writes_directly):
    """issue:#2 half-sent and pipelined requests; http: RFC 9112, 6.3."""
    data = b"".join(messages)

    assert events_of(_cut(data, places), writes_directly=writes_directly) == events_of([data])


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.booleans())
def test_byte_by_byte_gives_the_same_events(messages, writes_directly):
    """issue:#2 slow requests."""
    data = b"".join(messages)

    assert events_of(_cut(data, range(len(data))), writes_directly=writes_directly) == events_of([data])


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=5))
def test_noise_gives_at_most_one_fault_and_never_another_exception(noise, places):
    """issue:#2 malformed requests."""
    events = events_of(_cut(noise, places))

    assert [event for event in events[:-1] if isinstance(event, str)] == []
    assert events == events_of([noise])


@given(st.binary(max_size=MAX_BODY_BYTES), st.lists(st.integers(1, 9), max_size=20))
def test_chunks_of_any_sizes_give_back_the_body(body, sizes):
    """http: RFC 9112, 7.1."""
    chunked, left = b"", body
    while left:
        size = sizes.pop() if sizes else len(left)
        piece, left = left[:size], left[size:]
        chunked += b"%X\r\n%b\r\n" % (len(piece), piece)
    request = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + b"0\r\n\r\n"

    assert events_of([request])[1:] == [body]


def test_a_head_of_exactly_the_limit_passes_and_one_byte_more_does_not():
    """http: head 32 KiB, its own error."""
    empty = b"GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n"
    room = MAX_HEAD_BYTES - len(empty)

    assert events_of([empty.replace(b"X: ", b"X: " + b"x" * room)])[0].headers["x"] == "x" * room
    assert events_of([empty.replace(b"X: ", b"X: " + b"x" * (room + 1))]) == [HeadTooLargeError.code]


def test_a_head_without_end_is_refused_as_soon_as_the_limit_is_reached():
    """issue:#2 huge requests: it is not collected first."""
    parser = RequestParser(MAX_HEAD_BYTES)
    parser.feed(b"G" * (MAX_HEAD_BYTES - 1))
    assert parser.next_head() is None

    parser.feed(b"G")
    with pytest.raises(HeadTooLargeError):
        parser.next_head()


def test_tls_on_the_plain_port_is_refused_at_its_first_byte():
    """house: a client that says https gets an answer instead of a timeout."""
    assert events_of([b"\x16"]) == [RequestMalformedError.code]


def test_a_chunk_that_would_pass_the_limit_is_refused_before_its_data():
    """issue:#2 huge requests; nothing is collected beyond the limit."""
    start = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    announced = b"%x\r\n" % (MAX_BODY_BYTES - 5)

    assert events_of([start + b"5\r\nhello\r\n" + announced])[1:] == []
    assert events_of([start + b"6\r\nhello!\r\n" + announced])[1:] == [RequestTooLargeError.code]
    assert events_of([start + b"ffffffffffffffff\r\n"])[1:] == [RequestTooLargeError.code]


@pytest.mark.parametrize("filler", [b";" + b"x" * 600, b"0" * 600])
def test_a_size_line_without_end_is_refused(filler):
    """issue:#2 huge requests: no buffer grows without bound."""
    start = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5"

    assert events_of([start + filler])[1:] == [RequestMalformedError.code]


def test_a_trailer_without_end_is_refused():
    """issue:#2 huge requests: no buffer grows without bound."""
    start = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

    assert events_of([start + b"X: y\r\n" * 2000])[1:] == [RequestMalformedError.code]


def test_a_body_lands_in_the_callers_memory():
    """issue:#2 large bodies are received straight into their final buffer."""
    parser, target = RequestParser(MAX_HEAD_BYTES), bytearray(4)
    parser.feed(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
    assert parser.next_head() is not None

    parser.receive_into(memoryview(target))
    assert parser.next_body() is None
    parser.body_space[:] = b"cd"
    parser.body_filled(2)

    body = parser.next_body()
    assert body is not None
    assert body.obj is target
    assert target == b"abcd"
    assert parser.buffered_bytes == 0
