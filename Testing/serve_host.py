"""The embedded host with the bridge, as one process: what ``dev.py serve`` becomes, and what tests start.

The last thing it prints before it serves is ``AgentBridge ready: URL``, when the connection file is in place.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import EmbeddedSlicer
from devtools import serve_options
from devtools.data import brain_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

CHECKOUT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Serve until a signal or a client ends it, and return the exit code."""
    options = serve_options.parser().parse_args(arguments)
    # Until the event loop has its own handlers, a signal unwinds the stack, so that nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    EmbeddedSlicer.start(settings_folder=options.home, views=not options.no_views, web_server=True)
    if options.dicom_node:
        name_dicom_nodes(options.dicom_node)
    if not options.empty:
        load_brain()
    with running_bridge(options) as bridge, connection_file(options.connection_file, bridge):
        announced = functools.partial(announce, bridge, instance_folder(), has_brain=not options.empty)
        timer = once_the_loop_turns(announced)
        code: int = EmbeddedSlicer.run()
        timer.stop()
        return code


def once_the_loop_turns(call: Callable[[], None]) -> Any:
    """Make the call from the event loop, so that ready means ready; keep the timer that is returned."""
    import qt

    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(call)
    timer.start(0)
    return timer


def name_dicom_nodes(nodes: list[tuple[str, str]]) -> None:
    """Write the setting that a person writes to name DICOMweb servers."""
    import slicer

    described = [{"name": name, "url": url} for name, url in nodes]
    slicer.app.userSettings().setValue("AgentBridge/dicom_nodes", json.dumps(described))


def instance_folder() -> Path:
    """Give the folder below which the bridge tells its address; beside the settings, as in Slicer."""
    import slicer

    return Path(slicer.app.slicerUserSettingsFilePath).parent / "AgentBridge"


def load_brain() -> None:
    """Load the MNI152 brain MRI as a person would, and show it."""
    import slicer

    slicer.util.loadVolume(str(brain_path(CHECKOUT)), properties={"name": "MNI152_T1_1mm"})


@contextlib.contextmanager
def running_bridge(options: argparse.Namespace) -> Iterator[Any]:
    """Load the extension's module and start its bridge."""
    EmbeddedSlicer.load_scripted_module(CHECKOUT / "AgentBridge" / "AgentBridge.py")
    import slicer

    logic = slicer.util.getModuleLogic("AgentBridge")
    folders = options.allow_folder or [brain_path(CHECKOUT).parent]
    logic.start(options.port, dict(options.grant), [str(folder.resolve()) for folder in folders])
    try:
        yield logic
    finally:
        logic.stop()


@contextlib.contextmanager
def connection_file(path: Path | None, bridge: Any) -> Iterator[None]:
    """Keep a file with URL and token while the bridge runs; only its owner may read it."""
    if path is None:
        yield
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": bridge.url, "token": bridge.token, "process_id": os.getpid()}, file)
    beside.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def announce(bridge: Any, folder: Path, *, has_brain: bool) -> None:
    """Print what can be pasted into a shell, and curl lines, then the line that says it is ready."""
    print(f"URL={bridge.url}")
    print(f"TOKEN={bridge.token}")
    authorization = f'-H "Authorization: Bearer {bridge.token}"'
    print(f"curl {bridge.url}/health")
    print(f"curl {authorization} {bridge.url}/")
    print(f"curl {authorization} {bridge.url}/{'volumes' if has_brain else 'scene'}")
    if has_brain:
        print(f"curl {authorization} -o axial.png {bridge.url}/views/slices/Red/image")
    program = CHECKOUT / "AgentBridge" / "Resources" / "agentbridge_stdio.py"
    print(f"python3 {shlex.quote(str(program))} --folder {shlex.quote(str(folder))} --check")
    print("Ctrl-C ends it.")
    print(f"AgentBridge ready: {bridge.url}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
