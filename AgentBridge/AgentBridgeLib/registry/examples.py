"""Arguments that an operation takes, to learn from: the required ones, or what its model gives as an example.

A model says more than its schema can where one of several arguments must be given; such a model carries an example of
its own, in ``json_schema_extra={"examples": [...]}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS = ("example", "1.2.3", "20240131", "1", "/data/example.nrrd", "https://example.org/scan.nrrd")
_CONCRETE = {
    "vtkMRMLNode": "vtkMRMLScalarVolumeNode",
    "vtkMRMLMarkupsNode": "vtkMRMLMarkupsLineNode",
    "vtkMRMLTransformNode": "vtkMRMLLinearTransformNode",
}


def example_arguments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Make arguments that fit the JSON Schema of an operation's arguments; bytes are left out.

    Node ids are such as a scene gives: the first node of the class.
    """
    made: dict[str, Any] = _value(schema, schema.get("$defs", {}))
    return made


def _value(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON value
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return _value(next(option for option in options if option.get("type") != "null"), definitions)
    return _of_type(schema, definitions)


def _of_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON value
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, definitions)
    if kind == "array":
        entries = schema.get("prefixItems") or [schema.get("items", {})] * max(1, schema.get("minItems", 0))
        return [_value(entry, definitions) for entry in entries]
    if kind in {"number", "integer"}:
        return _number(schema)
    if kind == "string":
        return _text(schema)
    return True


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made = {
        name: _value(properties[name], definitions)
        for name in schema.get("required", ())
        if properties[name].get("contentEncoding") != "base64"
    }
    if not properties and isinstance(schema.get("additionalProperties"), dict):
        made["example"] = _value(schema["additionalProperties"], definitions)
    return made


def _number(schema: Mapping[str, Any]) -> float:
    least: float = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    most: float = schema.get("maximum", schema.get("exclusiveMaximum", max(least, 1) + 1))
    if most <= max(least, 1):
        return most if least == most else (least + most) / 2
    return max(1, least + 1) if "exclusiveMinimum" in schema else max(1, least)


def _text(schema: Mapping[str, Any]) -> str:
    if "x-node" in schema:
        return f"{_CONCRETE.get(schema['x-node'], schema['x-node'])}1"
    if "x-path" in schema:
        return "/data/example.nrrd"
    pattern = re.compile(schema.get("pattern", ""))
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 1 << 20)
    fitting = (text for text in _TEXTS if pattern.search(text) and shortest <= len(text) <= longest)
    return next(fitting, _TEXTS[0])
