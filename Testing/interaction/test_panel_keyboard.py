"""The panel without a mouse, and in a narrow window. A real window, real keys, real HTTP."""

from __future__ import annotations

import re

import pytest

from served_panel import PATIENCE_S, ServedPanel

pytestmark = pytest.mark.needs("xvfb")
LATER = {
    "Prefer": "respond-async",
    "User-Agent": "an-agent-with-a-rather-long-name-that-nobody-shortened/12.34.56",
}
JOB_ID = re.compile(r"[0-9a-f]{16}$")
SECTIONS = ("Connection", "Requests", "Jobs", "Activity", "Safety")
IN_ORDER = ("StopAll", "Address", "Toggle", "Copy", "NewToken", "Filter", "Log", "ExportLog", "ExportSession")


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as made:
        made.start()
        yield made


@pytest.fixture
def client(panel):
    return panel.client()


def ask(client, name="lesion"):
    """Ask to delete a new node; gives its id and the job."""
    body = {"type": "line", "points_ras": [[0, 0, 0], [3, 4, 0]], "name": name}
    node_id = client.post("/markups", body).expect().json()["id"]
    return node_id, client.delete(f"/nodes/{node_id}", headers=LATER).expect(202).json()["id"]


def walk(panel, key, modifier="NoModifier"):
    """Press a key until the focus is where it began; gives the names on the way."""
    begin = panel.do("focus", "AgentBridgeStopAll")
    names = [begin]
    while (name := panel.do("key", key, modifier)) != begin:
        names.append(name)
        assert len(names) < 300, names
    return [name.removeprefix("AgentBridge") for name in names]


def test_focus_walks_through_the_panel_from_top_to_bottom_and_back(panel, client):
    """issue:#4: usable with the keyboard"""
    panel.do("unfold", *SECTIONS)
    client.get("/scene").expect()
    panel.wait_until(lambda: panel.do("rows"))
    names = walk(panel, "Tab")
    places = [names.index(name) for name in IN_ORDER]
    assert places == sorted(places), names
    for name in (
        "Preset_look_only",
        "Mode_python.execute",
        "FoldersLine",
        "Identifiers_hide",
        "PatientGuard",
        "Listener",
        "PagesLine",
    ):
        assert name in names
    back = walk(panel, "Backtab", "ShiftModifier")
    assert set(IN_ORDER) <= set(back)
    assert [name for name in reversed(back[1:]) if name in IN_ORDER[1:]] == list(IN_ORDER[1:])


def test_request_is_approved_and_another_denied_by_a_key(panel, client):
    """issue:#4"""
    node_id, job = ask(client)
    panel.do("key", "P", "AltModifier")
    client.wait_for_job(job, PATIENCE_S)
    assert client.get(f"/nodes/{node_id}").code == "scene.node_not_found"
    node_id, job = ask(client)
    panel.do("key", "D", "AltModifier")
    assert client.wait_for_job(job, PATIENCE_S)["error"]["code"] == "policy.approval_denied"
    assert client.get(f"/nodes/{node_id}").is_success


def test_key_decides_nothing_while_two_requests_wait(panel, client):
    """house: nobody approves by a key what they did not mean; the key moves between the two"""
    jobs = [ask(client)[1] for _ in range(2)]
    for _ in range(2):
        focused = panel.do("key", "P", "AltModifier")
        assert focused.removeprefix("AgentBridgeApprove") in jobs
    assert [client.get(f"/jobs/{job}").json()["state"] for job in jobs] == ["awaiting_approval"] * 2
    panel.do("key", "Space")
    states = {client.wait_for_job(focused.removeprefix("AgentBridgeApprove"), PATIENCE_S)["state"]}
    assert states == {"succeeded"}
    panel.do("key", "D", "AltModifier")
    for job in jobs:
        client.wait_for_job(job, PATIENCE_S)


