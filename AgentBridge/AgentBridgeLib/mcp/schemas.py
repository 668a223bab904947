"""JSON Schemas as agents get them: the operations' own, without what costs tokens and says nothing.

Clients differ in what they can read; the strictest accept no boolean subschemas and no untyped ones. Every schema here
accepts at least what the operation itself accepts or gives: dispatch checks arguments against the full one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.vocabulary import Json

_DROPPED = frozenset(
    {
        "title",
        "x-node",
        "x-path",
        "x-frame",
        "x-unit",
        "contentEncoding",
        "pattern",
        "propertyNames",
        "maxProperties",
        "examples",
        "x-cases",
    }
)
_ROOT_ONLY_PLAIN = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
"""Model vendors refuse a tool whose `inputSchema` has one of these at its root; dispatch checks what they say."""
_NAMED = frozenset({"properties", "$defs", "patternProperties"})
_LONGEST_BOUND = 100
_MOST_MEMBERS = 3
UNSAID = frozenset({"scene_revision", "warnings"})
"""In almost every result; the server's instructions tell of them."""
_PLAIN: list[Json] = [{"type": kind} for kind in ("string", "number", "boolean")]
_LISTS: list[Json] = [
    {"type": "array", "items": {"anyOf": [*_PLAIN, {"type": "array", "items": {"type": "number"}}]}}
]
_ANY_VALUE: Json = {"anyOf": [*_PLAIN, *_LISTS, {"type": "object"}, {"type": "null"}]}
"""Any JSON value, as far as strict clients let it be said: lists hold texts, numbers, or points."""
_PAGE: Json = {
    "type": "object",
    "properties": {
        "next_cursor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "total": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["items"],
}


def for_arguments(schema: Json) -> Json:
    """Make the `inputSchema` of a tool: an object that takes nothing but what it names."""
    members = {name: _without_null(entry) for name, entry in schema.get("properties", {}).items()}
    plain = {name: value for name, value in schema.items() if name not in _ROOT_ONLY_PLAIN}
    made: Json = {
        "type": "object",
        **_clean({**plain, "properties": members}),
        "additionalProperties": False,
    }
    made.pop("description", None)
    return made


def for_result(schema: Json) -> Json:
    """Make the `outputSchema` of a tool: the first members at the top with their types.

    Names carry units and frames; `operations_describe` has all members.
    """
    definitions = schema.get("$defs", {})
    members = {name: _shallow(entry, definitions) for name, entry in schema.get("properties", {}).items()}
    told = [(name, entry) for name, entry in members.items() if entry and name not in UNSAID]
    members = dict(told[:_MOST_MEMBERS])
    made: Json = {"type": "object"}
    if members:
        made["properties"] = members
        made["required"] = [name for name in schema.get("required", ()) if name in members]
    return made


def for_page(schema: Json) -> Json:
    """Make the `outputSchema` of a list, whose items are as detailed as the call asked for."""
    kind = schema["properties"]["items"]["items"].get("type", "object")
    items: Json = {"type": "array", "items": {"type": kind}}
    return {**_PAGE, "properties": {"items": items, **_PAGE["properties"]}}


def or_job(schema: Json) -> Json:
    """Make the `outputSchema` of work that may still go on when the call is answered: nothing is sure to be there."""
    return {"type": "object", "properties": {**schema.get("properties", {}), "job": {"type": "object"}}}


def _shallow(entry: Json, definitions: Json) -> Json:
    """Keep the type of a member; empty when there is none to be told in a word."""
    if "$ref" in entry:
        entry = definitions.get(entry["$ref"].rpartition("/")[2], {})
    if "anyOf" in entry:
        kinds = [_shallow(choice, definitions) for choice in entry["anyOf"]]
        distinct = [kind for at, kind in enumerate(kinds) if kind not in kinds[:at]]
        return (
            {"anyOf": distinct} if all(distinct) and len(distinct) > 1 else (distinct[0] if distinct else {})
        )
    entry = _simpler(entry)
    kind = entry.get("type")
    if not isinstance(kind, str):
        return {}
    if kind != "array":
        return {"type": kind}
    items = _shallow(entry.get("items", {}), definitions)
    return {"type": "array", "items": items} if items else {}


def _clean(schema: Json) -> Json:
    cleaned: Json = {}
    for name, value in _simpler(schema).items():
        if name in _DROPPED or _says_nothing(name, value):
            continue
        if name == "items" and isinstance(value, dict) and "description" in schema:
            cleaned[name] = _subschema({key: entry for key, entry in value.items() if key != "description"})
        elif name in _NAMED:
            cleaned[name] = {key: _subschema(entry) for key, entry in value.items()}
        else:
            cleaned[name] = _value(value)
    return cleaned


def _says_nothing(name: str, value: object) -> bool:
    if name == "additionalProperties":
        return value is True
    if name == "default":
        return value is None
    if name == "minLength":
        return value == 1
    return name in {"maxLength", "maxItems"} and isinstance(value, int) and value >= _LONGEST_BOUND


def _without_null(schema: Json) -> Json:
    """Say the same in fewer words: an optional argument may be left out, so it need not be null as well.

    Where null means something of its own the description says so.
    """
    choices = schema.get("anyOf", [])
    says_null = "null" in schema.get("description", "").lower()
    if {"type": "null"} not in choices or len(choices) != 2 or says_null:
        return schema
    (choice,) = [choice for choice in choices if choice != {"type": "null"}]
    return {**choice, **{name: value for name, value in schema.items() if name != "anyOf"}}


def _simpler(schema: Json) -> Json:
    """Write a tuple of equal places as an array of that length, and names of one pattern as any names."""
    patterns = schema.get("patternProperties", {})
    if len(patterns) == 1 and "properties" not in schema:
        rest = {name: value for name, value in schema.items() if name != "patternProperties"}
        return {**rest, "additionalProperties": next(iter(patterns.values()))}
    places = schema.get("prefixItems")
    if isinstance(places, list) and places and all(place == places[0] for place in places):
        rest = {name: value for name, value in schema.items() if name != "prefixItems"}
        return {**rest, "items": places[0]}
    return schema


def _value(value: object) -> object:
    if isinstance(value, dict):
        return _subschema(value)
    if isinstance(value, list):
        return [_value(entry) for entry in value]
    return value


def _subschema(value: Any) -> Any:  # noqa: ANN401 - JSON Schema has any shape
    if not isinstance(value, dict):
        return value
    cleaned = _clean(value)
    if not cleaned.keys() - {"description", "default"}:
        return {**_ANY_VALUE, **cleaned}
    return cleaned
