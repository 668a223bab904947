"""Speed and size, measured from outside: ``python3 Testing/dev.py bench [--out DIR]``.

One served host, one client process on the same machine. What depends on the machine is told as a ratio to plain
loopback sockets measured in the same run. Prints a table and writes DIR/bench.json. Nothing here is a test: a busy
machine is slow, not wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_dicom import measure_dicom
from devtools.data import brain_path
from served_bridge import ServedBridge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from client import Client

CHECKOUT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
VOLUME_SHAPE_KJI = (100, 1024, 1024)
VOLUME_BYTES = 200 * MIB
MANY_NODES = 10_000
REPEATS = 5


@dataclass(frozen=True)
class Figure:
    """One measured figure and the value that the project aims at."""

    name: str
    value: float
    unit: str
    target: float
    is_met: bool


class Figures:
    """All figures of one run."""

    def __init__(self) -> None:
        self.rows: list[Figure] = []

    def at_most(self, name: str, value: float, unit: str, target: float) -> None:
        """Note a figure that should be small."""
        self._add(Figure(name, round(value, 4), unit, target, value <= target))

    def at_least(self, name: str, value: float, unit: str, target: float) -> None:
        """Note a figure that should be large."""
        self._add(Figure(name, round(value, 4), unit, target, value >= target))

    def _add(self, figure: Figure) -> None:
        self.rows.append(figure)
        sign = "ok" if figure.is_met else "MISSED"
        print(
            f"{figure.name:62} {figure.value:12.3f} {figure.unit:6} target {figure.target:g}  {sign}",
            flush=True,
        )


def main(arguments: Sequence[str]) -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Measure speed and size.")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "bench-output", help="folder for bench.json")
    folder = parser.parse_args(arguments).out
    folder.mkdir(parents=True, exist_ok=True)
    figures = Figures()
    with tempfile.TemporaryDirectory() as home:
        measure(figures, Path(home))
    report = {"machine": {"cores": os.cpu_count()}, "figures": [asdict(row) for row in figures.rows]}
    (folder / "bench.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    print(f"Written to {folder / 'bench.json'}")
    return 0


def measure(figures: Figures, home: Path) -> None:
    """Measure one host from its start on."""
    grants = {"python.execute": "allow", "scene.delete": "allow"}
    options = [f"--allow-folder={brain_path(CHECKOUT).parent}"]
    starts = []
    for number in range(2):  # the first warms the disk cache
        (home / f"start{number}").mkdir()
        began = time.perf_counter()
        with ServedBridge(home / f"start{number}", is_empty=False):
            starts.append(time.perf_counter() - began)
    figures.at_most("serve is ready, warm", starts[1], "s", 3.0)
    (home / "bench").mkdir()
    with ServedBridge(home / "bench", grants=grants, options=options) as bridge:
        measure_small(figures, bridge.client)
        measure_pictures(figures, bridge.client)
        measure_stall(figures, bridge.client)
        measure_volume(figures, bridge)
        measure_many(figures, bridge.client)
    measure_protocol(figures)
    measure_dicom(figures, home)


def measure_small(figures: Figures, client: Client) -> None:
    """Small requests on kept connections."""
    loaded = client.post("/files/load", {"path": str(brain_path(CHECKOUT))}).expect().json()
    path = f"/nodes/{loaded['nodes'][0]['id']}"
    one = latencies_ms(client, path, connections=1, requests=4000)
    many = latencies_ms(client, path, connections=16, requests=16_000)
    figures.at_most("GET a node, 1 connection, p50", quantile(one, 0.5), "ms", 0.3)
    figures.at_most("GET a node, 16 connections, p50", quantile(many, 0.5), "ms", 5.0)
    figures.at_most("GET a node, 16 connections, p99", quantile(many, 0.99), "ms", 5.0)
    health = latencies_ms(client, "/health", connections=1, requests=4000)
    figures.at_most("GET /health, 1 connection, p50", quantile(health, 0.5), "ms", 0.3)


def measure_pictures(figures: Figures, client: Client) -> None:
    """Ask for a picture that has not changed."""
    path = "/views/slices/Red/image?width=512&height=512"
    etag = client.get(path).expect().headers["etag"]
    cached = latencies_ms(client, path, connections=1, requests=1000, headers=f"If-None-Match: {etag}\r\n")
    figures.at_most("picture that has not changed (304), p50", quantile(cached, 0.5), "ms", 1.0)


def measure_stall(figures: Figures, client: Client) -> None:
    """Answer to /health while a job steps: how long the event loop was away."""
    volume = client.get("/volumes").expect().json()["items"][0]["id"]
    job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=4.0)
    waits: list[float] = []
    while client.get(f"/jobs/{job['id']}").json()["state"] in {"queued", "running"}:
        waits += latencies_ms(client, "/health", connections=1, requests=20)
    figures.at_most("event loop away while a job steps, p99", quantile(waits, 0.99), "ms", 20.0)
    figures.at_most("event loop away while a job steps, worst", max(waits), "ms", 100.0)


def measure_volume(figures: Figures, bridge: ServedBridge) -> None:
    """A volume of 200 MiB both ways, against plain loopback sockets in the same run."""
    client = bridge.client
    header = nrrd_header()
    body = header + bytes(VOLUME_BYTES)
    plain_down = best(lambda: plain_loopback(VOLUME_BYTES))
    made = send_body(client, "POST", "/volumes?name=large", body)
    node = json.loads(made)["id"]
    path = f"/volumes/{node}/data?format=raw"
    process = bridge.process.pid
    reset_peak(process)
    before = memory_bytes(process, "VmRSS")
    down = best(lambda: receive_body(client, path, VOLUME_BYTES))
    get_extra = memory_bytes(process, "VmHWM") - before
    reset_peak(process)
    up = best(lambda: timed(lambda: send_body(client, "PUT", f"/volumes/{node}/data", body), VOLUME_BYTES))
    kept = (
        client.get("/checkpoints").expect().json()["memory_bytes"]
    )  # replaced voxels, so that undo is possible
    put_extra = memory_bytes(process, "VmHWM") - before - VOLUME_BYTES - kept
    figures.at_least("plain loopback", plain_down / MIB, "MiB/s", 0)
    figures.at_least("200 MiB GET, share of plain loopback", down / plain_down, "", 0.5)
    figures.at_least("200 MiB PUT, share of plain loopback", up / plain_down, "", 1 / 3)
    figures.at_most("200 MiB GET, extra memory, share of the volume", get_extra / VOLUME_BYTES, "", 0.05)
    figures.at_most(
        "200 MiB PUT, extra memory beside the new voxels and those kept for undo",
        put_extra / VOLUME_BYTES,
        "",
        0.05,
    )


def measure_protocol(figures: Figures) -> None:
    """One trivial `tools/call` with the official client, as a ratio to the SDK's own example server."""
    import mcp_bench

    for era, found in mcp_bench.measure().items():
        figures.at_most(
            f"MCP {era}, tools/call with the SDK's client, p50, ours/SDK", found.ratio, "ratio", 0.5
        )
        figures.at_most(f"MCP {era}, the same in ms", found.ours, "ms", found.theirs)
        figures.at_most(f"MCP {era}, the client alone, p50 (ADR 33)", found.client, "ms", found.ours)
        figures.at_most(
            f"MCP {era}, least ratio that any server could reach", found.least_ratio, "ratio", 1.0
        )
        figures.at_most(f"MCP {era}, AgentBridge alone, p50", found.server, "ms", 0.5)
        figures.at_most(
            f"MCP {era}, both servers without the client's time, ours/SDK", found.server_ratio, "ratio", 0.5
        )


