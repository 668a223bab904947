"""The methods that both generations have in common, apart from calls of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.vocabulary import INVALID_PARAMS, RESOURCE_NOT_FOUND, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from AgentBridgeLib.mcp.surface import Surface
    from AgentBridgeLib.mcp.work import Request, Work

    Method = Callable[[Surface, Request, Json], "Json | Work"]

_MOST_COMPLETIONS = 100
DEFINITIONS_TTL_MS = 60_000
_CACHED = {
    "tools/list": DEFINITIONS_TTL_MS,
    "prompts/list": DEFINITIONS_TTL_MS,
    "resources/list": DEFINITIONS_TTL_MS,
    "resources/templates/list": DEFINITIONS_TTL_MS,
    "server/discover": DEFINITIONS_TTL_MS,
    "resources/read": 0,
}


def cache_hints(method: str) -> Json:
    """Give what 2026-07-28 wants in the results of lists and reads: how long they may be kept, and for whom."""
    if method not in _CACHED:
        return {}
    return {"ttlMs": _CACHED[method], "cacheScope": "private"}


def text_of(params: Json, name: str) -> str:
    """Give a parameter that must be a text.

    Raises
    ------
    RpcError
        It is missing, or something else.
    """
    value = params.get(name)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"'{name}' must be a text.")
    return value


def object_of(params: Json, name: str) -> Json:
    """Give a parameter that must be an object; without one an empty object. Errors as `text_of`."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"'{name}' must be an object.")
    return value


def _check_cursor(params: Json) -> None:
    """Lists are whole, so no cursor was ever given out; an empty one asks for the first page."""
    if params.get("cursor") not in {None, ""}:
        raise RpcError(INVALID_PARAMS, "'cursor' was not given out by this server; lists come whole.")


def _tools(surface: Surface, request: Request, params: Json) -> Json:  # noqa: ARG001 - one signature for all
    _check_cursor(params)
    return {"tools": list(surface.tools())}


def _resources(surface: Surface, request: Request, params: Json) -> Json:  # noqa: ARG001
    _check_cursor(params)
    return {"resources": list(surface.resources())}


def _templates(surface: Surface, request: Request, params: Json) -> Json:  # noqa: ARG001
    _check_cursor(params)
    return {"resourceTemplates": list(surface.templates())}


def _prompts(surface: Surface, request: Request, params: Json) -> Json:  # noqa: ARG001
    _check_cursor(params)
    return {"prompts": list(surface.prompts())}


def _read(surface: Surface, request: Request, params: Json) -> Json | Work:
    uri = text_of(params, "uri")
    found = surface.read(request, uri)
    if found is None:
        raise resource_missing(request, uri)
    return found


def resource_missing(request: Request, uri: str, why: str = "") -> RpcError:
    """Make the error for a resource that is not there."""
    code = INVALID_PARAMS if request.is_modern else RESOURCE_NOT_FOUND
    return RpcError(code, why or f"There is no resource {uri[:200]}.", {"uri": uri[:2000]})


def _prompt(surface: Surface, request: Request, params: Json) -> Json:
    name = text_of(params, "name")
    found = surface.prompt(request, name, object_of(params, "arguments"))
    if found is None:
        raise RpcError(INVALID_PARAMS, f"There is no prompt '{name[:200]}'.")
    return found


def _complete(surface: Surface, request: Request, params: Json) -> Json:  # noqa: ARG001
    argument = object_of(params, "argument")
    reference = object_of(params, "ref")
    found = surface.complete(reference, text_of(argument, "name"), text_of(argument, "value"))
    values = list(found)[:_MOST_COMPLETIONS]
    return {"completion": {"values": values, "total": len(found), "hasMore": len(found) > _MOST_COMPLETIONS}}


METHODS: Mapping[str, Method] = {
    "tools/list": _tools,
    "resources/list": _resources,
    "resources/templates/list": _templates,
    "resources/read": _read,
    "prompts/list": _prompts,
    "prompts/get": _prompt,
    "completion/complete": _complete,
}
