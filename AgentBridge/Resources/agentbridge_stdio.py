#!/usr/bin/env python3
"""Connect an MCP client that can only start a program (stdio) with a running 3D Slicer.

    agentbridge_stdio.py [--label TEXT] [--folder FOLDER] [--start COMMAND] [--check] [URL]

Every line from the client becomes one POST, so this works with every version of the protocol without knowing any.
Without a URL the running Slicer is found by its instance file; of several the one whose scene label or version
contains TEXT, else the one that started last. `--start` starts COMMAND when none runs: a Slicer, or
`python3 Testing/dev.py serve`. The token comes from the instance file, or from AGENTBRIDGE_TOKEN.

`--check` passes no messages: it tries each step of the way, says what it finds, and ends with 0 when all is well.

Needs nothing but Python 3.9. It runs outside Slicer, where threads are free to run.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading  # noqa: TID251 - a program of its own, outside Slicer
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

META_VERSION = "io.modelcontextprotocol/protocolVersion"
NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "server/discover",
    "params": {"_meta": {META_VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}},
}
START_DEADLINE_S = 180.0
LAST_ANSWERS_S = 10.0
LONGEST_CALL_S = 3600
LONGEST_LAST_WORDS = 600
STARTS_BRIDGE = "slicer.util.getModuleLogic('AgentBridge').start()"


def main(arguments: list[str] | None = None) -> int:
    """Find Slicer, then pass messages until the client closes standard input."""
    parser = argparse.ArgumentParser(description="Connect an MCP client with a running 3D Slicer.")
    parser.add_argument(
        "url", nargs="?", help="address ending in /agent/v1/mcp (default: the running Slicer)"
    )
    parser.add_argument(
        "--label", default="", help="which Slicer, when several run: part of scene or version"
    )
    parser.add_argument(
        "--folder", type=Path, action="append", help="AgentBridge folder with the instance files"
    )
    parser.add_argument("--start", metavar="COMMAND", help="what to start when no Slicer runs")
    parser.add_argument("--check", action="store_true", help="try the connection, say what is wrong, and end")
    options = parser.parse_args(arguments)
    finder = Finder(options.folder or folders(), options.label, options.start)
    if options.check:
        return check(finder, options.url)
    Bridge(finder, options.url).run()
    return 0


def say(text: str) -> None:
    """Tell the person; standard output belongs to the protocol."""
    print(f"agentbridge: {text}", file=sys.stderr, flush=True)  # noqa: T201


def folders() -> list[Path]:
    """Where Slicer keeps its settings, and AgentBridge its instance files beside them."""
    chosen = os.environ.get("AGENTBRIDGE_HOME")
    if chosen:
        return [Path(chosen)]
    roots = [os.environ.get("APPDATA"), os.environ.get("XDG_CONFIG_HOME"), str(Path.home() / ".config")]
    return [
        Path(root) / organization / "AgentBridge"
        for root in roots
        if root
        for organization in ("slicer.org", "NA-MIC")
    ]


class NotFoundError(Exception):
    """No Slicer answers."""


class Finder:
    """Finds the running Slicer by its instance file."""

    def __init__(self, places: list[Path], label: str, command: str | None) -> None:
        self._places = places
        self._label = label.lower()
        self._command = command
        self._started: subprocess.Popen | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - the started program writes to it as long as it runs

    def find(self) -> dict[str, str]:
        """Give the instance to talk to, starting one if that was asked for."""
        found = self._running()
        if not found and self._command:
            found = self._wait(self._start(self._command))
        if not found:
            raise NotFoundError(self._why_none())
        chosen = found[-1]
        others = f", of {len(found)} that run (choose with --label)" if len(found) > 1 else ""
        say(f"connected to {describe(chosen)}{others}")
        return chosen

    def _why_none(self) -> str:
        others = [describe(content) for content in self._running("")]
        if others:
            return f"No running Slicer fits --label {self._label}. There are: {'; '.join(others)}"
        return (
            "No running Slicer with AgentBridge was found. Start Slicer and press Start in the AgentBridge panel. "
            f"Looked in: {', '.join(str(place / 'instances') for place in self._places)}"
        )

    def _running(self, label: str | None = None) -> list[dict[str, str]]:
        """Give those that answer, the one that started last at the end; by default those that fit the label."""
        sought = self._label if label is None else label
        files = sorted({path for place in self._places for path in place.glob("instances/*.json")})
        read = [content for content in map(instance, files) if content is not None]
        wanted = [content for content in read if sought in describe(content).lower()]
        return sorted(filter(answers, wanted), key=lambda content: content.get("started_at", ""))

    def _start(self, command: str) -> subprocess.Popen:
        """Start the program; one that was started before and still runs may only be slow."""
        if self._started is not None and self._started.poll() is None:
            return self._started
        words = command_words(command, is_windows=os.name == "nt")
        if Path(words[0]).name.lower().startswith("slicer"):
            words += ["--python-code", STARTS_BRIDGE]
        say(f"starting {words[0]}")
        try:
            # It outlives this program, so it must not hold the pipes to the client.
            self._started = subprocess.Popen(  # noqa: S603 - the command that the person wrote
                words,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as problem:
            raise NotFoundError(
                f"--start could not start {words[0]}: {problem.strerror or problem}"
            ) from None
        return self._started

    def _wait(self, started: subprocess.Popen) -> list[dict[str, str]]:
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            found = self._running()
            if found:
                return found
            if started.poll():  # with 0 a launcher has ended, which is no fault
                raise NotFoundError(
                    f"What --start started ended with {started.poll()}. It said: {self._last_words()}"
                )
            time.sleep(0.25)
        return []

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace").strip()[-LONGEST_LAST_WORDS:] or "nothing"


def command_words(command: str, *, is_windows: bool) -> list[str]:
    """Split what the person wrote; a path alone is one word, and Windows paths keep their backslashes."""
    if Path(command).is_file():
        return [command]
    words = shlex.split(command, posix=not is_windows)
    return [word.strip('"') for word in words] if is_windows else words


def instance(path: Path) -> dict[str, str] | None:
    """Read an instance file; None when it is unreadable or just being removed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("url") else None


