"""What the bridge costs while nothing happens in a large scene, counted in calls rather than in time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import qt

NODE_COUNT = 10_000
LIBRARY = str(Path(__file__).resolve().parents[3] / "AgentBridge" / "AgentBridgeLib")


def calls_of_ours(turns):
    """Count the functions of the bridge that run in some turns of the event loop."""
    counted = []

    def note(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(LIBRARY):
            counted.append(frame.f_code.co_name)

    timer = qt.QTimer()
    timer.setInterval(1)
    timer.start()
    sys.setprofile(note)
    try:
        for _ in range(turns):
            qt.QCoreApplication.processEvents(qt.QEventLoop.WaitForMoreEvents, 50)
    finally:
        sys.setprofile(None)
        timer.stop()
    return counted


@pytest.fixture
def a_large_scene(host, scene):
    """Ten thousand nodes, and an observer of the bridge's reports of changes."""
    reports = []
    subscription = host.scene.subscribe(reports.append)
    for number in range(NODE_COUNT):
        scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", f"node {number}")
    for _ in range(3):
        qt.QCoreApplication.processEvents()
    reports.clear()
    yield reports
    subscription.cancel()


def test_large_scene_costs_nothing_while_idle_and_little_when_one_node_changes(host, a_large_scene, scene):
    """issue:#3: 10,000 nodes cost no measurable idle time; events are coalesced, whoever changes the node."""
    revision = host.scene.revision
    assert calls_of_ours(turns=50) == []
    assert host.scene.revision == revision
    assert a_large_scene == []
    node = scene.GetFirstNodeByName("node 5000")
    for value in range(20):
        node.SetAttribute("Value", str(value))
    assert 0 < len(calls_of_ours(turns=5)) < 100
    assert host.scene.revision > revision
    assert [report.node_id for report in a_large_scene] == [node.GetID()]
