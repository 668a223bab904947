"""The client side of the transport tests: a host process, and a socket that reads answers byte by byte exactly."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST_SCRIPT = Path(__file__).resolve().parent / "interaction" / "transport_host.py"
DEADLINE_S = 20.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Wire:
    """One raw connection; every read has a deadline."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def request(
        self, method: str, target: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send one request."""
        fields = {"Host": "127.0.0.1", **(headers or {})}
        if body or method in {"POST", "PUT"}:
            fields.setdefault("Content-Length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)

    def ask(self, method: str, target: str, **keywords: Any) -> Answer:
        """Send one request and read its answer."""
        self.request(method, target, **keywords)
        return self.answer(method)

    def read_until(self, end: bytes) -> bytes:
        """Read up to and including `end`."""
        while end not in self._rest:
            self._read_more()
        data, _, self._rest = self._rest.partition(end)
        return data + end

    def read_exactly(self, count: int) -> bytes:
        """Read `count` bytes."""
        parts, self._rest = [self._rest[:count]], self._rest[count:]
        left = count - len(parts[0])
        while left:
            part = self.socket.recv(min(left, 1 << 20))
            if not part:
                raise EOFError(f"{left} of {count} bytes are missing")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer; interim ones are answers, too."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        if method == "HEAD" or status in {100, 204, 304}:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(iter(self.chunk, b"")))
        if "content-length" in headers:
            return Answer(status, headers, self.read_exactly(int(headers["content-length"])))
        return Answer(status, headers, self.read_to_end())

    def chunk(self) -> bytes:
        """Read one chunk of a chunked answer; empty at its end."""
        data = self.read_exactly(int(self.read_until(b"\r\n"), 16))
        assert self.read_exactly(2) == b"\r\n"
        return data

    def read_to_end(self) -> bytes:
        """Read until the server closes; a reset is an error."""
        data, self._rest = self._rest, b""
        while part := self.socket.recv(1 << 16):
            data += part
        return data

    def is_silent(self, seconds: float) -> bool:
        """Whether neither bytes nor the end come within `seconds`."""
        return not self._rest and not select.select([self.socket], [], [], seconds)[0]

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _read_more(self) -> None:
        part = self.socket.recv(1 << 16)
        if not part:
            raise EOFError(f"the server closed after {self._rest[:200]!r}")
        self._rest += part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TransportHost:
    """`transport_host.py` in a child process. Use it as a context manager."""

    def __init__(
        self, *, port: int = 0, script: Path = HOST_SCRIPT, options: tuple[str, ...] = (), **limits: float
    ) -> None:
        command = [sys.executable, str(script), f"--port={port}", f"--limits={json.dumps(limits)}", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("READY "):
            self.process.kill()
            raise RuntimeError(f"the host did not start: {line}{self.process.communicate()[1]}")
        self.port = int(line.split()[1])
        self._wires: weakref.WeakSet[Wire] = weakref.WeakSet()

    def wire(self, **keywords: Any) -> Wire:
        """Open a raw connection; it is closed with the host at the latest."""
        wire = Wire(self.port, **keywords)
        self._wires.add(wire)
        return wire

    def ask(self, method: str, target: str, **keywords: Any) -> Answer:
        """Ask one thing on a connection of its own."""
        with self.wire() as wire:
            return wire.ask(method, target, **keywords)

    def stats(self) -> dict[str, Any]:
        """Ask what the host knows about itself."""
        result: dict[str, Any] = self.ask("GET", "/stats").json
        return result

    def stats_when(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll until `condition` holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition(stats := self.stats()):
            assert time.monotonic() < deadline, f"this never came true; last seen: {stats}"
        return stats

    @property
    def is_alive(self) -> bool:
        """Whether the process runs and answers."""
        return self.process.poll() is None and self.ask("GET", "/hello").text == "hello"

    def stop(self) -> str:
        """End the process; what it wrote to standard error."""
        for wire in list(self._wires):
            wire.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=DEADLINE_S)[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