def describe(content: dict[str, str]) -> str:
    """Name an instance for a person."""
    names = (content.get("application", "Slicer"), content.get("application_version", ""))
    return f"{' '.join(name for name in names if name)}, {content.get('scene_label', '')}, {content['url']}"


def answers(content: dict[str, str]) -> bool:
    """Whether somebody answers at the address; a crashed Slicer leaves its file behind."""
    parts = urllib.parse.urlsplit(content["url"])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path + "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check(finder: Finder, url: str | None) -> int:
    """Try every step from the instance file to the list of tools; gives the exit code."""
    try:
        for finding in steps(finder, url):
            print(f"ok    {finding}", flush=True)  # noqa: T201 - nobody speaks the protocol here
    except (OSError, http.client.HTTPException, NotFoundError, ValueError) as problem:
        print(f"wrong {problem}", flush=True)  # noqa: T201
        return 1
    return 0


def steps(finder: Finder, url: str | None) -> Iterator[str]:
    """Go the way of a client; each step says what it found, or raises what is wrong and what to do."""
    found = {"url": url.rstrip("/").removesuffix("/mcp")} if url else finder.find()
    yield f"AgentBridge is at {found['url']}"
    if not answers(found):
        raise NotFoundError(
            f"Nothing answers at {found['url']}/health. Press Start in the AgentBridge panel."
        )
    yield "it answers"
    token = os.environ.get("AGENTBRIDGE_TOKEN") or found.get("token", "")
    status, service = ask("GET", found["url"] + "/", token)
    if status == 401:
        raise NotFoundError(
            "The token is not accepted. Copy it anew from the panel, or leave AGENTBRIDGE_TOKEN unset."
        )
    if status != 200:
        raise NotFoundError(f"It refuses its description with status {status}: {service.get('detail', '')}")
    application = service["application"]
    yield (
        f"the token is accepted by AgentBridge {service['version']} in {application['name']} {application['version']}"
    )
    if service["stopped"]:
        raise NotFoundError(
            "The person pressed Stop all: every call is denied until they press Resume in the panel."
        )
    attendance = "the person can be asked" if service["attended"] else "nobody can be asked: 'ask' means deny"
    yield f"{service['operations']} operations are there, {attendance}"
    status, answer = ask("POST", found["url"] + "/mcp", token, DISCOVER)
    if status != 200 or "result" not in answer:
        raise NotFoundError(
            f"The Model Context Protocol is refused with status {status}: {json.dumps(answer)[:300]}"
        )
    yield f"the Model Context Protocol answers, versions {', '.join(answer['result']['supportedVersions'])}"