def test_everything_is_stopped_resumed_and_switched_off_and_on_by_keys(panel, client):
    """issue:#4: stop all without a dialog"""
    panel.do("key", "L", "AltModifier")
    panel.wait_until(lambda: "All stopped" in panel.words("Panel"))
    assert client.get("/scene").code == "policy.stopped"
    assert panel.do("dialogs") == []
    panel.do("key", "R", "AltModifier")
    panel.wait_until(lambda: "All stopped" not in panel.words("Panel"))
    assert client.get("/scene").is_success
    panel.do("key", "S", "AltModifier")
    panel.wait_until(lambda: "Stopped" in panel.words("Panel"))
    panel.do("key", "S", "AltModifier")
    panel.wait_until(lambda: "Listening" in panel.words("Panel"))


def test_request_is_approved_for_the_session_by_a_key(panel, client):
    """issue:#4: Alt+I"""
    _, job = ask(client)
    panel.do("key", "I", "AltModifier")
    assert client.wait_for_job(job, PATIENCE_S)["state"] == "succeeded"
    panel.wait_until(lambda: "may call nodes.delete until Slicer ends" in panel.words("Requests"))
    panel.press("Withdraw_nodes.delete")


def test_job_that_waits_for_the_person_is_ended_by_a_key_and_another_canceled(panel, client):
    """issue:#4: Alt+O, Alt+N"""
    for key, state in (("O", "succeeded"), ("N", "canceled")):
        job = client.post("/operations/person.hand_over", {"prompt": "Place a point"}, headers=LATER)
        job_id = job.expect(202).json()["id"]
        panel.wait_until(lambda: "Place a point" in panel.words("Jobs"))
        panel.do("key", key, "AltModifier")
        assert client.wait_for_job(job_id, PATIENCE_S)["state"] == state
        panel.wait_until(lambda: "Place a point" not in panel.words("Jobs"))


def test_connection_is_copied_by_keys(panel):
    """issue:#4: Alt+C opens the menu, arrows choose"""
    panel.do("key_soon", "C", "AltModifier")
    panel.wait_until(lambda: "curl" in panel.do("menu"))
    panel.do("key_in_menu", "Down", "Return")
    panel.wait_until(lambda: panel.do("menu") == [])
    assert panel.do("clipboard").startswith("curl ")
    assert panel.url in panel.do("clipboard")
    assert "Copied for curl" in panel.read("Copied")


def test_token_is_renewed_by_a_key(panel, client):
    """issue:#4: Alt+T"""
    assert client.get("/scene").is_success
    panel.do("key", "T", "AltModifier")
    panel.wait_until(lambda: client.get("/scene").status == 401)
    panel.start_again()


def test_no_two_widgets_that_mean_different_things_have_the_same_key(panel, client):
    """issue:#4: a key that moves between two things is none; rows of the same kind share theirs"""
    ask(client)
    client.post("/operations/person.hand_over", {"prompt": "Place a point"}, headers=LATER).expect(202)
    panel.wait_until(lambda: "Place a point" in panel.words("Jobs"))
    meanings = {}
    for letter, name in panel.do("mnemonics"):
        meanings.setdefault(letter, set()).add(JOB_ID.sub("", name))
    assert {letter: sorted(names) for letter, names in meanings.items() if len(names) > 1} == {}
    assert set(meanings) == set("SCTPIDLNO")
    panel.press("StopAll")
    assert "R" in {letter for letter, _ in panel.do("mnemonics")}
    assert set("FEVH").isdisjoint(meanings), "Slicer's menus: File, Edit, View, Help"
    panel.press("StopAll")


@pytest.mark.parametrize("width", [360, 380, 600])
def test_nothing_is_cut_or_sticks_out_of_a_narrow_window(panel, client, width):
    """issue:#4: usable at 360 px width"""
    _, job = ask(
        panel.client(),
        name="a node whose name is as long as those of series in a clinic usually are, T1 post",
    )
    panel.do("unfold", *SECTIONS)
    panel.do("select", 0)
    assert panel.do("widths", width) == {}
    panel.press(f"Deny{job}")
