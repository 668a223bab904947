"""The panel in a real window on an X server of its own, as a child process, and the person before it."""

from __future__ import annotations

import ast
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from client import Client
from components import component

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READY = "panel ready"
ANSWER = "panel answers: "
PANEL_HOST = Path(__file__).resolve().parent / "panel_host.py"
DEADLINE_S = 60.0
PATIENCE_S = 20.0


class XServer:
    """One X server without a screen that anybody sees."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [str(component("xvfb").find()), "-displayfd", str(writing), "-screen", "0", "1200x1600x24",
             "-nolisten", "tcp"],
            pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as told:
            self.display = ":" + told.readline().strip()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


class ServedPanel:
    """One running window. Use it as a context manager.

    Attributes
    ----------
    folder
        Home of the process: its settings and the bridge's folder are in it.
    url, token
        As the person copied them after `start`.
    output
        Everything that the process printed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.url = self.token = ""
        self.output: list[str] = []
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._server = XServer()
        self._clients: list[Client] = []
        own = {
            "DISPLAY": self._server.display,
            "QT_QPA_PLATFORM": "xcb",
            "AGENTBRIDGE_HOME": str(folder / "bridge"),
            "HOME": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(PANEL_HOST), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace", env={**os.environ, **own, **(environment or {})},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        if self._answers.get(timeout=DEADLINE_S) != READY:
            self.stop()
            raise RuntimeError("the window did not come; it printed:\n" + "\n".join(self.output))

    def _read_output(self) -> None:
        for line in self.process.stdout or ():
            text = line.rstrip("\n")
            self.output.append(text)
            if text == READY or text.startswith(ANSWER):
                self._answers.put(text)
        self._answers.put(None)

    def do(self, act: str, *arguments: object) -> Any:
        """Let the person do something (see `panel_hands.Hands`), and give what they see.

        Raises
        ------
        LookupError
            It cannot be done: the widget is not there, not visible or not enabled.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([act, *arguments]) + "\n")
        self.process.stdin.flush()
        text = self._answers.get(timeout=DEADLINE_S)
        if text is None:
            raise RuntimeError("the window is gone; it printed:\n" + "\n".join(self.output[-40:]))
        answer = json.loads(text.removeprefix(ANSWER))
        if "fault" in answer:
            raise LookupError(answer["fault"])
        return answer["value"]

    def press(self, name: str) -> None:
        """Press a button of the panel."""
        self.do("press", f"AgentBridge{name}")

    def read(self, name: str) -> str:
        """Read the text of one widget of the panel."""
        return str(self.do("read", f"AgentBridge{name}"))

    def words(self, name: str) -> str:
        """Read all visible texts of a section."""
        return str(self.do("words", f"AgentBridge{name}"))

    def start(self) -> Client:
        """Press Start, copy the connection, and connect with what was copied."""
        self.press("Toggle")
        return self.start_again()

    def start_again(self) -> Client:
        """Copy the connection once more, and connect with what was copied: the token is another one."""
        copied = self.do("copy", "Python")
        found = re.search(r"^URL, TOKEN = (.*)$", copied, re.MULTILINE)
        assert found is not None, copied
        self.url, self.token = ast.literal_eval(f"({found[1]})")
        return self.client()

    def client(self) -> Client:
        """Give one more client."""
        made = Client(self.url, self.token)
        self._clients.append(made)
        return made

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Look again and again, each time through the window's event loop, until something holds."""
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if holds():
                return
        raise AssertionError("it did not happen; the panel shows:\n" + self.words("Panel"))

    def stop(self) -> None:
        """Close the window. Safe to repeat."""
        for client in self._clients:
            client.close()
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
