"""Request heads: from the bytes between two requests' bodies to a `ParsedHead`.

The request line is read here; the header fields by llhttp (through `httptools`), which refuses bare line feeds,
folded lines, blanks before the colon, control characters, and lengths that are no single number: the raw material
of request smuggling. llhttp knows a fixed list of methods, so it never sees the client's request line: an unknown
method has to reach routing, which answers 405. RFC numbers: 9110 (semantics), 9112 (HTTP/1.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import httptools

from AgentBridgeLib.errors import LengthRequiredError, RequestMalformedError

# RFC 9110, 5.6.2 token; RFC 9112, 3 request-line. Raw bytes above 0x7F are no URI, yet curl sends them.
_REQUEST_LINE = re.compile(
    rb"(?P<method>[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) "
    rb"(?P<target>[\x21-\x7e\x80-\xff]+) "
    rb"HTTP/(?P<major>[0-9])\.(?P<minor>[0-9])\r\n"
)
_ABSOLUTE_FORM = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_PRINTABLE_ASCII = bytes(range(0x21, 0x7F)).decode("ascii")
_LINE_FOR_LLHTTP = (b"POST / HTTP/1.0\r\n", b"POST / HTTP/1.1\r\n")
_MAX_LENGTH_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ParsedHead:
    """What a request head says, with the questions of HTTP/1.1 framing answered.

    Attributes
    ----------
    method, target
        As they came; an absolute-form target is reduced to its path and query.
    headers
        Names in lower case; values of repeated fields joined by ", ".
    is_http_10
        Whether the client speaks HTTP/1.0: no chunks, no interim answers, no persistence unless asked for.
    content_length
        In bytes; None when the body comes in chunks; 0 without a body.
    keep_alive
        Whether the client wants to go on with this connection.
    expects_continue
        Whether the client waits for "100 Continue" before it sends the body.
    """

    method: str
    target: str
    headers: dict[str, str]
    is_http_10: bool
    content_length: int | None
    keep_alive: bool
    expects_continue: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes follow that belong to this request."""
        return self.content_length != 0


class _Fields:
    """What llhttp reports while it reads header fields."""

    __slots__ = ("hosts", "is_complete", "values")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.hosts = 0
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.lower().decode("ascii")
        text = value.decode("latin-1").strip(" \t")
        if key == "host":
            self.hosts += 1
        known = self.values.get(key)
        self.values[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        self.is_complete = True


def parse_head(raw: bytes) -> ParsedHead:
    """Read one complete head.

    Parameters
    ----------
    raw
        From the request line to the empty line, both included.

    Raises
    ------
    RequestMalformedError
        Not HTTP/1.0 or 1.1, or something in it could be read in two ways.
    LengthRequiredError
        A transfer coding other than `chunked`.
    """
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise RequestMalformedError("The first line is no HTTP request line: METHOD /path HTTP/1.1")
    method = line["method"].decode("ascii")
    is_http_10 = _is_http_10(line["major"], line["minor"])
    fields = _read_fields(raw[line.end() :], is_http_10)
    headers = fields.values
    target = _origin_form(method, line["target"], fields)
    if fields.hosts > 1 or (fields.hosts == 0 and not is_http_10):
        raise RequestMalformedError("Send exactly one Host header.")  # RFC 9112, 3.2
    length = _body_length(headers, is_http_10)
    return ParsedHead(
        method=method,
        target=target,
        headers=headers,
        is_http_10=is_http_10,
        content_length=length,
        keep_alive=_keep_alive(headers.get("connection"), is_http_10),
        expects_continue=length != 0 and _expects_continue(headers.get("expect"), is_http_10),
    )


def _is_http_10(major: bytes, minor: bytes) -> bool:
    if major != b"1":
        raise RequestMalformedError("Speak HTTP/1.1 (or 1.0) here; other versions are not supported.")
    return minor == b"0"


def _read_fields(block: bytes, is_http_10: bool) -> _Fields:
    fields = _Fields()
    parser = httptools.HttpRequestParser(fields)
    try:
        parser.feed_data(_LINE_FOR_LLHTTP[not is_http_10])
        parser.feed_data(block)
    except httptools.HttpParserUpgrade:
        pass  # RFC 9110, 7.8: an Upgrade may be ignored; the request is answered as HTTP/1.1.
    except httptools.HttpParserError:
        if not fields.is_complete:
            raise RequestMalformedError(
                "A header field is malformed. Each is 'Name: value' and ends in CRLF, without a blank before the "
                "colon, folded lines or control characters; Content-Length is one number and excludes "
                "Transfer-Encoding."
            ) from None
    if not fields.is_complete:
        raise RequestMalformedError("The request head ends too early.")
    return fields


def _origin_form(method: str, target: bytes, fields: _Fields) -> str:
    if method == "CONNECT":
        raise RequestMalformedError("CONNECT is for proxies; this is none.")
    text = quote_from_bytes(target, safe=_PRINTABLE_ASCII)
    if text.startswith("/") or (text == "*" and method == "OPTIONS"):
        return text
    absolute = _ABSOLUTE_FORM.fullmatch(text)
    if absolute is None:
        raise RequestMalformedError("The request target has to begin with a slash.")
    fields.values["host"] = absolute["authority"]  # RFC 9112, 3.2.2: it replaces the Host header
    rest = absolute["rest"]
    return rest if rest.startswith("/") else f"/{rest}"


def _body_length(headers: dict[str, str], is_http_10: bool) -> int | None:
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise LengthRequiredError("Send a Content-Length or 'Transfer-Encoding: chunked', nothing else.")
        if is_http_10 or "content-length" in headers:
            raise RequestMalformedError("Transfer-Encoding needs HTTP/1.1 and excludes Content-Length.")
        return None
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
        raise RequestMalformedError("Content-Length is no sensible number.")
    return int(length)


def _keep_alive(connection: str | None, is_http_10: bool) -> bool:
    if connection is None:
        return not is_http_10
    options = {option.strip() for option in connection.lower().split(",")}
    return "close" not in options and (not is_http_10 or "keep-alive" in options)


def _expects_continue(expect: str | None, is_http_10: bool) -> bool:
    if expect is None or is_http_10:  # RFC 9110, 10.1.1: an HTTP/1.0 expectation is ignored
        return False
    if expect.lower() != "100-continue":
        raise RequestMalformedError("The only expectation met here is 'Expect: 100-continue'.")
    return True
