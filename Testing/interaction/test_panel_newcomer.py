"""What a newcomer does first: press Start, copy the connection, paste it. A real window, the real programs."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

import pytest

from components import component
from served_panel import ServedPanel

pytestmark = pytest.mark.needs("xvfb")


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as made:
        yield made


def run(command, **keywords):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **keywords)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_listens_and_nothing_can_be_copied_before_start(panel):
    """issue:#4: start with Slicer is off by default"""
    assert "Stopped" in panel.words("Panel")
    assert list(panel.folder.rglob("instances/*.json")) == []
    with pytest.raises(LookupError, match="enabled False"):
        panel.do("copy", "curl")


def test_start_is_one_press(panel):
    """issue:#4"""
    panel.press("Toggle")
    assert "Listening" in panel.words("Panel")
    assert panel.read("Address").startswith("http://127.0.0.1:")


@pytest.mark.needs("curl")
def test_pasted_line_for_curl_prints_the_scene(panel):
    """issue:#4: connect a client by one paste"""
    told = run(["sh", "-c", panel.do("copy", "curl") + " --silent --show-error --fail"])
    assert "Paste it into a terminal. It holds the token" in panel.read("Copied")
    assert json.loads(told)["node_count"] >= 0


def test_pasted_script_for_python_prints_the_scene(panel, tmp_path):
    """issue:#4: connect a client by one paste; the standard library is enough"""
    script = tmp_path / "pasted.py"
    script.write_text(panel.do("copy", "Python"), "utf-8")
    told = run([sys.executable, "-I", str(script)])
    assert ast.literal_eval(told)["node_count"] >= 0


@pytest.mark.parametrize(("client", "member"), [("VS Code", "servers"), ("Cursor", "mcpServers")])
def test_pasted_configuration_reaches_the_tools(panel, client, member):
    """issue:#4: the address and the header that stand in it, used as they stand"""
    (server,) = json.loads(panel.do("copy", client))[member].values()
    headers = [f"{name}: {value}" for name, value in server["headers"].items()]
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": client, "version": "1"},
        },
    }
    told = run(
        [
            str(component("curl").find()),
            "--silent",
            "--fail",
            *(part for header in headers for part in ("--header", header)),
            "--header",
            "Content-Type: application/json",
            "--header",
            "Accept: application/json, text/event-stream",
            "--data",
            json.dumps(body),
            server["url"],
        ]
    )
    assert "serverInfo" in told


def test_pasted_configuration_for_claude_desktop_starts_a_program_that_finds_this_slicer(panel):
    """issue:#4"""
    (server,) = json.loads(panel.do("copy", "Claude Desktop"))["mcpServers"].values()
    messages = [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "desktop", "version": "1"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        {
            "jsonrpc": "2.0",
            "id": 3,
            "method": "tools/call",
            "params": {"name": "scene_summary", "arguments": {}},
        },
    ]
    told = run(
        [server["command"], *server["args"]],
        input="".join(json.dumps(message) + "\n" for message in messages),
        env={**os.environ, "AGENTBRIDGE_HOME": str(panel.folder / "bridge")},
    )
    answers = {answer["id"]: answer for answer in map(json.loads, told.splitlines())}
    assert len(answers[2]["result"]["tools"]) > 20
    assert not answers[3]["result"].get("isError"), answers[3]
    assert "claude_desktop_config.json" in panel.read("Copied")
    assert "token" not in panel.read("Copied")


def test_who_was_there_is_listed_with_its_calls(panel):
    """issue:#4: clients by name"""
    panel.wait_until(lambda: "desktop: 1 call" in panel.words("Connection"))
    shown = panel.words("Connection")
    assert "curl/" in shown
    assert f"Python-urllib/{sys.version_info[0]}.{sys.version_info[1]}: 1 call\n" in shown + "\n"


def test_new_token_ends_the_old_connection_and_the_new_paste_works(panel):
    """issue:#4"""
    before = panel.do("copy", "curl")
    panel.press("NewToken")
    done = subprocess.run(
        ["sh", "-c", before + " --silent --fail"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0
    run(["sh", "-c", panel.do("copy", "curl") + " --silent --fail"])


def test_stop_ends_it(panel):
    """issue:#4: stop everything"""
    line = panel.do("copy", "curl")
    panel.press("Toggle")
    assert "Stopped" in panel.words("Panel")
    done = subprocess.run(
        ["sh", "-c", line + " --silent --fail"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 7, "connection refused"
