"""What the tests inside Slicer share: whether the bridge can run here, and a client in the bridge's own thread."""

import importlib.util
import json
import socket
import time
import unittest

import slicer

DEPENDENCIES = ("pydantic", "jsonschema", "httptools")
DEADLINE_S = 30.0

needs_packages = unittest.skipUnless(
    all(importlib.util.find_spec(name) for name in DEPENDENCIES),
    f"one of {', '.join(DEPENDENCIES)} is not installed in this Slicer",
)


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, received):
        head, _, self.body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


def ask(port, target, method="GET", body=b"", headers=(), token=""):
    """Send one request and turn the event loop until its answer is complete: the server runs in this very thread."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers]
    lines += [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
        client.setblocking(False)
        waiting = "\r\n".join([*lines, "", ""]).encode() + body
        received = b""
        give_up = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up:
            slicer.app.processEvents()
            try:
                waiting = waiting[client.send(waiting) :] if waiting else b""
                part = client.recv(1 << 16)
            except BlockingIOError:
                continue
            if not part:
                return Answer(received)
            received += part
    raise TimeoutError(f"no complete answer to {method} {target}, only {received[:200]!r}")


def settle(is_enough):
    """Turn the event loop until something holds."""
    give_up = time.monotonic() + DEADLINE_S
    while not is_enough():
        if time.monotonic() > give_up:
            raise TimeoutError("it did not happen")
        slicer.app.processEvents()
