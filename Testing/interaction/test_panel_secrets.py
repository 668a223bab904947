"""What the person enters to sign in to a DICOM server reaches that server and nothing else. A real window."""

from __future__ import annotations

import base64
import contextlib
import http.server
import threading

import pytest

from served_panel import ServedPanel

pytestmark = pytest.mark.needs("xvfb")
SECRET = "hunter2-Zx81-unique"
USER = "archivist"
BASIC = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()


class Archive(http.server.BaseHTTPRequestHandler):
    """Says what it was given: a server that repeats credentials in its error page."""

    entries: list[str]

    def do_GET(self):
        entry = self.headers.get("Authorization", "")
        self.server.entries.append(entry)
        body = f"<html>You sent {entry}, {SECRET}</html>".encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def an_archive():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    server.entries = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def panel(tmp_path):
    with ServedPanel(tmp_path) as made:
        made.start()
        yield made


def enter(panel, url, choice):
    """Fill the form in the section Safety and save it."""
    panel.do("unfold", "Connection", "Requests", "Jobs", "Activity", "Safety")
    panel.do("write", "AgentBridgeRemotesName", "Archive")
    panel.do("write", "AgentBridgeRemotesUrl", url)
    panel.do("choose", "AgentBridgeRemotesAuth", choice)
    if choice == 1:
        panel.do("write", "AgentBridgeRemotesUser", USER)
    panel.do("write", "AgentBridgeRemotesSecret", SECRET)
    panel.press("RemotesAdd")
    assert panel.read("RemotesFault") == ""
    for capability in ("network", "dicom.write"):
        panel.do("choose", f"AgentBridgeMode_{capability}", 0)


@pytest.mark.parametrize(("choice", "sent"), [(1, f"Basic {BASIC}"), (2, f"Bearer {SECRET}")])
def test_secret_reaches_the_server_and_no_answer_event_log_export_or_window(
    panel, an_archive, tmp_path, choice, sent
):
    """issue:#4: named remote nodes; issue:#6: secrets never leave"""
    enter(panel, f"http://127.0.0.1:{an_archive.server_address[1]}", choice)
    client = panel.client()
    heard = []
    stream = client.events()
    follower = threading.Thread(target=follow, args=(stream, heard), daemon=True)
    follower.start()
    said = [client.get(path) for path in ("/dicom/nodes", "/operations", "/health", "/", "/clients")]
    job = client.post("/operations/dicom.find_studies", {"source": "Archive"}, headers={"Prefer": "wait=30"})
    assert not job.is_success
    assert set(an_archive.entries) == {sent}
    uid = {"node": "Archive", "study_instance_uid": "1.2.3"}
    pull = client.post("/operations/dicom.pull", uid, headers={"Prefer": "wait=30"})
    said += [job, pull, client.get("/jobs"), client.get("/audit"), client.get("/log")]
    assert said[0].expect().json()["items"][0]["name"] == "Archive"
    for name in ("Log", "Session"):
        panel.do("save", f"AgentBridgeExport{name}", str(tmp_path / f"{name}.out"))
    panel.do("choose", "AgentBridgeRemotesList", 0)
    panel.press("Toggle")
    follower.join(20)
    assert not follower.is_alive()
    gone_out = {
        "answers": b"".join(answer.body + str(answer.headers).encode() for answer in said),
        "events": repr(heard).encode(),
        "window": panel.words("Panel").encode(),
        "output": "\n".join(panel.output).encode(),
        **{str(file): file.read_bytes() for file in files(panel)},
    }
    assert heard
    for words in (SECRET, BASIC):
        assert [name for name, content in gone_out.items() if words.encode() in content] == []


def follow(stream, heard):
    with contextlib.suppress(OSError, ValueError):
        heard.extend(stream)


def files(panel):
    """Every file of the process, but the settings themselves."""
    return [file for file in panel.folder.rglob("*") if file.is_file() and file.suffix != ".ini"]
