"""Request heads: what is read, and what is refused because it could be read in two ways."""

import pytest

from AgentBridgeLib.errors import LengthRequiredError, RequestMalformedError
from AgentBridgeLib.transport.heads import parse_head


def _head(*lines, first=b"GET /agent/v1/nodes?limit=5 HTTP/1.1", host=b"Host: 127.0.0.1:2016"):
    return b"\r\n".join([first, *([host] if host else []), *lines, b"", b""])


def test_a_plain_get_is_read_completely():
    """http: RFC 9112, 3 and 5."""
    parsed = parse_head(_head(b"Accept:  application/json ", b"X-Empty:", b"accept: text/html"))

    assert (parsed.method, parsed.target) == ("GET", "/agent/v1/nodes?limit=5")
    assert parsed.headers == {
        "host": "127.0.0.1:2016",
        "accept": "application/json, text/html",
        "x-empty": "",
    }
    assert (parsed.content_length, parsed.has_body, parsed.keep_alive) == (0, False, True)
    assert not parsed.is_http_10
    assert not parsed.expects_continue


def test_a_method_that_nobody_knows_reaches_routing():
    """http: unknown method 405 with Allow, which only routing can give."""
    assert parse_head(_head(first=b"BREW /pot HTTP/1.1")).method == "BREW"


@pytest.mark.parametrize(
    "smuggled",
    [
        pytest.param([b"Content-Length: 5", b"Transfer-Encoding: chunked"], id="length and coding"),
        pytest.param([b"Transfer-Encoding: chunked", b"Content-Length: 5"], id="coding and length"),
        pytest.param([b"Content-Length: 5", b"Content-Length: 6"], id="two lengths"),
        pytest.param([b"Content-Length: 5, 5"], id="a list of lengths"),
        pytest.param([b"Content-Length: +5"], id="a signed length"),
        pytest.param([b"Content-Length: 0x5"], id="a hexadecimal length"),
        pytest.param([b"Content-Length: "], id="no length"),
        pytest.param([b"Content-Length: 1 1"], id="a length with a blank"),
        pytest.param([b"Content-Length: " + b"9" * 30], id="an endless length"),
        pytest.param(["Content-Length: \u0665".encode()], id="Arabic digits"),
        pytest.param([b"Content-Length : 5"], id="blank before the colon"),
        pytest.param([b"X-A: b", b" folded: c"], id="folded line"),
        pytest.param([b"X-A: b\0c"], id="NUL"),
        pytest.param([b"X-A: b\nContent-Length: 5"], id="bare line feed"),
        pytest.param([b"X-A: b\rContent-Length: 5"], id="bare carriage return"),
        pytest.param([b"X A: b"], id="blank in a name"),
        pytest.param([b": b"], id="no name"),
        pytest.param([b"no colon"], id="no colon"),
        pytest.param([b"Host: other"], id="two hosts"),
        pytest.param([b"Transfer-Encoding: chunked, identity"], id="chunked is not last"),
    ],
)
def test_a_head_that_two_readers_could_understand_differently_is_refused(smuggled):
    """issue:#2 bad input; http: RFC 9112, 11.2."""
    with pytest.raises(RequestMalformedError):
        parse_head(_head(*smuggled))


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"identity", b"xchunked"])
def test_a_transfer_coding_other_than_chunked_asks_for_a_length(coding):
    """http: bodies have a Content-Length or are chunked."""
    with pytest.raises(LengthRequiredError):
        parse_head(_head(b"Transfer-Encoding: " + coding))


def test_a_missing_host_is_refused_for_1_1_and_allowed_for_1_0():
    """http: RFC 9112, 3.2."""
    with pytest.raises(RequestMalformedError):
        parse_head(_head(host=None))

    assert parse_head(_head(host=None, first=b"GET / HTTP/1.0")).is_http_10


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"PRI * HTTP/2.0", b"GET /", b"GET  / HTTP/1.1", b"GET / a HTTP/1.1",
        b"GET / HTTP/1.1 ", b"G\x01T / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET nodes HTTP/1.1", b"GET * HTTP/1.1",
        b"GET ftp://h/ HTTP/1.1", b"CONNECT h:80 HTTP/1.1", b"GET / http/1.1", b"A" * 33 + b" / HTTP/1.1",
    ],
)  # fmt: skip
def test_a_wrong_request_line_is_refused(line):
    """http: RFC 9112, 3; other versions and proxying are not offered."""
    with pytest.raises(RequestMalformedError):
        parse_head(_head(first=line))


def test_an_absolute_target_is_reduced_and_its_authority_replaces_the_host():
    """http: RFC 9112, 3.2.2, so that the Host check sees what the client meant."""
    parsed = parse_head(_head(first=b"GET http://evil.example?x=1 HTTP/1.1"))

    assert parsed.target == "/?x=1"
    assert parsed.headers["host"] == "evil.example"


def test_raw_bytes_in_the_target_are_percent_encoded():
    """house: curl sends the letters of a node name as they were typed."""
    parsed = parse_head(_head(first="GET /nodes?name=Schädel%20A HTTP/1.1".encode()))

    assert parsed.target == "/nodes?name=Sch%C3%A4del%20A"


def test_options_of_the_server_as_a_whole_is_let_through():
    """http: RFC 9112, 3.2.4."""
    assert parse_head(_head(first=b"OPTIONS * HTTP/1.1")).target == "*"


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"close", False),
        (b"1.1", b"Keep-Alive, CLOSE", False),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.2", b"", True),
    ],
)
def test_persistence_follows_version_and_connection_header(version, connection, expected):
    """http: RFC 9112, 9.3."""
    parsed = parse_head(_head(b"Connection: " + connection, first=b"GET / HTTP/" + version))

    assert parsed.keep_alive is expected


def test_an_expectation_counts_for_1_1_with_a_body_only():
    """http: RFC 9110, 10.1.1."""
    expect = b"Expect: 100-Continue"
    assert parse_head(_head(expect, b"Content-Length: 3")).expects_continue
    assert parse_head(_head(expect, b"Transfer-Encoding: Chunked")).expects_continue
    assert not parse_head(_head(expect)).expects_continue
    assert not parse_head(_head(expect, b"Content-Length: 3", first=b"PUT / HTTP/1.0")).expects_continue
    with pytest.raises(RequestMalformedError):
        parse_head(_head(b"Expect: coffee", b"Content-Length: 3"))


def test_a_wish_to_upgrade_is_ignored():
    """http: RFC 9110, 7.8."""
    parsed = parse_head(_head(b"Connection: Upgrade", b"Upgrade: h2c", b"Accept: */*"))

    assert parsed.headers["accept"] == "*/*"
    assert parsed.keep_alive


def test_chunks_are_refused_for_1_0():
    """http: RFC 9112, 6.1: the framing is faulty."""
    with pytest.raises(RequestMalformedError):
        parse_head(_head(b"Transfer-Encoding: chunked", first=b"PUT / HTTP/1.0"))
