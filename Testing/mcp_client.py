"""A host process for tests of the Model Context Protocol, and a client that says exactly what it is told to say."""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST = Path(__file__).resolve().parent / "mcp_host.py"
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
STOP_DEADLINE_S = 30.0
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"} | dict.fromkeys(
    ("tasks/get", "tasks/update", "tasks/cancel"), "taskId"
)


class McpHost:
    """One `mcp_host.py` process. Use it as a context manager."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._errors = (folder / "errors.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(HOST), "--home", str(folder), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.folder = folder
        ready = self._line()
        self.url: str = ready["url"] + "/mcp"
        self.token: str = ready["token"]

    def client(self, **keywords: Any) -> McpClient:
        """Make a client."""
        return McpClient(self.url, self.token, **keywords)

    def person(self, word: str) -> str:
        """Let the person approve or deny the oldest request; gives the job it was about."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return str(self._line()["job"])

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                content: dict[str, Any] = json.loads(line)
                return content
        self._errors.seek(0)
        raise RuntimeError("the host ended; it printed:\n" + self._errors.read()[-3000:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self._errors.close()


@dataclass(slots=True)
class Reply:
    """What came back for one POST: the last message, and those before it on an event stream."""

    status: int
    headers: Mapping[str, str]
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        """The answer itself."""
        return self.messages[-1]

    @property
    def result(self) -> dict[str, Any]:
        """The result; an error fails the test."""
        assert "result" in self.last, self.last
        result: dict[str, Any] = self.last["result"]
        return result

    @property
    def code(self) -> int:
        """The code of the JSON-RPC error."""
        return int(self.last["error"]["code"])

    @property
    def text(self) -> str:
        """All text blocks of a tool's result."""
        return "\n".join(block["text"] for block in self.result["content"] if block["type"] == "text")


class McpClient:
    """Speaks one generation of the protocol.

    Parameters
    ----------
    era
        ``modern`` or a version with a handshake, such as ``2025-11-25``.
    capabilities
        What the client declares.
    """

    def __init__(
        self, url: str, token: str, *, era: str = "modern", capabilities: dict[str, Any] | None = None
    ) -> None:
        self._parts = urlsplit(url)
        self._token = token
        self.era = era
        self.capabilities = capabilities or {}
        self._numbers = itertools.count(1)
        self.session = ""

    @property
    def address(self) -> str:
        """Host and port."""
        return self._parts.netloc

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send these very bytes."""
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._token}",
            **headers,
        }
        return self.send("POST", body, {name: value for name, value in sent.items() if value})

    def send(self, method: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=60)
        try:
            connection.request(method, self._parts.path, body, dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            text = response.read().decode("utf-8")
        finally:
            connection.close()
        if "event-stream" in found.get("content-type", ""):
            lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
        else:
            lines = iter([text])
        return Reply(response.status, found, [json.loads(line) for line in lines if line])

    def open(
        self, method: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send one request with the token; the body of the response is not yet read."""
        connection = http.client.HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=60)
        accepted = {"Authorization": f"Bearer {self._token}", "Accept": "application/json, text/event-stream"}
        connection.request(method, self._parts.path, body, {**accepted, **headers})
        return connection, connection.getresponse()

    def request(self, method: str, params: dict[str, Any] | None = None, **meta: Any) -> Reply:
        """Send one request as a client of this generation does."""
        message = {
            "jsonrpc": "2.0",
            "id": next(self._numbers),
            "method": method,
            "params": dict(params or {}),
        }
        return self.post(json.dumps(self.dressed(message, meta)).encode(), self.headers(message))

    def dressed(self, message: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
        """Add what every request of 2026-07-28 says of its client."""
        if self.era == "modern":
            meta = {
                f"{META}protocolVersion": MODERN,
                f"{META}clientCapabilities": self.capabilities,
                f"{META}clientInfo": {"name": "test agent", "version": "1"},
                **meta,
            }
        if meta:
            message["params"]["_meta"] = meta
        return message

    def headers(self, message: dict[str, Any]) -> dict[str, str]:
        """Give the headers of a message."""
        if self.era != "modern":
            named = {"MCP-Protocol-Version": self.era}
            return {**named, "Mcp-Session-Id": self.session} if self.session else {}
        name = message["params"].get(_NAMED.get(message["method"], ""), "")
        return {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"], "Mcp-Name": name}

    def initialize(self) -> Reply:
        """Shake hands."""
        info = {"name": "test agent", "version": "1"}
        params = {"protocolVersion": self.era, "capabilities": self.capabilities, "clientInfo": info}
        reply = self.request("initialize", params)
        self.session = reply.headers["mcp-session-id"]
        return reply

    def call(self, tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> Reply:
        """Call a tool; `more` are further parameters such as requestState."""
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}, **more})

    def value(self, tool: str, arguments: Iterable[tuple[str, Any]] | dict[str, Any] = ()) -> dict[str, Any]:
        """Call a tool that must succeed; gives its structured content."""
        reply = self.call(tool, dict(arguments))
        assert not reply.result.get("isError"), reply.text
        content: dict[str, Any] = reply.result["structuredContent"]
        return content


def open_stream(
    agent: McpClient, method: str, params: dict[str, Any], **meta: Any
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Send a request with the id ``open`` and give connection and response, whose body is not yet read."""
    message = agent.dressed({"jsonrpc": "2.0", "id": "open", "method": method, "params": params}, meta)
    headers = {name: value for name, value in agent.headers(message).items() if value}
    return agent.open("POST", json.dumps(message).encode(), headers)


def next_event(response: http.client.HTTPResponse) -> dict[str, Any]:
    """Read up to the next message of an event stream."""
    for raw in response:
        if raw.startswith(b"data:") and raw[5:].strip():
            message: dict[str, Any] = json.loads(raw[5:])
            return message
    raise AssertionError("the stream ended")
