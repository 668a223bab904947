"""Make schemas of rich operations short enough for `tools/list`. What goes is told by `operations_describe`.

Each step keeps names, types and what is required, so that a call is written right with the short schema, and gives up
what a wrong value is told anyway: bounds first, the length of descriptions next, members of nested objects last.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.vocabulary import Json

MOST_CHARACTERS = 1500
_BOUNDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "multipleOf"}
)
_LENGTHS = ("minItems", "maxItems")
_LONGEST_DESCRIPTION = 90
_CLAUSE = re.compile(r"[.;:,](?=\s)|\s\(")


def shortened(schema: Json) -> Json:
    """Give the schema itself, or one that says less and accepts as much or more."""
    for step in (_without_bounds, _with_short_descriptions, _without_nested):
        if _size(schema) <= MOST_CHARACTERS:
            break
        schema = step(schema)
    return schema


def _size(schema: Json) -> int:
    return len(json.dumps(schema, separators=(",", ":")))


def _without_bounds(schema: Any) -> Any:  # noqa: ANN401 - JSON Schema has any shape
    if isinstance(schema, list):
        return [_without_bounds(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    is_fixed = schema.get("minItems") == schema.get("maxItems")  # three numbers of a position
    dropped = _BOUNDS if is_fixed else _BOUNDS.union(_LENGTHS)
    return {
        name: _without_bounds(value) for name, value in schema.items() if _is_member(name, schema, dropped)
    }


def _is_member(name: str, schema: Json, dropped: frozenset[str]) -> bool:
    """Whether to keep a keyword; a property may be called like one."""
    return name not in dropped or isinstance(schema[name], dict)


def _without_nested(schema: Json) -> Json:
    definitions = schema.get("$defs", {})
    members = {name: _flat(entry, definitions) for name, entry in schema.get("properties", {}).items()}
    return {**{name: value for name, value in schema.items() if name != "$defs"}, "properties": members}


def _flat(entry: Json, definitions: Json) -> Json:
    """Write a nested object as an object whose description names its members."""
    if "#/$defs/" not in json.dumps(entry):
        return entry
    kept: Json = {name: entry[name] for name in ("description", "default") if name in entry}
    if "$ref" in entry:
        named = definitions.get(entry["$ref"].rpartition("/")[2], {})
        words = [kept.get("description") or named.get("description", ""), _members(named)]
        told = " ".join(word for word in words if word)
        return {"type": named.get("type", "object"), **kept, **({"description": told} if told else {})}
    if entry.get("type") == "array":
        return {"type": "array", "items": {"type": "object"}, **kept}
    return {"type": "object", **kept}


def _members(schema: Json) -> str:
    names = schema.get("properties", {})
    return f"Members: {', '.join(names)}." if names else ""


def _with_short_descriptions(schema: Any) -> Any:  # noqa: ANN401
    if isinstance(schema, list):
        return [_with_short_descriptions(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _first_words(value)
        if name == "description" and isinstance(value, str)
        else _with_short_descriptions(value)
        for name, value in schema.items()
    }


def _first_words(text: str) -> str:
    if len(text) <= _LONGEST_DESCRIPTION:
        return text
    ends = [match.start() for match in _CLAUSE.finditer(text, 0, _LONGEST_DESCRIPTION)]
    return text[: ends[-1]] + "." if ends else text[:_LONGEST_DESCRIPTION].rpartition(" ")[0] + " …"
