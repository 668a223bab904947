"""Exercises `QtEventLoop` in a process with an event loop that holds the lock; prints what happened as JSON."""

# ruff: noqa: D103, I001  one act after the other; the host script prepares the environment for `qt`

from __future__ import annotations

import json
import socket

import transport_host  # noqa: F401
import qt

from AgentBridgeLib.host.event_loop import QtEventLoop
from transport_host import run_holding_the_lock

application = qt.QApplication.instance() or qt.QApplication([])
loop = QtEventLoop()
seen: dict[str, object] = {}
log: list[str] = []
left, right = socket.socketpair()
left.setblocking(False)


def calls_in_order() -> None:
    loop.call_later(0.02, lambda: log.append("late"))
    loop.call_later(0.0, lambda: log.append("first"))
    loop.call_later(0.0, again)
    loop.call_later(0.0, lambda: log.append("third"))
    loop.call_later(0.01, lambda: log.append("soon"))
    loop.call_later(0.005, lambda: log.append("never")).cancel()
    loop.call_later(0.03, faults)


def again() -> None:
    log.append("second")
    loop.call_later(0.0, lambda: log.append("a later turn"))


def faults() -> None:
    seen["order"] = list(log)
    log.clear()

    def leave() -> None:
        raise SystemExit(7)

    loop.call_later(0.0, leave)
    loop.call_later(0.0, lambda: log.append("still here"))
    loop.call_later(0.01, many_canceled)


def many_canceled() -> None:
    seen["after a fault"] = list(log)
    log.clear()
    for _ in range(5000):
        loop.call_later(100.0, lambda: None).cancel()
    seen["queue after 5000 canceled calls"] = len(loop._queue)
    nested()


def nested() -> None:
    """Let a callback turn a nested loop, without reading what woke it."""
    inner = qt.QEventLoop()

    def on_readable() -> None:
        log.append("enter")
        loop.call_later(0.02, inner.quit)
        inner.exec_()
        log.append("leave")
        left.recv(100)
        watch.set_enabled(False)
        loop.call_later(0.0, after_nested)

    watch = loop.watch_readable(left.fileno(), on_readable)
    right.send(b"x")

    def after_nested() -> None:
        seen["nested"] = list(log)
        log.clear()
        watch.close()
        watch.close()
        watch.set_enabled(True)
        enabling()


def enabling() -> None:
    readable = loop.watch_readable(
        left.fileno(), lambda: (log.append(left.recv(1).decode()), readable.set_enabled(False))
    )
    writable = loop.watch_writable(left.fileno(), lambda: (log.append("writable"), writable.close()))
    right.send(b"ab")

    def resume() -> None:
        seen["paused after one"] = list(log)
        log.clear()
        readable.set_enabled(True)
        writable.set_enabled(True)
        loop.call_later(0.02, finish)

    def finish() -> None:
        seen["resumed"] = sorted(log)
        readable.close()
        loop.close()
        print(json.dumps(seen), flush=True)
        application.quit()

    loop.call_later(0.02, resume)


calls_in_order()
run_holding_the_lock(application)
