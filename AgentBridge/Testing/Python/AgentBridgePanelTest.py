"""The panel in a running Slicer: its sections are there, its buttons work, it leaves nothing behind."""

import unittest

import qt
import slicer
from AgentBridgeInSlicer import needs_packages

SECTIONS = ("Connection", "Requests", "Jobs", "Activity", "Safety")
SETTINGS = (
    "AgentBridge/capabilities/scene.edit",
    "AgentBridge/patient_identifiers",
    "AgentBridge/dicom_listener",
)


class AgentBridgePanelTest(unittest.TestCase):
    """Pressing the buttons that a newcomer presses."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.kept = {key: slicer.app.userSettings().value(key) for key in SETTINGS}
        self.logic = slicer.util.getModuleLogic("AgentBridge")
        self.panel = slicer.modules.AgentBridgeWidget.panel

    def tearDown(self):
        self.logic.stop()
        for key, value in self.kept.items():
            if value is None:
                slicer.app.userSettings().remove(key)
            else:
                slicer.app.userSettings().setValue(key, value)

    def find(self, kind, name):
        """Find a widget of the panel by its name."""
        found = self.panel.widget.findChild(kind, f"AgentBridge{name}")
        self.assertIsNotNone(found, name)
        return found

    def test_every_section_is_there(self):
        import ctk

        for name in SECTIONS:
            self.find(ctk.ctkCollapsibleButton, name)

    @needs_packages
    def test_start_and_stop_by_the_button(self):
        toggle = self.find(qt.QPushButton, "Toggle")
        toggle.click()
        self.assertTrue(self.logic.url.startswith("http://127.0.0.1:"))
        self.assertEqual(self.find(qt.QLineEdit, "Address").property("text"), self.logic.url)
        toggle.click()
        self.assertEqual(self.logic.url, "")

    @needs_packages
    def test_stop_all_and_resume_by_the_button(self):
        self.logic.start(port=0)
        self.panel.refresh()
        button = self.find(qt.QPushButton, "StopAll")
        button.click()
        self.assertTrue(self.logic.bridge.safety.is_stopped)
        button.click()
        self.assertFalse(self.logic.bridge.safety.is_stopped)

    @needs_packages
    def test_mode_and_identifier_policy_are_chosen_and_kept(self):
        self.logic.start(port=0)
        self.find(qt.QComboBox, "Mode_scene.edit").setCurrentIndex(1)
        self.find(qt.QRadioButton, "Identifiers_pseudonymize").click()
        settings = self.logic.bridge.safety.look_again()
        self.assertEqual(settings.mode("scene.edit"), "ask")
        self.assertEqual(settings.identifiers, "pseudonymize")

    @needs_packages
    def test_dicom_listener_is_allowed_by_its_box_and_nothing_listens_by_that(self):
        self.logic.start(port=0)
        self.panel.refresh()
        box = self.find(qt.QCheckBox, "Listener")
        before = box.isChecked()
        box.click()
        self.assertEqual(self.logic.bridge.safety.look_again().dicom_listener is not None, not before)
        self.assertFalse(self.logic.bridge.is_receiving)

    @needs_packages
    def test_requests_are_asked_only_where_somebody_sees_them(self):
        self.logic.start(port=0)
        has_window = slicer.util.mainWindow() is not None
        self.assertEqual(self.logic.bridge.dispatcher.desk.is_attended, has_window)
