"""The OpenAPI 3.1 document, made from the catalogue and the table of service routes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from AgentBridgeLib.errors import WIRE
from AgentBridgeLib.model.envelopes import JobView
from AgentBridgeLib.routing.job_routes import JobStart
from AgentBridgeLib.routing.service_routes import SERVICE_ROUTES
from AgentBridgeLib.routing.table import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from AgentBridgeLib.registry.catalog import Catalog
    from AgentBridgeLib.registry.operation import Operation
    from AgentBridgeLib.routing.visit import ServiceRoute

_BRACES = re.compile(r"\{([a-z_0-9]+)\}")
_REF = "#/components/schemas/{model}"
Schemas = dict[tuple[type, str], dict[str, Any]]


def document(catalog: Catalog, version: str, server: str) -> bytes:
    """Write the document as JSON text.

    Parameters
    ----------
    version
        Version of the extension.
    server
        Base URL of this instance, without the prefix.
    """
    schemas, definitions = _all_schemas(catalog)
    paths: dict[str, dict[str, Any]] = {}
    for route in SERVICE_ROUTES:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _service(route, schemas)
    for operation in catalog:
        if operation.mark.route is not None:
            path = PREFIX + operation.mark.route.path
            paths.setdefault(path, {})[operation.mark.route.method.lower()] = _operation(operation, schemas)
    value = {
        "openapi": "3.1.0",
        "info": {
            "title": "AgentBridge",
            "version": version,
            "description": "Drive a running 3D Slicer, under the safety settings of the person in front of it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**definitions, "Problem": _PROBLEM, "Answer": {"type": "object"}},
            "responses": {"Problem": _problem_response()},
        },
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _all_schemas(catalog: Catalog) -> tuple[Schemas, dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], Any]] = [(JobView, "serialization"), (JobStart, "validation")]
    wanted += [(route.result, "serialization") for route in SERVICE_ROUTES if route.result is not None]
    wanted += [(operation.arguments, "validation") for operation in catalog]
    wanted += [(operation.result, "serialization") for operation in catalog if operation.result is not None]
    schemas, top = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    return schemas, top.get("$defs", {})  # type: ignore[return-value]


def _service(route: ServiceRoute, schemas: Schemas) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": f"service.{route.handle.__name__}",
        "summary": route.summary,
        "description": route.handle.__doc__ or "",
        "tags": ["service"],
        "parameters": [
            *(_path_parameter(name, {"type": "string"}) for name in _BRACES.findall(route.path)),
            *(_query_parameter(name, {"type": "string"}, text, False) for name, text in route.query.items()),
        ],
        "responses": {
            str(route.status): _content(route.media_type, _result_schema(route, schemas)),
            **_DEFAULT,
        },
    }
    if not route.needs_token:
        entry["security"] = []
    if route.body is not None:
        schema = schemas[route.body, "validation"] if route.body is JobStart else {"type": "object"}
        entry["requestBody"] = {"required": route.body is JobStart, **_body("application/json", schema)}
    return entry


def _result_schema(route: ServiceRoute, schemas: Schemas) -> dict[str, Any]:
    if route.result is not None:
        return schemas[route.result, "serialization"]
    return {"type": "object"} if route.media_type == "application/json" else {"type": "string"}


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    mark = operation.mark
    in_path = set(_BRACES.findall(mark.route.path)) if mark.route else set()
    is_query = mark.binary_body or (mark.route is not None and mark.route.method in {"GET", "DELETE"})
    own = operation.schemas["arguments"]
    properties = {
        name: _inlined(schema, own.get("$defs", {})) for name, schema in own.get("properties", {}).items()
    }
    required = set(own.get("required", ()))
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.name.partition(".")[0]],
        "x-capability": mark.capability,
        "x-read-only": mark.read_only,
        "x-destructive": mark.destructive,
        "x-idempotent": mark.idempotent,
        "x-long": mark.long,
        "parameters": [_path_parameter(name, properties[name]) for name in _BRACES.findall(mark.route.path)]
        if mark.route
        else [],
        "responses": _responses(operation, schemas),
    }
    if is_query:
        entry["parameters"] += [
            _query_parameter(name, schema, schema.get("description", ""), name in required)
            for name, schema in properties.items()
            if name not in in_path and name != "content"
        ]
    if mark.binary_body:
        entry["requestBody"] = {
            "required": True,
            **_body("application/octet-stream", {"type": "string", "format": "binary"}),
        }
        if "content" not in required:
            schema = _body_schema(operation, in_path, properties, required)
            entry["requestBody"]["content"].update(_body("application/json", schema)["content"])
    elif not is_query:
        entry["requestBody"] = {
            "required": bool(required - in_path),
            **_body("application/json", _body_schema(operation, in_path, properties, required)),
        }
    return entry


def _body_schema(
    operation: Operation, in_path: set[str], properties: Mapping[str, Any], required: set[str]
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "title": operation.arguments.__name__,
        "properties": {name: value for name, value in properties.items() if name not in in_path},
        "additionalProperties": False,
    }
    if required - in_path:
        schema["required"] = sorted(required - in_path)
    return schema


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    mark = operation.mark
    if operation.result is None:
        success = _content("*/*", {})  # bytes, or JSON that has a standard of its own, as the media type says
    else:
        success = _content("application/json", schemas[operation.result, "serialization"])
    responses = {str(mark.status): success, **_DEFAULT}
    responses["202"] = _content("application/json", schemas[JobView, "serialization"], "A job that goes on.")
    if mark.read_only and mark.revision_scope != "none":
        responses["304"] = {"description": "What If-None-Match named is still so."}
    return responses


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Replace references into the model's own definitions, so that the schema stands for itself."""
    if isinstance(schema, list):
        return [_inlined(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref", "")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        target = _inlined(definitions[reference.removeprefix("#/$defs/")], definitions)
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _path_parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(schema)}


def _query_parameter(name: str, schema: Mapping[str, Any], text: str, is_required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": text,
        "explode": False,
        "schema": dict(schema),
    }


def _content(media_type: str, schema: Mapping[str, Any], description: str = "Success.") -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": dict(schema)}}}


def _body(media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {media_type: {"schema": dict(schema)}}}


def _problem_response() -> dict[str, Any]:
    return {
        "description": "A problem document (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
    }


_DEFAULT: Mapping[str, Any] = {"default": {"$ref": "#/components/responses/Problem"}}


def _codes() -> Iterable[str]:
    return sorted(WIRE)


_PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": list(_codes())},
        "detail": {"type": "string", "description": "What was wrong, where, and what to do."},
        "retryable": {"type": "boolean", "description": "Whether the same request may work later."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer of the argument."},
                    "problem": {"type": "string"},
                    "expected": {"type": "string"},
                },
            },
        },
        "operation": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
