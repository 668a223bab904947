"""Start, stop, install and connect: the first section of the panel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import qt

from AgentBridgeLib.gui.panel import Panel
from AgentBridgeLib.gui.snippets import SNIPPETS, STDIO_PROGRAM
from panel_in_process import find, press, text, texts


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
