"""The official Python client, in both generations, on the real tools."""

import asyncio
import json

import jsonschema
import pytest

from AgentBridgeLib.mcp.guide import PROMPTS
from mcp_client import McpHost

ERAS = ["legacy", "2026-07-28"]
LEAST_TOKENS = 8000


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    grants = ("--grant", "scene.delete=allow", "--grant", "files.write=allow")
    folder = tmp_path_factory.mktemp("allowed")
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views", *grants, "--allow-folder", str(folder)) as host:
        host.allowed = folder
        yield host


def with_client(host, era, talk):
    """Let `talk` speak over the official client."""
    httpx2 = pytest.importorskip("httpx2")
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def run():
        headers = {"Authorization": f"Bearer {host.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(host.url, http_client=http)
            async with Client(transport, mode=era) as client:
                return await talk(client)

    return asyncio.run(run())


@pytest.mark.parametrize("era", ERAS)
def test_the_official_client_lists_calls_reads_and_prompts(a_host, era):
    """mcp: python-sdk 2.3.0 checks every result against its own models and the tool's output schema."""

    async def talk(client):
        tools = (await client.list_tools()).tools
        summary = await client.call_tool("scene_summary", {})
        scene = await client.read_resource("slicer://scene")
        prompts = (await client.list_prompts()).prompts
        filled = await client.get_prompt("measure_distance", {"start_ras": "0,0,0", "end_ras": "1,0,0"})
        return tools, summary, scene, prompts, filled

    tools, summary, scene, prompts, filled = with_client(a_host, era, talk)
    assert not summary.is_error
    assert json.loads(scene.contents[0].text)["node_count"] == summary.structured_content["node_count"]
    assert [prompt.name for prompt in prompts] == list(PROMPTS)
    assert "0,0,0" in filled.messages[0].content.text
    for tool in tools:
        assert tool.annotations.read_only_hint is not None
        assert tool.annotations.destructive_hint is not None
        assert tool.input_schema["type"] == "object"


def test_the_list_of_tools_is_affordable_and_its_order_fixed(a_host):
    """issue:#5 at most 30 tools, 8,000 tokens (a quarter of the bytes), instructions of 2,000 characters."""
    agent = a_host.client()
    first, second = (agent.request("tools/list").result["tools"] for _ in range(2))
    assert first == second
    assert len(first) <= 30
    assert len(json.dumps(first, separators=(",", ":"))) / 4 <= LEAST_TOKENS
    assert len(agent.request("server/discover").result["instructions"]) <= 2000
    for tool in first:
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        assert tool["name"] == tool["name"].lower()
        assert len(tool["name"]) <= 48
        assert set(tool["annotations"]) == {
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        }


def test_an_operation_is_found_by_its_own_name_too(a_host):
    """house: descriptions say `views.list`, and an agent may call just that."""
    agent = a_host.client()
    assert agent.value("views.list") == agent.value("views_list")
    missing = agent.call("views.nothing")
    assert missing.code == -32602
    assert "operations_search" in missing.last["error"]["message"]


@pytest.mark.parametrize("name", ["volumes.list", "volumes_list"])
def test_an_operation_is_run_and_described_by_the_name_of_its_tool_too(a_host, name):
    """house: names of tools and of operations stand side by side in the instructions, and agents mix them."""
    agent = a_host.client()
    assert agent.value("operations_run", {"operation": name})["items"] == []
    assert agent.value("operations_describe", {"operation": name})["name"] == "volumes.list"


@pytest.mark.parametrize("uri", ["slicer://scene", "slicer://help/frames", "slicer://view/Red/image"])
def test_resources_are_read_under_their_own_address(a_host, uri, a_brain_file):
    """mcp: resources/read; pictures come as blobs."""
    agent = a_host.client()
    content = agent.request("resources/read", {"uri": uri})
    if uri.endswith("image") and "error" in content.last:
        assert "blank" in str(content.last["error"])
        return
    assert content.result["contents"][0]["uri"] == uri
    assert content.result["cacheScope"] == "private"


@pytest.mark.parametrize(
    "uri", ["slicer://node/none", "slicer://job/none/result", "slicer://", "file:///etc/passwd"]
)
@pytest.mark.parametrize(("era", "code"), [("modern", -32602), ("2025-11-25", -32002)])
def test_a_resource_that_is_not_there_is_named(a_host, uri, era, code):
    """mcp: -32602 with data.uri in 2026-07-28, -32002 before."""
    agent = a_host.client(era=era)
    if era != "modern":
        agent.initialize()
    reply = agent.request("resources/read", {"uri": uri})
    assert reply.code == code
    assert reply.last["error"]["data"]["uri"] == uri


def test_ids_of_nodes_are_completed(a_host):
    """mcp: completion/complete for the arguments of templates."""
    agent = a_host.client()
    made = agent.value("markups_create", {"points_ras": [[0, 0, 0], [1, 0, 0]]})["id"]
    params = {
        "ref": {"type": "ref/resource", "uri": "slicer://node/{id}"},
        "argument": {"name": "id", "value": made[:-1]},
    }
    assert made in agent.request("completion/complete", params).result["completion"]["values"]
