"""The panel: real widgets, real buttons, over the bridge that really runs on the embedded host."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import ctk
import pytest
import qt
import slicer

from AgentBridgeLib.composition import Bridge
from AgentBridgeLib.dispatch.audit_file import verify
from AgentBridgeLib.dispatch.call import Accepted, Call, Failed, Preference
from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.gui.palette import COLORS
from AgentBridgeLib.gui.panel import Panel
from AgentBridgeLib.gui.settings_page import SettingsPage, make_page
from AgentBridgeLib.gui.snippets import SNIPPETS, STDIO_PROGRAM
from AgentBridgeLib.policy.dicom_network import ListenerPermission
from AgentBridgeLib.policy.settings import KEYS


class Logic:
    """`AgentBridgeLogic` around a bridge that the test closes; packages can be missing."""

    def __init__(self):
        self.missing = []
        self.installed = 0
        self.bridge = None

    def missingPackages(self):
        return self.missing

    def installPackages(self):
        self.installed += 1
        if self.missing == ["broken>=1"]:
            raise RuntimeError("no network")
        self.missing = []

    def start(self):
        if self.bridge is None:
            self.bridge = Bridge()
        return self.bridge.start(0)

    def stop(self):
        self.bridge.stop()

    @property
    def url(self):
        return "" if self.bridge is None else self.bridge.url

    @property
    def token(self):
        return "" if self.bridge is None else self.bridge.token


@pytest.fixture
def logic(a_folder):
    slicer.mrmlScene.Clear(0)
    made = Logic()
    yield made
    if made.bridge is not None:
        made.bridge.close()
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def panel(logic, load_ui):
    made = Panel(logic, load_ui())
    yield made
    made.close()


@pytest.fixture
def running(panel):
    """A panel whose bridge was started by its button."""
    press(panel, "Toggle")
    return panel


def find(panel, name, kind=None):
    found = panel.widget.findChild(kind or qt.QPushButton, f"AgentBridge{name}")
    assert found is not None, name
    return found


def press(panel, name):
    find(panel, name).click()


def text(panel, name, kind=None):
    return find(panel, name, kind or qt.QLabel).property("text")


def texts(widget):
    return "\n".join(str(label.property("text")) for label in widget.findChildren(qt.QLabel))


def settle(is_enough, deadline_s=60.0):
    """Turn the event loop until something holds; the deadline only ends a test that fails."""
    deadline = time.monotonic() + deadline_s
    while not is_enough():
        assert time.monotonic() < deadline, "it did not happen"
        slicer.app.processEvents()


def call(logic, operation, client="curl/8", is_async=False, **arguments):
    """Call as a client does, without the socket."""
    answers = []
    caller = Caller(client, "r1", "listener")
    preference = Preference(respond_async=is_async)
    logic.bridge.dispatcher.call(Call(operation, arguments, caller, preference), answers.append)
    settle(lambda: answers)
    return answers[0]


def active_timers(panel):
    return [timer for timer in panel.widget.findChildren(qt.QTimer) if timer.isActive()]


def a_node(name="brain", class_name="vtkMRMLModelNode"):
    return slicer.mrmlScene.AddNewNodeByClass(class_name, name)


def ask_to_delete(logic, node):
    outcome = call(logic, "nodes.delete", node_id=node.GetID(), is_async=True)
    assert isinstance(outcome, Accepted), outcome
    return outcome.job.id


class TestStarting:
    def test_start_and_stop_are_one_button_and_one_word(self, panel, logic):
        """issue:#4"""
        assert "Stopped" in text(panel, "State")
        press(panel, "Toggle")
        assert "Listening" in text(panel, "State")
        assert text(panel, "Address", qt.QLineEdit) == logic.url
        press(panel, "Toggle")
        assert "Stopped" in text(panel, "State")

    def test_bridge_that_cannot_start_says_so(self, panel, logic):
        """house"""
        logic.start = lambda: 1 / 0
        press(panel, "Toggle")
        assert "log" in text(panel, "State")

    def test_missing_packages_are_explained_and_installed_by_the_button_only(self, logic, load_ui):
        """issue:#2: never at import, never by a dialog"""
        logic.missing = ["pydantic>=2.7"]
        panel = Panel(logic, load_ui())
        assert logic.installed == 0
        assert not find(panel, "Toggle").isEnabled()
        assert panel.section("Jobs") is None
        assert "pydantic>=2.7" in texts(panel.packages.widget)
        press(panel, "Install")
        assert logic.installed == 1
        assert find(panel, "Toggle").isEnabled()
        assert panel.packages.widget.isHidden()
        assert panel.section("Jobs") is not None
        panel.close()

    def test_panel_is_made_without_the_packages_it_installs(self):
        """issue:#4: a Slicer that has never had them; a process in which they cannot be imported"""
        root = Path(__file__).resolve().parents[3]
        program = (
            "import sys, tempfile\n"
            f"sys.path[:0] = [{str(root / 'Testing')!r}, {str(root / 'AgentBridge')!r}]\n"
            "import EmbeddedSlicer\n"
            "EmbeddedSlicer.start(settings_folder=tempfile.mkdtemp(), views=False, web_server=False)\n"
            "sys.modules.update(dict.fromkeys(('pydantic', 'pydantic_core', 'jsonschema', 'httptools')))\n"
            "import AgentBridgeLib.gui.panel, AgentBridgeLib.gui.settings_page\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    def test_failed_installation_says_what_to_look_at(self, logic, load_ui):
        """house"""
        logic.missing = ["broken>=1"]
        panel = Panel(logic, load_ui())
        press(panel, "Install")
        assert "failed" in texts(panel.packages.widget)
        assert find(panel, "Install").isEnabled()
        panel.close()

    @pytest.mark.parametrize("client", SNIPPETS)
    def test_connection_is_copied_by_one_choice_of_a_menu(self, running, logic, client):
        """issue:#4: one paste"""
        actions = find(running, "Copy").menu().actions()
        next(action for action in actions if action.property("text") == client).trigger()
        pasted = qt.QApplication.clipboard().text()
        assert client in text(running, "Copied")
        if client == "Claude Desktop":  # it starts a program that finds the running Slicer by itself
            assert STDIO_PROGRAM.is_file()
            assert str(STDIO_PROGRAM) in pasted
        else:
            assert logic.url in pasted
            assert logic.token in pasted

    def test_new_token_replaces_the_old_one(self, running, logic):
        """http: section 1"""
        before = logic.token
        press(running, "NewToken")
        assert logic.token != before

    @pytest.mark.parametrize("key", ["start_with_slicer", "answer_on_web_server", "guard_web_server"])
    def test_option_is_a_check_box_that_is_kept(self, panel, load_ui, logic, key):
        """issue:#4: start with Slicer is off, the two others are on by default"""
        box = find(panel, f"Option_{key}", qt.QCheckBox)
        before = box.isChecked()
        assert before == (key != "start_with_slicer")
        box.click()
        again = Panel(logic, load_ui())
        assert find(again, f"Option_{key}", qt.QCheckBox).isChecked() != before
        again.close()


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


class TestJobs:
    def test_job_shows_its_state_and_ends_by_its_button(self, running, logic):
        """issue:#4"""
        job = ask_to_delete(logic, a_node())
        running.refresh()
        assert "nodes.delete" in texts(running.section("Jobs").widget)
        assert "approval" in text(running, f"JobState{job}")
        press(running, f"Cancel{job}")
        running.refresh()
        assert text(running, f"JobState{job}") == "canceled"

    def test_job_that_waits_for_the_person_goes_on_when_they_press_done(self, logic, load_ui):
        """issue:#4: place two points, then press Done"""
        window = qt.QMainWindow()
        window.setObjectName("qSlicerMainWindow")
        panel = Panel(logic, load_ui())
        try:
            press(panel, "Toggle")
            outcome = call(
                logic, "person.hand_over", prompt="Place two points, then press Done", is_async=True
            )
            job = logic.bridge.jobs.machine.get(outcome.job.id)
            settle(lambda: str(job.state) == "waiting_for_user")
            panel.refresh()
            assert "Place two points" in text(panel, f"JobState{job.id}")
            a_node("by hand")
            press(panel, f"Done{job.id}")
            settle(lambda: job.has_ended)
            result = json.loads(logic.bridge.jobs.result(job.id).payload)
            assert result["scene_revision"] > result["started_at_revision"]
            again = call(logic, "person.hand_over", prompt="Wait", is_async=True).job.id
            settle(lambda: str(logic.bridge.jobs.machine.get(again).state) == "waiting_for_user")
            panel.refresh()
            press(panel, f"Cancel{again}")
            settle(lambda: str(logic.bridge.jobs.machine.get(again).state) == "canceled")
        finally:
            panel.close()
            window.setObjectName("gone")
            window.deleteLater()

    def test_request_that_the_person_denied_is_told_to_them_in_their_words(self, running, logic):
        """house: the words of the error are for the client: do not repeat it unasked"""
        job = ask_to_delete(logic, a_node())
        press(running, f"Deny{job}")
        running.refresh()
        assert text(running, f"JobState{job}") == "you denied it"

    def test_event_is_shown_soon_also_while_a_clock_runs(self, running, logic):
        """house: the second of the clock is too late for who has just pressed a button"""
        job = ask_to_delete(logic, a_node())
        settle(lambda: [timer.property("interval") for timer in active_timers(running)] == [1000])
        press(running, f"Deny{job}")
        assert [timer.property("interval") for timer in active_timers(running)] == [150]

    def test_nobody_to_press_done_is_said_at_once(self, running, logic):
        """issue:#4: headless"""
        job = call(logic, "person.hand_over", prompt="Wait", is_async=True).job.id
        settle(lambda: logic.bridge.jobs.machine.get(job).has_ended)
        assert logic.bridge.jobs.machine.get(job).error.code == "host.feature_missing"

    def test_stop_all_cancels_denies_and_resumes(self, running, logic):
        """issue:#4"""
        job = ask_to_delete(logic, a_node())
        press(running, "StopAll")
        assert str(logic.bridge.jobs.machine.get(job).state) == "canceled"
        assert isinstance(call(logic, "scene.summary"), Failed)
        assert "All stopped" in text(running, "State")
        assert text(running, "StopAll", qt.QPushButton) == "&Resume"
        press(running, "StopAll")
        assert not isinstance(call(logic, "scene.summary"), Failed)


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


class TestSafety:
    def test_preset_is_one_press(self, running, logic):
        """issue:#4"""
        press(running, "Preset_look_only")
        assert isinstance(call(logic, "nodes.update", node_id=a_node().GetID(), name="x"), Failed)
        assert find(running, "Preset_look_only").isChecked()
        press(running, "Preset_work_with_the_scene")
        assert not isinstance(call(logic, "nodes.update", node_id=a_node().GetID(), name="x"), Failed)

    def test_each_capability_has_allow_ask_and_deny(self, running, logic):
        """issue:#4"""
        box = find(running, "Mode_scene.edit", qt.QComboBox)
        box.setCurrentIndex(1)
        assert logic.bridge.safety.current().mode("scene.edit") == "ask"
        assert "Your own choice" in text(running, "PresetWords")

    def test_python_code_needs_two_steps_and_is_warned_about_as_long_as_it_may_run(self, running, logic):
        """issue:#4"""
        box = find(running, "Mode_python.execute", qt.QComboBox)
        box.setCurrentIndex(0)
        assert logic.bridge.safety.current().mode("python.execute") == "deny"
        assert not find(running, "PythonConfirmation", qt.QFrame).isHidden()
        press(running, "PythonYes")
        assert logic.bridge.safety.current().mode("python.execute") == "allow"
        assert "Python code runs" in text(running, "Notices")
        box.setCurrentIndex(2)
        assert logic.bridge.safety.current().mode("python.execute") == "deny"
        assert find(running, "Notices", qt.QLabel).isHidden()

    def test_code_is_opened_by_no_single_press_of_a_preset_or_from_ask_to_allow(self, running, logic):
        """issue:#4: two deliberate steps"""
        current = logic.bridge.safety.look_again
        press(running, "Preset_developer")
        assert (current().mode("python.execute"), current().mode("scene.delete")) == ("deny", "allow")
        assert "until you confirm" in text(running, "PresetWords")
        press(running, "PythonYes")
        assert current().mode("python.execute") == "ask"
        assert find(running, "Preset_developer").isChecked()
        find(running, "Mode_python.execute", qt.QComboBox).setCurrentIndex(0)
        assert current().mode("python.execute") == "ask"
        press(running, "PythonNo")
        assert "until you confirm" not in text(running, "PresetWords")
        press(running, "Preset_look_only")
        assert current().mode("python.execute") == "deny"

    def test_python_code_stays_off_when_the_second_step_is_not_taken(self, running, logic):
        """issue:#4"""
        find(running, "Mode_python.execute", qt.QComboBox).setCurrentIndex(0)
        press(running, "PythonNo")
        assert find(running, "PythonConfirmation", qt.QFrame).isHidden()
        assert find(running, "Mode_python.execute", qt.QComboBox).property("currentIndex") == 2
        assert logic.bridge.safety.current().mode("python.execute") == "deny"

    def test_folder_is_added_and_removed_and_nonsense_is_refused(self, running, logic, tmp_path):
        """issue:#4"""
        before = logic.bridge.safety.current().allowed_folders
        line = find(running, "FoldersLine", qt.QLineEdit)
        line.setText(str(tmp_path / "nowhere"))
        press(running, "FoldersAdd")
        assert "no such folder" in text(running, "FoldersFault")
        line.setText(str(tmp_path))
        press(running, "FoldersAdd")
        assert logic.bridge.safety.current().allowed_folders == (*before, str(tmp_path))
        find(running, "FoldersList", qt.QListWidget).setCurrentRow(len(before))
        press(running, "FoldersRemove")
        assert logic.bridge.safety.current().allowed_folders == before

    def write_server(self, panel, name, url, entry=0, user="", secret=""):
        """Fill the form and save."""
        find(panel, "RemotesName", qt.QLineEdit).setText(name)
        find(panel, "RemotesUrl", qt.QLineEdit).setText(url)
        find(panel, "RemotesAuth", qt.QComboBox).setCurrentIndex(entry)
        find(panel, "RemotesUser", qt.QLineEdit).setText(user)
        find(panel, "RemotesSecret", qt.QLineEdit).setText(secret)
        press(panel, "RemotesAdd")

    @pytest.mark.parametrize(
        ("name", "url", "entry", "user", "words"),
        [
            ("Archive", "", 0, "", "address"),
            ("Archive", "MR1@10.0.0.7:104", 0, "", "address"),
            ("My archive", "https://pacs.example", 0, "", "letters"),
            ("local", "https://pacs.example", 0, "", "own DICOM database"),
            ("Archive", "https://user:word@pacs.example", 0, "", "no user and password"),
            ("Archive", "https://pacs.example", 1, "", "user"),
            ("Archive", "https://pacs.example", 1, "me", "password"),
            ("Archive", "https://pacs.example", 2, "", "token"),
        ],
    )
    def test_server_that_makes_no_sense_is_not_taken(self, running, logic, name, url, entry, user, words):
        """issue:#4: named remote nodes"""
        self.write_server(running, name, url, entry, user)
        assert logic.bridge.safety.current().remote_nodes == ()
        assert words in text(running, "RemotesFault")

    def test_server_is_named_with_its_address_changed_and_removed(self, running, logic):
        """issue:#4"""
        self.write_server(running, "Archive", "https://pacs.example/dicom-web")
        self.write_server(running, "Other", "https://other.example/dicom-web")
        assert [node.name for node in logic.bridge.safety.current().remote_nodes] == ["Archive", "Other"]
        self.write_server(running, "Archive", "https://new.example/dicom-web")
        archive = logic.bridge.safety.current().remote_nodes[-1]
        assert (archive.name, archive.url, archive.auth) == (
            "Archive",
            "https://new.example/dicom-web",
            "none",
        )
        find(running, "RemotesList", qt.QListWidget).setCurrentRow(0)
        press(running, "RemotesRemove")
        assert logic.bridge.safety.current().remote_nodes == (archive,)

    def test_secret_is_kept_never_shown_and_not_sent_to_another_address(self, running, logic):
        """issue:#4: credentials"""
        self.write_server(running, "Archive", "https://pacs.example", 1, "me", "s3cret word")
        assert logic.bridge.safety.current().remote_nodes[0].secret == "s3cret word"
        line = find(running, "RemotesSecret", qt.QLineEdit)
        assert line.property("echoMode") == qt.QLineEdit.Password
        entries = find(running, "RemotesList", qt.QListWidget)
        entries.setCurrentRow(0)
        assert find(running, "RemotesUser", qt.QLineEdit).property("text") == "me"
        assert line.property("text") == ""
        assert "s3cret" not in entries.item(0).text() + texts(running.widget)
        find(running, "RemotesTimeout", qt.QSpinBox).setValue(90)
        press(running, "RemotesAdd")
        kept = logic.bridge.safety.current().remote_nodes[0]
        assert (kept.user, kept.secret, kept.timeout_s) == ("me", "s3cret word", 90.0)
        self.write_server(running, "Archive", "https://evil.example", 1, "me", "")
        assert logic.bridge.safety.current().remote_nodes == (kept,)
        assert "password" in text(running, "RemotesFault")

    def test_credentials_over_an_address_without_encryption_are_said_to_be_so(self, running):
        """house"""
        self.write_server(running, "Old", "http://pacs.example", 2, "", "token")
        assert "not encrypted" in find(running, "RemotesList", qt.QListWidget).item(0).text()

    def test_web_server_is_named_without_path(self, running, logic):
        """issue:#3: files come from servers that the person named only."""
        edit = find(running, "DownloadsLine", qt.QLineEdit)
        for line in ("data.example", "https://data.example/folder", "http://*"):
            edit.setText(line)
            press(running, "DownloadsAdd")
            assert logic.bridge.safety.current().download_servers == ()
            assert "without path" in text(running, "DownloadsFault")
        edit.setText("https://Data.example/")
        press(running, "DownloadsAdd")
        assert logic.bridge.safety.current().download_servers == ("https://data.example",)
        find(running, "DownloadsList", qt.QListWidget).setCurrentRow(0)
        press(running, "DownloadsRemove")
        assert logic.bridge.safety.current().download_servers == ()

    def test_web_page_is_named_one_by_one(self, running, logic):
        """http: section 2: a page of an origin that is not listed may not call"""
        edit = find(running, "PagesLine", qt.QLineEdit)
        for line in ("*", "null", "https://*", "https://a.example/page"):
            edit.setText(line)
            press(running, "PagesAdd")
            assert logic.bridge.safety.current().allowed_origins == ()
        edit.setText("http://localhost:8080")
        press(running, "PagesAdd")
        assert logic.bridge.safety.current().allowed_origins == ("http://localhost:8080",)
        find(running, "PagesList", qt.QListWidget).setCurrentRow(0)
        press(running, "PagesRemove")
        assert logic.bridge.safety.current().allowed_origins == ()

    def test_dicom_listener_is_off_until_the_person_allows_it_and_says_where(self, running, logic):
        """issue:#6: ADR 38"""
        box, port = find(running, "Listener", qt.QCheckBox), find(running, "ListenerPort", qt.QSpinBox)
        assert not box.isChecked()
        assert not port.isEnabled()
        assert logic.bridge.safety.current().dicom_listener is None
        assert "listens beyond this computer" in text(running, "ListenerWords")
        box.click()
        assert logic.bridge.safety.current().dicom_listener == ListenerPermission(None)
        port.setValue(10404)
        assert logic.bridge.safety.current().dicom_listener == ListenerPermission(10404)
        mirror = SettingsPage(page := make_page(), logic)
        assert page.findChild(qt.QSpinBox, "AgentBridgeListenerPort").property("value") == 10404
        page.findChild(qt.QCheckBox, "AgentBridgeListener").click()
        assert logic.bridge.safety.current().dicom_listener is None
        settle(lambda: not box.isChecked())
        mirror.close()

    @pytest.mark.parametrize("key", KEYS)
    def test_whatever_was_written_into_the_file_the_panel_says_which_setting_and_repairs_it(
        self, logic, load_ui, key
    ):
        """issue:#4: typed on reading"""
        qt.QSettings().setValue(f"AgentBridge/{key}", "{broken")
        panel = Panel(logic, load_ui())
        assert f"AgentBridge/{key} is unreadable" in text(panel, "Notices")
        press(panel, "Repair")
        assert find(panel, "Notices", qt.QLabel).isHidden()
        assert not qt.QSettings().contains(f"AgentBridge/{key}")
        panel.close()

    @pytest.mark.parametrize("policy", ["pseudonymize", "show", "hide"])
    def test_identifier_policy_is_chosen(self, running, logic, policy):
        """issue:#4"""
        find(running, f"Identifiers_{policy}", qt.QRadioButton).click()
        assert logic.bridge.safety.current().identifiers == policy

    def test_patient_guard_is_a_check_box(self, running, logic):
        """issue:#4"""
        find(running, "PatientGuard", qt.QCheckBox).click()
        assert not logic.bridge.safety.current().guards_patients

    def test_broken_setting_falls_back_says_so_and_is_repaired_by_a_button(self, logic, load_ui):
        """issue:#4"""
        qt.QSettings().setValue("AgentBridge/capabilities/files.write", "always!")
        panel = Panel(logic, load_ui())
        assert "files.write" in text(panel, "Notices")
        assert find(panel, "Mode_files.write", qt.QComboBox).property("currentIndex") == 1
        press(panel, "Repair")
        assert find(panel, "Notices", qt.QLabel).isHidden()
        panel.close()

    def test_settings_dialog_shows_and_writes_the_same(self, running, logic):
        """issue:#4: mirrored"""
        page = make_page()
        mirror = SettingsPage(page, logic)
        page.findChild(qt.QPushButton, "AgentBridgePreset_look_only").click()
        assert logic.bridge.safety.current().mode("scene.edit") == "deny"
        running.refresh()
        assert find(running, "Preset_look_only").isChecked()
        mirror.close()

    def test_settings_survive_a_restart_with_their_types(self, running):
        """issue:#4: QSettings gives text back; read by a second process"""
        press(running, "Preset_developer")
        press(running, "PythonYes")
        find(running, "PatientGuard", qt.QCheckBox).click()
        self.write_server(running, "A", "https://a/b")
        file = qt.QSettings().fileName()
        root = Path(__file__).resolve().parents[3]
        program = (
            "import sys\n"
            f"sys.path[:0] = [{str(root / 'AgentBridge')!r}]\n"
            "from PySide6.QtCore import QSettings\n"
            "from AgentBridgeLib.policy.settings import KEYS, parse_settings\n"
            f"store = QSettings({file!r}, QSettings.Format.IniFormat)\n"
            "texts = {key: store.value('AgentBridge/' + key) for key in KEYS}\n"
            "read = parse_settings(texts)\n"
            "print([read.mode('python.execute'), read.guards_patients, read.remote_nodes[0].url, read.complaints])\n"
        )
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == "['ask', False, 'https://a/b', ()]"


def contrast(one, other):
    """Contrast of two colors. Source: WCAG 2.2, definitions of relative luminance and contrast ratio."""

    def luminance(shown):
        parts = (shown.redF(), shown.greenF(), shown.blueF())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


class TestLooks:
    def test_texts_keep_their_contrast_when_the_palette_changes(self, running):
        """issue:#4: light and dark"""
        state = find(running, "State", qt.QLabel)
        before = state.property("styleSheet")
        running.widget.setPalette(qt.QPalette(qt.QColor(40, 40, 40)))
        running.refresh()
        assert state.property("styleSheet") != before

    def test_texts_keep_their_contrast_when_slicer_turns_dark_and_nobody_touches_the_panel(
        self, running, logic
    ):
        """issue:#4: the panel and its page in the settings dialog follow by themselves"""
        mirror = SettingsPage(page := make_page(), logic)
        labels = [find(running, "State", qt.QLabel), page.findChild(qt.QLabel, "AgentBridgePresetWords")]
        before = [label.property("styleSheet") for label in labels]
        light = qt.QApplication.palette()
        try:
            qt.QApplication.setPalette(qt.QPalette(qt.QColor(40, 40, 40)))
            settle(
                lambda: all(
                    label.property("styleSheet") != was for label, was in zip(labels, before, strict=True)
                )
            )
        finally:
            qt.QApplication.setPalette(light)
        settle(lambda: [label.property("styleSheet") for label in labels] == before)
        mirror.close()

    @pytest.mark.parametrize("role", COLORS)
    @pytest.mark.parametrize(("index", "shade"), [(0, 239), (1, 53)])
    def test_words_in_color_can_be_read_on_every_background(self, role, index, shade):
        """issue:#4: WCAG 2.2, 1.4.3: 4.5 to 1, on windows, lists and buttons; Slicer's dark style has #353535"""
        palette = qt.QPalette(qt.QColor(shade, shade, shade))
        grounds = (qt.QPalette.Window, qt.QPalette.Base, qt.QPalette.AlternateBase, qt.QPalette.Button)
        for ground in grounds:
            assert contrast(qt.QColor(COLORS[role][index]), palette.color(ground)) >= 4.5

    def test_folded_section_shows_nothing_whatever_changes_in_it(self, running, logic):
        """house: CTK folds by hiding children"""
        frame = find(running, "Connection", ctk.ctkCollapsibleButton)
        running.widget.show()
        frame.setProperty("collapsed", True)
        call(logic, "scene.summary")
        running.refresh()
        assert not find(running, "Clients", qt.QLabel).isVisible()
        frame.setProperty("collapsed", False)
        assert find(running, "Clients", qt.QLabel).isVisible()
        assert not find(running, "WebServerWarning", qt.QLabel).isVisible()
        running.widget.hide()

    def test_panel_fits_360_pixels_also_with_long_words(self, running, logic, tmp_path):
        """issue:#4: paths have no spaces"""
        running.preferences.write("allowed_folders", [str(tmp_path)])
        node_id = a_node("n" * 200, class_name="vtkMRMLScalarVolumeNode").GetID()
        path = str(tmp_path / ("p" * 200 + ".nrrd"))
        call(logic, "nodes.save", "c" * 200, node_id=node_id, path=path, is_async=True)
        running.refresh()
        for name in ("Connection", "Requests", "Jobs", "Activity", "Safety"):
            running.widget.findChild(ctk.ctkCollapsibleButton, f"AgentBridge{name}").setProperty(
                "collapsed", False
            )
        assert running.widget.property("minimumSizeHint").width() <= 360

    def test_everything_that_can_be_pressed_is_reached_by_the_keyboard(self, running):
        """issue:#4"""
        for kind in (
            qt.QPushButton,
            qt.QComboBox,
            qt.QCheckBox,
            qt.QRadioButton,
            qt.QLineEdit,
            qt.QTreeWidget,
        ):
            for widget in running.widget.findChildren(kind):
                assert widget.property("focusPolicy") != qt.Qt.NoFocus, widget.property("objectName")

    def test_status_bar_of_the_main_window_counts_requests(self, logic, load_ui):
        """issue:#4: a badge where the person is looking"""
        window = qt.QMainWindow()
        window.setObjectName("qSlicerMainWindow")
        panel = Panel(logic, load_ui())
        try:
            press(panel, "Toggle")
            ask_to_delete(logic, a_node())
            status = window.statusBar().findChild(qt.QPushButton, "AgentBridgeStatus")
            assert "1 waiting" in status.property("text")
            assert "approval" in window.statusBar().currentMessage()
            press(panel, f"Deny{logic.bridge.dispatcher.desk.waiting[0].job_id}")
            assert window.statusBar().currentMessage() == ""
        finally:
            panel.close()
            window.setObjectName("gone")
            window.deleteLater()


def chosen_for_agents(logic):
    return logic.bridge.safety.current()


class TestAgents:
    """What the person chooses for agents."""

    def test_a_family_is_added_to_the_tools_and_removed_and_nonsense_is_refused(self, running, logic):
        """issue:#5 toolsets can be chosen in the settings."""
        line = find(running, "ToolsetsLine", qt.QLineEdit)
        for typed in ("", "../etc", "nonsense"):
            line.setText(typed)
            press(running, "ToolsetsAdd")
            assert chosen_for_agents(logic).toolsets == ()
        assert "segmentations" in text(running, "ToolsetsFault")
        for typed in (" Segmentations ", "dicom", "segmentations", "all"):
            line.setText(typed)
            press(running, "ToolsetsAdd")
        assert chosen_for_agents(logic).toolsets == ("segmentations", "dicom", "all")
        find(running, "ToolsetsList", qt.QListWidget).setCurrentRow(1)
        press(running, "ToolsetsRemove")
        assert chosen_for_agents(logic).toolsets == ("segmentations", "all")

    def test_choice_of_a_family_is_told_at_once(self, running, logic):
        """issue:#5: agents hear of other tools by policy.changed, not by the next beat"""
        told = []
        logic.bridge.events.listen(lambda event: told.append(event.kind))
        find(running, "ToolsetsLine", qt.QLineEdit).setText("segmentations")
        press(running, "ToolsetsAdd")
        assert told == ["policy.changed"]

    def test_forms_in_the_agents_program_are_off_until_the_person_switches_them_on(self, running, logic):
        """issue:#5 elicitation is a second way to approve; the panel stays the authority."""
        box = find(running, "Forms", qt.QCheckBox)
        assert not box.isChecked()
        assert not chosen_for_agents(logic).approves_by_form
        box.click()
        assert chosen_for_agents(logic).approves_by_form
        running.refresh()
        assert box.isChecked()
        box.click()
        assert not chosen_for_agents(logic).approves_by_form
