"""What an agent reads of operations is enough for a call, and short."""

import jsonschema
import pytest

from AgentBridgeLib.mcp import operation_help
from AgentBridgeLib.mcp.results import compact
from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.policy.settings import parse_settings
from AgentBridgeLib.registry.examples import example_arguments

CATALOG = make_catalog()
SETTINGS = parse_settings({})
LONGEST = 8_000


def described(operation, **options):
    return operation_help.described(operation, SETTINGS, **{"is_concise": True, **options})


@pytest.mark.parametrize("operation", list(CATALOG), ids=lambda operation: operation.name)
def test_a_concise_description_is_enough_for_a_call_and_costs_at_most_2000_tokens(operation):
    """issue:#5 four characters are about one token; segmentations.edit had 6,000 tokens."""
    told = described(operation)
    assert told["example"] == described(operation, is_concise=False)["example"]
    assert set(told["arguments"]["properties"]) == set(operation.schemas["arguments"]["properties"])
    if not operation.mark.binary_body:
        jsonschema.validate(told["example"], told["arguments"])
    assert len(compact(told)) <= LONGEST
    assert "Raises\n" not in told["documentation"]
    assert operation.summary in " ".join(told["documentation"].split())


def test_a_full_description_has_errors_and_whole_schemas():
    """issue:#5 detail full."""
    told = described(CATALOG.get("segmentations.edit"), is_concise=False)
    assert "Raises\n" in told["documentation"]
    assert told["result"]["type"] == "object"


def test_warnings_stay_in_a_concise_description():
    """house: what must be known before the call."""
    told = described(CATALOG.get("segmentations.edit"))
    assert "Warnings\n" in told["documentation"]
    assert "where segments overlap" in told["documentation"]


def test_a_member_of_a_result_says_what_it_has_inside():
    """issue:#5 names carry units and frames, so names are told at least."""
    told = described(CATALOG.get("segmentations.statistics"))["result"]
    assert "volume_ml" in told["segments"]
    assert "scene_revision" not in told


def test_a_search_names_the_arguments_so_that_simple_calls_need_no_description():
    """issue:#5 fewer calls: brackets mark what may be left out."""
    found = operation_help.searched(CATALOG, SETTINGS, "blur", 3)
    assert found["items"][0]["name"] == "volumes.smooth"
    assert found["items"][0]["arguments"] == "volume_id, [name], sigma_mm"
    exported = operation_help.searched(CATALOG, SETTINGS, "segmentation to labelmap", 8)["items"]
    assert "segmentation_id, target=models|labelmap, [segment_ids], [name]" in [
        item["arguments"] for item in exported
    ]


def test_python_is_not_found_until_it_is_enabled():
    """issue:#5 hidden while its capability is denied."""
    assert "python.execute" not in compact(operation_help.searched(CATALOG, SETTINGS, "run python code", 100))
    enabled = parse_settings({}, grants={"python.execute": "ask"})
    assert "python.execute" in compact(operation_help.searched(CATALOG, enabled, "run python code", 100))


def test_examples_can_be_run_but_for_ids_that_a_scene_gives():
    """users-ask: 20, an example teaches; the word stands only where any text will do."""
    vague = {
        operation.name
        for operation in CATALOG
        if "'example'" in str(example_arguments(operation.schemas["arguments"]))
    }
    assert vague == {
        "segmentations.add_segment",
        "tables.create",
        "tables.replace",
        "tables.update_row",
        "texts.create",
    }
