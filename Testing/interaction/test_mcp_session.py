"""A session of an agent, over the Model Context Protocol alone, with a person in front of Slicer."""

import base64

import pytest

from mcp_client import McpHost


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views") as host:
        yield host


@pytest.fixture(scope="module")
def a_host_with_forms(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--setting", "mcp/approve_by_form=true") as host:
        yield host


def finished(agent, reply):
    """Give the structured result of a call, following its job if it became one."""
    content = reply.result["structuredContent"]
    if "job" not in content:
        assert not reply.result.get("isError"), reply.text
        return content
    return followed(agent, content["job"]["id"])


def followed(agent, job_id):
    while agent.value("jobs_get", {"job_id": job_id, "wait_s": 20})["state"] not in {"succeeded", "failed"}:
        pass
    return agent.call("jobs_result", {"job_id": job_id}).result["structuredContent"]


@pytest.mark.parametrize("era", ["modern", "2025-11-25"])
def test_an_agent_loads_segments_measures_looks_asks_and_undoes(a_host, a_brain_file, era):
    """issue:#5 list, load MNI152, segment, measure, look, ask to delete, be refused, be approved, undo."""
    agent = a_host.client(era=era)
    if era != "modern":
        agent.initialize()
    names = [tool["name"] for tool in agent.request("tools/list").result["tools"]]
    assert len(names) <= 30
    loaded = finished(agent, agent.call("files_load", {"path": str(a_brain_file)}))
    volume_id = loaded["nodes"][0]["id"]
    assert agent.value("volumes_get", {"volume_id": volume_id})["dimensions_ijk"] == [197, 233, 189]
    threshold = {"minimum": 100, "maximum": 255, "segment_name": "bright"}
    made = finished(
        agent, agent.call("segmentations_create", {"source_volume_id": volume_id, "threshold": threshold})
    )
    measured = finished(agent, agent.call("segmentations_statistics", {"segmentation_id": made["id"]}))
    assert 100 < measured["segments"][0]["volume_ml"] < 4000
    picture = agent.call(
        "views_slice_image", {"name": "Red", "background": volume_id, "width": 2048, "height": 1024}
    )
    image = next(block for block in picture.result["content"] if block["type"] == "image")
    pixels = base64.b64decode(image["data"])
    assert [int.from_bytes(pixels[at : at + 4]) for at in (16, 20)] == [1024, 512]

    refused = agent.call("nodes_delete", {"node_id": volume_id})
    assert refused.result["isError"]
    job_id = refused.result["structuredContent"]["job"]["id"]
    assert a_host.person("deny") == job_id
    assert followed(agent, job_id)["code"] == "policy.approval_denied"
    assert volume_id in [item["id"] for item in agent.value("nodes_list")["items"]]

    asked = agent.call("nodes_delete", {"node_id": volume_id})
    job_id = asked.result["structuredContent"]["job"]["id"]
    a_host.person("approve")
    followed(agent, job_id)
    assert volume_id not in [item["id"] for item in agent.value("nodes_list")["items"]]
    finished(agent, agent.call("scene_undo"))
    volumes = finished(agent, agent.call("operations_run", {"operation": "volumes.list"}))
    assert volumes["total"] >= 1


def a_markup(agent):
    return agent.value("markups_create", {"points_ras": [[0, 0, 0], [3, 4, 0]]})["id"]


def test_a_form_in_the_client_approves_when_the_person_has_allowed_forms(a_host_with_forms):
    """mcp: 2026-07-28 InputRequiredResult; the panel stays the authority."""
    agent = a_host_with_forms.client(capabilities={"elicitation": {}})
    node_id = a_markup(agent)
    asked = agent.call("nodes_delete", {"node_id": node_id}).result
    assert asked["resultType"] == "input_required"
    (key,) = asked["inputRequests"]
    answer = {key: {"action": "accept", "content": {"approve": True}}}
    again = {"inputResponses": answer, "requestState": asked["requestState"]}
    finished(agent, agent.call("nodes_delete", {"node_id": node_id}, **again))
    assert node_id not in str(agent.value("nodes_list"))


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "accept", "content": {"approve": False}},
        {"action": "accept", "content": {"approve": "true"}},
        {"action": "accept"},
        "yes",
    ],
)
def test_anything_but_a_ticked_box_is_a_no(a_host_with_forms, answer):
    """issue:#5 never run what the person did not approve."""
    agent = a_host_with_forms.client(capabilities={"elicitation": {}})
    node_id = a_markup(agent)
    asked = agent.call("nodes_delete", {"node_id": node_id}).result
    again = {"inputResponses": {"approval": answer}, "requestState": asked["requestState"]}
    refused = agent.call("nodes_delete", {"node_id": node_id}, **again)
    assert refused.result["structuredContent"]["code"] == "policy.approval_denied"
    assert node_id in str(agent.value("nodes_list"))


