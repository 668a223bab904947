"""JSON Schema in words, for tables of arguments and results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_LEVELS = 3
_NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def rows_of(schema: Mapping[str, Any], *, is_input: bool) -> Iterator[tuple[str, str, str]]:
    """Walk over the members of an object: name with dots and brackets, type, meaning.

    Of arguments (`is_input`) the type tells which ones may be left out, and those that may not come first.
    """
    yield from _members(schema, schema.get("$defs", {}), "", is_input)


def _members(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str, is_input: bool
) -> Iterator[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    members = list(schema.get("properties", {}).items())
    for name, entry in sorted(members, key=lambda member: is_input and member[0] not in required):
        kind = _kind(entry, definitions)
        if is_input and name not in required:
            default = entry.get("default")
            kind += ", optional" if default in (None, "", [], {}) else f" = {json.dumps(default)}"
        yield prefix + name, kind, entry.get("description", "")
        inner, mark = _inner(entry, definitions)
        if inner is not None and prefix.count(".") + 1 < MOST_LEVELS:
            yield from _members(inner, definitions, f"{prefix}{name}{mark}.", is_input)


def _inner(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """Give the one object inside, and how a path goes into it."""
    options = _options(schema, definitions)
    if len(options) != 1:
        return None, ""
    only = options[0]
    if only.get("type") == "array" and "items" in only:
        inner, mark = _inner(only["items"], definitions)
        return inner, f"[]{mark}"
    return (only, "") if "properties" in only else (None, "")


def _options(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    options = schema.get("anyOf") or schema.get("oneOf")
    if not options:
        return [] if schema.get("type") == "null" else [schema]
    return [found for option in options for found in _options(option, definitions)]


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say the type of a value."""
    words = [_one(option, definitions) for option in _options(schema, definitions)]
    return " or ".join(dict.fromkeys(words))


def _one(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "x-node" in schema:
        return f"id of a {schema['x-node']}"
    if schema.get("contentEncoding") == "base64":
        return "bytes"
    if schema.get("type") == "array":
        return _list(schema, definitions)
    if schema.get("type") == "object" or "properties" in schema:
        return "object"
    return _NAMES.get(schema.get("type", ""), "any") + _bounds(schema)


def _list(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        kinds = list(dict.fromkeys(_kind(entry, definitions) for entry in schema["prefixItems"]))
        return f"{len(schema['prefixItems'])} × {kinds[0]}" if len(kinds) == 1 else f"[{', '.join(kinds)}]"
    return f"list of {_kind(schema.get('items', {}), definitions)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    words = [
        f"{sign} {schema[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in schema
    ]
    return f" {', '.join(words)}" if words else ""
