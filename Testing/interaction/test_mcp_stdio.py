"""The program for clients that speak over standard input and output only."""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_client import MODERN, McpHost

CHECKOUT = Path(__file__).resolve().parents[2]
BRIDGE = CHECKOUT / "AgentBridge" / "Resources" / "agentbridge_stdio.py"
DEADLINE_S = 60
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp")) as host:
        yield host


def instances_of(host):
    """The AgentBridge folder of a host, where its instance file lies."""
    (file,) = host.folder.rglob("instances/*.json")
    return file.parents[1]


def talk(messages, *arguments, token=""):
    """Run the program with these lines; gives its answers by id, and what it said to the person."""
    environment = {name: value for name, value in os.environ.items() if name != "AGENTBRIDGE_TOKEN"}
    if token:
        environment["AGENTBRIDGE_TOKEN"] = token
    lines = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in messages)
    run = subprocess.run(
        [sys.executable, "-I", str(BRIDGE), *arguments],
        input=lines,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment,
        check=True,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    return {answer["id"]: answer for answer in answers}, run.stderr


def handshake(version="2025-11-25"):
    info = {"name": "stdio agent", "version": "1"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]


def request(number, method, params=None):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


CALL = {"name": "scene_summary", "arguments": {}}


def test_a_client_with_a_handshake_finds_slicer_by_its_instance_file(a_host):
    """issue:#5 nobody copies a port or a token."""
    lines = [*handshake(), request(2, "tools/list"), request(3, "tools/call", CALL)]
    answers, said = talk(lines, "--folder", str(instances_of(a_host)))
    assert answers[1]["result"]["protocolVersion"] == "2025-11-25"
    assert any(tool["name"] == "scene_summary" for tool in answers[2]["result"]["tools"])
    assert answers[3]["result"]["structuredContent"]["node_count"] >= 0
    assert a_host.url.removesuffix("/mcp") in said
    assert a_host.token not in said


def test_a_client_of_2026_07_28_works_with_a_url_and_a_token(a_host):
    """mcp: headers repeat the body; the bridge derives them."""
    lines = [
        request(1, "server/discover", {"_meta": META}),
        request(2, "tools/call", {**CALL, "_meta": META}),
    ]
    answers, _ = talk(lines, a_host.url, token=a_host.token)
    assert MODERN in answers[1]["result"]["supportedVersions"]
    assert answers[2]["result"]["resultType"] == "complete"


def test_without_a_running_slicer_every_request_gets_an_error_that_says_what_to_do(tmp_path):
    """issue:#5 no hang, no traceback."""
    answers, _ = talk([*handshake(), "no json"], "--folder", str(tmp_path))
    assert answers[1]["error"]["code"] == -32603
    assert "Start Slicer" in answers[1]["error"]["message"]
    assert answers[None]["error"]["code"] == -32700


def test_a_wrong_token_is_an_error_that_names_the_status(a_host):
    """http: 401."""
    answers, _ = talk(handshake(), a_host.url, token="wrong")
    assert "401" in answers[1]["error"]["message"]


def test_of_several_the_label_chooses_and_the_person_hears_which(a_host, tmp_path):
    """issue:#5 several run: picks by label, says which. A file left by a crash is passed over."""
    folder = tmp_path / "instances"
    folder.mkdir()
    (file,) = instances_of(a_host).glob("instances/*.json")
    content = json.loads(file.read_text())
    for name, label, started in (("1", "left knee", "2026-01-01"), ("2", "right knee", "2026-01-02")):
        (folder / f"{name}.json").write_text(
            json.dumps({**content, "scene_label": label, "started_at": started})
        )
    dead = {**content, "url": "http://127.0.0.1:9/agent/v1", "started_at": "2027"}
    (folder / "3.json").write_text(json.dumps(dead))
    _, said = talk(handshake(), "--folder", str(tmp_path))
    assert "right knee" in said
    assert "of 2 that run" in said
    _, said = talk(handshake(), "--folder", str(tmp_path), "--label", "LEFT")
    assert "left knee" in said
    answers, _ = talk(handshake(), "--folder", str(tmp_path), "--label", "elbow")
    told = answers[1]["error"]["message"]
    assert told.startswith("No running Slicer fits --label elbow. There are: ")
    assert "left knee" in told
    assert "right knee" in told


@pytest.fixture
def a_home(tmp_path):
    """A folder for instance files; what was started there is ended."""
    yield tmp_path
    for file in tmp_path.glob("instances/*.json"):
        os.kill(json.loads(file.read_text())["process_id"], signal.SIGTERM)


def test_start_begins_the_embedded_host_when_nothing_runs(a_home, monkeypatch):
    """issue:#5 --start: `python3 Testing/dev.py serve`, as the manual has it; it goes on when the client has left."""
    monkeypatch.setenv("AGENTBRIDGE_HOME", str(a_home))
    command = f"{sys.executable} {CHECKOUT / 'Testing' / 'dev.py'} serve --port 0 --empty --no-views"
    lines = [*handshake(), request(2, "tools/call", CALL)]
    answers, said = talk(lines, "--folder", str(a_home), "--start", command)
    assert "starting" in said
    assert answers[2]["result"]["structuredContent"]["node_count"] >= 0
    again, said = talk(lines, "--folder", str(a_home), "--start", command)
    assert "starting" not in said
    assert again[2]["result"]["structuredContent"]["node_count"] >= 0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/no/such/Slicer", "could not start /no/such/Slicer: No such file"),
        (f"{sys.executable} -c 'import sys; sys.exit(\"no display\")'", "It said: no display"),
    ],
)
def test_start_of_what_does_not_start_says_why(tmp_path, command, told):
    """issue:#5 the client hears at once what is wrong, and not after minutes."""
    answers, _ = talk(handshake(), "--folder", str(tmp_path), "--start", command)
    assert answers[1]["error"]["code"] == -32603
    assert told in answers[1]["error"]["message"]


