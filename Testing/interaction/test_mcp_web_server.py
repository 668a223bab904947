"""The Model Context Protocol on Slicer's own web server: whole where connections are handed over, else a signpost."""

import json
import urllib.request

import pytest

from mcp_client import McpClient
from served_bridge import ServedBridge

START = """
import slicer
widget = slicer.util.getModuleWidget("WebServer")
widget.logic.port = 23216
widget.startServer()
widget.logic.port
"""
PLAIN = """
import slicer
server = slicer.util.getModuleLogic("WebServer").server
del server.SlicerRequestCommunicator
"""


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with ServedBridge(tmp_path_factory.mktemp("door"), grants={"python.execute": "allow"}) as host:
        yield host.client


@pytest.fixture(scope="module")
def an_address(a_host):
    """The endpoint on Slicer's web server."""
    made = a_host.post("/python/execute", {"source": START}).expect().json()
    return f"http://127.0.0.1:{int(made['value'])}/agent/v1/mcp"


@pytest.mark.parametrize("era", ["modern", "2025-11-25"])
def test_both_generations_work_there(a_host, an_address, era):
    """issue:#5 the whole endpoint; test_mcp_conformance and test_mcp_streams go that way too."""
    agent = McpClient(an_address, a_host.token, era=era)
    if era != "modern":
        agent.initialize()
    assert agent.value("scene_summary")["node_count"] >= 0
    assert McpClient(an_address, "wrong", era=era).request("tools/list").status == 401


def test_where_connections_are_not_handed_over_the_refusal_names_the_bridges_own_address(a_host, an_address):
    """issue:#5 a clear refusal; a Slicer that hands no headers over cannot carry the protocol."""
    assert a_host.post("/python/execute", {"source": PLAIN}).expect().json()["outcome"] == "completed"
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "access_token": a_host.token}
    body = json.dumps(message).encode()
    with urllib.request.urlopen(
        urllib.request.Request(an_address, body, method="POST"), timeout=30
    ) as answer:
        told = json.loads(answer.read())
    assert f"{a_host.base_url}/mcp" in told["error"]["message"]
    assert told["error"]["code"] < 0
