"""Short schemas say less, and accept as much."""

import json

import jsonschema
import pytest

from AgentBridgeLib.mcp import operation_tools, profile, schemas, terse
from AgentBridgeLib.operations.index import make_catalog
from json_samples import required, sample

CATALOG = make_catalog()
MOST_TOKENS_OF_OPERATIONS = 6900
"""Of the 8,000 of the whole list; the tools for jobs and operations need the rest."""


def text(value):
    return json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("operation", list(CATALOG), ids=lambda operation: operation.name)
def test_a_short_schema_keeps_names_and_types_and_accepts_what_the_long_one_does(operation):
    """house: a call that is written after the short schema is a good call, and no client refuses one."""
    full = schemas.for_arguments(operation.schemas["arguments"])
    short = terse.shortened(full)
    assert set(short["properties"]) == set(full["properties"])
    assert short.get("required", []) == full.get("required", [])
    jsonschema.Draft202012Validator.check_schema(short)
    definitions = operation.schemas["arguments"].get("$defs", {})
    for name, entry in operation.schemas["arguments"].get("properties", {}).items():
        given = {**required(operation.schemas["arguments"], definitions), name: sample(entry, definitions)}
        if not list(jsonschema.Draft202012Validator(full).iter_errors(given)):
            jsonschema.validate(given, short)


def test_what_is_short_already_stays_as_it_is():
    """house: nothing is lost without need."""
    schema = schemas.for_arguments(CATALOG.get("nodes.get").schemas["arguments"])
    assert terse.shortened(schema) is schema


def test_a_nested_object_becomes_one_that_names_its_members():
    """house: an agent can still write it."""
    range_ = {
        "type": "object",
        "description": "A range.",
        "properties": {"minimum": {"type": "number"}, "maximum": {"type": "number"}},
    }
    padding = {f"p{number}": {"type": "string", "description": "word " * 15} for number in range(20)}
    schema = {
        "type": "object",
        "$defs": {"Range": range_},
        "properties": {"threshold": {"$ref": "#/$defs/Range"}, **padding},
    }
    short = terse.shortened(schema)
    assert short["properties"]["threshold"] == {
        "type": "object",
        "description": "A range. Members: minimum, maximum.",
    }
    assert "$defs" not in short


def test_an_argument_that_is_called_like_a_bound_stays():
    """house: `minimum` may be the least value of a threshold."""
    number = {"type": "number", "minimum": 0, "description": "x " * 40}
    schema = {
        "type": "object",
        "properties": dict.fromkeys(("minimum", "maximum", *map(str, range(30))), number),
    }
    short = terse.shortened(schema)
    assert {"minimum", "maximum"} <= set(short["properties"])
    assert "minimum" not in short["properties"]["minimum"]


def test_a_short_schema_says_where_the_rest_is():
    """issue:#5 concise by default, all of it on request."""
    told = {op.name: operation_tools.describe(op)["description"] for op in CATALOG}
    assert "operations_describe has all details" in told["segmentations.edit"]
    assert "operations_describe" not in told["nodes.get"]


def test_the_everyday_tools_leave_room():
    """issue:#5 at most 8,000 tokens, a quarter of the bytes; other tests measure the whole list."""
    names = [name for name in profile.EVERYDAY if name != profile.HIDDEN_UNLESS_ALLOWED]
    sizes = {name: len(text(operation_tools.describe(CATALOG.get(name)))) for name in names}
    assert sum(sizes.values()) / 4 <= MOST_TOKENS_OF_OPERATIONS, sorted(
        sizes.items(), key=lambda row: -row[1]
    )[:5]
