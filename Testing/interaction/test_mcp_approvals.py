"""Approvals by a form in the agent's own program, in the versions with a handshake and with the official client."""

import asyncio
import json

import pytest

from mcp_client import McpHost, next_event, open_stream

FORMS = {"elicitation": {}}


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--setting", "mcp/approve_by_form=true") as host:
        yield host


@pytest.fixture
def an_agent(a_host):
    agent = a_host.client(era="2025-11-25", capabilities=FORMS)
    agent.initialize()
    return agent


def a_markup(agent):
    return agent.value("markups_create", {"points_ras": [[0, 0, 0], [3, 4, 0]]})["id"]


def ids(agent):
    return [item["id"] for item in agent.value("nodes_list", {"limit": 100})["items"]]


def ask_to_delete(agent, node_id):
    """Call the tool and give the open answer and the question on it."""
    params = {"name": "nodes_delete", "arguments": {"node_id": node_id}}
    connection, response = open_stream(agent, "tools/call", params)
    return connection, response, next_event(response)


def answer(agent, question, result):
    """Send the answer to a question by a POST of its own."""
    message = {"jsonrpc": "2.0", "id": question["id"], "result": result}
    return agent.post(json.dumps(message).encode(), agent.headers({"method": "", "params": {}})).status


@pytest.mark.parametrize("era", ["2025-11-25", "2025-06-18"])
def test_with_a_handshake_the_question_comes_on_the_open_answer(a_host, era):
    """mcp: 2025-06-18, elicitation: a request of the server, answered by a later POST; without a mode."""
    agent = a_host.client(era=era, capabilities=FORMS)
    agent.initialize()
    node_id = a_markup(agent)
    connection, response, question = ask_to_delete(agent, node_id)
    assert question["method"] == "elicitation/create"
    assert "mode" not in question["params"]
    assert "nodes.delete" in question["params"]["message"]
    properties = question["params"]["requestedSchema"]["properties"]
    assert {entry["type"] for entry in properties.values()} == {"boolean"}
    assert node_id in ids(agent), "nothing happens before the answer"
    assert answer(agent, question, {"action": "accept", "content": {"approve": True}}) == 202
    last = next_event(response)
    assert (last["id"], last["result"].get("isError", False)) == ("open", False)
    connection.close()
    assert node_id not in ids(agent)


@pytest.mark.parametrize(
    "said",
    [{"action": "decline"}, {"action": "cancel"}, {"action": "accept", "content": {"approve": False}}, None],
)
def test_anything_but_a_ticked_box_is_a_no(an_agent, said):
    """issue:#5 never run what the person did not approve."""
    node_id = a_markup(an_agent)
    connection, response, question = ask_to_delete(an_agent, node_id)
    answer(an_agent, question, said)
    result = next_event(response)["result"]
    connection.close()
    assert result["isError"]
    assert result["structuredContent"]["code"] == "policy.approval_denied"
    assert node_id in ids(an_agent)


def test_the_panel_may_answer_first(a_host, an_agent):
    """issue:#5 the panel stays the authority: the form is withdrawn, and its late answer changes nothing."""
    node_id = a_markup(an_agent)
    connection, response, question = ask_to_delete(an_agent, node_id)
    a_host.person("deny")
    withdrawn = next_event(response)
    assert withdrawn["method"] == "notifications/cancelled"
    assert withdrawn["params"]["requestId"] == question["id"]
    result = next_event(response)["result"]
    connection.close()
    assert result["structuredContent"]["code"] == "policy.approval_denied"
    assert answer(an_agent, question, {"action": "accept", "content": {"approve": True}}) == 202
    assert node_id in ids(an_agent)


