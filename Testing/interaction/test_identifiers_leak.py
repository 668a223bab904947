"""Nothing that leaves carries what identifies the patient, through no route, event, log or audit line."""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from planted_patient import NAME, PLANT, TELLTALES


class Recorder:
    """Sends requests and keeps every byte that came back, headers included."""

    def __init__(self, client):
        self._client = client
        self.received = []

    def __call__(self, method, path, body=None, headers=None):
        answer = self._client.request(method, path, json_body=body, headers=headers)
        head = json.dumps(dict(answer.headers)).encode()
        self.received.append((f"{method} {path} {answer.status}", head + b"\n" + answer.body))
        return answer


@pytest.fixture
def planted(start_bridge, tmp_path):
    """A host of its own with a patient in the scene, its folder, and a recorder."""
    host = start_bridge(
        folder=tmp_path,
        grants={"python.execute": "allow", "scene.delete": "allow"},
        options=[f"--allow-folder={tmp_path}"],
    )
    made = host.client.post("/python/execute", {"source": PLANT}).expect().json()
    assert made["outcome"] != "raised", made
    return host, Recorder(host.client), made["value"].strip("'")


def wait_for_policy(host, policy):
    """Settings are read again every 50 ms."""
    for _ in range(200):
        if host.client.get("/").expect().json()["identifier_policy"] == policy:
            return
    raise AssertionError(policy)


def choose(host, policy):
    """Do as the person who chooses a policy in the panel."""
    source = f"import qt; qt.QSettings().setValue('AgentBridge/patient_identifiers', '{policy}')"
    host.client.post("/python/execute", {"source": source}).expect()
    wait_for_policy(host, policy)


def paths_of(host, node_id):
    """Every GET route of the OpenAPI document, its parameters filled with what is there."""
    document = host.client.get("/openapi.json").expect().json()
    job = host.client.start_job("scene.summary")["id"]
    filled = {
        "volume_id": node_id,
        "node_id": node_id,
        "job_id": job,
        "name": "Red",
        "segmentation_id": node_id,
    }
    for path, methods in document["paths"].items():
        if "get" in methods and not path.endswith("/events"):
            yield re.sub(r"\{(\w+)\}", lambda match: filled.get(match[1], node_id), path).removeprefix(
                "/agent/v1"
            )


def test_no_route_event_log_or_audit_line_carries_an_identifier(planted, tmp_path):
    """issue:#4: every byte that left is searched"""
    host, send, node_id = planted
    events = host.client.events(last_event_id="0")
    for path in sorted(set(paths_of(host, node_id))):
        send("GET", path or "/")
    send("PATCH", f"/nodes/{node_id}", {"name": "QUUXBY ZEBEDEE again"})
    send("GET", "/nodes?name=QUUXBY")
    send("POST", f"/volumes/{node_id}/smooth", {"sigma_mm": 1.0}, {"Prefer": "wait=20"})
    send("POST", "/files/load", {"path": str(tmp_path / "QUUXBY_ZEBEDEE" / "no.nrrd")})
    send("POST", "/files/load", {"path": "/elsewhere/QUUXBY_ZEBEDEE/no.nrrd"})
    send("GET", "/nodes/QUUXBY%5EZEBEDEE")
    send("GET", "/no/such/route/Zebedee%20Quuxby")
    send("POST", "/operations/nodes.get", {"node_id": NAME}, {"X-Request-Id": "for-QUUXBY-ZEBEDEE"})
    send("POST", "/operations/QUUXBY.ZEBEDEE", {})
    send("POST", "/python/execute", {"source": "raise ValueError('patient Zebedee Quuxby')"})
    send("GET", "/log")
    send("GET", "/jobs")
    send("GET", "/audit?limit=1000", None, {"User-Agent": "agent of Zebedee Quuxby"})
    send("GET", "/audit?limit=1000")
    with contextlib.closing(events):
        told = [
            (event.event, json.dumps([event.id, event.event, event.data]).encode())
            for event, _ in zip(events, range(6), strict=False)
        ]
    written = [(path.name, path.read_bytes()) for path in tmp_path.rglob("*.jsonl")]
    assert written, "there is an audit log on disk"
    assert len(send.received) > 40
    echo = b"for-QUUXBY-ZEBEDEE"  # the client's own words in X-Request-Id come back to it, by contract, and only there
    received = [
        (place, content.replace(echo, b"") if place.startswith("POST /operations/nodes.get") else content)
        for place, content in send.received
    ]
    leaks = [
        (place, found.group(), content[max(0, found.start() - 60) : found.end() + 20])
        for place, content in (*received, *told, *written)
        if (found := TELLTALES.search(content))
    ]
    assert leaks == []


