"""Tools are made from the declarations of operations."""

import jsonschema
import pytest

from AgentBridgeLib.mcp import operation_tools, profile, results, schemas
from AgentBridgeLib.mcp.guide import HELP, INSTRUCTIONS, PROMPTS, prompt_messages
from AgentBridgeLib.mcp.preferences import Preferences, read
from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.policy.settings import parse_settings

CATALOG = make_catalog()
OPERATIONS = list(CATALOG)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_makes_a_tool_that_any_client_can_read(operation):
    """mcp: inputSchema is an object without network references, boolean or untyped subschemas."""
    entry = operation_tools.describe(operation)
    assert entry["name"] == operation.name.replace(".", "_")
    assert len(entry["name"]) <= 48
    for schema in (entry["inputSchema"], entry.get("outputSchema", {"type": "object"})):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert list(untyped(schema)) == []
    assert entry["inputSchema"]["additionalProperties"] is False


def untyped(schema, path=""):
    """Give the places of subschemas that are true, or say no type."""
    known = {"type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const"}
    for name in ("properties", "$defs", "patternProperties"):
        for key, entry in schema.get(name, {}).items():
            if not isinstance(entry, dict) or not known & entry.keys():
                yield f"{path}/{key}"
            else:
                yield from untyped(entry, f"{path}/{key}")
    if isinstance(schema.get("items"), dict):
        yield from untyped(schema["items"], path + "/items")


def test_an_optional_argument_loses_null_only_where_null_means_nothing_of_its_own():
    """house: fewer tokens, never less meaning."""
    choice = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    made = schemas.for_arguments(
        {"properties": {"a": choice, "b": {**choice, "description": "null removes it."}}}
    )
    assert made["properties"]["a"] == {"type": "string"}
    assert made["properties"]["b"]["anyOf"] == choice["anyOf"]


def test_null_stays_where_its_description_gives_it_a_meaning():
    """house: however the word is written."""
    for word in ("null removes it", "Null takes it out of all folders."):
        choice = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": f"New name; {word}"}
        made = schemas.for_arguments({"properties": {"a": choice}})
        assert {"type": "null"} in made["properties"]["a"]["anyOf"]


def test_a_map_with_names_of_a_pattern_is_a_map_of_its_values():
    """house: strict clients stumble over propertyNames, and nobody needs 400 bytes of it."""
    entry = {
        "type": "object",
        "propertyNames": {"pattern": "^a"},
        "maxProperties": 100,
        "patternProperties": {"^a": {"type": "string"}},
    }
    made = schemas.for_arguments({"properties": {"attributes": entry}})["properties"]["attributes"]
    assert made == {"type": "object", "additionalProperties": {"type": "string"}}


def test_long_descriptions_end_with_a_sentence():
    """issue:#5 a list that an agent can afford; operations_describe has all of it."""
    for operation in OPERATIONS:
        text = operation_tools.description(operation)
        assert len(text) < 560
        assert text.endswith("."), text


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_describing_an_operation_is_affordable(operation):
    """issue:#5 results an agent can afford: everything about an operation in 40,000 characters."""
    told = [operation.description, operation.schemas["arguments"], operation.schemas.get("result", {})]
    assert len(results.compact(told)) < results.LARGEST_TEXT


def test_titles_are_spelled_as_people_write():
    """mcp: the title is for people."""
    titles = {operation.name: operation_tools.describe(operation)["title"] for operation in OPERATIONS}
    assert titles["views.threed_image"] == "Views: 3D image"
    assert titles["dicom.find_studies"] == "DICOM: find studies"
    assert titles["scene.summary"] == "Scene: summary"


