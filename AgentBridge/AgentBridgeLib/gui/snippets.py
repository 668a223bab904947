"""What to paste into a client so that it is connected. The token stands in it: for this account only."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


STDIO_PROGRAM = Path(__file__).resolve().parents[2] / "Resources" / "agentbridge_stdio.py"


def curl(url: str, token: str) -> str:
    """Give a line for a terminal."""
    return f'curl -H "Authorization: Bearer {token}" {url}/scene'


def python(url: str, token: str) -> str:
    """Give a script that needs the standard library only."""
    return (
        "import json, urllib.request\n\n"
        f"URL, TOKEN = {url!r}, {token!r}\n\n\n"
        "def call(operation, **arguments):\n"
        "    request = urllib.request.Request(\n"
        '        f"{URL}/operations/{operation}",\n'
        "        json.dumps(arguments).encode(),\n"
        '        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},\n'
        "    )\n"
        "    return json.load(urllib.request.urlopen(request))\n\n\n"
        'print(call("scene.summary"))\n'
    )


def claude_code(url: str, token: str) -> str:
    """Give a line for a terminal."""
    header = shlex.quote(f"Authorization: Bearer {token}")
    return f"claude mcp add --transport http slicer {url}/mcp --header {header}"


def vs_code(url: str, token: str) -> str:
    """Give the content of ``.vscode/mcp.json``."""
    return _dump({"servers": {"slicer": {"type": "http", "url": f"{url}/mcp", "headers": _headers(token)}}})


def cursor(url: str, token: str) -> str:
    """Give the content of ``~/.cursor/mcp.json``."""
    return _dump({"mcpServers": {"slicer": {"url": f"{url}/mcp", "headers": _headers(token)}}})


def claude_desktop(_url: str, _token: str) -> str:
    """Give what goes into ``claude_desktop_config.json``: it can only start a program, which finds this Slicer."""
    return _dump({"mcpServers": {"slicer": {"command": "python3", "args": [str(STDIO_PROGRAM)]}}})


SNIPPETS: Mapping[str, Callable[[str, str], str]] = {
    "curl": curl,
    "Python": python,
    "Claude Code": claude_code,
    "VS Code": vs_code,
    "Cursor": cursor,
    "Claude Desktop": claude_desktop,
}
"""Client, as its makers write it, to what is pasted."""


PLACES: Mapping[str, str] = {
    "curl": "Paste it into a terminal.",
    "Python": "Save it as a script and run it.",
    "Claude Code": "Paste it into a terminal.",
    "VS Code": "Paste it into .vscode/mcp.json.",
    "Cursor": "Paste it into ~/.cursor/mcp.json.",
    "Claude Desktop": "Paste it into claude_desktop_config.json.",
}
"""Client to where its snippet is pasted."""


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _dump(value: object) -> str:
    return json.dumps(value, indent=2)