def ask(method: str, url: str, token: str, message: dict | None = None) -> tuple[int, dict]:
    """Send one request, or one message; gives the status and what the JSON says."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if message:
        headers.update({"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": message["method"]})
    try:
        connection.request(method, parts.path, json.dumps(message) if message else None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")
    finally:
        connection.close()


class Bridge:
    """Passes messages both ways."""

    def __init__(self, finder: Finder, url: str | None) -> None:
        self._finder = finder
        self._fixed_url = url
        self._url = ""
        self._token = ""
        self._session = ""
        self._version = ""
        self._handshake = ""
        self._writing = threading.Lock()
        self._finding = threading.Lock()
        self._renewing = threading.Lock()
        self._open: dict[str, http.client.HTTPConnection] = {}
        self._canceled: set[str] = set()

    def run(self) -> None:
        """Pass messages until standard input ends."""
        threads: list[threading.Thread] = []
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            message = self._read(line)
            if message is None:
                continue
            if message.get("method") in ("initialize", "server/discover"):
                self._pass(line, message)  # later messages need what these answer
                continue
            thread = threading.Thread(target=self._pass, args=(line, message), daemon=True)
            thread.start()
            if message.get("method") != "subscriptions/listen":  # it has no end of its own
                threads = [*(other for other in threads if other.is_alive()), thread]
        deadline = time.monotonic() + LAST_ANSWERS_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._end_session()

    def _read(self, line: bytes) -> dict | None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._emit(json.dumps(error(None, -32700, "A line of standard input is no JSON object.")))
            return None
        return message

    def _pass(self, line: bytes, message: dict) -> None:
        if message.get("method") == "notifications/cancelled" and self._cancel(message):
            return
        try:
            status = self._deliver(line, message)
            if status >= 400:
                self._fail(message, f"The bridge in Slicer answered with HTTP status {status}.")
        except NotFoundError as problem:
            self._fail(message, str(problem))
        except (OSError, http.client.HTTPException, ValueError) as problem:
            if key_of(message.get("id")) in self._canceled:
                return  # who cancels gets no answer
            self._forget(self._url)
            self._fail(message, f"Slicer is not reachable at {self._fixed_url or 'its address'}: {problem}")
        finally:
            self._canceled.discard(key_of(message.get("id")))

    def _deliver(self, line: bytes, message: dict) -> int:
        """Post a message; once more at another address, with a new token or session: then nothing was done with it."""
        url, session = self._url, self._session
        try:
            status = self._post(line, message)
        except ConnectionRefusedError:
            if not url or self._fixed_url:
                raise
            status = 401  # nobody is there any more; whoever is now has a token of its own
        if status == 401 and url and not self._fixed_url:
            self._forget(url)
            status = self._post(line, message)
        if status == 404 and session and self._handshake and message.get("method") != "initialize":
            self._renew(session)
            status = self._post(line, message)
        return status

    def _forget(self, url: str) -> None:
        """Look for Slicer again with the next message, unless somebody has already."""
        with self._finding:
            if self._url == url:
                self._url = self._fixed_url or ""

    def _cancel(self, message: dict) -> bool:
        """2026-07-28: closing the connection is the cancel."""
        key = key_of(inner(message, "params").get("requestId"))
        connection = self._open.get(key)
        if self._session or connection is None:
            return False
        self._canceled.add(key)
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(2)
        return True

    def _post(self, line: bytes, message: dict, *, is_silent: bool = False) -> int:
        """Send one message and pass on what comes back; gives the status unless the answer was passed on."""
        connection, path = self._connect()
        key = key_of(message.get("id"))
        self._open[key] = connection
        try:
            connection.request("POST", path, line.strip(), self._headers(message))
            response = connection.getresponse()
            if message.get("method") == "initialize":
                self._session = response.getheader("mcp-session-id") or ""
            if "event-stream" in (response.getheader("content-type") or ""):
                self._pass_events(response)
                return 200
            body = response.read().strip()
            if message.get("method") == "initialize" and response.status == 200:
                self._handshake = line.decode("utf-8", "replace")
                self._version = (json.loads(body).get("result") or {}).get("protocolVersion", "")
            if response.status == 404 and self._session and not is_silent:
                return 404
            if is_rpc(body):
                if "id" in message and not is_silent:  # a notification has no answer, not even an error
                    self._emit(body.decode("utf-8"))
                return 200
            return response.status
        finally:
            self._open.pop(key, None)
            connection.close()

    def _pass_events(self, response: http.client.HTTPResponse) -> None:
        for raw in response:
            if raw.startswith(b"data:") and raw[5:].strip():
                self._emit(raw[5:].strip().decode("utf-8"))

    def _renew(self, ended: str) -> None:
        """Shake hands again with a Slicer that does not know the session; the first of several calls does it."""
        with self._renewing:
            if self._session == ended:
                self._post(self._handshake.encode(), json.loads(self._handshake), is_silent=True)

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        with self._finding:
            if not self._url:
                if self._fixed_url:
                    self._url, self._token = self._fixed_url, os.environ.get("AGENTBRIDGE_TOKEN", "")
                else:
                    found = self._finder.find()
                    self._url = found["url"].rstrip("/") + "/mcp"
                    self._token = os.environ.get("AGENTBRIDGE_TOKEN") or found.get("token", "")
        parts = urllib.parse.urlsplit(self._url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LONGEST_CALL_S)
        return connection, parts.path

    def _headers(self, message: dict) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        params = inner(message, "params")
        version = inner(params, "_meta").get(META_VERSION)
        method = message.get("method") or ""
        if version:  # 2026-07-28: headers repeat the body
            headers.update({"MCP-Protocol-Version": str(version), "Mcp-Method": header_text(method)})
            if method in NAMED:
                headers["Mcp-Name"] = header_text(str(params.get(NAMED[method]) or ""))
            return headers
        if self._session and method != "initialize":
            headers["Mcp-Session-Id"] = self._session
            if self._version:
                headers["MCP-Protocol-Version"] = self._version
        return headers

    def _end_session(self) -> None:
        if not self._session:
            return
        with contextlib.suppress(OSError, http.client.HTTPException, NotFoundError):
            connection, path = self._connect()
            connection.timeout = 5
            connection.request("DELETE", path, headers=self._headers({}))
            connection.getresponse().read()

    def _fail(self, message: dict, text: str) -> None:
        say(text)
        if "id" in message and "method" in message:
            self._emit(json.dumps(error(message["id"], -32603, text)))

    def _emit(self, line: str) -> None:
        with self._writing:
            sys.stdout.buffer.write(line.encode("utf-8") + b"\n")
            sys.stdout.buffer.flush()


def error(number: object, code: int, text: str) -> dict:
    """Make a JSON-RPC error."""
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}


def inner(content: dict, name: str) -> dict:
    """Give a member that should be an object; whatever else is there is for Slicer to refuse."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def key_of(number: object) -> str:
    """Tell requests apart, whatever their client took for numbers."""
    return json.dumps(number)


def is_rpc(body: bytes) -> bool:
    """Whether a body is a JSON-RPC message (and no problem document of the bridge)."""
    try:
        content = json.loads(body) if body else None
    except ValueError:
        return False
    return isinstance(content, dict) and "jsonrpc" in content


def header_text(value: str) -> str:
    """Write a text as a header value; what is not plain ASCII goes as base64."""
    if value == value.strip() and all(" " <= letter <= "~" for letter in value):
        return value
    return "=?base64?" + base64.b64encode(value.encode("utf-8", "replace")).decode() + "?="


if __name__ == "__main__":
    sys.exit(main())
