"""Remote nodes: a real Orthanc, and servers that misbehave."""

import contextlib
import http.server
import io
import json
import threading

import pytest
import requests

import dicom_data
from client import ProblemError
from components import component
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "files.read": "allow", "network": "allow", "scene.edit": "allow"}
STUDY, SERIES = "1.2.826.5.1", "1.2.826.5.2"


def store_in(url, datasets):
    from dicomweb_client.api import DICOMwebClient

    for one in datasets:
        one.preamble = bytes(128)
    DICOMwebClient(url).store_instances(datasets)


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Answers as its path says, and counts."""

    is_over = threading.Event()
    asked: list[str] = []
    authorizations: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.authorizations.append(self.headers.get("Authorization", ""))
        fault = self.path.split("/")[1]
        if fault == "refusing":
            self.send_error(401)
        elif fault == "redirecting":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
        elif fault == "closing":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"[")
        elif fault == "failing":
            self.send_error(503)
        elif fault in {"stuck", "trickling"}:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self._drip(fault == "trickling")
        elif fault == "endless":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 20))
        elif fault == "shorter":
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(b"[]")
        elif fault == "swapping":
            self._send_another_instance()
        else:
            body = b"<html>no DICOM</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _drip(self, gives_bytes):
        """Keep the client waiting until it gives up, or this test run ends."""
        self.connection.settimeout(0.05)
        with contextlib.suppress(OSError):
            while not self.is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    if self.connection.recv(1) == b"":
                        return
                if gives_bytes:
                    self.connection.sendall(b" ")

    def _send_another_instance(self):
        out = io.BytesIO()
        dicom_data.ct_slice(STUDY, SERIES, "1.2.3", 0).save_as(out, enforce_file_format=True)
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Content-Length", str(len(out.getvalue())))
        self.end_headers()
        self.wfile.write(out.getvalue())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def bad_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Misbehaving.is_over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def pacs(tmp_path_factory):
    executable = component("orthanc").find()
    if executable is None:
        pytest.skip(component("orthanc").reason)
    with running_orthanc(executable, tmp_path_factory.mktemp("orthanc")) as url:
        store_in(url, [dicom_data.ct_slice(STUDY, SERIES, "1.2.826.5.3", k) for k in (3, 1, 0, 2)])
        yield url


@pytest.fixture(scope="module")
def _host(tmp_path_factory, pacs, bad_server):
    nodes = [
        {"name": "pacs", "url": pacs},
        {"name": "down", "url": "http://127.0.0.1:1/dicom-web", "timeout_s": 2},
    ]
    nodes += [
        {"name": fault, "url": f"{bad_server}/{fault}", "auth": "bearer", "secret": "s3cret", "timeout_s": 5}
        for fault in (
            "refusing",
            "redirecting",
            "closing",
            "failing",
            "lying",
            "shorter",
            "swapping",
            "endless",
        )
    ]
    nodes += [
        {"name": fault, "url": f"{bad_server}/{fault}", "timeout_s": 0.3} for fault in ("stuck", "trickling")
    ]
    home = tmp_path_factory.mktemp("home")
    write_setting(home, "dicom_nodes", json.dumps(nodes))
    with ServedBridge(home, grants=GRANTS, options=["--no-views"]) as served:
        yield served


@pytest.fixture
def client(_host):
    """A client of a host whose settings name the nodes; its database is emptied afterwards."""
    yield _host.client
    for one in _host.client.get("/dicom/studies").expect().json()["items"]:
        body = {"study_instance_uid": one["StudyInstanceUID"], "confirm": True}
        _host.client.post("/dicom/delete", body).expect()


def finish(client, operation, **arguments):
    return client.job_result(client.start_job(operation, **arguments)["id"])


def test_nodes_are_listed_without_addresses_and_secrets(client):
    """issue:#6."""
    answer = client.get("/dicom/nodes").expect()
    assert [one["name"] for one in answer.json()["items"]][:2] == ["pacs", "down"]
    assert b"s3cret" not in answer.body
    assert b"127.0.0.1" not in answer.body


def test_agent_cannot_name_a_host(client):
    """issue:#6: only nodes of the settings."""
    with pytest.raises(ProblemError) as raised:
        finish(client, "dicom.pull", node="http://127.0.0.1:1", study_instance_uid=STUDY)
    assert raised.value.answer.code == "argument.invalid"


def test_study_is_found_on_the_node_and_identifiers_are_hidden(client):
    """issue:#6: the same search, another source; filters hold although servers drop those they do not know."""
    answer = client.get("/dicom/studies", source="pacs", PatientName="Doe*").expect()
    assert [one["StudyInstanceUID"] for one in answer.json()["items"]] == [STUDY]
    assert b"Doe" not in answer.body
    assert client.get("/dicom/studies", source="pacs", PatientID="nobody").expect().json()["items"] == []
    found = client.get("/dicom/series", source="pacs", StudyInstanceUID=STUDY, Modality="CT").expect().json()
    assert [one["SeriesInstanceUID"] for one in found["items"]] == [SERIES]


