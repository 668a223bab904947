"""Answers as bytes."""

import json

import pytest

from AgentBridgeLib.errors import SceneBusyError
from AgentBridgeLib.model.exchange import Response
from AgentBridgeLib.transport.answers import (
    encode_chunk,
    encode_head,
    encode_response,
    problem_of_last_resort,
)


def _sent(response, method="GET", own=()):
    head, _, body = b"".join(encode_response(response, method, own)).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def test_status_line_date_length_and_the_applications_fields_are_sent():
    """http: RFC 9110, 6.6.1 and 8.6."""
    first, fields, body = _sent(
        Response(404, [("Content-Type", "text/plain")], (b"no", b"pe")), own=["Connection: close"]
    )

    assert first == "HTTP/1.1 404 Not Found"
    assert fields.pop("Date").endswith(" GMT")
    assert fields == {"Content-Type": "text/plain", "Content-Length": "4", "Connection": "close"}
    assert body == b"nope"


def test_fields_that_transport_owns_cannot_be_contradicted():
    """house: two lengths in an answer are response splitting."""
    response = Response(
        200, [("content-length", "1"), ("Transfer-Encoding", "chunked"), ("X", "y")], (b"abc",)
    )

    assert _sent(response)[1].keys() - {"Date"} == {"X", "Content-Length"}


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_a_field_that_would_split_the_answer_is_refused(place, value):
    """house: node names may reach headers."""
    field = (value, "v") if place == "name" else ("N", value)

    with pytest.raises(ValueError, match="control character"):
        encode_head(200, [field], [])


def test_head_gets_the_length_without_the_body():
    """http: HEAD works wherever GET does."""
    _, fields, body = _sent(Response(200, (), (b"abc",)), method="HEAD")

    assert fields["Content-Length"] == "3"
    assert body == b""


@pytest.mark.parametrize(("status", "has_length"), [(204, False), (304, False), (200, True), (404, True)])
def test_an_empty_answer_says_its_length_unless_the_status_forbids_it(status, has_length):
    """http: RFC 9110, 8.6."""
    _, fields, body = _sent(Response(status))

    assert (fields.get("Content-Length") == "0") is has_length
    assert body == b""


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_is_never_sent_where_the_status_forbids_one(status):
    """http: RFC 9110, 6.4.1; it would be taken for the next answer."""
    assert _sent(Response(status, (), (b"stray",)))[2] == b""


def test_small_parts_are_joined_and_large_ones_are_the_callers_own_memory():
    """issue:#2 sent as memory views."""
    large = bytearray(1 << 20)

    assert len(encode_response(Response(200, (), (b"a", b"b")), "GET", [])) == 1
    views = encode_response(Response(200, (), (b"a", b"", large)), "GET", [])
    assert len(views) == 3
    assert views[2].obj is large


def test_a_typed_view_is_sent_as_its_bytes():
    """issue:#2 no copy of a volume: voxels travel as they lie in memory."""
    voxels = memoryview(bytes(range(24))).cast("H", (3, 2, 2))

    assert _sent(Response(200, (), (voxels, memoryview(b"").cast("B"))))[2] == bytes(range(24))


def test_a_view_with_gaps_is_refused_instead_of_copied():
    """house: the caller decides about copies."""
    with pytest.raises(TypeError):
        encode_response(Response(200, (), (memoryview(b"abcd")[::2],)), "GET", [])


def test_an_unknown_status_still_makes_a_status_line():
    """http: RFC 9112, 4: the phrase may be anything."""
    assert _sent(Response(299))[0] == "HTTP/1.1 299 Unknown"


def test_a_chunk_says_its_size_in_hexadecimal():
    """http: RFC 9112, 7.1."""
    assert encode_chunk(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"


def test_the_problem_of_last_resort_has_status_and_code_inside():
    """http: RFC 9457, and status and code always stand in the body."""
    fault = SceneBusyError("Busy.", retry_after_s=0.2, facts={"job": "7", "status": 200})
    response = problem_of_last_resort(fault)

    document = json.loads(b"".join(response.body))
    assert (response.status, document["status"], document["code"], document["job"]) == (
        503,
        503,
        "scene.busy",
        "7",
    )
    assert ("Retry-After", "1") in response.headers
