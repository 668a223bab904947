"""What the schemas of tools promise is what the operations take."""

import pytest

from AgentBridgeLib.dispatch.arguments import validate
from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.mcp import schemas
from AgentBridgeLib.operations.index import make_catalog

SAMPLES = {"string": "text", "integer": 3, "number": 2.5, "boolean": True}


def sample(schema, definitions):
    """Make a value that a schema allows, as far as types go."""
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return sample(schema[key][0], definitions)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "array":
        count = max(1, schema.get("minItems", schema.get("minLength", 1)))
        places = schema.get("prefixItems") or [schema.get("items", {"type": "string"})] * count
        return [sample(place, definitions) for place in places]
    if schema.get("type") == "object":
        members = schema.get("properties", {})
        return {name: sample(members[name], definitions) for name in schema.get("required", ())}
    return SAMPLES.get(schema.get("type", "string"))


@pytest.mark.parametrize("operation", list(make_catalog()), ids=lambda operation: operation.name)
def test_every_argument_takes_the_kind_of_value_that_its_schema_says(operation):
    """issue:#5 an agent writes JSON; an array of JSON is no tuple of Python, and must do."""
    full = operation.schemas["arguments"]
    definitions = full.get("$defs", {})
    for name, entry in full.get("properties", {}).items():
        given = {other: sample(full["properties"][other], definitions) for other in full.get("required", ())}
        given[name] = sample(entry, definitions)
        try:
            validate(operation, given, is_lax=False)
        except ArgumentInvalidError as error:
            wrong = [problem for problem in error.errors if problem.pointer == f"/{name}"]
            assert not any("should be a valid" in problem.problem for problem in wrong), (given[name], wrong)
    assert schemas.for_arguments(full)["type"] == "object"
