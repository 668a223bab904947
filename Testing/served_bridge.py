"""The embedded host with the bridge in a child process, as `serve` starts it, for tests, demo and benchmark."""

from __future__ import annotations

import collections
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from client import Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

READY = "AgentBridge ready: "
START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 30.0
SERVE_HOST = Path(__file__).resolve().parent / "serve_host.py"


class ServedBridge:
    """One running host process. Use it as a context manager.

    Attributes
    ----------
    client
        Connected with the token of the connection file.
    output
        The last lines that the process printed, standard error included.
    """

    def __init__(
        self,
        folder: Path,
        *,
        grants: Mapping[str, str] | None = None,
        is_empty: bool = True,
        options: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the process and wait until it is ready.

        Parameters
        ----------
        folder
            Private folder of this process: connection file, settings, instance file.
        grants
            Capability to mode, for this run.
        is_empty
            Start with an empty scene; else with the MNI152 brain.
        options
            Further options of `serve`.
        environment
            The whole environment of the process; None for this process' own.
        """
        self.folder = folder
        self.connection_file = folder / "connection.json"
        self.output: collections.deque[str] = collections.deque(maxlen=400)
        self._is_ready = threading.Event()
        granted = [f"--grant={capability}={mode}" for capability, mode in (grants or {}).items()]
        places = [f"--connection-file={self.connection_file}", f"--home={folder}"]
        empty = ["--empty"] if is_empty else []
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(SERVE_HOST), "--port=0", *places, *empty, *granted, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environment) if environment is not None else None,
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        self.client = self._connect()

    def _read_output(self) -> None:
        """Keep the pipe empty, so that a talkative host never blocks."""
        for line in self.process.stdout or ():
            self.output.append(line.rstrip())
            if line.startswith(READY):
                self._is_ready.set()
        self._is_ready.set()

    def _connect(self) -> Client:
        is_in_time = self._is_ready.wait(START_DEADLINE_S)
        if not is_in_time or not self.connection_file.exists():
            self.stop()
            raise RuntimeError("the host did not get ready; it printed:\n" + self.tail())
        return Client.from_connection_file(self.connection_file)

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process.poll() is None

    def tail(self) -> str:
        """Return what the process printed last."""
        return "\n".join(self.output)

    def stop(self) -> int:
        """End the process as Ctrl-C or SIGTERM would, and return its exit code; safe to repeat."""
        if self.is_running:
            self.process.terminate()
        try:
            code = self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(STOP_DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if hasattr(self, "client"):
            self.client.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
