"""Open answers: what ends them, and what they tell."""

import json

import pytest

from mcp_client import MODERN, McpHost, next_event, open_stream

MOST_POLLS = 200


@pytest.fixture(scope="module", params=[(), ("--web-server",)], ids=["listener", "web server"])
def a_host(request, tmp_path_factory):
    """A host on the bridge's own listener, and one on Slicer's web server, which hands connections over."""
    with McpHost(tmp_path_factory.mktemp("mcp"), *request.param) as host:
        yield host


@pytest.fixture
def a_volume(a_host, a_brain_file):
    agent = a_host.client()
    content = agent.value("files_load", {"path": str(a_brain_file)})
    while "job" in content:
        agent.value("jobs_get", {"job_id": content["job"]["id"], "wait_s": 20})
        content = agent.value("jobs_result", {"job_id": content["job"]["id"]})
    return content["nodes"][0]["id"]


def newest_job(agent):
    return agent.value("jobs_list", {"limit": 1})["items"][0]


def ended_state(agent, job_id):
    """Poll until the job has ended."""
    for _ in range(MOST_POLLS):
        state = agent.value("jobs_get", {"job_id": job_id, "wait_s": 5})["state"]
        if state in {"canceled", "succeeded", "failed"}:
            return state
    raise AssertionError("the job did not end")


def start_long_work(agent, volume):
    params = {"name": "volumes_smooth", "arguments": {"volume_id": volume, "sigma_mm": 12.0}}
    connection, response = open_stream(agent, "tools/call", params, progressToken=7)
    assert next_event(response)["method"] == "notifications/progress"
    return connection, response


def test_closing_the_connection_cancels_the_work_in_2026_07_28(a_host, a_volume):
    """mcp: stateless versions, disconnect is the cancel; nothing half-made stays."""
    agent = a_host.client()
    connection, response = start_long_work(agent, a_volume)
    job = newest_job(agent)
    response.close()
    connection.close()
    assert ended_state(agent, job["id"]) == "canceled"


def test_with_a_handshake_a_notification_cancels_and_ends_the_stream(a_host, a_volume):
    """mcp: 2025-11-25, notifications/cancelled; the canceled request gets no answer."""
    agent = a_host.client(era="2025-11-25")
    agent.initialize()
    connection, response = start_long_work(agent, a_volume)
    job = newest_job(agent)
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "open"}}
    assert agent.post(json.dumps(message).encode(), agent.headers(message)).status == 202
    rest = response.read()
    assert b'"result"' not in rest
    connection.close()
    assert ended_state(agent, job["id"]) == "canceled"


def test_who_listens_hears_that_the_list_of_tools_has_changed(a_host):
    """mcp: subscriptions/listen acknowledges what it honors, then tells; python_execute appears when enabled."""
    agent = a_host.client()
    agent.request("tools/list")
    wish = {"notifications": {"toolsListChanged": True, "resourcesListChanged": True}}
    connection, response = open_stream(agent, "subscriptions/listen", wish)
    acknowledged = next_event(response)
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
    a_host.person("capabilities/python.execute=allow")
    told = next_event(response)
    assert told["method"] == "notifications/tools/list_changed"
    assert told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "open"
    connection.close()
    assert "python_execute" in [tool["name"] for tool in agent.request("tools/list").result["tools"]]
    a_host.person("capabilities/python.execute=deny")


def test_a_canceled_task_says_so_and_takes_its_job_with_it(a_host, a_volume):
    """mcp: io.modelcontextprotocol/tasks, cancel is cooperative and an end state stays."""
    agent = a_host.client(capabilities={"extensions": {"io.modelcontextprotocol/tasks": {}}})
    arguments = {"volume_id": a_volume, "sigma_mm": 12.0}
    task = agent.call("volumes_smooth", arguments).result
    assert (task["resultType"], task["status"]) == ("task", "working")
    job = newest_job(agent)
    reference = {"taskId": task["taskId"]}
    assert agent.request("tasks/cancel", reference).result["resultType"] == "complete"
    assert agent.request("tasks/get", reference).result["status"] == "cancelled"
    assert ended_state(agent, job["id"]) == "canceled"
    assert agent.request("tasks/get", reference).result["status"] == "cancelled"


def test_an_operation_that_is_no_tool_of_its_own_becomes_a_task_too_unless_a_job_is_wanted(a_host, a_volume):
    """issue:#5 a task where the client declares the extension; what is over at once needs none."""
    agent = a_host.client(capabilities={"extensions": {"io.modelcontextprotocol/tasks": {}}})
    work = {"operation": "volumes.smooth", "arguments": {"volume_id": a_volume, "sigma_mm": 1.0}}
    task = agent.call("operations_run", work).result
    assert task["resultType"] == "task"
    while task["status"] == "working":
        task = agent.request("tasks/get", {"taskId": task["taskId"]}).result
    assert task["result"]["structuredContent"]["class_name"] == "vtkMRMLScalarVolumeNode"
    job = agent.call("operations_run", {**work, "as_job": True}).result
    assert (job["resultType"], list(job["structuredContent"])) == ("complete", ["job", "next"])
    assert agent.call("operations_run", {"operation": "scene.summary"}).result["resultType"] == "complete"


def test_tasks_are_for_clients_that_declare_them(a_host):
    """mcp: -32021 with what is required, -32602 for a task that is not there."""
    required = a_host.client().request("tasks/get", {"taskId": "none"})
    assert required.code == -32021
    needed = required.last["error"]["data"]["requiredCapabilities"]
    assert needed == {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    agent = a_host.client(capabilities=needed)
    assert agent.request("tasks/get", {"taskId": "none"}).code == -32602


def test_the_server_tells_of_2026_07_28_what_it_can(a_host):
    """mcp: server/discover."""
    found = a_host.client().request("server/discover").result
    assert found["supportedVersions"] == [MODERN]
    assert set(found["capabilities"]) == {"tools", "prompts", "resources", "completions", "extensions"}