def test_pulled_study_can_be_loaded_and_is_not_pulled_twice(client):
    """issue:#6: pattern A; no duplicates."""
    pulled = finish(client, "dicom.pull", node="pacs", study_instance_uid=STUDY)
    assert (pulled["added_count"], pulled["failed"], pulled["series"]) == (4, [], [SERIES])
    loaded = finish(client, "dicom.load", series_instance_uid=SERIES)
    volume = client.get(f"/volumes/{loaded['node_ids'][0]}").expect().json()
    assert volume["dimensions_ijk"] == [32, 24, 4]
    again = finish(client, "dicom.pull", node="pacs", study_instance_uid=STUDY)
    assert (again["added_count"], again["already_there_count"]) == (0, 4)


def test_pull_goes_on_where_an_earlier_one_ended(client, pacs):
    """issue:#6: resume."""
    finish(client, "dicom.pull", node="pacs", study_instance_uid=STUDY)
    store_in(pacs, [dicom_data.ct_slice(STUDY, SERIES, "1.2.826.5.3", 4)])
    more = finish(client, "dicom.pull", node="pacs", study_instance_uid=STUDY, series_instance_uids=[SERIES])
    assert (more["added_count"], more["already_there_count"]) == (1, 4)


def test_unknown_study_is_said_to_be_unknown(client):
    """issue:#6."""
    with pytest.raises(ProblemError) as raised:
        finish(client, "dicom.pull", node="pacs", study_instance_uid="1.2.3.4.5")
    assert raised.value.answer.code == "file.not_found"


def test_pushed_series_is_on_the_node_with_its_identifiers(client, pacs, tmp_path, work_folder):
    """issue:#6: pattern D."""
    made = [dicom_data.ct_slice("1.2.826.6.1", "1.2.826.6.2", "1.2.826.6.3", k) for k in range(3)]
    for one in made:
        path = dicom_data.write(one, tmp_path / f"{one.InstanceNumber}.dcm")
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n--x--\r\n"
        client.post_bytes("/dicomweb/studies", body).expect()
    sent = finish(client, "dicom.push", node="pacs", series_instance_uid="1.2.826.6.2")
    assert (sent["sent_count"], sent["failed"]) == (3, [])
    found = requests.get(f"{pacs}/studies/1.2.826.6.1/instances", timeout=10).json()
    assert len(found) == 3
    assert "Doe" in json.dumps(requests.get(f"{pacs}/studies/1.2.826.6.1/metadata", timeout=10).json())


@pytest.mark.parametrize(
    ("node", "reason", "attempts"),
    [
        ("down", "unreachable", None),
        ("refusing", "unauthorized", 1),
        ("redirecting", "redirect", 1),
        ("closing", "cut_off", 4),
        ("failing", "server_error", 4),
        ("lying", "broken", 1),
        ("shorter", "broken", 1),
        ("endless", "too_large", 1),
        ("stuck", "timeout", 4),
        ("trickling", "too_slow", 1),
    ],
)
def test_misbehaving_node_is_named_with_the_reason(client, node, reason, attempts):
    """issue:#6: down, 401, redirect, closing in the middle, wrong lengths, slow; retries where that may help."""
    Misbehaving.asked.clear()
    answer = client.get("/dicom/studies", source=node).expect(502)
    assert answer.json()["reason"] == reason
    assert "s3cret" not in answer.body.decode()
    if attempts is not None:
        assert len(Misbehaving.asked) == attempts


@pytest.mark.parametrize("route", ["metadata", "report", "document", "image"])
@pytest.mark.parametrize(("node", "reason"), [("refusing", "unauthorized"), ("redirecting", "redirect")])
def test_reading_from_a_node_that_does_not_give_it_says_why(client, route, node, reason):
    """issue:#6: the reading tools ask nodes too."""
    answer = client.get(f"/dicom/instances/1.2.3/{route}", source=node).expect(502)
    assert answer.json()["reason"] == reason


def test_another_instance_than_was_asked_for_is_not_shown(client):
    """issue:#6: a node that lies about what it sends."""
    named = {"study_instance_uid": STUDY, "series_instance_uid": SERIES}
    answer = client.get("/dicom/instances/1.2.3/image", source="swapping", **named).expect(502)
    assert answer.json()["reason"] == "broken"


def test_bridge_answers_while_a_node_does_not(client):
    """issue:#6: the network never holds Slicer's thread."""
    job = client.start_job("dicom.find_studies", source="failing")
    assert client.get("/health").expect().json()["status"] == "ok"
    assert client.get("/scene").expect()
    with contextlib.suppress(ProblemError):
        client.job_result(job["id"])


def test_credentials_reach_the_node_in_a_header(client):
    """issue:#6: bearer tokens; never in the address."""
    Misbehaving.asked.clear()
    Misbehaving.authorizations.clear()
    client.get("/dicom/studies", source="lying").expect(502)
    assert Misbehaving.authorizations == ["Bearer s3cret"]
    assert "s3cret" not in Misbehaving.asked[0]
