"""Speed of one trivial `tools/call` with the official client, against a server made with the official SDK.

Both are child processes on this machine, measured in the same run by the same client: ``measure()`` for the
benchmark, ``python mcp_bench.py serve`` is the SDK's server.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_client import McpHost

if TYPE_CHECKING:
    from collections.abc import Iterator

ERAS = ("legacy", "2026-07-28")
WARM_UP = 50
CALLS = 500


def serve() -> None:
    """Serve one tool as the SDK's examples do, on a free port, which is printed."""
    import socket

    import uvicorn
    from mcp.server import MCPServer

    server = MCPServer("example")

    @server.tool()
    def add(first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    # Named as TCP, or asyncio would leave Nagle's algorithm on and each answer would wait for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def sdk_server() -> Iterator[str]:
    """Run the SDK's server; gives its address."""
    command = [sys.executable, "-u", str(Path(__file__).resolve()), "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def measure() -> dict[str, tuple[float, float]]:
    """Give the median of one call in ms by generation: AgentBridge, and the SDK's server."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, McpHost(Path(folder)) as host, sdk_server() as url:
        for era in ERAS:
            ours = asyncio.run(median_ms(host.url, era, host.token, "jobs_list", {"limit": 1}))
            theirs = asyncio.run(median_ms(url, era, "", "add", {"first": 1, "second": 2}))
            found[era] = (ours, theirs)
    return found


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


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        for era, (ours, theirs) in measure().items():
            print(f"{era}: AgentBridge {ours:.2f} ms, SDK {theirs:.2f} ms, ratio {ours / theirs:.2f}")
