"""What runs, and its buttons."""

from __future__ import annotations

import json

import qt

from AgentBridgeLib.dispatch.call import Failed
from AgentBridgeLib.gui.panel import Panel
from panel_in_process import a_node, active_timers, ask_to_delete, call, press, settle, text, texts


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
