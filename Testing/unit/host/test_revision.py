"""The scene's revision and the reports of changes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.host.revision import SceneTracker


@pytest.fixture
def tracker(scene, loop):
    tracker = SceneTracker(scene, loop)
    yield tracker
    tracker.close()


@pytest.fixture
def reports(tracker):
    found = []
    tracker.subscribe(found.append)
    return found


def kinds(reports):
    return [(report.kind, report.node_id) for report in reports]


def _write_voxels(scene, volume):
    slicer.util.arrayFromVolume(volume)[0] = 5
    slicer.util.arrayFromVolumeModified(volume)


def _paint(scene, volume):
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    mask = np.ones((16, 24, 20), np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "a", volume)


def _segment(scene):
    return scene.GetFirstNodeByClass("vtkMRMLSegmentationNode").GetSegmentation().GetSegment("a")


def _first(scene, kind):
    return scene.GetFirstNodeByClass(f"vtkMRML{kind}Node")


def _move_transform(scene, _volume):
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7)
    _first(scene, "LinearTransform").SetMatrixTransformToParent(matrix)


CHANGES = {
    "rename": ("ScalarVolume", lambda scene, volume: volume.SetName("q")),
    "voxels": ("ScalarVolume", _write_voxels),
    "window": ("ScalarVolume", lambda scene, volume: volume.GetDisplayNode().SetWindowLevel(10, 5)),
    "attribute": ("ScalarVolume", lambda scene, volume: volume.SetAttribute("a", "b")),
    "move a point": (
        "MarkupsFiducial",
        lambda scene, _: _first(scene, "MarkupsFiducial").SetNthControlPointPosition(0, 5, 5, 5),
    ),
    "label a point": (
        "MarkupsFiducial",
        lambda scene, _: _first(scene, "MarkupsFiducial").SetNthControlPointLabel(0, "z"),
    ),
    "matrix": ("LinearTransform", _move_transform),
    "table cell": ("Table", lambda scene, _: _first(scene, "Table").SetCellText(0, 0, "7")),
    "paint": ("Segmentation", _paint),
    "rename a segment": ("Segmentation", lambda scene, _: _segment(scene).SetName("b")),
    "color a segment": ("Segmentation", lambda scene, _: _segment(scene).SetColor(0, 1, 0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change_moves_the_revision_of_its_node(scene, tracker, a_volume, name):
    """slicer: MTime of nodes misses points, labels, matrices and segments; a display change counts for its node."""
    scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode").AddControlPoint(1, 2, 3)
    scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTableFromArray(scene.AddNewNodeByClass("vtkMRMLTableNode"), np.zeros((2, 2)))
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(a_volume)
    segmentation.GetSegmentation().AddEmptySegment("a", "a")
    kind, change = CHANGES[name]
    node_id = _first(scene, kind).GetID()
    before = tracker.revision

    change(scene, a_volume)

    assert tracker.revision > before
    assert tracker.node_revision(node_id) > before


def test_a_change_of_one_node_leaves_the_revision_of_others(scene, tracker, a_volume, a_model):
    """house: an ETag of a node holds while other nodes change."""
    before = tracker.node_revision(a_model.GetID())
    a_volume.SetName("other")
    assert tracker.node_revision(a_model.GetID()) == before


def test_unknown_and_removed_ids_have_revision_zero(scene, tracker, a_model):
    """house: ports.SceneHost.node_revision."""
    node_id = a_model.GetID()
    scene.RemoveNode(a_model)
    assert tracker.node_revision(node_id) == 0
    assert tracker.node_revision("vtkMRMLModelNode4711") == 0


def test_a_removed_node_is_not_kept_alive_by_the_tracker(scene, tracker):
    """house: only ids are kept, a Python reference would hold the node and its data."""
    node = scene.AddNewNodeByClass("vtkMRMLModelNode")
    gone = weakref.ref(node)
    deleted = []
    node.AddObserver("DeleteEvent", lambda *_: deleted.append(True))
    scene.RemoveNode(node)
    del node
    gc.collect()
    assert deleted
    assert gone() is None


def test_many_changes_of_a_node_in_one_turn_are_reported_once(scene, loop, tracker, reports, a_model):
    """house: coalesced to one report per node and turn."""
    loop.turn()
    reports.clear()
    for number in range(50):
        a_model.SetName(f"n{number}")
    assert reports == []
    loop.turn()
    of_model = [report for report in reports if report.node_id == a_model.GetID()]
    assert [report.kind for report in of_model] == ["node_modified"]
    assert of_model[0].revision == tracker.node_revision(a_model.GetID())
    assert of_model[0].class_name == "vtkMRMLModelNode"
    assert loop.turn() == 0


def test_a_node_that_came_and_changed_is_reported_as_added_only(scene, loop, reports):
    """house: the addition says it all."""
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    node.SetText("hello")
    loop.turn()
    assert ("node_added", node.GetID()) in kinds(reports)
    assert ("node_modified", node.GetID()) not in kinds(reports)


def test_a_node_that_came_and_went_within_a_turn_is_not_reported(scene, loop, tracker, reports):
    """house: nobody saw it, but the revision moved."""
    before = tracker.revision
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    node_id = node.GetID()
    scene.RemoveNode(node)
    loop.turn()
    assert node_id not in [report.node_id for report in reports]
    assert tracker.revision > before


def test_clearing_is_reported_as_one_change_before_what_came_after(scene, loop, reports, a_model):
    """house: one report, not one per node."""
    loop.turn()
    reports.clear()
    scene.Clear(0)
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    loop.turn()
    assert kinds(reports)[0] == ("cleared", None)
    assert "node_removed" not in [report.kind for report in reports]
    assert ("node_added", node.GetID()) in kinds(reports)


def test_an_id_that_is_freed_and_taken_again_is_removed_then_added(scene, loop, reports, a_model):
    """slicer: a removed node's id may be given again."""
    loop.turn()
    reports.clear()
    node_id = a_model.GetID()
    scene.RemoveNode(a_model)
    again = slicer.vtkMRMLModelNode()
    scene.AddNode(again)
    scene_id = again.GetID()
    loop.turn()
    found = kinds(reports)
    assert found.index(("node_removed", node_id)) < found.index(("node_added", scene_id))


