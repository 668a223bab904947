"""A process with the emulated WebServer module of Slicer, the bridge attached to it, and a remote control.

Prints ``READY PORT`` of the remote control, which is the bridge's own listener: it presses the panel's buttons,
changes the safety settings and asks for the state.
"""

# ruff: noqa: ANN001, ANN201, D102, E402  many small answers, and an environment to prepare before the imports

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTING.parent / "AgentBridge"), str(TESTING), str(TESTING / "interaction")]

import EmbeddedSlicer

EmbeddedSlicer.start(views=False, web_server=True)

import slicer
from transport_host import SmallApplication, text

from AgentBridgeLib.errors import BridgeError, PathOutsideRootsError
from AgentBridgeLib.host import web_server
from AgentBridgeLib.host.event_loop import QtEventLoop
from AgentBridgeLib.model.exchange import Response, TransportLimits
from AgentBridgeLib.transport.listener import Listener
from AgentBridgeLib.transport.webserver import WebServerAttachment


class Policy:
    """Safety settings that the remote control changes."""

    def __init__(self) -> None:
        self.guards = True
        self.allowed: set[str] = set()
        self.folders: list[str] = []
        self.denied: list[str] = []

    def is_guarding(self) -> bool:
        return self.guards

    def allows_capability(self, name: str) -> bool:
        if name == "raise":
            raise SystemExit(1)
        return name in self.allowed

    def path_problem(self, path: str, *, writing: bool) -> BridgeError | None:
        del writing
        is_inside = any(Path(path).resolve().is_relative_to(folder) for folder in self.folders)
        return None if is_inside else PathOutsideRootsError("It lies outside.")

    def note_denied(self, action: str, error) -> None:
        self.denied.append(f"{action} {error.code}")


class RemoteControl(SmallApplication):
    """Presses buttons."""

    def __init__(self, loop: QtEventLoop, limits: TransportLimits) -> None:
        super().__init__(loop)
        self.policy = Policy()
        self.small = SmallApplication(loop)
        self.attachment = WebServerAttachment(
            loop, self.small, limits, web_server.logic, web_server.handler_base(), self.policy
        )

    def panel(self) -> Any:
        slicer.modules.webserver.widgetRepresentation()
        return slicer.modules.WebServerWidget

    def on_press(self, exchange, query):
        panel = self.panel()
        if query["button"] == "start":
            panel.logic.port = int(query.get("port", 0)) or free_port()
            panel.startServer()
        elif query["button"] == "stop":
            panel.stopServer()
        else:
            panel.onReload()
        exchange.respond(text("pressed"))

    def on_exec(self, exchange, query):
        self.panel().enableSlicerHandlerExec.setChecked(query["on"] == "1")
        exchange.respond(text("set"))

    def on_ensure(self, exchange, _query):
        exchange.respond(text(str(self.attachment.ensure())))

    def on_detach(self, exchange, _query):
        self.attachment.detach()
        exchange.respond(text("detached"))

    def on_policy(self, exchange, _query):
        for name, value in json.loads(bytes(exchange.body)).items():
            setattr(self.policy, name, type(getattr(self.policy, name))(value))
        exchange.respond(text("set"))

    def on_forget_hand_over(self, exchange, _query):
        del self.panel().logic.server.SlicerRequestCommunicator
        exchange.respond(text("gone"))

    def on_wrap(self, exchange, _query):
        """Do what another extension might do: put its own wrapper around `start`."""
        logic = self.panel().logic
        inner = logic.start

        def start() -> None:
            logic.was_wrapped = True
            inner()

        logic.start = start
        exchange.respond(text("wrapped"))

    def on_state(self, exchange, _query):
        logic = self.panel().logic
        server = logic.server if logic.serverStarted else None
        handlers = [] if server is None else server.requestHandlers
        state = {
            "port": logic.port if logic.serverStarted else None,
            "handlers": [type(handler).__name__ for handler in handlers],
            "shares_list": server is not None and server.requestHandlers is logic.requestHandlers,
            "has_hook": "start" in vars(logic),
            "hands_over": server is not None and "SlicerRequestCommunicator" in vars(server),
            "connections": self.attachment.connection_count,
            "is_attached": self.attachment.is_attached,
            "attachment_port": self.attachment.port,
            "denied": self.policy.denied,
            "handled": self.small.handled,
            "held": len(self.small.held),
            "gone": self.small.gone,
            "was_wrapped": getattr(logic, "was_wrapped", False),
            "docroot": logic.docroot.decode(),
        }
        exchange.respond(Response(200, (), (json.dumps(state).encode(),)))


def free_port() -> int:
    """Give a port that is free now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", type=json.loads, default={})
    options = parser.parse_args()
    loop = QtEventLoop()
    limits = TransportLimits(**options.limits)
    control = RemoteControl(loop, limits)
    control.listener = control.small.listener = Listener(loop, control, limits)
    print(f"READY {control.listener.start(options.port)}", flush=True)
    EmbeddedSlicer.run()


if __name__ == "__main__":
    main()
