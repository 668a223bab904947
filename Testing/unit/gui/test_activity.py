"""What clients did, the way back, and exports."""

from __future__ import annotations

import json

import qt
import slicer

from AgentBridgeLib.dispatch.audit_file import verify
from panel_in_process import a_node, ask_to_delete, call, find, press, settle, text


class TestActivity:
    def rows(self, panel):
        tree = find(panel, "Log", qt.QTreeWidget)
        return [
            [tree.topLevelItem(index).text(column) for column in (1, 2)]
            for index in range(int(tree.property("topLevelItemCount") or tree.topLevelItemCount))
        ]

    def test_calls_are_listed_newest_first_and_filtered(self, running, logic):
        """issue:#4"""
        call(logic, "scene.summary")
        call(logic, "nodes.get", node_id="nobody")
        running.refresh()
        assert self.rows(running)[:2] == [
            ["nodes.get", "failed"],
            ["scene.summary", "done"],
        ]
        find(running, "Filter", qt.QLineEdit).setText("summary")
        assert self.rows(running) == [["scene.summary", "done"]]

    def test_empty_list_says_why(self, running, logic):
        """house"""
        assert text(running, "ActivityNone") == "No client has called anything yet."
        call(logic, "scene.summary")
        find(running, "Filter", qt.QLineEdit).setText("nothing like this")
        running.refresh()
        assert text(running, "ActivityNone") == "Nothing fits the filter."
        find(running, "Filter", qt.QLineEdit).setText("")
        assert find(running, "ActivityNone", qt.QLabel).isHidden()

    def test_person_is_no_client(self, running, logic):
        """house: what was restored in the panel"""
        node = a_node("one")
        call(logic, "nodes.update", node_id=node.GetID(), name="two")
        logic.bridge.call_for_person("scene.undo", {}, lambda _: None, lambda _: None)
        settle(lambda: node.GetName() == "one")
        running.refresh()
        assert text(running, "Clients") == "Clients:\ncurl/8: 1 call"

    def test_row_opens_its_details(self, running, logic):
        """issue:#4"""
        call(logic, "scene.summary")
        running.refresh()
        tree = find(running, "Log", qt.QTreeWidget)
        tree.setCurrentItem(tree.topLevelItem(0))
        assert "curl/8" in text(running, "Details")

    def test_restore_brings_back_what_a_step_deleted(self, running, logic):
        """issue:#4: undo another"""
        node_id = a_node("precious").GetID()
        job = ask_to_delete(logic, slicer.mrmlScene.GetNodeByID(node_id))
        press(running, f"Approve{job}")
        settle(lambda: logic.bridge.jobs.machine.get(job).has_ended)
        assert slicer.mrmlScene.GetNodeByID(node_id) is None
        find(running, "Filter", qt.QLineEdit).setText("nodes.delete succeeded")
        tree = find(running, "Log", qt.QTreeWidget)
        tree.setCurrentItem(tree.topLevelItem(0))
        press(running, "Restore")
        settle(lambda: slicer.mrmlScene.GetNodeByID(node_id) is not None)
        assert slicer.mrmlScene.GetNodeByID(node_id).GetName() == "precious"

    def test_log_is_exported_and_its_file_is_intact(self, running, logic, tmp_path):
        """issue:#4"""
        call(logic, "scene.summary")
        target = tmp_path / "log.jsonl"
        running.section("Activity").export_log(str(target))
        lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
        assert lines[-1]["operation"] == "scene.summary"
        assert "intact" in text(running, "ActivitySaid")
        assert verify(logic.bridge.audit.file.path) == []

    def test_export_button_opens_a_window_that_blocks_nothing(self, running, logic, tmp_path):
        """issue:#4: no modal dialog anywhere"""
        call(logic, "scene.summary")
        press(running, "ExportLog")
        window = running.widget.findChild(qt.QFileDialog, "AgentBridgeFileChooser")
        assert window.isVisible()
        assert not window.isModal()

    def test_session_is_exported_as_a_script_that_says_the_same(self, running, logic, tmp_path):
        """issue:#4: replayable"""
        made = call(logic, "markups.create", type="line", points_ras=[[0, 0, 0], [10, 0, 0]], name="ruler")
        node_id = json.loads(made.payload)["id"]
        call(logic, "nodes.update", node_id=node_id, name="caliper")
        target = tmp_path / "session.py"
        running.section("Activity").export_session(str(target))
        source = target.read_text(encoding="utf-8")
        compile(source, str(target), "exec")
        assert "step_1 = run('markups.create'" in source
        assert "node_id=step_1['id']" in source
        assert node_id not in source.partition("step_1 = ")[2]

    def test_script_names_no_patient_and_is_a_script_all_the_same(self, running, logic, tmp_path):
        """issue:#4: of what has left the scene, and of what is called like an attribute; code is no text"""
        node = a_node("JSON of RUN", "vtkMRMLScalarVolumeNode")
        node.SetAttribute("DICOM.PatientName", "JSON^RUN")
        made = call(
            logic, "markups.create", type="line", points_ras=[[0, 0, 0], [10, 0, 0]], name='Run\'s "Json"'
        )
        attributes = {"PatientAge": "042Y", "note": "Json, Run"}
        call(logic, "nodes.update", node_id=json.loads(made.payload)["id"], attributes=attributes)
        slicer.mrmlScene.RemoveNode(node)
        target = tmp_path / "session.py"
        running.section("Activity").export_session(str(target))
        source = target.read_text(encoding="utf-8")
        compile(source, str(target), "exec")
        assert "import json" in source
        steps = source.partition("step_1 = ")[2]
        assert not any(telltale in steps.lower() for telltale in ("json", "042y", "run's", ", run"))
        assert "Patient identifiers are covered" in text(running, "ActivitySaid")
