"""Which generation a message belongs to, and the checks of 2026-07-28 on its headers: a ladder, the first fault wins.

2026-07-28 repeats in headers what the body says, so that proxies can route without reading bodies; the two must agree
(basic/transports, "Header validation").
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.messages import Message, RpcError
from AgentBridgeLib.mcp.vocabulary import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    LEGACY,
    META_CAPABILITIES,
    META_VERSION,
    MODERN,
    VERSION_UNSUPPORTED,
    Json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENCODED = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_WELCOME = re.compile(r"\*/\*|application/(\*|json)|text/(\*|event-stream)", re.IGNORECASE)
NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""What of the parameters the header `Mcp-Name` repeats, by method."""


def accepts_answers(headers: Mapping[str, str]) -> bool:
    """Whether the client takes JSON or an event stream; no Accept header takes anything (RFC 9110, 12.5.1)."""
    return _WELCOME.search(headers.get("accept", "*/*")) is not None


def is_modern(headers: Mapping[str, str], message: Message) -> bool:
    """Whether a message is of a version without a handshake."""
    version = headers.get("mcp-protocol-version")
    return META_VERSION in message.meta or (version is not None and version.strip() not in LEGACY)


def check_modern(headers: Mapping[str, str], message: Message) -> None:
    """Refuse a request whose headers and body do not agree, or whose version is not served.

    Raises
    ------
    RpcError
        With status 400.
    """
    meta = message.meta
    if META_VERSION not in meta or not isinstance(meta.get(META_CAPABILITIES), dict):
        raise RpcError(
            INVALID_PARAMS,
            f"'params._meta' must have '{META_VERSION}' and '{META_CAPABILITIES}' (an object).",
            status=400,
        )
    version = meta[META_VERSION]
    if headers.get("mcp-protocol-version", "").strip() != version:
        raise _mismatch("MCP-Protocol-Version")
    if version not in MODERN:
        raise RpcError(
            VERSION_UNSUPPORTED,
            f"Version {version} is not served without a handshake.",
            {"supported": list(MODERN), "requested": version},
            400,
        )
    if headers.get("mcp-method", "").strip() != message.method:
        raise _mismatch("Mcp-Method")
    member = NAMED.get(message.method)
    if member is not None and header_text(headers.get("mcp-name"), "Mcp-Name") != message.params.get(member):
        raise _mismatch("Mcp-Name")


def check_parameter_headers(headers: Mapping[str, str], schema: Json, arguments: Json) -> None:
    """Refuse a call whose `Mcp-Param-…` headers differ from the arguments that a schema marks with `x-mcp-header`.

    Raises
    ------
    RpcError
        With status 400.
    """
    for name, entry in schema.get("properties", {}).items():
        label = entry.get("x-mcp-header") if isinstance(entry, dict) else None
        if label is None:
            continue
        header = f"Mcp-Param-{label}"
        value = arguments.get(name)
        expected = value if isinstance(value, (str, type(None))) else json.dumps(value)
        if header_text(headers.get(header.lower()), header) != expected:
            raise _mismatch(header)


def header_text(value: str | None, name: str) -> str | None:
    """Read a header value; what is not plain ASCII comes as ``=?base64?…?=``.

    Raises
    ------
    RpcError
        It is no base64 of UTF-8.
    """
    if value is None:
        return None
    match = _ENCODED.fullmatch(value.strip())
    if match is None:
        return value.strip()
    try:
        return base64.b64decode(match[1], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _mismatch(name) from None


def _mismatch(name: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, f"The header {name} is missing or differs from the body.", status=400)
