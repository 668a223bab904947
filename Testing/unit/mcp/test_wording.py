"""Agents have tools, not routes."""

import re
from pathlib import Path

import pytest

from AgentBridgeLib.dispatch.arguments import validate
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.mcp.faults import error_result, rpc_error
from AgentBridgeLib.mcp.profile import tool_name
from AgentBridgeLib.mcp.wording import for_agents
from AgentBridgeLib.operations.index import make_catalog

LIBRARY = Path(__file__).resolve().parents[3] / "AgentBridge" / "AgentBridgeLib"
NAMED = re.compile(r"operation ((?:[a-z_]+\.)+[a-z_]+)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "GET /agent/v1/operations/volumes.crop shows the schema.",
            "operations_describe with the operation volumes.crop shows the schema.",
        ),
        ("GET /agent/v1/jobs lists those there are.", "jobs_list lists those there are."),
        ("See GET /agent/v1/operations.", "See operations_search."),
        (
            "It is running. GET /agent/v1/jobs/a4?wait=20 answers when it changes.",
            "It is running. jobs_get with job_id a4 and wait_s 20 answers when it changes.",
        ),
        (
            "Ask GET http://127.0.0.1:2016/agent/v1/log, please",
            "Ask operations_run with the operation application.log, please",
        ),
        ("POST /agent/v1/new/thing does it", "operations_search with the query 'new' does it"),
        ("GET the volume; and/or v1 is fine.", "GET the volume; and/or v1 is fine."),
    ],
)
def test_routes_become_tools(text, expected):
    """issue:#5 errors say what to do next, in words that an agent can follow."""
    assert for_agents(text) == expected


def test_every_route_that_a_message_names_leads_to_an_operation_that_exists():
    """house: guidance does not drift."""
    catalog = make_catalog()
    for path in LIBRARY.rglob("*.py"):
        if path.parts[-2] in {"routing", "mcp"}:
            continue
        source = re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
        for sentence in re.findall(r"(?:GET|POST) /agent/v1/[^\"]*", source):
            told = for_agents(
                sentence.replace("{operation.name}", "volumes.get").replace("{arguments.name}", "Cli")
            )
            assert "/agent/v1" not in told, (path, sentence)
            for name in NAMED.findall(told):
                assert name in catalog.operations, (path, name, tool_name(name))


def test_errors_name_tools_in_text_and_structured_content():
    """issue:#5 the same document as on every route, but without routes."""
    error = ArgumentInvalidError("Wrong. GET /agent/v1/operations/nodes.get shows the schema.")
    result = error_result(error, "nodes.get")
    for text in (
        result["content"][0]["text"],
        result["structuredContent"]["detail"],
        rpc_error(error).message,
    ):
        assert "operations_describe with the operation nodes.get shows the schema." in text
        assert "/agent/v1" not in text


def test_an_error_says_once_what_was_wrong():
    """issue:#5 an agent pays for every word."""
    problem = "there is no segment with the id 'lungs'"
    said = ArgumentInvalidError(f"`a` cannot be used: {problem}.", errors=[FieldProblem("/a", problem)])
    assert error_result(said)["content"][0]["text"].count(problem) == 1
    unsaid = ArgumentInvalidError("`a` cannot be used.", errors=[FieldProblem("/a", problem, "Segment_1")])
    assert error_result(unsaid)["content"][0]["text"].endswith(f"/a: {problem}. Segment_1")


def test_several_problems_are_told_once_each_with_what_would_be_right():
    """issue:#5 the error teaches the call: what is missing is named by its meaning, what there is by its names."""
    with pytest.raises(ArgumentInvalidError) as caught:
        validate(make_catalog().get("segmentations.export"), {"goal": "models", "of": "x"}, is_lax=False)
    text = error_result(caught.value)["content"][0]["text"]
    assert "/target: models: a model for each segment. labelmap: one labelmap volume" in text
    assert text.count("one of: ") == text.count("/goal: is unknown") == text.count("/of: is unknown") == 1


def test_no_message_names_a_route_by_a_part_of_it():
    """issue:#5 'POST …/surface' is neither a route nor a tool."""
    for path in LIBRARY.rglob("*.py"):
        assert not re.search(r"(?:GET|POST|PUT|PATCH|DELETE) …", path.read_text(encoding="utf-8")), path
