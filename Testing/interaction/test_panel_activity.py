"""What clients did, as the person sees it: the way back, and a log that shows tampering. A real window, real HTTP."""

from __future__ import annotations

import json

import pytest

from served_panel import ServedPanel

pytestmark = pytest.mark.needs("xvfb")
LATER = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as made:
        made.start()
        yield made


@pytest.fixture
def client(panel):
    return panel.client()


def a_line(client, name):
    body = {"type": "line", "points_ras": [[0, 0, 0], [3, 4, 0]], "name": name}
    return client.post("/markups", body).expect().json()["id"]


def select_done(panel, words):
    """Filter the activity and click into its newest row."""
    panel.do("write", "AgentBridgeFilter", words)
    panel.wait_until(lambda: panel.do("rows"))
    panel.do("select", 0)


def restore(panel):
    panel.press("Restore")
    panel.wait_until(lambda: "as it was before that step" in panel.read("ActivitySaid"))


def test_restore_brings_back_what_an_approved_step_deleted(panel, client):
    """issue:#4: undo another; the follow-up call works with the same id"""
    node_id = a_line(client, "precious")
    before = client.get(f"/markups/{node_id}/points").expect().json()["items"]
    job = client.delete(f"/nodes/{node_id}", headers=LATER).expect(202).json()["id"]
    panel.press(f"Approve{job}")
    client.job_result(job)
    later = a_line(client, "made after it")
    assert client.get(f"/nodes/{node_id}").code == "scene.node_not_found"
    select_done(panel, "nodes.delete succeeded")
    restore(panel)
    assert client.get(f"/nodes/{node_id}").expect().json()["name"] == "precious"
    assert client.get(f"/markups/{node_id}/points").expect().json()["items"] == before
    assert client.get(f"/nodes/{later}").code == "scene.node_not_found"


def test_restore_takes_the_last_step_back(panel, client):
    """issue:#4: a step that deleted nothing"""
    node_id = a_line(client, "as it was")
    client.patch(f"/nodes/{node_id}", {"name": "renamed"}).expect()
    select_done(panel, "nodes.update")
    restore(panel)
    assert client.get(f"/nodes/{node_id}").expect().json()["name"] == "as it was"


def test_row_shows_who_what_decision_outcome_and_duration(panel, client):
    """issue:#4"""
    client.get("/scene", headers={"User-Agent": "reader/7"}).expect()
    select_done(panel, "reader/7")
    said = panel.read("Details")
    for words in ("reader/7", "allow", "succeeded", "Took"):
        assert words in said


def test_exported_log_holds_every_call_and_tells_that_its_file_is_intact_until_it_is_not(
    panel, client, tmp_path
):
    """issue:#4: digest chain so that tampering shows"""
    client.get("/scene").expect()
    target = tmp_path / "log.jsonl"
    panel.do("save", "AgentBridgeExportLog", str(target))
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert lines[-1]["operation"] == "scene.summary"
    assert "is intact" in panel.read("ActivitySaid")
    (file,) = (panel.folder / "bridge").rglob("audit-*.jsonl")
    assert file.stat().st_mode & 0o077 == 0
    first, *rest = file.read_text("utf-8").splitlines(keepends=True)
    panel.do("save", "AgentBridgeExportLog", str(target))
    assert "is there already" in panel.read("ActivitySaid")
    file.write_text("".join([first.replace("unnamed client", "somebody else", 1), *rest]), "utf-8")
    panel.do("save", "AgentBridgeExportLog", str(tmp_path / "again.jsonl"))
    said = panel.read("ActivitySaid")
    file.write_text("".join([first, *rest[:-1]]), "utf-8")
    panel.do("save", "AgentBridgeExportLog", str(tmp_path / "cut.jsonl"))
    assert "lines at the end were removed" in panel.read("ActivitySaid")
    file.write_text("".join([first, *rest]), "utf-8")
    assert f"not as it was written: {file.name}: line 1 was changed" in said
    assert panel.do("dialogs") == []
