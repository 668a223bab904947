"""Speed of one trivial `tools/call` with the official client, and where its time goes.

Four figures for each generation of the protocol, all from child processes on this machine, in turns, in one run:

- the official client with AgentBridge;
- the official client with the SDK's own example server, as it is;
- the official client with a server that takes no time: it gives back, at once, the bytes that AgentBridge gave. So
  this is the client alone, and no server can be faster with it;
- AgentBridge alone: the same request over a plain socket.

``measure()`` is for the benchmark; ``python mcp_bench.py`` prints a table, once ``dev.py bench`` has fetched the
example. The server that takes no time is ``python mcp_bench.py replay HOST PORT``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devtools.sdk_example import PACKAGE, example_folder
from mcp_client import McpHost

if TYPE_CHECKING:
    from collections.abc import Iterator

ERAS = {"legacy": "2025-11-25", "2026-07-28": "modern"}
"""As the official client calls them to as ours does."""
WARM_UP = 20
CALLS = 120
ROUNDS = 7
CHECKOUT = Path(__file__).resolve().parent.parent
TOOL, ARGUMENTS = "jobs_list", {"limit": 1}


@dataclass(frozen=True)
class Shares:
    """Medians of one call in ms.

    Attributes
    ----------
    ours, theirs, client
        The official client with AgentBridge, with the SDK's example server, with one that takes no time.
    server
        AgentBridge alone.
    """

    ours: float
    theirs: float
    client: float
    server: float

    @property
    def ratio(self) -> float:
        """What the issue asks for: at most one half."""
        return self.ours / self.theirs

    @property
    def least_ratio(self) -> float:
        """What a server that takes no time would reach."""
        return self.client / self.theirs

    @property
    def server_ratio(self) -> float:
        """Both servers without what the client takes anyway."""
        return max(self.ours - self.client, 0.0) / max(self.theirs - self.client, 0.001)


def replay(host: str, port: int) -> None:
    """Stand before a server on a free port, which is printed; answer calls of tools as it answered the first one."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/agent/v1/mcp", flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, socket.create_connection((host, port)) as server, contextlib.suppress(EOFError):
            _replay_on(connection, server, f"{host}:{port}".encode())


def _replay_on(connection: socket.socket, server: socket.socket, authority: bytes) -> None:
    requests, answers, kept = Messages(connection), Messages(server), b""
    while True:
        request = requests.next()
        number = re.search(rb'"id":(\d+)', request)
        is_call = b'"tools/call"' in request and number is not None
        if is_call and kept:
            connection.sendall(_with_number(kept, number[1]))  # type: ignore[index]
            continue
        server.sendall(re.sub(rb"(?i)(\r\nhost: )[^\r]+", rb"\g<1>" + authority, request, count=1))
        answer = answers.next()
        connection.sendall(answer)
        kept = answer if is_call else b""


def _with_number(answer: bytes, number: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    body = re.sub(rb'"id":\d+', b'"id":' + number, body, count=1)
    head = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head)
    return head + b"\r\n\r\n" + body


class Messages:
    """Reads whole HTTP messages with Content-Length, or without a body, from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""

    def next(self) -> bytes:
        """Give the next one; EOFError at the end."""
        while b"\r\n\r\n" not in self._data:
            self._receive()
        end = self._data.index(b"\r\n\r\n") + 4
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", self._data[:end])
        end += int(length[1]) if length else 0
        while len(self._data) < end:
            self._receive()
        message, self._data = self._data[:end], self._data[end:]
        return message

    def _receive(self) -> None:
        data = self._connection.recv(65536)
        if not data:
            raise EOFError
        self._data += data


@contextlib.contextmanager
def replaying(host: str, port: int) -> Iterator[str]:
    """Run the server that takes no time; gives its address."""
    command = [sys.executable, "-u", str(Path(__file__).resolve()), "replay", host, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextlib.contextmanager
def example_server(folder: Path) -> Iterator[str]:
    """Run the SDK's example on a free port, as its own page says; gives its address, found in its log."""
    log = folder / "example.log"
    environment = {**os.environ, "PYTHONPATH": str(example_folder(CHECKOUT))}
    command = [sys.executable, "-m", PACKAGE, "--port", "0"]
    with (
        log.open("w", encoding="utf-8") as lines,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=lines, env=environment) as process,
    ):
        try:
            yield f"{_address_in(log, process)}/mcp"
        finally:
            process.terminate()


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    while process.poll() is None:
        found = re.search(r"running on (http://[\d.]+:\d+)", log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the example server ended: {log.read_text(encoding='utf-8')}")


def measure() -> dict[str, Shares]:
    """Give the medians by generation."""
    found = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        McpHost(Path(folder)) as host,
        example_server(Path(folder)) as theirs,
    ):
        parts = urlsplit(host.url)
        for era, name in ERAS.items():
            with replaying(str(parts.hostname), parts.port or 0) as client:
                rounds = [_round(host, era, name, theirs, client) for _ in range(ROUNDS)]
            found[era] = Shares(*(statistics.median(column) for column in zip(*rounds, strict=True)))
    return found


def _round(host: McpHost, era: str, name: str, theirs: str, client: str) -> tuple[float, ...]:
    """Measure everything once, one after the other, so that all meet the same weather."""
    return (
        asyncio.run(median_ms(host.url, era, host.token, TOOL, ARGUMENTS)),
        asyncio.run(median_ms(theirs, era, "", "test_simple_text", {})),
        asyncio.run(median_ms(client, era, host.token, TOOL, ARGUMENTS)),
        plain_median_ms(host, name),
    )


async def median_ms(url: str, era: str, token: str, tool: str, arguments: dict[str, Any]) -> float:
    """Call a tool many times with the official client; gives the median in ms."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    waits = []
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        for number in range(WARM_UP + CALLS):
            began = time.perf_counter()
            result = await client.call_tool(tool, arguments)
            if number >= WARM_UP:
                waits.append((time.perf_counter() - began) * 1000)
            assert not result.is_error, result
    return statistics.median(waits)


def plain_median_ms(host: McpHost, era: str) -> float:
    """Send the same call many times over a plain socket; gives the median in ms."""
    agent = host.client(era=era)
    if era != "modern":
        agent.initialize()
    params = {"name": TOOL, "arguments": ARGUMENTS}
    message = agent.dressed({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, {})
    body = json.dumps(message).encode()
    fields = {
        "Host": agent.address,
        "Authorization": f"Bearer {host.token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **agent.headers(message),
    }
    head = "POST /agent/v1/mcp HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in fields.items()
    )
    request = head.encode() + b"\r\n" + body
    waits = []
    parts = urlsplit(host.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = Messages(connection)
        for _ in range(WARM_UP + CALLS):
            began = time.perf_counter()
            connection.sendall(request)
            assert b'"result"' in answers.next()
            waits.append((time.perf_counter() - began) * 1000)
    return statistics.median(waits[WARM_UP:])


def main() -> None:
    """Print what was measured."""
    for era, found in measure().items():
        print(
            f"{era}: AgentBridge {found.ours:.2f} ms, SDK {found.theirs:.2f} ms, ratio {found.ratio:.2f}; "
            f"the client alone {found.client:.2f} ms, least ratio {found.least_ratio:.2f}; "
            f"AgentBridge alone {found.server:.2f} ms; servers without the client {found.server_ratio:.2f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        replay(sys.argv[2], int(sys.argv[3]))
    else:
        main()
