"""Nothing that an agent is sent carries what identifies the patient: tools, errors, resources, completions, forms."""

import json

import pytest

from mcp_client import McpHost, next_event, open_stream
from planted_patient import PLANT, TELLTALES

ERAS = ["modern", "2025-11-25"]


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    """A host with a patient in its scene, and the id of the patient's volume."""
    options = ("--grant", "python.execute=allow", "--setting", "mcp/approve_by_form=true", "--views")
    with McpHost(tmp_path_factory.mktemp("mcp"), *options) as host:
        planted = host.client().value("python_execute", {"source": PLANT})
        host.volume = planted["value"].strip("'")
        yield host


@pytest.fixture(params=ERAS)
def an_agent(request, a_host):
    agent = a_host.client(era=request.param, capabilities={"elicitation": {}})
    if request.param != "modern":
        agent.initialize()
    return agent


def check(told):
    text = json.dumps(told, ensure_ascii=False).encode()
    found = TELLTALES.search(text)
    assert found is None, text[max(0, found.start() - 200) : found.end() + 50]
    return text


def test_tools_errors_resources_and_completions_tell_nothing(a_host, an_agent):
    """issue:#5 identifiers by policy."""
    volume = a_host.volume
    calls = (
        ("nodes_list", {"limit": 100, "detail": "full"}),
        ("nodes_get", {"node_id": volume}),
        ("volumes_get", {"volume_id": volume}),
        ("scene_summary", {}),
        ("segmentations_create", {"source_volume_id": volume, "threshold": {"minimum": 0, "maximum": 10}}),
        ("markups_get", {"markups_id": volume}),
        ("files_load", {"path": "/data/QUUXBY_ZEBEDEE/IM1"}),
        ("operations_run", {"operation": "application.log"}),
        ("operations_run", {"operation": "volumes.clone", "arguments": {"volume_id": volume}}),
        ("jobs_list", {}),
    )
    answers = {tool: an_agent.call(tool, arguments).last for tool, arguments in calls}
    assert b"[hidden]" in check(answers)
    check([an_agent.request("resources/read", {"uri": f"slicer://node/{volume}"}).last])
    check([an_agent.request("resources/read", {"uri": "slicer://node/QUUXBY ZEBEDEE CT 1931-09-17"}).status])
    reference = {"type": "ref/resource", "uri": "slicer://node/{id}"}
    params = {"ref": reference, "argument": {"name": "id", "value": ""}}
    check(an_agent.request("completion/complete", params).last)


def test_the_form_that_travels_through_the_agent_tells_nothing(a_host, an_agent):
    """issue:#5 the panel names the node as the person knows it; the form is seen by the agent."""
    params = {"name": "nodes_delete", "arguments": {"node_id": a_host.volume}}
    if an_agent.era == "modern":
        asked = an_agent.request("tools/call", params).result
        (question,) = asked["inputRequests"].values()
    else:
        connection, response = open_stream(an_agent, "tools/call", params)
        question = next_event(response)
        connection.close()
    text = check(question)
    assert b"[hidden]" in text
    assert b"nodes.delete" in text
    a_host.person("deny")
