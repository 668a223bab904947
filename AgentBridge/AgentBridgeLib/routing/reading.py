"""Read a request: query, JSON body, preferences, who asks."""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes

from AgentBridgeLib.dispatch.call import Preference
from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, MediaTypeError, RequestMalformedError
from AgentBridgeLib.routing.authority import own_authority
from AgentBridgeLib.routing.table import PREFIX

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import RequestHead

MAX_WAIT_S = 25.0
_RUN = secrets.token_hex(4)  # ids are unique, not secret: a number per request costs less than entropy
_numbers = itertools.count(1)
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,128}$")
_KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LISTS = {"includefield"}  # DICOM PS3.18, 8.3.4.3: may stand several times


def parse_query(query: str) -> dict[str, str]:
    """Read a query string.

    Raises
    ------
    RequestMalformedError
        It is not UTF-8.
    ArgumentInvalidError
        A name stands twice: which one would count?
    """
    values: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, text = part.partition("=")
        key = _decode(name)
        if key in values and key in _LISTS:
            values[key] += f",{_decode(text)}"
            continue
        if key in values:
            raise given_twice(key)
        if key:
            values[key] = _decode(text)
    return values


def given_twice(name: str) -> ArgumentInvalidError:
    """Make the error for an argument that stands twice: in the query, or in the query and the body."""
    return ArgumentInvalidError(
        f"The argument '{name}' is given more than once.",
        errors=[FieldProblem(f"/{name}", "is given twice", "once")],
    )


def parse_json_object(head: RequestHead, body: memoryview) -> dict[str, Any]:
    """Read a JSON object; no body counts as an empty one.

    Raises
    ------
    MediaTypeError
        The body says that it is something else, or compressed.
    RequestMalformedError
        It is not JSON, not UTF-8, not an object, has the same member twice, or half of a surrogate pair.
    """
    if body.nbytes == 0:
        return {}
    media_type = head.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if (
        head.door != "webserver_plain"
        and media_type != "application/json"
        and not media_type.endswith("+json")
    ):
        raise MediaTypeError(
            f"This route takes application/json, not {media_type}. Send the header 'Content-Type: application/json'."
        )
    coding = head.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise MediaTypeError(f"This route takes JSON as it is, not {coding}. Send it uncompressed.")
    try:
        value = json.loads(
            bytes(body).decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_distinct
        )
    except UnicodeDecodeError as fault:
        raise RequestMalformedError(f"The body is not UTF-8 (byte {fault.start}).") from None
    except json.JSONDecodeError as fault:
        raise RequestMalformedError(
            f"The body is not JSON: {fault.msg} at line {fault.lineno}, column {fault.colno}."
        ) from None
    except RecursionError:
        raise RequestMalformedError("The body is nested too deeply.") from None
    except ValueError as fault:
        raise RequestMalformedError(f"The body is not JSON: {fault}.") from None
    if _SURROGATE.search(body) and not _is_text(value):
        raise RequestMalformedError("The body has half of a surrogate pair, which is no character.")
    if not isinstance(value, dict):
        raise RequestMalformedError("The body must be a JSON object, that is, it begins with '{'.")
    return value


def preferences(head: RequestHead) -> Preference:
    """Read Prefer, the conditional headers and the idempotency key.

    Raises
    ------
    RequestMalformedError
        A preference has no usable value.
    """
    headers = head.headers
    if head.door == "webserver_plain":
        return _AT_ONCE
    if not (headers.keys() & {"prefer", "if-match", "if-none-match", "idempotency-key"}):
        return _NO_PREFERENCE
    respond_async, wait_s = _prefer(headers.get("prefer", ""))
    key = headers.get("idempotency-key", "")
    if key and not _KEY.match(key):
        raise RequestMalformedError("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return Preference(
        respond_async, wait_s, headers.get("if-match", ""), headers.get("if-none-match", ""), key
    )


_NO_PREFERENCE = Preference()
_AT_ONCE = Preference(wait_s=0.0)  # Slicer's plain handler has to answer before it returns


def caller(head: RequestHead) -> Caller:
    """Tell who asks; mint a request id when the client has none that can be echoed."""
    request_id = head.headers.get("x-request-id", "")
    if not _REQUEST_ID.match(request_id):
        request_id = f"{_RUN}-{next(_numbers):x}"
    agent = head.headers.get("user-agent", "").strip()
    if not agent.isprintable():
        agent = "".join(character for character in agent if character.isprintable())
    client = agent[:100] or "unnamed client"
    return Caller(client, request_id, head.door, head.headers.get("accept", ""), _base_url(head))


def _base_url(head: RequestHead) -> str:
    if head.door == "webserver_plain":
        return ""
    authority = own_authority(head)
    return f"http://{authority}{PREFIX}" if authority else ""


def wait_seconds(head: RequestHead, query: dict[str, str]) -> float:
    """Read `wait` of a long poll, in seconds, at most 25; 0 where the answer has to be given at once.

    Raises
    ------
    ArgumentInvalidError
        It is no number of seconds.
    """
    text = query.pop("wait", "0")
    seconds = _seconds(text)
    if seconds is None:
        raise ArgumentInvalidError(
            f"wait is '{text}'; it must be a number of seconds from 0 to {MAX_WAIT_S:g}.",
            errors=[FieldProblem("/wait", "is no number of seconds", f"0 to {MAX_WAIT_S:g}")],
        )
    return 0.0 if head.door == "webserver_plain" else min(seconds, MAX_WAIT_S)


def _prefer(header: str) -> tuple[bool, float | None]:
    respond_async, wait_s = False, None
    for part in header.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        name = name.strip().lower()
        if name == "respond-async":
            respond_async = True
        elif name == "wait":
            wait_s = _seconds(value.strip().strip('"'))
            if wait_s is None:
                raise RequestMalformedError(f"Prefer: wait={value.strip()} is no number of seconds.")
            wait_s = min(wait_s, MAX_WAIT_S)
    return respond_async, wait_s


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else None


def _decode(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise RequestMalformedError("The query has percent-encoded bytes that are not UTF-8.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the member '{twice}' stands twice")
    return value


def _is_text(value: object) -> bool:
    """Whether every text in a JSON value can be sent back as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