def test_a_subscriber_that_raises_does_not_hide_changes_from_the_next(scene, loop, tracker, reports):
    """house: SystemExit in an observer would end Slicer."""

    def leave(_):
        raise SystemExit

    first = tracker.subscribe(leave)
    late = []
    tracker.subscribe(late.append)
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    loop.turn()
    assert ("node_added", node.GetID()) in kinds(late)
    first.cancel()
    first.cancel()


def test_held_changes_do_not_count_and_nodes_added_meanwhile_are_watched_after(scene, tracker):
    """house: a picture that restores what it changed leaves caches valid."""
    before = tracker.revision
    with tracker.held():
        node = scene.AddNewNodeByClass("vtkMRMLTextNode")
        node.SetText("x")
    assert tracker.revision == before
    node.SetText("y")
    assert tracker.revision > before


def test_a_closed_tracker_has_no_observers_left(scene, loop, a_model):
    """house: Reload must not leave observers of the old code behind."""
    tracker = SceneTracker(scene, loop)
    tracker.close()
    before = tracker.revision
    a_model.SetName("after")
    scene.AddNewNodeByClass("vtkMRMLTextNode")
    assert tracker.revision == before
    tracker.close()


def test_the_mouse_over_a_view_does_not_move_the_revision(scene, tracker):
    """slicer: vtkMRMLCrosshairNode sends CursorPositionModifiedEvent for every movement."""
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode") or scene.AddNewNodeByClass(
        "vtkMRMLCrosshairNode"
    )
    before = tracker.revision
    crosshair.SetCursorPositionRAS([1.0, 2.0, 3.0])
    assert tracker.revision == before
    crosshair.SetCrosshairMode(1 - crosshair.GetCrosshairMode())
    assert tracker.revision > before


def test_changed_since_gives_the_latest_first_and_nothing_older(scene, tracker, a_model, a_volume):
    """house: what depends on changes costs as much as changed."""
    before = tracker.revision
    a_model.SetName("first")
    a_volume.SetName("second")
    changed = tracker.changed_since(before)
    assert changed.index(a_volume.GetID()) < changed.index(a_model.GetID())
    assert tracker.changed_since(tracker.revision) == []


@pytest.mark.parametrize("count", [10_000])
def test_many_nodes_in_one_turn_make_one_flush(scene, loop, tracker, reports, count):
    """house: no storm of callbacks; 10,000 nodes are reported in one turn, each once."""
    for number in range(count):
        node = slicer.vtkMRMLScriptedModuleNode()
        node.SetName(f"n{number}")
        scene.AddNode(node)
    assert loop.turn() == 1
    assert [report.kind for report in reports].count("node_added") == count
    assert len(list(tracker.node_ids())) == scene.GetNumberOfNodes()


def test_errors_of_observed_nodes_still_reach_the_log_and_are_no_changes(scene, tracker, a_model):
    """slicer: VTK shows a message only while nobody observes it, and AnyEvent counts."""
    model = slicer.app.errorLogModel()
    count, before = model.logEntryCount(), tracker.revision
    a_model.SetAndObserveNodeReferenceID(None, "x")
    assert model.logEntryCount() > count
    assert tracker.revision == before
    assert "role" in model.logEntryDescription(model.logEntryCount() - 1)
