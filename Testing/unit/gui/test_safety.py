"""What clients may do: presets, capabilities, folders, servers, patients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import qt

from AgentBridgeLib.dispatch.call import Failed
from AgentBridgeLib.gui.panel import Panel
from AgentBridgeLib.gui.settings_page import SettingsPage, make_page
from AgentBridgeLib.policy.dicom_network import ListenerPermission
from AgentBridgeLib.policy.settings import KEYS
from panel_in_process import a_node, call, find, press, settle, text, texts


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