def test_start_begins_what_the_person_named_when_nothing_runs(a_host, tmp_path):
    """issue:#5 --start; here a program that stands for Slicer and leaves an instance file."""
    (file,) = instances_of(a_host).glob("instances/*.json")
    script = tmp_path / "start.py"
    script.write_text(
        f"import pathlib, shutil\nfolder = pathlib.Path({str(tmp_path / 'instances')!r})\n"
        f"folder.mkdir()\nshutil.copy({str(file)!r}, folder / '1.json')\n"
    )
    answers, said = talk(
        [*handshake(), request(2, "tools/list")],
        *("--folder", str(tmp_path), "--start", f"{sys.executable} {script}"),
    )
    assert "starting" in said
    assert answers[2]["result"]["tools"]


class Program:
    """The program as a client has it: running, with lines going in and out."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(BRIDGE), "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate(timeout=DEADLINE_S)
        assert self._process.returncode == 0

    def send(self, *messages):
        self._process.stdin.write("".join(json.dumps(message) + "\r\n" for message in messages).encode())
        self._process.stdin.flush()

    def line(self):
        ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
        assert ready, "no answer"
        return json.loads(self._process.stdout.readline())

    def ask(self, *requests):
        """Send them at once; gives the answers by number."""
        self.send(*requests)
        return {answer["id"]: answer for answer in (self.line() for _ in requests)}


ERAS = pytest.mark.parametrize(
    ("hello", "more"),
    [
        (handshake("2025-11-25"), {}),
        ([request(1, "server/discover", {"_meta": META})], {"_meta": META}),
    ],
    ids=["2025-11-25", MODERN],
)


@ERAS
def test_a_slicer_that_was_started_again_is_found_with_the_next_calls(tmp_path, hello, more):
    """issue:#5 the client, which lives longer, notices nothing: neither the address nor the session is the same."""
    with McpHost(tmp_path) as first:
        folder = instances_of(first)
        program = Program(folder)
        program.send(*hello)
        assert "result" in program.line()
        assert "result" in program.ask(request(2, "tools/call", {**CALL, **more}))[2]
    with McpHost(tmp_path), program:
        answers = program.ask(*(request(number, "tools/call", {**CALL, **more}) for number in range(3, 7)))
        assert [answers[number]["result"]["structuredContent"]["node_count"] > 0 for number in range(3, 7)]


@ERAS
def test_a_token_that_the_person_has_renewed_is_read_anew(a_host, tmp_path, hello, more):
    """users-ask: 3, nothing to copy; the panel's button makes the token that the program knows worthless."""
    (file,) = instances_of(a_host).glob("instances/*.json")
    content = json.loads(file.read_text())
    copy = tmp_path / "instances" / file.name
    copy.parent.mkdir()
    copy.write_text(json.dumps({**content, "token": "the one before"}))
    with Program(tmp_path) as program:
        program.send(*hello)
        assert "401" in program.line()["error"]["message"]
        copy.write_text(file.read_text())
        program.send(*hello)
        assert "result" in program.line()
        assert "result" in program.ask(request(3, "tools/call", {**CALL, **more}))[3]