def measure_many(figures: Figures, client: Client) -> None:
    """One page of a scene with 10,000 nodes."""
    add = "    slicer.mrmlScene.AddNewNodeByClass('vtkMRMLTextNode', f'node {n}')"
    source = f"import slicer\nfor n in range({MANY_NODES}):\n{add}"
    client.post("/python/execute", {"source": source}).expect()
    client.get("/nodes", limit=100).expect()
    page = latencies_ms(client, "/nodes?limit=100", connections=1, requests=200)
    figures.at_most("10,000 nodes: a page of 100, kept answer, p50", quantile(page, 0.5), "ms", 3.0)
    fresh = fresh_pages_ms(client)
    figures.at_most("10,000 nodes: a page of 100 after a change, p50", quantile(fresh, 0.5), "ms", 3.0)


def fresh_pages_ms(client: Client) -> list[float]:
    """Ask for a page right after the scene has changed."""
    node = client.get("/nodes", limit=1).expect().json()["items"][0]["id"]
    waits = []
    for number in range(50):
        client.patch(f"/nodes/{node}", {"name": f"renamed {number}"}).expect()
        waits += latencies_ms(
            client, f"/nodes?limit=100&hidden={str(number % 2 == 0).lower()}", connections=1, requests=1
        )
    return waits