def test_tools_have_distinct_names():
    """mcp: noun.verb becomes noun_verb; two operations must not meet there."""
    names = [profile.tool_name(operation.name) for operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_everyday_work_is_listed_first_and_toolsets_add_their_family():
    """issue:#5 at most 30 by default; toolsets can be chosen."""
    settings = parse_settings({})
    everyday = [operation.name for operation in profile.listed(CATALOG, settings, ())]
    more = [operation.name for operation in profile.listed(CATALOG, settings, ("application",))]
    assert everyday == [name for name in profile.EVERYDAY if name in everyday]
    assert len(everyday) + 7 <= profile.MOST_TOOLS
    assert set(more) - set(everyday) == {"application.get", "application.log"} - set(everyday)
    everything = profile.listed(CATALOG, settings, ("all",))
    assert {operation.name for operation in everything} == {operation.name for operation in OPERATIONS} - {
        "python.execute"
    }


@pytest.mark.parametrize(("mode", "is_listed"), [("deny", False), ("ask", True), ("allow", True)])
def test_running_python_is_listed_only_when_enabled(mode, is_listed):
    """issue:#5 python_execute is listed only when enabled."""
    settings = parse_settings({}, grants={"python.execute": mode})
    names = [operation.name for operation in profile.listed(CATALOG, settings, ())]
    assert ("python.execute" in names) is is_listed


def test_what_is_denied_stays_listed():
    """issue:#5 the agent hears the reason instead of missing the tool."""
    settings = parse_settings({}, grants={"scene.delete": "deny"})
    assert "nodes.delete" in [operation.name for operation in profile.listed(CATALOG, settings, ())]


@pytest.mark.parametrize(
    ("operation", "given", "fitted"),
    [
        ("views.screenshot", {"width": 2048, "height": 1024}, {"width": 1024, "height": 512}),
        ("views.screenshot", {"width": 1024, "height": 1024}, {"width": 1024, "height": 1024}),
        ("views.screenshot", {"width": 4096, "height": 16}, {"width": 1024, "height": 16}),
        ("views.screenshot", {"width": 3000}, {"width": 1024}),
        ("views.screenshot", {"width": "wide"}, {"width": "wide"}),
        ("views.screenshot", {"width": True, "height": 5000}, {"width": True, "height": 5000}),
        ("views.screenshot", {}, {}),
        ("dicom.render_frame", {}, {"largest_side_px": 1024}),
        ("dicom.render_frame", {"largest_side_px": 8000}, {"largest_side_px": 1024}),
        ("dicom.render_frame", {"largest_side_px": 99}, {"largest_side_px": 99}),
        ("models.create", {"width": 3000}, {"width": 3000}),
    ],
)
def test_pictures_are_scaled_to_what_an_agent_can_afford(operation, given, fitted):
    """issue:#5 at most 1,024 px, in proportion; nonsense is left to validation."""
    assert results.fit_picture(CATALOG.get(operation), given) == fitted


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, Preferences()),
        ({"mcp/toolsets": '["markups"]', "mcp/approve_by_form": "true"}, Preferences(("markups",), True)),
        ({"mcp/toolsets": "markups", "mcp/approve_by_form": "yes"}, Preferences()),
        ({"mcp/toolsets": '{"a": 1}'}, Preferences()),
        ({"mcp/toolsets": "[1, null]"}, Preferences()),
    ],
)
def test_preferences_that_cannot_be_read_count_as_not_set(texts, expected):
    """house: an unreadable setting never opens a door."""
    assert read(texts.get) == expected


def test_instructions_are_short_and_teach_what_matters():
    """issue:#5 at most 2,000 characters: frame, units, node IDs, jobs, approval."""
    assert len(INSTRUCTIONS) <= 2000
    for word in ("RAS", "mm", "Node IDs", "jobs_get", "approval", "operations_search"):
        assert word in INSTRUCTIONS


def test_tools_named_in_instructions_help_and_prompts_exist():
    """house: guidance does not drift."""
    known = {profile.tool_name(operation.name) for operation in OPERATIONS}
    known |= {
        "jobs_get",
        "jobs_result",
        "jobs_cancel",
        "operations_search",
        "operations_describe",
        "operations_run",
    }
    text = " ".join([INSTRUCTIONS, *HELP.values(), *(prompt.text for prompt in PROMPTS.values())])
    families = {name.partition("_")[0] for name in known}
    words = {word.strip("().,:;`") for word in text.split()} - {"scene_revision"}
    named = {word for word in words if word.partition("_")[0] in families and "_" in word}
    assert named <= known, named - known


def test_a_value_that_looks_like_a_placeholder_stays_what_it_is():
    """house: prompts are filled in once."""
    arguments = {"volume_id": "{structure}", "structure": "a {volume_id}"}
    text = prompt_messages(PROMPTS["segment_and_measure"], arguments)["messages"][0]["content"]["text"]
    assert "Segment a {volume_id} in the volume {structure}" in text


@pytest.mark.parametrize("operation", list(make_catalog()), ids=lambda operation: operation.name)
def test_no_tool_has_a_combination_of_schemas_at_its_root(operation):
    """mcp: the interfaces of model vendors refuse `oneOf`, `allOf` and `anyOf` at the root of an `inputSchema`."""
    schema = schemas.for_arguments(operation.schemas["arguments"])
    assert schema["type"] == "object"
    assert not schema.keys() & {"allOf", "anyOf", "oneOf", "not", "if", "x-cases"}
