"""What an agent reads of operations: those that a search finds, and one in all that a call needs.

Short by default, since each word stays in the conversation: arguments as the tools have them, results by their
members, and of the documentation what is to be known before the call. Errors tell themselves when they occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import operation_tools, schemas
from AgentBridgeLib.mcp.profile import HIDDEN_UNLESS_ALLOWED
from AgentBridgeLib.mcp.results import compact
from AgentBridgeLib.mcp.wording import for_agents
from AgentBridgeLib.registry.examples import example_arguments

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.registry.catalog import Catalog
    from AgentBridgeLib.registry.operation import Operation

_BYTES: Json = {"description": "Bytes."}
_NOTHING_FOUND = "No operation has any of these words. Try fewer or other ones; an empty query lists all."
_MOST_CHOICES = 6
_REFERENCE = re.compile(r"#/\$defs/(\w+)")
_TOLD_BY_ERRORS_AND_RESULTS = re.compile(
    r"\n\n(?:Returns|Raises|Notes)\n-+\n.*?(?=\n\n[A-Z][a-z]+\n-+\n|\Z)", re.DOTALL
)


def searchable(catalog: Catalog, settings: SafetySettings) -> list[Operation]:
    """Give the operations that an agent may know of; running Python is hidden until it is enabled."""
    is_hidden = settings.mode(HIDDEN_UNLESS_ALLOWED) == "deny"
    return [
        operation
        for operation in catalog
        if not (is_hidden and operation.mark.capability == HIDDEN_UNLESS_ALLOWED)
    ]


def searched(catalog: Catalog, settings: SafetySettings, query: str, limit: int) -> Json:
    """Search: names, first sentences and arguments of the best, and which words none has."""
    shown = {operation.name for operation in searchable(catalog, settings)}
    found = catalog.find(query, lambda operation: operation.name in shown)
    items = [
        {
            "name": operation.name,
            "summary": operation.summary,
            "arguments": _signature(operation),
            "mode": settings.mode(operation.mark.capability),
        }
        for operation in found.operations[:limit]
    ]
    value: Json = {"items": items, "total": len(found.operations)}
    if not items:
        value["note"] = _NOTHING_FOUND
    elif found.unknown:
        value["note"] = f"No operation has: {', '.join(found.unknown)}. These have the other words."
    return value


def described(operation: Operation, settings: SafetySettings, *, is_concise: bool) -> Json:
    """Describe one operation, in what a call needs or in everything."""
    result = operation.schemas.get("result", _BYTES)
    arguments = operation.schemas["arguments"]
    return {
        "name": operation.name,
        "documentation": _documentation(operation, is_concise=is_concise),
        "arguments": schemas.for_arguments(arguments) if is_concise else arguments,
        "example": example_arguments(arguments),
        "result": _members(result) if is_concise and result is not _BYTES else result,
        "capability": operation.mark.capability,
        "mode": settings.mode(operation.mark.capability),
        "hints": operation_tools.hints(operation),
    }


def _members(schema: Json) -> Json:
    """Say of each member of a result what it is, and what a nested one has; names carry units and frames."""
    definitions = schema.get("$defs", {})
    return {
        name: _told(entry, definitions)
        for name, entry in schema.get("properties", {}).items()
        if name not in schemas.UNSAID
    }


def _told(entry: Json, definitions: Json) -> str:
    names = [name for nested in _nested(entry) for name in definitions.get(nested, {}).get("properties", {})]
    words = [entry.get("description", ""), f"Members: {', '.join(names)}." if names else ""]
    return " ".join(word for word in words if word) or " or ".join(_types(entry))


def _types(entry: Json) -> list[str]:
    return [str(choice["type"]) for choice in entry.get("anyOf", [entry]) if "type" in choice]


def _nested(entry: Json) -> list[str]:
    return list(dict.fromkeys(_REFERENCE.findall(compact(entry))))


def _documentation(operation: Operation, *, is_concise: bool) -> str:
    text = operation.description
    return for_agents(_TOLD_BY_ERRORS_AND_RESULTS.sub("", text) if is_concise else text)


def _signature(operation: Operation) -> str:
    """Name the arguments, and the few values that one may have; those in brackets may be left out."""
    schema = operation.schemas["arguments"]
    required = schema.get("required", ())
    named = schema.get("properties", {}).items()
    return ", ".join(f"{name}{_choices(entry)}" if name in required else f"[{name}]" for name, entry in named)


def _choices(entry: Json) -> str:
    values = entry.get("enum", ())
    return f"={'|'.join(map(str, values))}" if 0 < len(values) <= _MOST_CHOICES else ""
