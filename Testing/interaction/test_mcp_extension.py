"""Tools come and go while clients are connected: operations of other extensions, toolsets that the person chooses."""

import json

import pytest

from example_extension import LOAD, UNLOAD
from mcp_client import McpClient, McpHost, next_event, open_stream
from served_bridge import ServedBridge


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with ServedBridge(tmp_path_factory.mktemp("mcp"), grants={"python.execute": "allow"}) as host:
        yield host


@pytest.fixture
def an_agent(a_host):
    return McpClient(a_host.client.base_url + "/mcp", a_host.client.token)


def run(host, source):
    answer = host.client.post("/python/execute", {"source": source}).expect().json()
    assert answer["outcome"] == "completed", answer


def tools(agent):
    return {tool["name"]: tool for tool in agent.request("tools/list").result["tools"]}


def test_who_listens_hears_of_operations_that_an_extension_brings_and_takes(a_host, an_agent):
    """issue:#5 tools come from the catalogue, also those that come at run time."""
    assert "example" not in tools(an_agent)["operations_search"]["description"]
    wish = {"notifications": {"toolsListChanged": True}}
    connection, response = open_stream(an_agent, "subscriptions/listen", wish)
    assert next_event(response)["method"] == "notifications/subscriptions/acknowledged"
    run(a_host, LOAD)
    assert next_event(response)["method"] == "notifications/tools/list_changed"
    assert "example" in tools(an_agent)["operations_search"]["description"]
    found = an_agent.value("operations_search", {"query": "example count"})
    assert found["items"][0]["name"] == "example.count_nodes"
    counted = an_agent.value(
        "operations_run",
        {
            "operation": "example.count_nodes",
            "arguments": {"className": "vtkMRMLViewNode", "withHidden": True},
        },
    )
    assert counted["value"] == {"count": 1}
    assert an_agent.value("example_count_nodes", {"className": "vtkMRMLViewNode"})["value"]["count"] <= 1
    run(a_host, UNLOAD)
    assert next_event(response)["method"] == "notifications/tools/list_changed"
    connection.close()
    assert an_agent.call("example_count_nodes", {"className": "vtkMRMLViewNode"}).code == -32602


def test_a_toolset_that_the_person_chooses_is_listed_with_the_next_request(tmp_path):
    """issue:#5 toolsets can be chosen in the settings; what is chosen comes after the everyday tools."""
    with McpHost(tmp_path) as host:
        agent = host.client()
        everyday = list(tools(agent))
        assert "markups_delete_point" not in everyday
        host.person('mcp/toolsets=["markups","nonsense"]')
        chosen = list(tools(agent))
        assert set(everyday) < set(chosen)
        assert {name.partition("_")[0] for name in set(chosen) - set(everyday)} == {"markups"}
        host.person('mcp/toolsets=["all"]')
        assert len(tools(agent)) > 100
        host.person("mcp/toolsets={")
        assert list(tools(agent)) == everyday
        listed = json.dumps(agent.request("tools/list").result["tools"], separators=(",", ":"))
        assert len(listed) / 4 <= 8000
