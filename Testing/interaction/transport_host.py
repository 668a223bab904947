"""A process with the bridge's listener in front of a small application, for the transport tests.

Prints ``READY PORT`` and serves until it is terminated. The event loop holds the interpreter lock, as in Slicer.
"""

# ruff: noqa: ANN001, ANN201, D102, E402  many small answers, and an environment to prepare before the imports

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

TESTING = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTING.parent / "AgentBridge"), str(TESTING)]

from EmbeddedSlicer import environment

environment.prepare()

import qt

from AgentBridgeLib.errors import AuthRequiredError, RouteUnknownError
from AgentBridgeLib.host.event_loop import QtEventLoop
from AgentBridgeLib.model.exchange import Admission, Response, TransportLimits
from AgentBridgeLib.transport.answers import problem_of_last_resort
from AgentBridgeLib.transport.listener import Listener

MAX_BODY_BYTES = 1 << 30
SMALL_LIMIT_BYTES = 1000
CHUNK = b"x" * 65536


class SmallApplication:
    """Answers a handful of paths; each test needs one or two of them."""

    def __init__(self, loop: QtEventLoop) -> None:
        self.loop = loop
        self.listener: Listener | None = None
        self.held: list[Any] = []
        self.handled = 0
        self.gone = 0
        self.depth = 0
        self.nested: Any = None
        self.streams: list[Any] = []
        self.big = memoryview(bytearray(os.urandom(1 << 20)) * 200)

    def admit(self, head):
        if last_part(head.path) == "admit-raises":
            raise SystemExit(3)
        if last_part(head.path) == "forbidden":
            refusal = problem_of_last_resort(AuthRequiredError("The token is missing."))
            return Admission(0, refusal)
        return Admission(SMALL_LIMIT_BYTES if last_part(head.path) == "limited" else MAX_BODY_BYTES)

    def refuse(self, head, error):
        if head is not None and last_part(head.path) == "refuse-raises":
            raise ValueError("the description failed")
        return problem_of_last_resort(error)

    def handle(self, exchange):
        self.handled += 1
        name = last_part(exchange.head.path).replace("-", "_")
        method = getattr(self, f"on_{name}", None)
        if method is None:
            exchange.respond(self.refuse(exchange.head, RouteUnknownError("There is no such path.")))
            return
        method(exchange, dict(parse_qsl(exchange.head.query)))

    def on_hello(self, exchange, _query):
        exchange.respond(text("hello"))

    def on_limited(self, exchange, _query):
        exchange.respond(text("hello"))

    def on_echo(self, exchange, _query):
        exchange.respond(Response(200, [("X-Door", exchange.head.door)], (exchange.body,)))

    def on_head(self, exchange, _query):
        head = exchange.head
        seen = {
            "method": head.method, "target": head.target, "headers": dict(head.headers), "door": head.door,
            "peer_host": head.peer_host, "local_port": head.local_port, "content_length": head.content_length,
        }  # fmt: skip
        exchange.respond(Response(200, [("Content-Type", "application/json")], (json.dumps(seen).encode(),)))

    def on_length(self, exchange, _query):
        view = exchange.body
        address = ctypes.addressof(ctypes.c_char.from_buffer(view)) if view.nbytes else 0
        exchange.respond(text(f"{view.nbytes} {address % 64} {sum(bytes(view[:3])) + sum(bytes(view[-3:]))}"))

    def on_bytes(self, exchange, query):
        exchange.respond(Response(int(query.get("status", 200)), (), (b"", self.big[: int(query["n"])], b"")))

    def on_parts(self, exchange, query):
        exchange.respond(
            Response(200, (), (b"ab", bytearray(b"cd"), b"", memoryview(b"ef")) * int(query["n"]))
        )

    def on_empty(self, exchange, query):
        exchange.respond(Response(int(query["status"])))

    def on_later(self, exchange, query):
        self.loop.call_later(float(query.get("s", 0)), lambda: exchange.respond(text("later")))

    def on_twice(self, exchange, _query):
        exchange.respond(text("first"))
        exchange.respond(text("second"))

    def on_hold(self, exchange, _query):
        self.held.append(exchange)
        exchange.on_disconnect(self.note_gone)

    def on_release(self, exchange, _query):
        held, self.held = self.held, []
        for one in held:
            one.respond(text("released"))
        if self.nested is not None:
            self.nested.quit()
        exchange.respond(text(str(len(held))))

    def on_nested(self, exchange, _query):
        self.nested = qt.QEventLoop()
        self.depth += 1
        self.nested.exec_()
        self.depth -= 1
        self.nested = None
        exchange.respond(text(f"depth {self.depth}"))

    def on_raise(self, exchange, query):
        if "answered" in query:
            exchange.respond(text("fine"))
        raise {"SystemExit": SystemExit, "KeyError": KeyError, "KeyboardInterrupt": KeyboardInterrupt}[
            query["kind"]
        ]("secret")

    def on_refuse_raises(self, _exchange, _query):
        raise KeyError("secret")

    def on_bad_header(self, exchange, _query):
        exchange.respond(Response(200, [("X-Split", "a\r\nSet-Cookie: stolen")], (b"x",)))

    def on_own_header(self, exchange, _query):
        exchange.respond(Response(200, [("Content-Length", "77"), ("X-Mine", "1")], (b"x",)))

    def on_stream(self, exchange, query):
        stream = exchange.open_stream(200, [("Content-Type", "text/event-stream")])
        self.next_event(stream, int(query["count"]))

    def next_event(self, stream, left):
        if left == 0:
            stream.close()
            stream.close()
            stream.write(b"never")
            return
        stream.write(b"data: %d\n\n" % left)
        self.loop.call_later(0.0, lambda: self.next_event(stream, left - 1))

    def on_endless(self, exchange, _query):
        stream = exchange.open_stream(200, ())
        exchange.on_disconnect(self.note_gone)
        self.pour(stream)

    def pour(self, stream):
        stream.write(CHUNK)
        if stream.is_open:
            self.loop.call_later(0.0, lambda: self.pour(stream))

    def on_open_stream(self, exchange, _query):
        self.streams.append(exchange.open_stream(200, ()))
        exchange.on_disconnect(self.note_gone)
        self.streams[-1].write(b"begun")

    def note_gone(self):
        self.gone += 1

    def on_stop(self, exchange, _query):
        exchange.respond(text("stopping"))
        self.loop.call_later(0.0, self.listener.stop)

    def on_lower_descriptors(self, exchange, query):
        used = len(list(Path("/proc/self/fd").iterdir())) - 1
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(query["spare"]), hard))
        exchange.respond(text("lowered"))

    def on_cpu(self, exchange, _query):
        exchange.respond(text(str(time.process_time())))

    def on_reset_peak(self, exchange, _query):
        Path("/proc/self/clear_refs").write_text("5")
        exchange.respond(text("reset"))

    def on_stats(self, exchange, _query):
        status = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
        )
        stats = {
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "connections": self.listener.connection_count,
            "handled": self.handled,
            "gone": self.gone,
            "held": len(self.held),
            "open_streams": sum(stream.is_open for stream in self.streams),
            "cpu_s": time.process_time(),
            "peak_kib": int(status["VmHWM"].split()[0]),
            "now_kib": int(status["VmRSS"].split()[0]),
        }
        exchange.respond(Response(200, (), (json.dumps(stats).encode(),)))


def last_part(path: str) -> str:
    """Give the end of a path: both doors lead to the same answers."""
    return path.rpartition("/")[2]


def text(content: str) -> Response:
    """Make a plain answer."""
    return Response(200, [("Content-Type", "text/plain")], (content.encode(),))


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", type=json.loads, default={})
    options = parser.parse_args()
    application = qt.QApplication.instance() or qt.QApplication([])
    loop = QtEventLoop()
    small = SmallApplication(loop)
    small.listener = Listener(loop, small, TransportLimits(**options.limits))
    print(f"READY {small.listener.start(options.port)}", flush=True)
    run_holding_the_lock(application)


def run_holding_the_lock(application: Any) -> None:
    """Run the event loop as Slicer does; where Qt's library has another name, as PySide6 does."""
    import PySide6

    library = Path(PySide6.__file__).parent / "Qt" / "lib" / "libQt6Core.so.6"
    if library.is_file():
        ctypes.PyDLL(str(library))._ZN16QCoreApplication4execEv()
    else:
        application.exec()


if __name__ == "__main__":
    main()
