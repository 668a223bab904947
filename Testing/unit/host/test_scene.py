"""Nodes by id, removal with companions, additions, module logics."""

from __future__ import annotations

import pytest
import slicer

from AgentBridgeLib.errors import FeatureMissingError, NodeNotFoundError, NodeTypeError


def ids_of(scene, class_name):
    return [node.GetID() for node in slicer.util.getNodesByClass(class_name)]


def test_nodes_are_found_by_id_never_by_name(host_scene, a_volume):
    """house: node IDs are the handles, names are labels."""
    assert host_scene.node(a_volume.GetID()) is a_volume
    for unknown in ("ball", "", "vtkMRMLScalarVolumeNode*"):
        with pytest.raises(NodeNotFoundError):
            host_scene.node(unknown)


def test_a_node_of_another_class_is_refused_by_name_of_both(host_scene, a_volume):
    """house: scene.node_type."""
    assert host_scene.node(a_volume.GetID(), "vtkMRMLModelNode", "vtkMRMLVolumeNode") is a_volume
    with pytest.raises(NodeTypeError, match=r"vtkMRMLScalarVolumeNode; this needs a vtkMRMLModelNode"):
        host_scene.node(a_volume.GetID(), "vtkMRMLModelNode")


def test_forgetting_a_node_takes_its_own_display_and_storage_nodes(host_scene, a_model):
    """slicer: RemoveNode alone would leave them."""
    a_model.AddDefaultStorageNode()
    own = [a_model.GetDisplayNode(), a_model.GetStorageNode()]
    before = {node.GetID() for node in own}
    host_scene.forget_node(a_model)
    assert not [node_id for node_id in before if host_scene.scene.GetNodeByID(node_id)]


def test_forgetting_a_node_leaves_display_nodes_that_another_uses(host_scene, scene, a_model):
    """slicer: display nodes can be shared."""
    other = scene.AddNewNodeByClass("vtkMRMLModelNode")
    shared = a_model.GetDisplayNode()
    other.SetAndObserveDisplayNodeID(shared.GetID())
    host_scene.forget_node(a_model)
    assert other.GetDisplayNode() is shared
    host_scene.forget_node(other)
    assert shared.GetScene() is None


def test_additions_are_recorded_in_order_without_those_that_went(host_scene, scene):
    """house: what a failed step made can be taken back."""
    record = host_scene.record_additions()
    first = scene.AddNewNodeByClass("vtkMRMLTextNode")
    gone = scene.AddNewNodeByClass("vtkMRMLTextNode")
    second = scene.AddNewNodeByClass("vtkMRMLModelNode")
    scene.RemoveNode(gone)
    assert record.stop() == [first.GetID(), second.GetID()]
    late = scene.AddNewNodeByClass("vtkMRMLTextNode")
    assert late.GetID() not in record.stop()


def test_a_module_gives_its_logic_and_an_unknown_one_is_named(host_scene):
    """slicer: C++ modules give module.logic()."""
    assert host_scene.logic("Volumes").IsA("vtkSlicerVolumesLogic")
    with pytest.raises(FeatureMissingError, match="Elastix"):
        host_scene.logic("Elastix")


def test_the_application_logic_is_that_of_slicer(host_scene):
    """slicer: app.applicationLogic()."""
    assert host_scene.application_logic.GetMRMLScene() is host_scene.scene
