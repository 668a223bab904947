"""The embedded host, started once, for widgets; its settings emptied around each test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import EmbeddedSlicer
from EmbeddedSlicer import startup

if startup.host.application is None:
    EmbeddedSlicer.start(web_server=False)

import pytest
import qt
import slicer.util

from AgentBridgeLib.gui.panel import Panel
from panel_in_process import Logic, press

UI = Path(__file__).resolve().parents[3] / "AgentBridge" / "Resources" / "UI" / "AgentBridge.ui"


@pytest.fixture(autouse=True)
def _no_settings():
    """No setting of the bridge, before and after."""
    qt.QSettings().remove("AgentBridge")
    yield
    qt.QSettings().remove("AgentBridge")


@pytest.fixture
def load_ui():
    """Load the panel's file as the module does."""
    return lambda: slicer.util.loadUI(str(UI))


@pytest.fixture
def a_folder():
    """A folder for the bridge's data that is gone after the test."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("AGENTBRIDGE_HOME")
        os.environ["AGENTBRIDGE_HOME"] = folder
        yield Path(folder)
        if before is None:
            del os.environ["AGENTBRIDGE_HOME"]
        else:
            os.environ["AGENTBRIDGE_HOME"] = before


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
