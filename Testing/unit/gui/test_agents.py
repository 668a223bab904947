"""What agents see of the tools, and whether they may ask themselves."""

from __future__ import annotations

import qt

from panel_in_process import find, press, text


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
