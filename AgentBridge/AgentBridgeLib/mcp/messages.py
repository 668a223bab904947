"""JSON-RPC 2.0: read one message, write one message."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import NoReturn

from AgentBridgeLib.mcp.vocabulary import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Json


class RpcError(Exception):
    """A fault of the protocol, answered as a JSON-RPC error.

    Parameters
    ----------
    code
        JSON-RPC error code.
    message
        What is wrong, for a person.
    data
        JSON-safe facts that the code comes with.
    status
        HTTP status; 200 where the specification does not ask for another.
    """

    def __init__(self, code: int, message: str, data: Json | None = None, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status

    def as_json(self) -> Json:
        """Give the `error` member."""
        error: Json = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a client.

    Attributes
    ----------
    id
        Of a request, or of the request that a response answers; None for a notification.
    method
        Empty for a response.
    params
        An object; empty when there are none.
    meta
        `params._meta`; empty when there is none.
    content
        The whole message, for responses.
    """

    id: str | int | float | None
    method: str
    params: Json
    meta: Json
    content: Json

    @property
    def is_response(self) -> bool:
        """Whether it answers a request of ours."""
        return not self.method


def read(body: memoryview) -> Message:
    """Read the body of a POST.

    Raises
    ------
    RpcError
        It is no JSON, or no single JSON-RPC message. Batches existed in 2025-03-26 only and are refused in
        every version.
    """
    content = _parse(body)
    if isinstance(content, list):
        raise _invalid("Batches are not supported. Send each message in a request of its own.")
    if not isinstance(content, dict) or content.get("jsonrpc") != "2.0":
        raise _invalid('This is no JSON-RPC 2.0 message: it must be an object with "jsonrpc": "2.0".')
    method = content.get("method", "")
    number = content.get("id")
    if not isinstance(method, str) or ("method" in content and not method):
        raise _invalid("'method' must be the name of a method.")
    if not method and "result" not in content and "error" not in content:
        raise _invalid("The message has neither 'method' nor 'result' nor 'error'.")
    if isinstance(number, bool) or not isinstance(number, (str, int, float, type(None))):
        raise _invalid("'id' must be a text or a number.")
    params = content.get("params")
    if not isinstance(params, (dict, type(None))):
        raise RpcError(INVALID_PARAMS, "'params' must be an object.", status=400)
    meta = (params or {}).get("_meta")
    return Message(number, method, params or {}, meta if isinstance(meta, dict) else {}, content)


def write(message: Json) -> bytes:
    """Write a message as compact JSON in UTF-8. JSON text has no line ends of its own."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def result(number: object, value: Json) -> Json:
    """Give the answer to a request."""
    return {"jsonrpc": "2.0", "id": number, "result": value}


def failure(number: object, error: RpcError) -> Json:
    """Give the error for a request; `number` None when the request could not be read."""
    return {"jsonrpc": "2.0", "id": number, "error": error.as_json()}


def notification(method: str, params: Json) -> Json:
    """Give a notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def _parse(body: memoryview) -> object:
    try:
        return json.loads(
            bytes(body).decode("utf-8"), parse_constant=_no_constant, parse_float=_finite_number
        )
    except RecursionError:
        raise RpcError(PARSE_ERROR, "The body is nested too deeply.", status=400) from None
    except ValueError as fault:
        reason = f" ({fault.msg} at column {fault.colno})" if isinstance(fault, json.JSONDecodeError) else ""
        raise RpcError(PARSE_ERROR, f"The body is not JSON in UTF-8{reason}.", status=400) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _finite_number(text: str) -> float:
    """Refuse what a float cannot hold: ids and tokens travel back, and infinity is no JSON."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("the number is too large")
    return number


def _invalid(text: str) -> RpcError:
    return RpcError(INVALID_REQUEST, text, status=400)
