"""Requests that a person answers in the panel: a real window, real presses, real HTTP."""

from __future__ import annotations

import io
import json
import threading
import time

import numpy as np
import pytest

import dicom_data
from served_panel import PATIENCE_S, ServedPanel

pytestmark = pytest.mark.needs("xvfb")
LATER = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def a_window(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as panel:
        panel.start()
        yield panel


@pytest.fixture
def panel(a_window):
    """The panel, with nothing waiting and no approval that lasts."""
    yield a_window
    if "Resume" in a_window.read("StopAll"):
        a_window.press("StopAll")
    a_window.press("StopAll")
    a_window.press("StopAll")


@pytest.fixture
def client(panel):
    return panel.client()


def a_node(client, name="lesion"):
    return client.post(
        "/markups", {"type": "line", "points_ras": [[0, 0, 0], [3, 4, 0]], "name": name}
    ).json()["id"]


def ask_to_delete(client, node_id, agent="agent-a/1"):
    """Ask for what needs an approval, and give the job that waits for it."""
    headers = {**LATER, "User-Agent": agent}
    return client.delete(f"/nodes/{node_id}", headers=headers)


def waiting(answer):
    job = answer.expect(202).json()
    assert job["state"] == "awaiting_approval", job
    return job["id"]


def exists(client, node_id):
    return client.get(f"/nodes/{node_id}").is_success


def outcome(client, job_id):
    client.wait_for_job(job_id, PATIENCE_S)
    return client.get(f"/jobs/{job_id}/result")


def test_request_is_shown_approved_once_and_its_result_fetched(panel, client):
    """issue:#4"""
    node_id = a_node(client, "left lesion")
    job = waiting(ask_to_delete(client, node_id))
    shown = panel.words("Requests")
    for words in ("agent-a/1 asks for nodes.delete", "On: left lesion", "Delete one node", "Expires in"):
        assert words in shown
    assert panel.read("Requests") == "Requests waiting for you (1)"
    assert "1 waiting" in panel.read("Status")
    assert exists(client, node_id), "nothing happens before the answer"
    panel.press(f"Approve{job}")
    assert outcome(client, job).expect(200)
    assert not exists(client, node_id)
    assert "left lesion" not in panel.words("Requests")
    again = waiting(ask_to_delete(client, a_node(client)))
    panel.press(f"Deny{again}")


def test_denied_request_is_told_and_nothing_is_done(panel, client):
    """issue:#4: refuse one thing"""
    node_id = a_node(client)
    job = waiting(ask_to_delete(client, node_id))
    panel.press(f"Deny{job}")
    answer = outcome(client, job)
    assert (answer.status, answer.code) == (403, "policy.approval_denied")
    assert exists(client, node_id)


def test_client_that_waits_gets_the_answer_on_its_own_request(panel, client):
    """http: section 4: a call may stay open while the person decides"""
    node_id = a_node(client)
    with client.raw_socket() as line:
        line.sendall(delete_and_wait(client, node_id))
        job = newest_request(panel, client)
        panel.press(f"Approve{job}")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
    assert not exists(client, node_id)


def delete_and_wait(client, node_id):
    return (
        f"DELETE {client.prefix}/nodes/{node_id} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
        f"Authorization: Bearer {client.token}\r\nPrefer: wait=20\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def newest_request(panel, client):
    """Wait until a request is in the panel, and give its job."""
    panel.wait_until(lambda: panel.read("Requests").endswith("(1)"))
    jobs = client.get("/jobs").expect().json()["items"]
    return next(job["id"] for job in jobs if job["state"] == "awaiting_approval")


def test_client_that_hangs_up_loses_nothing(panel, client):
    """issue:#4: client gone"""
    node_id = a_node(client)
    line = client.raw_socket()
    line.sendall(delete_and_wait(client, node_id))
    job = newest_request(panel, client)
    line.close()
    panel.press(f"Approve{job}")
    assert outcome(client, job).expect(200)
    assert not exists(client, node_id)


def test_approval_for_the_session_holds_for_this_client_and_this_operation(panel, client):
    """issue:#4: leases per client name"""
    job = waiting(ask_to_delete(client, a_node(client)))
    panel.press(f"ApproveSession{job}")
    outcome(client, job).expect(200)
    second = a_node(client)
    answer = ask_to_delete(client, second)
    assert outcome(client, answer.json()["id"]).is_success if answer.status == 202 else answer.is_success
    assert not exists(client, second)
    assert "agent-a/1 may call nodes.delete" in panel.words("Requests")
    third = a_node(client)
    other = waiting(ask_to_delete(client, third, agent="agent-b/1"))
    panel.press(f"Deny{other}")
    many = client.post(
        "/operations/nodes.delete_many", {"ids": [third]}, headers={**LATER, "User-Agent": "agent-a/1"}
    )
    panel.press(f"Deny{waiting(many)}")
    panel.press("Withdraw_nodes.delete")
    panel.press(f"Deny{waiting(ask_to_delete(client, third))}")
    assert exists(client, third)


def test_two_requests_are_decided_each_for_itself(panel, client):
    """issue:#4: two approvals"""
    kept, gone = a_node(client, "kept"), a_node(client, "gone")
    jobs = {node_id: waiting(ask_to_delete(client, node_id)) for node_id in (kept, gone)}
    assert panel.read("Requests").endswith("(2)")
    panel.press(f"Approve{jobs[gone]}")
    outcome(client, jobs[gone]).expect(200)
    assert (exists(client, kept), exists(client, gone)) == (True, False)
    assert "kept" in panel.words("Requests")
    panel.press(f"Deny{jobs[kept]}")
    assert outcome(client, jobs[kept]).code == "policy.approval_denied"
    assert exists(client, kept)


def test_node_that_was_deleted_meanwhile_fails_the_approved_call(panel, client):
    """issue:#4: node deleted meanwhile"""
    node_id, bystander = a_node(client), a_node(client, "bystander")
    first, second = (waiting(ask_to_delete(client, node_id)) for _ in range(2))
    panel.press(f"Approve{first}")
    outcome(client, first).expect(200)
    panel.do("forward", 1)  # a row that has just moved up takes no approval
    panel.press(f"Approve{second}")
    assert outcome(client, second).code in {"scene.node_not_found", "scene.revision_conflict"}
    assert exists(client, bystander)


def test_stop_all_cancels_what_waits_and_denies_everything_until_resume(panel, client):
    """issue:#4: stop everything"""
    node_id = a_node(client)
    asked = waiting(ask_to_delete(client, node_id))
    handed = client.post(
        "/operations/person.hand_over", {"prompt": "Place two points, then press Done"}, headers=LATER
    )
    handed = handed.expect(202).json()["id"]
    panel.press("StopAll")
    denied = client.get("/scene")
    assert (denied.status, denied.code) == (503, "policy.stopped")
    assert "All stopped" in panel.words("Panel")
    panel.press("StopAll")
    assert client.get("/scene").is_success
    for job in (asked, handed):
        assert client.get(f"/jobs/{job}").json()["state"] == "canceled"
    assert exists(client, node_id)


def test_stop_all_ends_work_that_is_in_the_middle_of_it(panel, client):
    """issue:#4: running jobs are canceled"""
    array = np.zeros((160, 200, 200), np.float32)
    array[40:120, 50:150, 50:150] = 100
    text = (
        "NRRD0005\ntype: float\ndimension: 3\nspace: right-anterior-superior\nsizes: 200 200 160\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    volume = client.post_bytes("/volumes", text.encode() + array.tobytes()).expect().json()["id"]
    job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=15.0)["id"]
    panel.wait_until(lambda: client.get(f"/jobs/{job}").json()["state"] == "running")
    nodes = client.get("/nodes").expect().json()["total"]
    panel.press("StopAll")
    panel.press("StopAll")
    assert client.wait_for_job(job)["state"] == "canceled"
    assert client.get("/nodes").expect().json()["total"] == nodes


def test_job_that_waits_for_the_person_goes_on_when_they_press_done(panel, client):
    """issue:#4: place two points, then press Done"""
    body = {"prompt": "Place two points, then press Done"}
    job = client.post("/operations/person.hand_over", body, headers=LATER).expect(202).json()["id"]
    panel.wait_until(lambda: body["prompt"] in panel.words("Jobs"))
    panel.press(f"Done{job}")
    assert outcome(client, job).expect(200)


def test_no_window_ever_holds_the_others_up(panel, client):
    """issue:#4: no modal dialog anywhere"""
    job = waiting(ask_to_delete(client, a_node(client)))
    assert panel.do("dialogs") == []
    panel.press(f"Deny{job}")
    assert panel.do("dialogs") == []


def test_log_of_the_requests_tells_decisions_and_no_arguments(panel, client):
    """issue:#4"""
    node_id = a_node(client, "SECRETNAME")
    panel.press(f"Deny{waiting(ask_to_delete(client, node_id))}")
    rows = panel.do("rows")
    assert ["nodes.delete", "denied"] in rows
    written = "".join(file.read_text("utf-8") for file in panel.folder.rglob("audit-*.jsonl"))
    assert any(json.loads(line)["outcome"] == "policy.approval_denied" for line in written.splitlines())
    assert "SECRETNAME" not in written


def test_client_of_dicomweb_waits_for_the_person_and_gets_its_own_answer(client, panel):
    """slicer: PS3.18 10.5: 202 says that some instances failed, so no job may say it."""
    out, answers = io.BytesIO(), []
    dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1).save_as(out, enforce_file_format=True)
    storing = client.with_token(client.token)
    sending = threading.Thread(
        target=lambda: answers.append(
            storing.post_bytes("/dicomweb/studies", out.getvalue(), "application/dicom")
        )
    )
    sending.start()
    give_up = time.monotonic() + PATIENCE_S
    while not (asked := client.get("/jobs", state="awaiting_approval").expect().json()["items"]):
        assert time.monotonic() < give_up
    panel.press(f"Approve{asked[0]['id']}")
    sending.join(PATIENCE_S)
    stored = answers[0].expect(200).json()
    assert stored["00081199"]["Value"][0]["00081150"]["Value"] == [dicom_data.CT_IMAGE]