def test_pseudonyms_are_the_same_in_every_answer_and_after_a_restart(start_bridge, tmp_path):
    """issue:#4: stable"""
    seen = set()
    for _ in range(2):
        host = start_bridge(folder=tmp_path, grants={"python.execute": "allow"})
        host.client.post(
            "/python/execute",
            {
                "source": "import qt; qt.QSettings().setValue('AgentBridge/patient_identifiers', 'pseudonymize')"
                + PLANT
            },
        ).expect()
        wait_for_policy(host, "pseudonymize")
        items = host.client.get("/nodes", **{"class": "vtkMRMLScalarVolumeNode"}).expect().json()["items"]
        seen.add(items[0]["name"])
        host.stop()
    assert len(seen) == 1
    assert re.fullmatch(r"PatientName-[0-9a-f]{8} CT PatientBirthDate-[0-9a-f]{8}", seen.pop())


def test_what_was_kept_while_identifiers_were_shown_is_not_given_when_they_are_hidden(planted):
    """http: section 4, the policy applies to every answer and event: results, repeated answers, missed events"""
    host, _send, node_id = planted
    choose(host, "show")
    line = {"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]], "name": f"of {NAME}"}
    key = {"Idempotency-Key": "once"}
    assert TELLTALES.search(host.client.post("/markups", line, headers=key).expect().body)
    job = host.client.start_job("nodes.get", node_id=node_id)["id"]
    assert TELLTALES.search(json.dumps(host.client.job_result(job)).encode())
    failed = host.client.start_job("files.load", path=f"{host.folder}/{NAME}.nrrd")["id"]
    host.client.wait_for_job(failed)
    assert TELLTALES.search(host.client.get(f"/jobs/{failed}").body)
    choose(host, "hide")
    assert host.client.get(f"/jobs/{job}/result").code == "job.expired"
    assert host.client.post("/markups", line, headers=key).code == "request.idempotency_conflict"
    missed = (json.dumps(event.data) for event in host.client.events("0"))
    told = next(text for text in missed if failed in text and "file.not_found" in text)
    assert not TELLTALES.search(told.encode())


def test_the_search_finds_what_is_shown(planted):
    """house: the test can fail"""
    host, _send, node_id = planted
    choose(host, "show")
    body = host.client.get(f"/nodes/{node_id}").expect().body
    assert TELLTALES.search(body)


def test_what_was_in_the_scene_stays_covered_after_it_has_left(planted):
    """issue:#4: copies, labels and the log remember; who takes attributes away shows no name"""
    _host, send, node_id = planted
    send("POST", "/checkpoints", {"label": "for QUUXBY ZEBEDEE"})
    named = ("PatientName", "PatientID", "PatientBirthDate", "StudyDescription", "StationName")
    send("PATCH", f"/nodes/{node_id}", {"attributes": {f"DICOM.{keyword}": None for keyword in named}})
    send("GET", f"/nodes/{node_id}")
    send("POST", f"/volumes/{node_id}/clone", {})
    send("DELETE", f"/nodes/{node_id}")
    send("GET", "/nodes")
    send("POST", "/scene/clear", {"confirm": True})
    for path in ("/log", "/checkpoints", "/jobs", "/audit?limit=1000"):
        send("GET", path)
    assert all(line.split()[-1].startswith("2") for line, _ in send.received), send.received
    assert [place for place, content in send.received if TELLTALES.search(content)] == []
