"""Whole scenes: bundles, .mrml files, clearing, subject hierarchy."""

from __future__ import annotations

import numpy as np
import slicer


def test_a_bundle_brings_everything_back_voxel_exact(scene, a_volume, a_segmentation, a_model, tmp_path):
    """slicer: Data/qSlicerSceneWriter.cxx, qSlicerSceneBundleReader.cxx."""
    expected = slicer.util.arrayFromVolume(a_volume).copy()
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path, {})
    scene.Clear(0)
    assert slicer.util.loadScene(path, {})
    volume = scene.GetFirstNode("volume", "vtkMRMLScalarVolumeNode")
    segmentation = scene.GetFirstNode("segmentation", "vtkMRMLSegmentationNode")
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "bright", volume)
    assert np.array_equal(slicer.util.arrayFromVolume(volume), expected)
    assert np.array_equal(inside, expected > 0)
    assert scene.GetFirstNode("sphere", "vtkMRMLModelNode").GetPolyData().GetNumberOfPoints() > 0


def test_loading_a_bundle_without_clearing_adds_to_the_scene(scene, io_manager, a_volume, tmp_path):
    """slicer: the property `clear`."""
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path, {})
    assert io_manager.loadScene(path, False)
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_a_scene_file_refers_to_its_data(scene, io_manager, a_volume, tmp_path):
    """slicer: a .mrml file holds no voxels."""
    assert slicer.util.saveNode(a_volume, str(tmp_path / "v.nrrd"), {})
    assert slicer.util.saveScene(str(tmp_path / "scene.mrml"), {})
    expected = slicer.util.arrayFromVolume(a_volume).copy()
    assert io_manager.loadScene(str(tmp_path / "scene.mrml"))
    again = scene.GetFirstNode("volume", "vtkMRMLScalarVolumeNode")
    assert np.array_equal(slicer.util.arrayFromVolume(again), expected)


def test_a_scene_goes_into_an_empty_folder_only(a_volume, tmp_path):
    """slicer: writeToDirectory."""
    assert slicer.util.saveScene(str(tmp_path / "folder"), {})
    assert list((tmp_path / "folder").rglob("*.mrml"))
    assert slicer.util.saveScene(str(tmp_path / "folder"), {}) is False


def test_a_broken_bundle_fails(io_manager, tmp_path, monkeypatch):
    """slicer: loadNodes returns False, and vtkArchive leaves the process in a folder that is gone."""
    monkeypatch.chdir(tmp_path)  # comes back to the old one after the test
    path = tmp_path / "broken.mrb"
    path.write_bytes(b"no zip")
    assert io_manager.loadScene(str(path), False) is False


def test_clearing_keeps_views_and_selection(scene, a_volume):
    """slicer: singletons survive Clear(0)."""
    manager = slicer.app.layoutManager()
    views = manager.sliceViewNames(), manager.threeDViewCount
    scene.Clear(0)
    assert (manager.sliceViewNames(), manager.threeDViewCount) == views
    assert slicer.app.applicationLogic().GetSelectionNode() is not None
    manager.sliceWidget("Red").sliceView().forceRender()


def test_every_visible_node_gets_a_subject_hierarchy_item(scene, a_volume, a_segmentation):
    """slicer: qSlicerSubjectHierarchyPluginLogic."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(a_volume)
    assert item
    assert hierarchy.GetItemName(item) == "volume"
    assert hierarchy.GetItemByDataNode(a_segmentation)
    scene.RemoveNode(a_volume)
    assert not hierarchy.GetItemName(item)


def test_default_nodes_of_an_8_bit_volume_survive(scene):
    """slicer: the logic copies the preset US-Fetal unchecked."""
    node = slicer.util.addVolumeFromArray(
        np.zeros((3, 3, 3), np.uint8), nodeClassName="vtkMRMLScalarVolumeNode"
    )
    node.CreateDefaultDisplayNodes()
    logic = slicer.modules.volumerendering.logic()
    assert logic.CreateDefaultVolumeRenderingNodes(node) is not None
