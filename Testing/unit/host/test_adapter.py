"""The whole adapter, on Qt's own loop."""

from __future__ import annotations

import qt
import slicer

from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop
from AgentBridgeLib.host.ports.views import CameraRequest


def test_a_closed_host_leaves_no_observer_folder_or_child(scene, a_model):
    """house: Reload must not leave anything of the old code behind."""

    def observers():
        hierarchy = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
        return (
            str(scene).count("Event: "),
            bool(a_model.HasObserver("ErrorEvent")),
            bool(hierarchy.HasObserver(hierarchy.SubjectHierarchyEndResolveEvent)),
        )

    before = observers()
    loop = QtEventLoop()
    host = SlicerHost(loop)
    host.scene.identifiers()
    host.views.threed_picture("1", CameraRequest(40, 40))
    folder = host.application.temporary_folder
    during = observers()

    host.close()
    host.close()
    loop.close()

    assert during[0] > before[0]
    assert during[1:] == (True, True)
    assert observers() == before
    assert not qt.QDir(folder).exists()


def test_changes_are_reported_in_the_next_turn_of_qts_loop(scene):
    """house: loop.call_later(0) is one persistent timer."""
    loop = QtEventLoop()
    host = SlicerHost(loop)
    reports = []
    host.scene.subscribe(reports.append)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    assert reports == []
    qt.QApplication.instance().processEvents(qt.QEventLoop.WaitForMoreEvents, 1000)
    assert node.GetID() in [report.node_id for report in reports]
    host.close()
    loop.close()
