"""A host for the tests of the Model Context Protocol: the bridge with fixtures instead of tools, or with a person.

A person sits in front of Slicer, played by the words of standard input: ``approve`` and ``deny`` answer the oldest
request, ``KEY=TEXT`` changes a setting.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import EmbeddedSlicer
from devtools.data import brain_path

CHECKOUT = Path(__file__).resolve().parent.parent
FIRST_PORT = 23116
"""Slicer's web server takes this port or one near it."""


def main(arguments: list[str]) -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="mcp_host.py")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--fixtures", action="store_true", help="serve the fixtures of the conformance suite")
    parser.add_argument(
        "--web-server", action="store_true", help="give the address on Slicer's own web server"
    )
    parser.add_argument("--views", action="store_true", help="with a main window")
    parser.add_argument("--grant", action="append", default=[], metavar="CAPABILITY=MODE")
    parser.add_argument("--setting", action="append", default=[], metavar="KEY=TEXT")
    parser.add_argument("--allow-folder", action="append", default=[])
    options = parser.parse_args(arguments)
    EmbeddedSlicer.start(settings_folder=options.home, views=options.views, web_server=options.web_server)
    sys.path.insert(0, str(CHECKOUT / "AgentBridge"))
    from AgentBridgeLib.composition import Bridge
    from AgentBridgeLib.policy.settings import parse_grant

    folders = [
        str(Path(folder).resolve()) for folder in options.allow_folder or [brain_path(CHECKOUT).parent]
    ]
    bridge = Bridge(dict(parse_grant(text) for text in options.grant), folders)
    for text in options.setting:
        key, _, value = text.partition("=")
        bridge.host.settings.write(key, value)
    if options.fixtures:
        serve_fixtures(bridge)
    person = Person(bridge)
    bridge.start(0)
    url = start_web_server() if options.web_server else bridge.url
    print(json.dumps({"url": url, "token": bridge.token}), flush=True)
    code = EmbeddedSlicer.run()
    person.leave()
    bridge.close()
    return code


def start_web_server() -> str:
    """Press Start in the panel of Slicer's WebServer module; gives the bridge's address there."""
    import slicer

    widget = slicer.util.getModuleWidget("WebServer")
    widget.logic.port = FIRST_PORT
    widget.startServer()
    return f"http://127.0.0.1:{widget.logic.port}/agent/v1"


def serve_fixtures(bridge: Any) -> None:
    """Put the fixtures in the place of the product's tools."""
    from AgentBridgeLib.mcp.endpoint import McpEndpoint
    from mcp_fixtures import FixtureSurface

    surface = FixtureSurface(bridge.loop)
    bridge.mcp.close()
    bridge.mcp = McpEndpoint(surface, bridge.loop, bridge.dispatcher.blame)
    bridge.application._services.mcp = bridge.mcp.handle
    surface.notify = bridge.mcp.tell


class Person:
    """Sits in front of Slicer and answers requests as standard input says."""

    def __init__(self, bridge: Any) -> None:
        self._bridge = bridge
        self._desk = bridge.dispatcher.desk
        self.leave = self._desk.attend(lambda: None)
        self._watch = bridge.loop.watch_readable(sys.stdin.fileno(), self._read)

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            import slicer

            self._watch.close()
            slicer.app.quit()
        for word in data.decode().split():
            if "=" in word:
                key, _, text = word.partition("=")
                self._bridge.host.settings.write(key, text)
                self._bridge.safety.look_again()
                print(json.dumps({"decided": word, "job": ""}), flush=True)
                continue
            request = self._desk.waiting[0]
            self._desk.decide(request.job_id, request.arguments_digest, approve=word == "approve")
            print(json.dumps({"decided": word, "job": request.job_id}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
