"""What README, docs/mcp.md and the panel tell people to paste works; only address and token are filled in."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from components import component
from mcp_client import McpHost

CHECKOUT = Path(__file__).resolve().parents[2]
MANUAL = "".join(
    path.read_text(encoding="utf-8") for path in (CHECKOUT / "README.md", CHECKOUT / "docs" / "mcp.md")
)
BRIDGE = CHECKOUT / "AgentBridge" / "Resources" / "agentbridge_stdio.py"
URL = "http://127.0.0.1:2016/agent/v1"
TYPESCRIPT_CLIENT = "@modelcontextprotocol/client@2.4.0"
DEADLINE_S = 180

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_PROGRAM = {
    "type": "object",
    "properties": {
        "type": {"const": "stdio"},
        "command": {"type": "string"},
        "args": {"type": "array", "items": {"type": "string"}},
        "env": _TEXTS,
    },
    "required": ["command"],
    "additionalProperties": False,
}
_REMOTE = {
    "type": "object",
    "properties": {"url": {"type": "string", "pattern": "^https?://.+"}, "headers": _TEXTS},
    "required": ["url"],
    "additionalProperties": False,
}
_VS_CODE_REMOTE = {
    **_REMOTE,
    "properties": {**_REMOTE["properties"], "type": {"enum": ["http", "sse"]}},
    "required": ["type", "url"],
}


def _file(member, server):
    """A configuration file: servers by name under one member."""
    servers = {"type": "object", "additionalProperties": server, "minProperties": 1}
    return {
        "type": "object",
        "properties": {member: servers},
        "required": [member],
        "additionalProperties": False,
    }


FORMS = {
    # code.visualstudio.com, MCP configuration reference; microsoft/vscode, mcpConfiguration.ts
    "VS Code": _file("servers", {"oneOf": [_PROGRAM, _VS_CODE_REMOTE]}),
    # cursor.com/docs, Model Context Protocol: the transport follows from the members
    "Cursor": _file("mcpServers", {"oneOf": [_PROGRAM, _REMOTE]}),
    # modelcontextprotocol.io, quickstart for users: programs only
    "Claude Desktop": _file("mcpServers", _PROGRAM),
}


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp")) as host:
        yield host


def after(marker, kind):
    """Give the first block of code of a kind behind some words of the manual."""
    rest = MANUAL.partition(marker)[2]
    assert rest, marker
    found = re.search(rf"```{kind}\n(.*?)```", rest, re.DOTALL)
    assert found is not None
    return found[1]


def filled(text, host):
    """Put the address and the token of a host in, as a person does."""
    assert URL in text
    assert "TOKEN" in text
    return text.replace(URL, host.url.removesuffix("/mcp")).replace("TOKEN", host.token)


def run(command, **keywords):
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        **keywords,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_python_example_prints_the_scene(a_host, tmp_path):
    """issue:#5 SDK clients: the official Python package."""
    script = tmp_path / "example.py"
    script.write_text(filled(after("Python (`pip", "python"), a_host), encoding="utf-8")
    printed = ast.literal_eval(run([sys.executable, "-I", str(script)]))
    assert printed["node_count"] >= 0


@pytest.mark.needs("npx")
def test_the_javascript_example_prints_the_scene(a_host, tmp_path):
    """issue:#5 SDK clients: the official TypeScript package, from npm, pinned."""
    script = tmp_path / "example.mjs"
    script.write_text(filled(after("JavaScript (`npm", "js"), a_host), encoding="utf-8")
    npm = component("npx").find().with_name("npm")
    quiet = ("--no-audit", "--no-fund", "--silent", "--prefix", str(tmp_path))
    run([str(npm), "install", *quiet, TYPESCRIPT_CLIENT], cwd=tmp_path)
    node = [str(component("npx").find()), "--yes", "-p", "node@22", "node"]
    assert json.loads(run([*node, str(script)], cwd=tmp_path))["node_count"] >= 0


@pytest.mark.needs("npx")
def test_the_inspector_calls_a_tool(a_host):
    """issue:#5 the inspector's command line."""
    told = run(["sh", "-c", filled(after("The inspector", "sh"), a_host)])
    assert "node_count" in told


@pytest.mark.needs("claude")
def test_claude_code_connects(a_host, tmp_path):
    """issue:#5 the real product, where it is installed; it needs no account to look whether a server answers."""
    line = filled(after("Claude Code:", "sh"), a_host)
    quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    environment = {**os.environ, **quiet, "HOME": str(tmp_path)}
    run(["sh", "-c", line], env=environment, cwd=tmp_path)
    told = run(["claude", "mcp", "list"], env=environment, cwd=tmp_path)
    assert re.search(r"slicer: .*Connected", told), told


def test_the_program_of_the_configuration_for_claude_desktop_speaks(a_host):
    """issue:#5 the stdio bridge, started as the configuration says, finds the running instance by its file."""
    (server,) = json.loads(after("Claude Desktop and", "json"))["mcpServers"].values()
    arguments = [
        argument.replace("/path/to/agentbridge_stdio.py", str(BRIDGE)) for argument in server["args"]
    ]
    (file,) = a_host.folder.rglob("instances/*.json")
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "desktop", "version": "1"},
    }
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    done = subprocess.run(
        [server["command"], *arguments],
        input="".join(json.dumps(message) + "\n" for message in messages),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
        env={**os.environ, "AGENTBRIDGE_HOME": str(file.parents[1])},
    )
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert len(answers[2]["result"]["tools"]) > 20


@pytest.mark.parametrize(
    ("client", "marker"),
    [
        ("VS Code", "VS Code, `mcp.json`"),
        ("Cursor", "Cursor, `mcp.json`"),
        ("Claude Desktop", "Claude Desktop and"),
    ],
)
def test_configurations_have_the_form_that_the_product_documents(client, marker):
    """house: an unknown member is ignored in silence, and nobody is connected."""
    jsonschema.validate(json.loads(after(marker, "json")), FORMS[client])


def test_what_the_panel_copies_is_what_the_manual_says():
    """issue:#5 the panel's "Copy connection" uses the same forms."""
    from AgentBridgeLib.gui.snippets import SNIPPETS, STDIO_PROGRAM

    assert SNIPPETS["VS Code"](URL, "TOKEN") == json.dumps(
        json.loads(after("VS Code, `mcp.json`", "json")), indent=2
    )
    assert SNIPPETS["Cursor"](URL, "TOKEN") == json.dumps(
        json.loads(after("Cursor, `mcp.json`", "json")), indent=2
    )
    line = after("Claude Code:", "sh").strip().replace('"', "'")
    assert SNIPPETS["Claude Code"](URL, "TOKEN") == line
    desktop = json.loads(SNIPPETS["Claude Desktop"](URL, "TOKEN"))
    assert desktop["mcpServers"]["slicer"]["args"] == [str(STDIO_PROGRAM)]
    jsonschema.validate(desktop, FORMS["Claude Desktop"])
    assert STDIO_PROGRAM.samefile(BRIDGE)