@pytest.fixture
def a_task_that_asks(a_host, a_brain_file):
    """A client with tasks and forms, and a reference to its task that waits for an answer."""
    agent = a_host.client(capabilities={"extensions": {"io.modelcontextprotocol/tasks": {}}, **FORMS})
    volume_id = a_host.client().value("files_load", {"path": str(a_brain_file)})["nodes"][0]["id"]
    a_host.person("capabilities/scene.edit=ask")
    task = agent.call("volumes_smooth", {"volume_id": volume_id, "sigma_mm": 1.0}).result
    reference = {"taskId": task["taskId"]}
    while (view := agent.request("tasks/get", reference).result)["status"] == "working":
        pass
    assert view["status"] == "input_required"
    yield agent, reference, view
    a_host.person("capabilities/scene.edit=allow")


def ended(agent, task):
    """Poll a task until it has ended."""
    while task.get("status") in {"working", "input_required"}:
        task = agent.request("tasks/get", {"taskId": task["taskId"]}).result
    return task


@pytest.mark.parametrize(("is_yes", "is_error"), [(True, False), (False, True)])
def test_a_task_asks_by_a_form_and_takes_the_answer(a_task_that_asks, is_yes, is_error):
    """mcp: io.modelcontextprotocol/tasks, input_required and tasks/update; a failed job is a completed task."""
    agent, reference, view = a_task_that_asks
    (key,) = view["inputRequests"]
    answers = {key: {"action": "accept", "content": {"approve": is_yes}}, "unknown": {}}
    agent.request("tasks/update", {**reference, "inputResponses": answers})
    view = ended(agent, agent.request("tasks/get", reference).result)
    assert view["status"] == "completed"
    assert view["result"].get("isError", False) is is_error


def test_a_task_that_asks_goes_on_when_the_panel_answers(a_host, a_task_that_asks):
    """issue:#5 the panel stays the authority; what is no longer asked is no longer listed."""
    agent, reference, _ = a_task_that_asks
    a_host.person("approve")
    view = ended(agent, agent.request("tasks/get", reference).result)
    assert view["status"] == "completed"
    assert not view["result"].get("isError")


def test_an_answer_of_another_session_counts_for_nothing(a_host, an_agent):
    """house: whoever guesses the number of a question has not been asked."""
    node_id = a_markup(an_agent)
    connection, response, question = ask_to_delete(an_agent, node_id)
    other = a_host.client(era="2025-11-25", capabilities=FORMS)
    other.initialize()
    answer(other, question, {"action": "accept", "content": {"approve": True}})
    assert node_id in ids(an_agent)
    answer(an_agent, question, {"action": "decline"})
    assert next_event(response)["result"]["isError"]
    connection.close()


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}])
def test_who_cannot_show_forms_is_not_asked(a_host, capabilities):
    """mcp: never ask what the client did not declare; the person is asked in the panel."""
    agent = a_host.client(era="2025-11-25", capabilities=capabilities)
    agent.initialize()
    node_id = a_markup(agent)
    refused = agent.call("nodes_delete", {"node_id": node_id})
    assert refused.result["isError"]
    assert refused.result["structuredContent"]["code"] == "policy.confirmation_required"
    a_host.person("deny")


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
@pytest.mark.parametrize(("action", "is_gone"), [("accept", True), ("decline", False)])
def test_the_official_client_shows_the_form_and_carries_the_answer(a_host, era, action, is_gone):
    """mcp: python-sdk 2.3.0, elicitation_callback; a request on the stream, or InputRequiredResult and a retry."""
    httpx2 = pytest.importorskip("httpx2")
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.types import ElicitResult

    asked = []

    async def on_form(_context, params):
        asked.append(params.message)
        return ElicitResult(action=action, content={"approve": True} if action == "accept" else None)

    async def run(node_id):
        headers = {"Authorization": f"Bearer {a_host.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(a_host.url, http_client=http)
            async with Client(transport, mode=era, elicitation_callback=on_form) as client:
                return await client.call_tool("nodes_delete", {"node_id": node_id})

    plain = a_host.client()
    node_id = a_markup(plain)
    result = asyncio.run(run(node_id))
    assert len(asked) == 1
    assert node_id in asked[0]
    assert result.is_error is not is_gone
    assert (node_id not in ids(plain)) is is_gone