def test_who_cancels_gets_no_answer(a_host, a_brain_file):
    """mcp: basic/utilities/cancellation; in 2026-07-28 the program closes the connection, and that is no failure."""
    load = {"name": "files_load", "arguments": {"path": str(a_brain_file)}, "_meta": META}
    with Program(instances_of(a_host)) as program:
        volume = program.ask(request(1, "tools/call", load))[1]["result"]["structuredContent"]["nodes"][0][
            "id"
        ]
        work = {"name": "volumes_smooth", "arguments": {"volume_id": volume, "sigma_mm": 12.0}}
        program.send(request(2, "tools/call", {**work, "_meta": META}))
        jobs = {"name": "jobs_list", "arguments": {"limit": 1}, "_meta": META}

        def newest():
            return program.ask(request(3, "tools/call", jobs))[3]["result"]["structuredContent"]["items"][0]

        job = newest()
        while (job["operation"], job["state"]) != ("volumes.smooth", "running"):
            job = newest()
        program.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        while newest()["state"] == "running":
            pass  # each answer belongs to the request just made, or `ask` would find another number
        assert newest()["state"] == "canceled"


@pytest.mark.parametrize(
    "odd",
    [
        {"params": ["a", "list"]},
        {"params": {"_meta": "text"}},
        {"params": {"name": "\ud800", "_meta": META}},
        {"params": {"_meta": {**META, "io.modelcontextprotocol/protocolVersion": "2026\r\nX: y"}}},
        {"id": {"an": "object"}},
    ],
)
def test_messages_of_an_odd_shape_are_answered_with_an_error(a_host, odd):
    """house: a client never waits for what does not come, and the program goes on."""
    with Program(instances_of(a_host)) as program:
        program.send({**request(1, "tools/call", {}), **odd})
        assert "error" in program.line()
        assert "result" in program.ask(request(2, "tools/call", {**CALL, "_meta": META}))[2]


def test_a_notification_gets_no_answer_even_if_it_is_refused(a_host):
    """mcp: JSON-RPC 2.0, 4.1; Slicer refuses one that comes before the handshake."""
    with Program(instances_of(a_host)) as program:
        program.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        for number in range(2, 12):
            assert list(program.ask(request(number, "tools/call", {**CALL, "_meta": META}))) == [number]


@pytest.mark.parametrize(
    ("command", "is_windows", "words"),
    [
        (
            '"C:\\Program Files\\Slicer\\Slicer.exe" --no-splash',
            True,
            ["C:\\Program Files\\Slicer\\Slicer.exe", "--no-splash"],
        ),
        ("python C:\\a\\dev.py serve", True, ["python", "C:\\a\\dev.py", "serve"]),
        ("python3 'a b/dev.py' serve", False, ["python3", "a b/dev.py", "serve"]),
        ("3D Slicer", False, ["3D Slicer"]),
    ],
)
def test_the_command_of_start_is_read_as_its_system_writes_it(
    tmp_path, monkeypatch, command, is_windows, words
):
    """issue:#5 --start: a path alone needs no quotes, though on Windows and macOS its names have spaces."""
    specification = importlib.util.spec_from_file_location("agentbridge_stdio", BRIDGE)
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    monkeypatch.chdir(tmp_path)
    Path("3D Slicer").touch()
    assert program.command_words(command, is_windows=is_windows) == words


class TestCheck:
    """`--check` names what is wrong."""

    @staticmethod
    def run(*arguments, **environment):
        own = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBRIDGE")}
        return subprocess.run(
            [sys.executable, "-I", str(BRIDGE), "--check", *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            env={**own, **environment},
            check=False,
        )

    def test_a_connection_that_works_is_told_step_by_step(self, a_host):
        """users-ask: 7, a self-test"""
        done = self.run("--folder", str(instances_of(a_host)))
        assert done.returncode == 0, done.stdout
        assert "the token is accepted" in done.stdout
        assert "2026-07-28" in done.stdout
        assert all(line.startswith("ok ") for line in done.stdout.splitlines())
        assert a_host.token not in done.stdout + done.stderr

    def test_a_wrong_token_is_named(self, a_host):
        """users-ask: 7, errors name the cause"""
        done = self.run(a_host.url, AGENTBRIDGE_TOKEN="wrong")
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1].startswith("wrong The token is not accepted.")

    def test_an_address_where_nobody_answers_is_named(self):
        """users-ask: 7, errors name the cause"""
        done = self.run("http://127.0.0.1:9/agent/v1/mcp")
        assert done.returncode == 1
        assert "Press Start in the AgentBridge panel" in done.stdout

    def test_without_a_running_slicer_the_folders_are_named(self, tmp_path):
        """users-ask: 7, errors name the cause"""
        done = self.run("--folder", str(tmp_path))
        assert done.returncode == 1
        assert str(tmp_path) in done.stdout
