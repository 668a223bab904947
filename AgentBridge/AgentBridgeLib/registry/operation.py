"""What an operation is, and the marker that declares one.

The marker only notes; nothing is registered by importing a module. `Catalog.collect` finds the marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

Function = TypeVar("Function", bound="Callable[..., Any]")

MARK = "__agentbridge_operation__"

_METHOD = re.compile(r"GET|POST|PUT|PATCH|DELETE")
_PATH = re.compile(r"/[a-z0-9._-]+(/([a-z0-9._-]+|\{[a-z_][a-z0-9_]*\}))*")

Execution = Literal["inline", "steps", "process"]


@dataclass(frozen=True, slots=True)
class Route:
    """Method and path under `/agent/v1`, such as ``GET /volumes/{volume_id}``.

    Names in braces are arguments. A route with ``body="binary"`` takes its `content` argument from the body and the
    others from the query; else a body is JSON.
    """

    method: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Route:
        """Read ``METHOD /path``."""
        method, _, path = text.partition(" ")
        names = re.findall(r"\{\w+\}", path)
        if not _METHOD.fullmatch(method) or not _PATH.fullmatch(path) or len(names) != len(set(names)):
            raise ValueError(f"a route reads 'METHOD /path/{{argument}}', not {text!r}")
        return cls(method, path)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the marker notes on a function."""

    name: str
    capability: str
    route: Route | None
    read_only: bool
    destructive: bool
    idempotent: bool
    execution: Execution
    long: bool
    binary_body: bool
    revision_scope: Literal["scene", "node", "none"]
    status: int
    keywords: str = ""


def operation(
    *,
    name: str,
    capability: str,
    route: str | None = None,
    read_only: bool = False,
    destructive: bool = False,
    idempotent: bool | None = None,
    execution: Execution = "inline",
    long: bool = False,
    binary_body: bool = False,
    revision_scope: Literal["scene", "node", "none"] = "scene",
    status: int = 200,
    keywords: str = "",
) -> Callable[[Function], Function]:
    """Mark a function as an operation.

    The function is called as ``function(context, arguments)``. Its annotations name the argument model (a frozen
    pydantic model) and the result (a model, or `Content` for bytes). Its docstring is the documentation; the first
    sentence is imperative.

    Parameters
    ----------
    name
        ``noun.verb`` on the wire.
    capability
        The capability that the safety settings must allow.
    route
        ``METHOD /path`` under `/agent/v1`; without one it is reached by name only.
    read_only, destructive, idempotent
        Hints for clients and for approvals. `idempotent` defaults to `read_only`. A read-only operation changes
        neither the scene nor a file, and its answer may be cached by revision.
    execution
        ``inline``: returns its result within some ten milliseconds. ``steps``: a generator whose steps take a few
        milliseconds each; it yields `Progress` (or None) and returns its result. ``process``: a generator that
        suspends while a child process works.
    long
        Answered with a job unless the client waits; meant for work of more than about a second.
    binary_body
        The argument `content` (type `Bytes`) comes from the request's body.
    revision_scope
        What the answer depends on: the whole scene, the one node named in the arguments, or neither (no ETag).
    status
        HTTP status of success, such as 201 for a creation.
    keywords
        Words that a person would look for it by and that its name and first sentence do not have, such as
        ``"landmarks fiducials align"``; for the search only.
    """
    parsed = Route.parse(route) if route else None

    def mark(function: Function) -> Function:
        setattr(
            function,
            MARK,
            Mark(
                name=name,
                capability=capability,
                route=parsed,
                read_only=read_only,
                destructive=destructive,
                idempotent=read_only if idempotent is None else idempotent,
                execution=execution,
                long=long,
                binary_body=binary_body,
                revision_scope=revision_scope,
                status=status,
                keywords=keywords,
            ),
        )
        return function

    return mark


@dataclass(frozen=True)
class Operation:
    """One verified entry of the catalogue; the source of route, schema, tool, panel row and documentation.

    Attributes
    ----------
    mark
        What was declared.
    function
        ``function(context, arguments)``.
    arguments
        Argument model.
    result
        Result model; None when the result is `Content`.
    summary
        First sentence of the docstring.
    description
        The whole docstring.
    origin
        Module that declared it.
    """

    mark: Mark
    function: Callable[..., Any]
    arguments: type[BaseModel]
    result: type[BaseModel] | None
    summary: str
    description: str
    origin: str

    @cached_property
    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of ``arguments`` and, unless it is `Content`, of ``result``; made when first asked for."""
        schemas = {"arguments": self.arguments.model_json_schema()}
        if self.result is not None:
            schemas["result"] = self.result.model_json_schema(mode="serialization")
        return schemas

    @property
    def name(self) -> str:
        """``noun.verb``."""
        return self.mark.name
