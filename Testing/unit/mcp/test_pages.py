"""Pages of lists at a size that an agent can afford."""

import json

import pytest

from AgentBridgeLib.mcp import operation_tools, results
from AgentBridgeLib.operations.index import make_catalog

ITEMS = [{"id": f"node{number}", "name": "n" * 300, "nothing": None, "none": []} for number in range(100)]


class Runner:
    """Gives the first items of a list, as the operation would."""

    def __init__(self, more):
        self.more, self.limits = more, []

    def run(self, request, operation, arguments, *, shape):
        self.limits.append(arguments.get("limit"))
        page = {"items": ITEMS[: arguments.get("limit", 100)], "total": len(ITEMS), **self.more}
        return shape(json.dumps(page).encode())


def ask(runner, **arguments):
    return operation_tools.call(runner, None, make_catalog().get("nodes.list"), arguments)[
        "structuredContent"
    ]


@pytest.mark.parametrize("more", [{"next_cursor": "opaque"}, {}])
def test_a_list_with_a_cursor_is_asked_again_for_what_fits(more):
    """issue:#5 bounded size: 10,000 characters by default; the cursor goes on where the page ended."""
    runner = Runner(more)
    page = ask(runner)
    assert runner.limits == [None, len(page["items"])]
    assert 20 < len(page["items"]) < 40
    assert len(json.dumps(page)) < results.EVERYDAY_TEXT * 1.1
    assert set(page["items"][0]) == {"id", "name"}


def test_a_list_with_an_offset_says_that_it_was_cut():
    """issue:#5 the search of a DICOM database is not repeated."""
    runner = Runner({"offset": 0, "is_truncated": False})
    page = ask(runner)
    assert runner.limits == [None]
    assert page["is_truncated"]
    assert 20 < len(page["items"]) < 40


def test_full_detail_has_more_room_and_leaves_nothing_out():
    """issue:#5 concise by default with `detail` on request."""
    page = ask(Runner({"next_cursor": None}), detail="full", limit=90)
    assert len(page["items"]) == 90
    assert page["items"][0] == ITEMS[0]


def test_the_number_of_items_is_the_one_that_the_schema_says():
    """house: a default in the schema holds; what ends a page earlier is its length."""
    catalog = make_catalog()
    for operation in filter(operation_tools.is_page, catalog):
        told = operation_tools.describe(operation)["inputSchema"]["properties"]["limit"]["default"]
        runner = Runner({"next_cursor": None})
        operation_tools.call(runner, None, operation, {"detail": "full"})
        assert runner.limits == [None]
        assert told == operation.arguments.model_fields["limit"].default


def test_one_item_is_given_however_long_it_is():
    """house: a list that never gets anywhere helps nobody."""
    assert results.fitting({"items": [{"text": "x" * 50_000}, {}]}, is_concise=True) == 1


def test_every_operation_that_gives_a_page_is_a_page_for_agents():
    """house: what has items and a limit is a list."""
    catalog = make_catalog()
    for name in ("nodes.list", "volumes.list", "dicom.find_instances", "markups.list_points"):
        assert operation_tools.is_page(catalog.get(name))
    assert not operation_tools.is_page(catalog.get("volumes.get"))
