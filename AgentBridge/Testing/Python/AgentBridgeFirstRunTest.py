"""What a first run in a Slicer of a new version should show: each seam between the bridge and Slicer is used once.

With and without a main window; without the required packages everything is skipped.
"""

import logging
import socket
import unittest
from pathlib import Path

import numpy as np
import qt
import slicer
from AgentBridgeInSlicer import ask, needs_packages, settle

VOLUME = "vtkMRMLScalarVolumeNode"


@needs_packages
class AgentBridgeFirstRunTest(unittest.TestCase):
    """Listener, token, voxels, pictures, approvals, messages, modules, processes, WebServer."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.logic = slicer.util.getModuleLogic("AgentBridge")
        self.logic.start(port=0)
        self.port = self.logic.bridge.listener.port
        self.has_window = slicer.util.mainWindow() is not None
        self.has_views = slicer.app.layoutManager() is not None

    def tearDown(self):
        web_server = slicer.util.getModuleWidget("WebServer")
        if web_server.logic.serverStarted:
            web_server.stopServer()
        self.logic.stop()

    def call(self, target, method="GET", body=b"", headers=(), token=None):
        """Ask for `/agent/v1/...` with the token."""
        token = self.logic.token if token is None else token
        return ask(self.port, f"/agent/v1{target}", method, body, headers, token)

    def upload(self):
        """Make a volume over HTTP; gives its id and its voxels."""
        voxels = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7) / 4
        head = (
            "NRRD0004\ntype: float\ndimension: 3\nspace: left-posterior-superior\nsizes: 7 6 5\n"
            "space directions: (-1,0,0) (0,-1,0) (0,0,2)\nkinds: domain domain domain\nendian: little\n"
            "encoding: raw\nspace origin: (0,0,0)\n\n"
        )
        binary = ["Content-Type: application/octet-stream", "Prefer: wait=20"]
        answer = self.call("/volumes?name=First", "POST", head.encode() + voxels.tobytes(), binary)
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer.json["id"], voxels

    def test_listener_wants_the_token(self):
        self.assertEqual(self.call("/nodes", token="wrong").status, 401)
        self.assertEqual(self.call("/nodes").status, 200)

    def test_volume_goes_up_and_comes_down_as_it_was(self):
        volume_id, voxels = self.upload()
        node = slicer.mrmlScene.GetNodeByID(volume_id)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), voxels)
        self.assertEqual(node.GetSpacing(), (1.0, 1.0, 2.0))
        answer = self.call(f"/volumes/{volume_id}/data?format=raw")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.body, voxels.tobytes())

    def test_picture_shows_the_volume_where_there_are_views(self):
        volume_id, _ = self.upload()
        answer = self.call(f"/views/slices/Red/image?background={volume_id}&width=80&height=60")
        if not self.has_views:
            self.assertEqual(answer.json["code"], "host.rendering_unavailable")
            return
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.body.startswith(b"\x89PNG"))
        picture = qt.QImage.fromData(answer.body)
        self.assertEqual((picture.width(), picture.height()), (80, 60))
        self.assertEqual(self.call("/views/3d/1/image?width=80&height=60&accept_blank=true").status, 200)

    def test_deleting_waits_for_the_button_where_somebody_sees_it(self):
        volume_id, _ = self.upload()
        answer = self.call(f"/nodes/{volume_id}", "DELETE", headers=["Prefer: respond-async"])
        if not self.has_window:
            self.assertEqual(answer.status, 403, answer.body)
            return
        self.assertEqual(answer.json["state"], "awaiting_approval")
        button = f"AgentBridgeApprove{answer.json['id']}"
        panel = slicer.modules.AgentBridgeWidget.panel.widget
        settle(lambda: panel.findChild(qt.QPushButton, button) is not None)
        panel.findChild(qt.QPushButton, button).click()
        settle(lambda: slicer.mrmlScene.GetNodeByID(volume_id) is None)

    def test_messages_of_python_are_in_the_log(self):
        logging.getLogger("AgentBridgeFirstRunTest").warning("said by the first run")
        said = [entry["text"] for entry in self.call("/log?limit=1000").json["items"]]
        self.assertTrue(any("said by the first run" in text for text in said), said[-5:])

    def test_modules_are_described(self):
        names = [module["name"] for module in self.call("/modules").json["items"]]
        self.assertIn("AgentBridge", names)
        self.assertEqual(self.call("/cli-modules").status, 200)

    def test_child_process_runs_slicers_python(self):
        lines, ends = [], []
        script = Path(slicer.util.tempDirectory()) / "hello.py"
        script.write_text(
            "import sys, numpy\nprint('numpy', numpy.__version__, *sys.argv[1:])\n", encoding="utf-8"
        )
        run = self.logic.bridge.host.processes.run_python
        run(str(script), ["one"], lines.append, lambda: ends.append(1))
        settle(lambda: bool(ends))
        self.assertEqual(lines, [f"numpy {np.__version__} one"])

    def test_bridge_answers_on_slicers_web_server_whenever_it_is_started(self):
        web_server = slicer.util.getModuleWidget("WebServer")
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                web_server.logic.port = probe.getsockname()[1]
            web_server.startServer()
            settle(lambda: self.logic.bridge.attachment.port is not None)
            answer = ask(web_server.logic.port, "/agent/v1/nodes")
            self.assertEqual(answer.status, 401, answer.body)
            answer = ask(web_server.logic.port, "/agent/v1/nodes", token=self.logic.token)
            self.assertEqual(answer.status, 200, answer.body)
            web_server.stopServer()

    def test_bridge_that_runs_at_the_end_leaves_no_file(self):
        """The rest of it is seen by whoever has started Slicer: it ends, and with code 0."""
        file = self.logic.bridge._instance_file.path
        self.assertTrue(file.is_file())
        slicer.modules.AgentBridgeInstance.onModuleAboutToBeUnloaded("AgentBridge")
        self.assertFalse(file.exists())
