"""A proxy in front of a real server that cuts, holds or refuses what a test says."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CuttingProxy:
    """Forwards GET and POST.

    Attributes
    ----------
    url
        Its own address, with the path of the server behind it.
    plan
        Called with method and path of each request; says ``pass``, ``cut`` (half of the answer, then it breaks),
        ``refuse`` (breaks before anything is asked), ``hold`` (waits for `release` first) or ``pretend`` (asks nobody
        and answers 200 with `pretended`).
    asked
        Paths of all requests, in order.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.target = parts.netloc
        self.plan: Callable[[str, str], str] = lambda method, path: "pass"  # noqa: ARG005
        self.pretended = ""
        self.asked: list[str] = []
        self.is_holding = threading.Event()
        self.release = threading.Event()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"

    def reset(self) -> None:
        """Forward everything, and forget what was asked."""
        self.plan = lambda method, path: "pass"  # noqa: ARG005
        self.asked.clear()
        self.is_holding.clear()
        self.release.clear()

    @contextlib.contextmanager
    def running(self) -> Iterator[CuttingProxy]:
        """Forward until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)


class _Handler(http.server.BaseHTTPRequestHandler):
    proxy: CuttingProxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        self.proxy.asked.append(self.path)
        plan = self.proxy.plan(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if plan == "refuse":
            self._break()
            return
        if plan == "hold":
            self.proxy.is_holding.set()
            self.proxy.release.wait(60)
        if plan == "pretend":
            self._pretend(self.proxy.pretended.encode())
            return
        answer, content = self._ask(body)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "keep-alive"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content[: len(content) // 2] if plan == "cut" else content)
        if plan == "cut":
            self._break()

    def _ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.proxy.target, timeout=30)
        kept = {
            name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}
        }
        try:
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _pretend(self, content: bytes) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break(self) -> None:
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""