def test_a_state_made_for_one_call_approves_no_other(a_host_with_forms):
    """mcp: requestState is hostile input; it is bound to the digest of the arguments."""
    agent = a_host_with_forms.client(capabilities={"elicitation": {}})
    harmless, precious = a_markup(agent), a_markup(agent)
    state = agent.call("nodes_delete", {"node_id": harmless}).result["requestState"]
    answer = {"approval": {"action": "accept", "content": {"approve": True}}}
    for forged in (state, state[:-1] + ("0" if state[-1] != "0" else "1"), "", "."):
        reply = agent.call("nodes_delete", {"node_id": precious}, inputResponses=answer, requestState=forged)
        assert reply.code == -32602
    assert precious in str(agent.value("nodes_list"))


def test_a_form_approves_nothing_unless_the_person_has_allowed_forms(a_host):
    """issue:#5 a client may answer forms by itself."""
    agent = a_host.client(capabilities={"elicitation": {}})
    node_id = a_markup(agent)
    waiting = agent.call("nodes_delete", {"node_id": node_id})
    assert waiting.result["isError"]
    a_host.person("deny")


def test_a_task_asks_and_goes_on(a_host_with_forms, a_brain_file):
    """mcp: io.modelcontextprotocol/tasks; long work is a task where the client declares it."""
    tasks = {"extensions": {"io.modelcontextprotocol/tasks": {}}, "elicitation": {}}
    agent = a_host_with_forms.client(capabilities=tasks)
    other = a_host_with_forms.client()
    volume_id = finished(other, other.call("files_load", {"path": str(a_brain_file)}))["nodes"][0]["id"]
    task = agent.call("volumes_smooth", {"volume_id": volume_id, "sigma_mm": 2.0}).result
    assert task["resultType"] == "task"
    view = task
    while view["status"] == "working":
        view = agent.request("tasks/get", {"taskId": task["taskId"]}).result
    assert view["status"] == "completed"
    assert not view["result"].get("isError"), view


def test_progress_grows_and_the_answer_comes_last(a_host_with_forms, a_brain_file):
    """mcp: progress only with a token, on the stream of that request, strictly increasing."""
    agent = a_host_with_forms.client(era="2025-11-25")
    agent.initialize()
    volume_id = finished(agent, agent.call("files_load", {"path": str(a_brain_file)}))["nodes"][0]["id"]
    arguments = {"volume_id": volume_id, "sigma_mm": 2.0}
    reply = agent.request(
        "tools/call", {"name": "volumes_smooth", "arguments": arguments}, progressToken="p1"
    )
    told = [message["params"] for message in reply.messages[:-1]]
    assert told
    assert {entry["progressToken"] for entry in told} == {"p1"}
    steps = [entry["progress"] for entry in told]
    assert steps == sorted(set(steps))
    assert not reply.result.get("isError")


def test_what_is_denied_stays_listed_and_says_where_the_switch_is(tmp_path):
    """issue:#5 the agent hears the reason; python_execute alone is hidden."""
    with McpHost(tmp_path, "--grant", "scene.edit=deny") as host:
        agent = host.client()
        names = [tool["name"] for tool in agent.request("tools/list").result["tools"]]
        assert "markups_create" in names
        assert "python_execute" not in names
        reply = agent.call("markups_create", {"points_ras": [[0, 0, 0], [1, 0, 0]]})
        assert reply.result["isError"]
        assert "AgentBridge panel" in reply.text
        assert "python" not in str(agent.value("operations_search", {"query": "python"}))
