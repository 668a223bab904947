"""Colors, folding, width, keyboard and status line."""

from __future__ import annotations

import ctk
import pytest
import qt

from AgentBridgeLib.gui.palette import COLORS
from AgentBridgeLib.gui.panel import Panel
from AgentBridgeLib.gui.settings_page import SettingsPage, make_page
from panel_in_process import a_node, ask_to_delete, call, find, press, settle


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
