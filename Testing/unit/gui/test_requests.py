"""Calls that wait for the person, with their answers."""

from __future__ import annotations

import ctk
import pytest
import qt
import slicer

from AgentBridgeLib.dispatch.call import Failed
from AgentBridgeLib.gui.panel import Panel
from panel_in_process import a_node, ask_to_delete, call, find, press, settle, text, texts


class TestRequests:
    def test_request_says_who_wants_what_on_which_node_of_whom_and_until_when(self, running, logic):
        """issue:#4"""
        node = a_node("left lung")
        node.SetAttribute("DICOM.PatientName", "DOE^JANE")
        ask_to_delete(logic, node)
        said = texts(running.requests.widget)
        for words in ("curl/8", "nodes.delete", "left lung", "DOE^JANE", "Expires in"):
            assert words in said
        assert "(1)" in find(running, "Requests", ctk.ctkCollapsibleButton).property("text")
        assert "1 waiting" in text(running, "State")

    def test_request_shows_the_code_that_would_run_and_whatever_else_was_given(
        self, running, logic, tmp_path
    ):
        """issue:#4: for the exact call; nobody approves what they have not seen"""
        running.preferences.write("capabilities/python.execute", "ask")
        running.preferences.write("allowed_folders", [str(tmp_path)])
        source = "import os\n" + "\n".join(f"os.remove('{number}')" for number in range(20))
        job = call(logic, "python.execute", source=source, is_async=True).job.id
        assert find(running, f"Given{job}", qt.QPlainTextEdit).toPlainText() == f"source:\n{source}"
        path = str(tmp_path / "scan.nrrd")
        node_id = a_node(class_name="vtkMRMLScalarVolumeNode").GetID()
        job = call(logic, "nodes.save", node_id=node_id, path=path, overwrite=True, is_async=True).job.id
        assert text(running, f"Given{job}") == "overwrite: true"

    def test_name_cannot_pretend_to_be_another_line_of_the_request(self, running, logic):
        """issue:#4: whoever chose a name may want to look like another"""
        ask_to_delete(logic, a_node("lesion\nPatient: NOBODY \u202egnp.x"))
        said = texts(running.requests.widget)
        assert "On: lesion\ufffdPatient: NOBODY \ufffdgnp.x" in said
        assert "\nPatient" not in said

    def test_approved_call_runs_and_the_row_goes(self, running, logic):
        """issue:#4"""
        node = a_node()
        job = ask_to_delete(logic, node)
        press(running, f"Approve{job}")
        settle(lambda: logic.bridge.jobs.machine.get(job).has_ended)
        assert slicer.mrmlScene.GetFirstNodeByName("brain") is None
        assert "(1)" not in find(running, "Requests", ctk.ctkCollapsibleButton).property("text")

    def test_denied_call_does_not_run(self, running, logic):
        """issue:#4"""
        job = ask_to_delete(logic, a_node())
        press(running, f"Deny{job}")
        assert str(logic.bridge.jobs.machine.get(job).state) == "failed"
        assert slicer.mrmlScene.GetFirstNodeByName("brain") is not None

    def test_approval_for_the_session_is_listed_and_can_be_withdrawn(self, running, logic):
        """issue:#4: leases"""
        job = ask_to_delete(logic, a_node())
        press(running, f"ApproveSession{job}")
        assert "may call nodes.delete" in texts(running.requests.widget)
        press(running, "Withdraw_nodes.delete")
        assert logic.bridge.dispatcher.desk.leases == ()
        ask_to_delete(logic, a_node("another"))

    @pytest.mark.parametrize("presses", [["StopAll", "StopAll"], ["NewToken"]])
    def test_approval_for_the_session_ends_with_stop_all_and_with_the_token(self, running, logic, presses):
        """issue:#4: who has another client's name is not that client"""
        press(running, f"ApproveSession{ask_to_delete(logic, a_node())}")
        assert logic.bridge.dispatcher.desk.leases
        for name in presses:
            press(running, name)
        assert logic.bridge.dispatcher.desk.leases == ()
        ask_to_delete(logic, a_node("another"))

    def test_mix_of_patients_is_warned_about_and_cannot_be_approved_for_the_session(self, running, logic):
        """issue:#4: wrong-patient guard"""
        nodes = [a_node("one"), a_node("two")]
        for node, patient in zip(nodes, ("DOE^JANE", "ROE^RICHARD"), strict=True):
            node.SetAttribute("DICOM.PatientName", patient)
        outcome = call(logic, "nodes.delete_many", ids=[node.GetID() for node in nodes], is_async=True)
        assert "2 different patients" in texts(running.requests.widget)
        assert running.widget.findChild(qt.QPushButton, f"AgentBridgeApproveSession{outcome.job.id}") is None

    def test_request_that_went_away_while_its_button_was_pressed_does_no_harm(self, running, logic):
        """issue:#4: expiry while deciding"""
        job = ask_to_delete(logic, a_node())
        pressed = find(running, f"Approve{job}")
        logic.bridge.dispatcher.desk.withdraw(job)
        pressed.click()
        assert "no longer waiting" in text(running, "Decision")
        assert slicer.mrmlScene.GetFirstNodeByName("brain") is not None
        logic.bridge.jobs.cancel(job)

    def test_closed_panel_asks_nobody(self, running, logic):
        """http: section 4"""
        assert logic.bridge.dispatcher.desk.is_attended
        running.close()
        assert isinstance(call(logic, "nodes.delete", node_id=a_node().GetID()), Failed)

    def test_panel_that_nobody_sees_asks_nobody(self, logic, load_ui):
        """http: section 4: headless"""
        panel = Panel(logic, load_ui(), attends=False)
        press(panel, "Toggle")
        assert not logic.bridge.dispatcher.desk.is_attended
        panel.close()
