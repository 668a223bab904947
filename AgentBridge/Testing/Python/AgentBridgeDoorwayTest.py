"""The module inside a running Slicer: with or without its main window, with or without the runtime dependencies."""

import importlib
import importlib.util
import json
import socket
import time
import unittest

import qt
import slicer

DEPENDENCIES = ("pydantic", "jsonschema", "httptools")
DEADLINE_S = 20.0
HAS_DEPENDENCIES = all(importlib.util.find_spec(name) for name in DEPENDENCIES)


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

    @unittest.skipUnless(
        HAS_DEPENDENCIES, "pydantic, jsonschema or httptools is not installed in this Slicer"
    )
    def test_started_bridge_answers_on_the_loopback_address(self):
        self.logic.start(port=0)
        status, body = self.get("/agent/v1/health")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["status"], "ok")

    @unittest.skipUnless(
        HAS_DEPENDENCIES, "pydantic, jsonschema or httptools is not installed in this Slicer"
    )
    def test_request_without_the_token_is_refused(self):
        self.logic.start(port=0)
        status, body = self.get("/agent/v1/nodes")
        self.assertEqual(status, 401)
        self.assertEqual(json.loads(body)["code"], "auth.required")

    @unittest.skipUnless(
        HAS_DEPENDENCIES, "pydantic, jsonschema or httptools is not installed in this Slicer"
    )
    def test_node_of_the_scene_is_listed(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Somebody's volume")
        self.logic.start(port=0)
        status, body = self.get("/agent/v1/nodes?class=vtkMRMLScalarVolumeNode", self.logic.token)
        self.assertEqual(status, 200)
        self.assertEqual([item["id"] for item in json.loads(body)["items"]], [node.GetID()])

    @unittest.skipUnless(
        HAS_DEPENDENCIES, "pydantic, jsonschema or httptools is not installed in this Slicer"
    )
    def test_stopped_bridge_leaves_the_port(self):
        self.logic.start(port=0)
        port = self.port()
        self.logic.stop()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

    @unittest.skipUnless(
        HAS_DEPENDENCIES, "pydantic, jsonschema or httptools is not installed in this Slicer"
    )
    def test_bridge_that_was_started_after_a_reload_ends_with_slicer(self):
        self.logic.start(port=0)
        slicer.modules.AgentBridgeWidget.onReload()
        self.assertIsNone(self.logic.bridge)
        self.logic = slicer.util.getModuleLogic("AgentBridge")
        self.logic.start(port=0)
        slicer.modules.AgentBridgeInstance.onModuleAboutToBeUnloaded("AgentBridge")
        self.assertIsNone(self.logic.bridge)

    def port(self):
        """Read the port from the bridge's address."""
        return int(self.logic.url.split("/")[2].rpartition(":")[2])

    def get(self, target, token=None):
        """Send one request and turn the event loop until its answer is complete."""
        lines = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port()}", "Connection: close"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        with socket.create_connection(("127.0.0.1", self.port()), timeout=1) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode())
            client.setblocking(False)
            head, _, body = self.read_all(client).partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def read_all(self, client):
        """Receive until the other side closes; the server runs in this very thread."""
        received = b""
        give_up = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up:
            slicer.app.processEvents()
            try:
                part = client.recv(65536)
            except BlockingIOError:
                continue
            if not part:
                return received
            received += part
        raise TimeoutError(f"no complete answer, only {received!r}")
