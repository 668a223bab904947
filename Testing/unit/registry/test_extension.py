import numpy as np
import pytest

from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.registry.catalog import Catalog, CatalogError
from AgentBridgeLib.registry.extension import PlainOperation, marked_functions

SCHEMA = {
    "type": "object",
    "properties": {"factor": {"type": "number", "minimum": 0}},
    "required": ["factor"],
}


def double(factor):
    """Double a number."""
    return factor * 2


def steps_of(factor):
    """Give a number in steps."""
    yield factor


async def double_later(factor):
    """Double a number, later."""
    return factor * 2


def plain(**changes):
    given = {"function": double, "name": "example.double", "capability": "scene.read", "arguments": SCHEMA}
    return {**given, **changes}


def test_plain_function_becomes_an_operation_with_its_schema():
    """issue:#3."""
    (added,) = Catalog(CAPABILITIES).add(marked_functions([PlainOperation(**plain())]))
    assert added.summary == "Double a number."
    assert added.schemas["arguments"]["properties"] == SCHEMA["properties"]
    arguments = added.arguments.model_validate({"factor": 4})
    assert added.function(None, arguments).value == 8


@pytest.mark.parametrize("value", [{}, {"factor": -1}, {"factor": "4"}, {"factor": 1, "more": 2}])
def test_arguments_that_the_schema_refuses_never_reach_the_function(value):
    """issue:#3: checked with jsonschema."""
    (added,) = Catalog(CAPABILITIES).add(marked_functions([plain()]))
    with pytest.raises(ValueError, match="validation error"):
        added.arguments.model_validate(value)


@pytest.mark.parametrize(
    "wrong",
    [
        plain(arguments={"type": "array"}),
        plain(arguments={"type": "object", "properties": {"x": {"type": "nonsense"}}}),
        plain(arguments={"type": "object", "properties": {"x": {"$ref": "#/elsewhere"}}}),
        plain(unknown=1),
        plain(capability="no.such"),
        plain(name="not a name"),
        plain(function=lambda factor: factor),
        plain(function=5),
        plain(function=steps_of),
        plain(function=double_later),
        plain(function=lambda: 1, description="Take nothing."),
        plain(function=lambda factor, other: 1, description="Take more than the schema asks for."),
        plain(name=None),
        plain(capability=[]),
        plain(description=7),
        plain(arguments=None),
        plain(arguments={"type": "object", "properties": {"x": {"$dynamicRef": "#elsewhere"}}}),
        plain(arguments={"type": "object", "properties": {"factor": {"default": float("nan")}}}),
        "text",
    ],
)
def test_wrong_declaration_is_refused_as_a_whole(wrong):
    """house: complete or not at all."""
    catalog = Catalog(CAPABILITIES)
    with pytest.raises(CatalogError):
        catalog.add(marked_functions([plain(name="example.fine"), wrong]))
    assert not catalog.operations


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ((1, 2), [1, 2]),
        ({1: "one"}, {"1": "one"}),
        (np.int64(3), 3),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        ([np.bool_(True), {"x": np.float32(0.5)}], [True, {"x": 0.5}]),
    ],
)
def test_result_is_what_json_can_hold_of_it(given, received):
    """house: code of Slicer gives tuples and numbers of NumPy"""
    returning = plain(function=lambda factor: given, description="Give it.")
    (added,) = Catalog(CAPABILITIES).add(marked_functions([returning]))
    arguments = added.arguments.model_validate({"factor": 1})
    assert added.function(None, arguments).value == received
