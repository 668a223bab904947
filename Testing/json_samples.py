"""Values that a JSON Schema allows, as far as types go."""

from __future__ import annotations

from typing import Any

_PLAIN: dict[str, Any] = {"string": "text", "integer": 3, "number": 2.5, "boolean": True}


def sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Make one."""
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return sample(schema[key][0], definitions)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if schema.get("type") == "array":
        count = max(1, schema.get("minItems", schema.get("minLength", 1)))
        places = schema.get("prefixItems") or [schema.get("items", {"type": "string"})] * count
        return [sample(place, definitions) for place in places]
    if schema.get("type") == "object":
        return required(schema, definitions)
    return _PLAIN.get(schema.get("type", "string"))


def required(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Make an object with the members that must be there."""
    members = schema.get("properties", {})
    return {name: sample(members[name], definitions) for name in schema.get("required", ())}
