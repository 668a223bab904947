"""Which path means what: operations of the catalogue and the service's own routes in one table.

404 and 405 are told apart; a path that exists with another method says which methods it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from AgentBridgeLib.errors import MethodNotAllowedError, RequestMalformedError, RouteUnknownError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from AgentBridgeLib.registry.operation import Operation
    from AgentBridgeLib.routing.visit import ServiceRoute

PREFIX = "/agent/v1"
JSON_BYTES = 8 << 20
BINARY_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Match:
    """A route that was found.

    Attributes
    ----------
    target
        The operation or the service route behind it.
    parameters
        What the path says, percent-decoded.
    """

    target: Operation | ServiceRoute
    parameters: Mapping[str, str]


class _Node:
    __slots__ = ("children", "parameter", "parameter_name", "targets")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.parameter_name = ""
        self.targets: dict[str, tuple[Operation | ServiceRoute, tuple[str, ...]]] = {}


class RouteTable:
    """A tree of path segments. Fixed segments win over parameters."""

    def __init__(self, service: Iterable[ServiceRoute], operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for route in service:
            self._add(route.method, route.path, route)
        for operation in operations:
            if operation.mark.route is not None:
                self._add(operation.mark.route.method, operation.mark.route.path, operation)

    def find(self, method: str, path: str) -> Match:
        """Find a route; HEAD is served wherever GET is.

        Raises
        ------
        RouteUnknownError, MethodNotAllowedError, RequestMalformedError
            No such path; no such method on it; the path is not UTF-8.
        """
        node, values = self._walk(path)
        found = node.targets.get("GET" if method == "HEAD" else method)
        if found is None:
            raise MethodNotAllowedError(
                f"{path} does not take {method}. It takes {', '.join(methods_of(node.targets))}.",
                facts={"allowed_methods": methods_of(node.targets)},
            )
        target, names = found
        return Match(target, dict(zip(names, values, strict=True)))

    def methods(self, path: str) -> list[str]:
        """Methods of a path, HEAD and OPTIONS included. Errors as in `find`."""
        return methods_of(self._walk(path)[0].targets)

    def _walk(self, path: str) -> tuple[_Node, list[str]]:
        if path != PREFIX and not path.startswith(PREFIX + "/"):
            raise _unknown(path)
        text = path[len(PREFIX) :].strip("/")
        segments = text.split("/") if text else []
        if "" in segments:
            raise RouteUnknownError(
                f"{_shown(path)} has nothing between two slashes: an id is missing there."
            )
        found = _descend(self._root, segments, 0, [])
        if found is None:
            raise _unknown(path)
        return found

    def _add(self, method: str, path: str, target: Operation | ServiceRoute) -> None:
        node, names = self._root, []
        for segment in path.strip("/").split("/") if path.strip("/") else ():
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        if method in node.targets:
            raise ValueError(f"two routes for {method} {path}")
        node.targets[method] = (target, tuple(names))


def methods_of(targets: Iterable[str]) -> list[str]:
    """List methods with those that come for free."""
    methods = set(targets) | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


def _descend(node: _Node, segments: list[str], at: int, values: list[str]) -> tuple[_Node, list[str]] | None:
    if at == len(segments):
        return (node, values) if node.targets else None
    fixed = node.children.get(segments[at])
    if fixed is not None:
        found = _descend(fixed, segments, at + 1, values)
        if found is not None:
            return found
    if node.parameter is None:
        return None
    return _descend(node.parameter, segments, at + 1, [*values, _decode(segments[at])])


def _decode(segment: str) -> str:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise RequestMalformedError("The path has percent-encoded bytes that are not UTF-8.") from None


def _unknown(path: str) -> RouteUnknownError:
    return RouteUnknownError(
        f"There is no route {_shown(path)}. GET {PREFIX}/ links to what there is, {PREFIX}/openapi.json lists all "
        "routes."
    )


def _shown(path: str) -> str:
    return path if len(path) <= 200 else path[:200] + "…"