def latencies_ms(
    client: Client, path: str, *, connections: int, requests: int, headers: str = ""
) -> list[float]:
    """Send the same GET over and over on kept connections; give the time of each answer."""
    line = f"GET {client.prefix}{path} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
    request = f"{line}Authorization: Bearer {client.token}\r\n{headers}\r\n".encode()
    selector = selectors.DefaultSelector()
    waits: list[float] = []
    for _ in range(connections):
        connection = socket.create_connection((client.host, client.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [time.perf_counter(), bytearray()])
        connection.sendall(request)
    left = requests - connections
    while selector.get_map():
        for key, _ in selector.select():
            state: list = key.data
            state[1] += key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
            if not is_complete(state[1]):
                continue
            now = time.perf_counter()
            waits.append((now - state[0]) * 1000)
            if left > 0:
                left -= 1
                state[0], state[1] = time.perf_counter(), bytearray()
                key.fileobj.sendall(request)  # type: ignore[union-attr]
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
    return waits


def is_complete(answer: bytearray) -> bool:
    """Tell whether an answer is complete; raise when it is no success."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(answer[:end]).lower()
    status = int(head[9:12])
    if status not in {200, 304}:
        raise RuntimeError(answer[:600].decode("utf-8", "replace"))
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 and status == 200 else 0
    return len(answer) >= end + 4 + length


def receive_body(client: Client, path: str, length: int) -> float:
    """Read a large body into one buffer; give bytes per second."""
    buffer = memoryview(bytearray(length + 65536))
    with client.raw_socket() as connection:
        began = time.perf_counter()
        connection.sendall(
            f"GET {client.prefix}{path} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
            f"Authorization: Bearer {client.token}\r\nConnection: close\r\n\r\n".encode()
        )
        read = drain(connection, buffer)
        seconds = time.perf_counter() - began
    if not bytes(buffer[:12]) == b"HTTP/1.1 200" or read < length:
        raise RuntimeError(bytes(buffer[:600]).decode("utf-8", "replace"))
    return length / seconds


def send_body(client: Client, method: str, path: str, body: bytes) -> bytes:
    """Send a large body; give the body of the answer."""
    with client.raw_socket() as connection:
        connection.sendall(
            f"{method} {client.prefix}{path} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
            f"Authorization: Bearer {client.token}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        connection.sendall(body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    if head[9:10] != b"2":
        raise RuntimeError(answer[:900].decode("utf-8", "replace"))
    return content


PLAIN_SERVER = """
import socket, sys
view = memoryview(b"\\1" * int(sys.argv[1]))
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.sendall(view)
connection.close()
"""


def plain_loopback(length: int) -> float:
    """Receive as many bytes from a plain socket in another process; give bytes per second."""
    server = subprocess.Popen(
        [sys.executable, "-c", PLAIN_SERVER, str(length)], stdout=subprocess.PIPE, text=True
    )
    port = int((server.stdout or sys.stdin).readline())
    buffer = memoryview(bytearray(length + 65536))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.perf_counter()
        drain(connection, buffer)
        seconds = time.perf_counter() - began
    server.communicate()
    return length / seconds


def drain(connection: socket.socket, buffer: memoryview) -> int:
    """Read until the other side closes."""
    read = 0
    while count := connection.recv_into(buffer[read:]):
        read += count
    return read


def timed(work: Callable[[], object], length: int) -> float:
    """Time some work that moves `length` bytes; give bytes per second."""
    began = time.perf_counter()
    work()
    return length / (time.perf_counter() - began)


def best(measure_once: Callable[[], float]) -> float:
    """Measure several times; other programs can only slow it down, so the best counts."""
    return max(measure_once() for _ in range(REPEATS))


def quantile(values: list[float], share: float) -> float:
    """Give a quantile."""
    return (
        statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]
        if len(values) > 1
        else values[0]
    )


def nrrd_header() -> bytes:
    """Write the head of a 200 MiB NRRD volume of int16."""
    k, j, i = VOLUME_SHAPE_KJI
    return (
        "NRRD0004\ntype: int16\ndimension: 3\nspace: left-posterior-superior\n"
        f"sizes: {i} {j} {k}\nspace directions: (0.5,0,0) (0,0.5,0) (0,0,2)\nkinds: domain domain domain\n"
        "endian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    ).encode()


def reset_peak(process: int) -> None:
    """Let the kernel begin a new peak of memory for a process (Linux)."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")


def memory_bytes(process: int, field: str) -> int:
    """Read memory of a process (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in /proc/{process}/status")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
