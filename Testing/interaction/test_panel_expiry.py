"""Time runs out while the person decides: a real window, real presses, real HTTP, and a clock that is put forward."""

from __future__ import annotations

import pytest

from served_panel import PATIENCE_S, ServedPanel

pytestmark = pytest.mark.needs("xvfb")
LATER = {"Prefer": "respond-async", "User-Agent": "agent-a/1"}
PATIENCE_OF_A_REQUEST_S = 300


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as made:
        made.start()
        made.do("unfold", "Requests", "Activity")
        yield made


@pytest.fixture
def client(panel):
    return panel.client()


def a_node(client, name="lesion"):
    body = {"type": "line", "points_ras": [[0, 0, 0], [3, 4, 0]], "name": name}
    return client.post("/markups", body).expect().json()["id"]


def ask(client, node_id):
    """Ask to delete a node; gives the job that waits."""
    return client.delete(f"/nodes/{node_id}", headers=LATER).expect(202).json()["id"]


def exists(client, node_id):
    return client.get(f"/nodes/{node_id}").is_success


def outcome(client, job_id):
    client.wait_for_job(job_id, PATIENCE_S)
    answer = client.get(f"/jobs/{job_id}/result")
    return answer.status, answer.code


def wait_until_gone(panel, name):
    panel.wait_until(lambda: name not in panel.words("Requests"))


def test_request_that_nobody_answered_leaves_the_panel_and_its_call_is_not_made(panel, client):
    """issue:#4: expiry while its row is shown; no press, no timer of five minutes, only the clock"""
    node_id = a_node(client, "left lesion")
    job = ask(client, node_id)
    assert "left lesion" in panel.words("Requests")
    assert "Expires in 5:00" in panel.words("Requests")
    panel.do("forward", PATIENCE_OF_A_REQUEST_S - 60)
    panel.wait_until(lambda: "Expires in 1:0" in panel.words("Requests") or "0:5" in panel.words("Requests"))
    panel.do("forward", 61)
    wait_until_gone(panel, "left lesion")
    assert panel.read("Requests") == "Requests waiting for you"
    assert "waiting" not in panel.read("Status")
    assert outcome(client, job) == (403, "policy.approval_expired")
    assert exists(client, node_id)
    with pytest.raises(LookupError):
        panel.press(f"Approve{job}")
    assert ["nodes.delete", "expired"] in panel.do("rows")


@pytest.mark.parametrize("button", ["Approve", "ApproveSession", "Deny"])
def test_press_after_the_time_decides_nothing(panel, client, button):
    """issue:#4: the button is still there, because Slicer was busy and no timer came"""
    node_id = a_node(client, "late lesion")
    job = ask(client, node_id)
    panel.do("at_once", ["forward", PATIENCE_OF_A_REQUEST_S + 1], ["press", f"AgentBridge{button}{job}"])
    assert "was no longer waiting" in panel.read("Decision")
    wait_until_gone(panel, "late lesion")
    assert outcome(client, job) == (403, "policy.approval_expired")
    assert exists(client, node_id)
    assert "may call" not in panel.words("Requests"), "no approval lasts either"


@pytest.mark.parametrize("is_noticed", [True, False])
def test_time_that_runs_out_between_press_and_release_decides_nothing(panel, client, is_noticed):
    """issue:#4: expiry while the button is being pressed, noticed in the panel before the release or not"""
    node_id = a_node(client, "held lesion")
    job = ask(client, node_id)
    panel.do("hold", f"AgentBridgeApprove{job}")
    forward = ["forward", PATIENCE_OF_A_REQUEST_S + 1]
    panel.do("at_once", forward, *([] if is_noticed else [["release"]]))
    wait_until_gone(panel, "held lesion")
    if is_noticed:
        panel.do("release")
    assert outcome(client, job) == (403, "policy.approval_expired")
    assert exists(client, node_id)


def test_client_that_waits_on_its_own_request_is_told_that_the_time_is_over(panel, client):
    """http: section 4: the answer says what to do, and that nothing was done"""
    node_id = a_node(client, "awaited lesion")
    with client.raw_socket() as line:
        line.sendall(
            f"DELETE {client.prefix}/nodes/{node_id} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
            f"Authorization: Bearer {client.token}\r\nPrefer: wait=60\r\nContent-Length: 0\r\n\r\n".encode()
        )
        panel.wait_until(lambda: "awaited lesion" in panel.words("Requests"))
        panel.do("forward", PATIENCE_OF_A_REQUEST_S + 1)
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"policy.approval_expired" in answer
    assert exists(client, node_id)


def test_client_that_has_gone_and_a_request_that_expires_leave_nothing_behind(panel, client):
    """issue:#4: client gone"""
    node_id = a_node(client, "orphaned lesion")
    job = ask(client, node_id)
    client.close()
    panel.do("forward", PATIENCE_OF_A_REQUEST_S + 1)
    wait_until_gone(panel, "orphaned lesion")
    other = panel.client()
    assert outcome(other, job) == (403, "policy.approval_expired")
    assert exists(other, node_id)


def test_one_of_two_requests_expires_and_the_other_is_still_to_be_decided(panel, client):
    """issue:#4: two approvals"""
    old, new = a_node(client, "old lesion"), a_node(client, "new lesion")
    expired = ask(client, old)
    panel.do("forward", PATIENCE_OF_A_REQUEST_S - 60)
    waiting = ask(client, new)
    panel.do("forward", 61)
    wait_until_gone(panel, "old lesion")
    assert panel.read("Requests").endswith("(1)")
    assert outcome(client, expired) == (403, "policy.approval_expired")
    panel.do("forward", 1)
    panel.press(f"Approve{waiting}")
    assert outcome(client, waiting)[0] == 200
    assert (exists(client, old), exists(client, new)) == (True, False)


def test_press_meant_for_a_row_that_has_just_gone_does_not_approve_the_one_that_moved_there(panel, client):
    """house: nobody approves what they did not mean"""
    old, new = a_node(client, "lesion A"), a_node(client, "lesion B")
    expired = ask(client, old)
    panel.do("forward", PATIENCE_OF_A_REQUEST_S - 60)
    waiting = ask(client, new)
    panel.do("hold", f"AgentBridgeApprove{expired}")
    panel.do("stand", True)
    panel.do("forward", 61)
    wait_until_gone(panel, "lesion A")
    panel.do("release")
    panel.do("click_there")
    assert "has just moved" in panel.read("Decision")
    assert client.get(f"/jobs/{waiting}").json()["state"] == "awaiting_approval"
    panel.do("forward", 1)
    panel.do("hold", f"AgentBridgeApprove{waiting}")
    panel.do("release")
    panel.do("stand", False)
    assert outcome(client, waiting)[0] == 200
    assert (exists(client, old), exists(client, new)) == (True, False)
