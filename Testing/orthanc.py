"""A real PACS for tests: Orthanc with its DICOMweb plugin, on this machine only, without its DICOM port.

``orthanc.py --port N`` runs one with an empty storage until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from components import component

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_DEADLINE_S = 30.0


@contextlib.contextmanager
def running_orthanc(executable: Path, folder: Path, port: int = 0) -> Iterator[str]:
    """Run it with an empty storage in `folder`; gives the URL of its DICOMweb service.

    It binds all interfaces whatever its configuration says; `RemoteAccessAllowed` makes it answer 403 to others.
    """
    port = port or free_port()
    configuration = {
        "Name": "AgentBridgeTest",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpCompressionEnabled": False,
        "OverwriteInstances": True,
        "DefaultEncoding": "Utf8",
        "SyncStorageArea": False,
        "StableAge": 1,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([executable, path], stdout=log, stderr=log, cwd=folder)
        try:
            _wait_until_it_answers(process, port, folder / "orthanc.log")
            yield f"http://127.0.0.1:{port}/dicom-web"
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """Give a TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Ask again and again, held by the connection attempt itself, until it answers."""
    give_up = time.monotonic() + START_DEADLINE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/system")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > give_up:
            message = "Orthanc did not start:\n" + log.read_text(errors="replace")[-2000:]
            raise RuntimeError(message)


def main(arguments: list[str]) -> int:
    """Run one until a signal ends it."""
    options = argparse.ArgumentParser(
        prog="dev.py pacs",
        description="Run Orthanc with an empty storage, for this computer only, until Ctrl-C.",
    )
    options.add_argument("--port", type=int, default=8042, metavar="N", help="HTTP port (default: 8042)")
    port = options.parse_args(arguments).port
    executable = component("orthanc").find()
    if executable is None or not PLUGIN.is_file():
        print(component("orthanc").reason, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as folder, running_orthanc(executable, Path(folder), port) as url:
        print(f"Orthanc ready: {url} (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
