"""The module inside a running Slicer: with or without its main window, with or without the runtime dependencies."""

import importlib
import socket
import unittest

import qt
import slicer
from AgentBridgeInSlicer import ask, needs_packages


class AgentBridgeDoorwayTest(unittest.TestCase):
    """Loading, starting, answering, stopping."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.logic = slicer.util.getModuleLogic("AgentBridge")

    def tearDown(self):
        self.logic.stop()

    def test_module_is_loaded(self):
        self.assertTrue(hasattr(slicer.modules, "agentbridge"))
        self.assertTrue(slicer.modules.agentbridge.path.endswith("AgentBridge.py"))

    def test_stopping_what_does_not_run_is_harmless(self):
        self.logic.stop()
        self.logic.stop()

    def test_slicer_that_is_too_old_is_told_in_words(self):
        doorway = importlib.import_module("AgentBridge")
        oldest, doorway.OLDEST_PYTHON = doorway.OLDEST_PYTHON, (99, 0)
        panel = doorway.AgentBridgeWidget()
        try:
            note = panel.parent.findChild(qt.QLabel, "AgentBridgeUnsupported")
            self.assertIn("needs Slicer 5.10 or later", note.property("text"))
            with self.assertRaisesRegex(RuntimeError, "needs Slicer 5.10 or later"):
                self.logic.start(port=0)
            with self.assertRaisesRegex(RuntimeError, "needs Slicer 5.10 or later"):
                self.logic.installPackages()
            panel.enter()
        finally:
            doorway.OLDEST_PYTHON = oldest
            panel.cleanup()
            panel.parent.deleteLater()

    @needs_packages
    def test_started_bridge_answers_on_the_loopback_address(self):
        self.logic.start(port=0)
        answer = ask(self.port(), "/agent/v1/health")
        self.assertEqual((answer.status, answer.json["status"]), (200, "ok"))

    @needs_packages
    def test_request_without_the_token_is_refused(self):
        self.logic.start(port=0)
        answer = ask(self.port(), "/agent/v1/nodes")
        self.assertEqual((answer.status, answer.json["code"]), (401, "auth.required"))

    @needs_packages
    def test_node_of_the_scene_is_listed(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Somebody's volume")
        self.logic.start(port=0)
        answer = ask(self.port(), "/agent/v1/nodes?class=vtkMRMLScalarVolumeNode", token=self.logic.token)
        self.assertEqual(answer.status, 200)
        self.assertEqual([item["id"] for item in answer.json["items"]], [node.GetID()])

    @needs_packages
    def test_stopped_bridge_leaves_the_port(self):
        self.logic.start(port=0)
        port = self.port()
        self.logic.stop()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

    @needs_packages
    def test_bridge_that_was_started_after_a_reload_ends_with_slicer(self):
        self.logic.start(port=0)
        slicer.modules.AgentBridgeWidget.onReload()
        self.assertIsNone(self.logic.bridge)
        self.logic = slicer.util.getModuleLogic("AgentBridge")
        self.logic.start(port=0)
        slicer.modules.AgentBridgeInstance.onModuleAboutToBeUnloaded("AgentBridge")
        self.assertIsNone(self.logic.bridge)

    def port(self):
        """Give the port that the bridge listens on."""
        return self.logic.bridge.listener.port
