"""The panel: real widgets, real buttons, over a logic in memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import qt

from AgentBridgeLib.dispatch.approvals import ApprovalDesk, ApprovalRequest
from AgentBridgeLib.gui.panel import Panel


class MemoryLogic:
    """`AgentBridgeLogic` without Slicer."""

    def __init__(self):
        self.missing = []
        self.started = self.installed = 0
        self.bridge = None
        self.url = self.token = ""
        self.decisions = []
        self.is_stopped = False

    def missingPackages(self):
        return self.missing

    def installPackages(self):
        self.installed += 1
        if self.missing == ["broken>=1"]:
            raise RuntimeError("no network")
        self.missing = []

    def start(self):
        self.started += 1
        self.url, self.token = "http://127.0.0.1:2016/agent/v1", "T0KEN"
        desk = ApprovalDesk(lambda request, approved: self.decisions.append((request.job_id, approved)))
        safety = SimpleNamespace(is_stopped=False)
        safety.stop = lambda: setattr(safety, "is_stopped", True)
        safety.resume = lambda: setattr(safety, "is_stopped", False)
        self.canceled = 0
        jobs = SimpleNamespace(cancel_all=self.cancel_all)
        self.bridge = SimpleNamespace(
            dispatcher=SimpleNamespace(desk=desk), safety=safety, jobs=jobs, renew_token=self.renew
        )

    def cancel_all(self):
        self.canceled += 1

    def renew(self):
        self.token = "N3W"

    def stop(self):
        self.url = ""


@pytest.fixture
def logic():
    return MemoryLogic()


@pytest.fixture
def panel(logic):
    made = Panel(logic)
    yield made
    made.close()


def find(panel, name, kind=None):
    found = panel.widget.findChild(kind or qt.QPushButton, name)
    assert found is not None, name
    return found


def press(panel, name):
    find(panel, name).click()


def a_request(job_id="j1"):
    return ApprovalRequest(
        job_id=job_id,
        operation="nodes.delete",
        capability="scene.delete",
        effect="Remove a node.",
        nodes=["brain (vtkMRMLScalarVolumeNode1)"],
        paths=[],
        client="curl/8",
        arguments_digest="digest",
        expires_at=0.0,
    )


def test_start_and_stop_are_one_button_and_one_word(panel, logic):
    """issue:#2"""
    state = find(panel, "AgentBridgeState", qt.QLabel)
    assert state.property("text") == "Stopped"
    press(panel, "AgentBridgeToggle")
    assert (logic.started, state.property("text")) == (1, "Listening")
    assert find(panel, "AgentBridgeAddress", qt.QLineEdit).property("text") == logic.url
    press(panel, "AgentBridgeToggle")
    assert state.property("text") == "Stopped"


def test_missing_packages_are_explained_and_installed_by_the_button_only(logic):
    """issue:#2: never at import, never by a dialog"""
    logic.missing = ["pydantic>=2.7"]
    panel = Panel(logic)
    assert logic.installed == 0
    assert not find(panel, "AgentBridgeToggle").isEnabled()
    texts = [label.property("text") for label in panel.packages.widget.findChildren(qt.QLabel)]
    assert any("pydantic>=2.7" in text for text in texts)
    press(panel, "AgentBridgeInstall")
    assert logic.installed == 1
    assert find(panel, "AgentBridgeToggle").isEnabled()
    assert panel.packages.widget.isHidden()


def test_failed_installation_says_what_to_look_at(logic):
    """house"""
    logic.missing = ["broken>=1"]
    panel = Panel(logic)
    press(panel, "AgentBridgeInstall")
    texts = [label.property("text") for label in panel.packages.widget.findChildren(qt.QLabel)]
    assert any("failed" in text for text in texts)
    assert find(panel, "AgentBridgeInstall").isEnabled()


def test_bridge_that_cannot_start_says_so(panel, logic):
    """house"""

    def fail():
        raise RuntimeError("no port")

    logic.start = fail
    press(panel, "AgentBridgeToggle")
    assert "log" in find(panel, "AgentBridgeState", qt.QLabel).property("text")


def test_connection_is_copied_as_one_line_that_works_when_pasted(panel, logic):
    """issue:#2"""
    press(panel, "AgentBridgeToggle")
    press(panel, "AgentBridgeCopy")
    text = qt.QApplication.clipboard().text()
    assert text == 'curl -H "Authorization: Bearer T0KEN" http://127.0.0.1:2016/agent/v1/scene'
    press(panel, "AgentBridgeNewToken")
    assert "N3W" in panel.connection.snippet()


def test_opened_panel_attends_the_desk_and_a_closed_one_does_not(panel, logic):
    """http: section 4"""
    press(panel, "AgentBridgeToggle")
    desk = logic.bridge.dispatcher.desk
    assert desk.is_attended
    panel.close()
    assert not desk.is_attended


@pytest.mark.parametrize(("button", "approved"), [("Approve", True), ("Deny", False)])
def test_request_shows_what_it_is_about_and_is_answered_by_its_buttons(panel, logic, button, approved):
    """http: section 4"""
    press(panel, "AgentBridgeToggle")
    desk = logic.bridge.dispatcher.desk
    desk.ask(a_request())
    texts = [label.property("text") for label in panel.requests.widget.findChildren(qt.QLabel)]
    assert any("nodes.delete" in text and "brain" in text and "curl/8" in text for text in texts)
    press(panel, f"AgentBridge{button}j1")
    assert logic.decisions == [("j1", approved)]
    assert desk.waiting == ()


def test_approval_for_the_session_is_remembered_by_the_desk(panel, logic):
    """http: section 4"""
    press(panel, "AgentBridgeToggle")
    desk = logic.bridge.dispatcher.desk
    desk.ask(a_request())
    press(panel, "AgentBridgeApproveSessionj1")
    assert desk.is_approved_for_session("curl/8", "nodes.delete")


def test_request_that_went_away_while_its_button_was_pressed_does_no_harm(panel, logic, caplog):
    """house: expiry while deciding"""
    press(panel, "AgentBridgeToggle")
    desk = logic.bridge.dispatcher.desk
    desk.ask(a_request())
    button = find(panel, "AgentBridgeApprovej1")
    desk.withdraw("j1")
    button.click()
    assert logic.decisions == []
    assert "no longer waiting" in caplog.text


def test_stop_all_stops_and_resumes(panel, logic):
    """http: section 4"""
    press(panel, "AgentBridgeToggle")
    press(panel, "AgentBridgeStopAll")
    assert logic.bridge.safety.is_stopped
    assert logic.canceled == 1
    assert find(panel, "AgentBridgeStopAll").property("text") == "Resume"
    press(panel, "AgentBridgeStopAll")
    assert not logic.bridge.safety.is_stopped
