"""Boxes around nodes and planes through points, against a second computation."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from AgentBridgeLib.errors import ArgumentInvalidError, NodeNotFoundError, NodeTypeError
from AgentBridgeLib.operations.markups import fitting


def around(context, *nodes, **arguments):
    ids = tuple(node.GetID() for node in nodes)
    return fitting.box_around(context, fitting.BoxAroundArguments(node_ids=ids, **arguments))


def plane(context, points=None, **arguments):
    whole = {**arguments, **({} if points is None else {"points_ras": tuple(map(tuple, points))})}
    return fitting.fit_plane(context, fitting.FitPlaneArguments(**whole))


def corners(volume, oblique):
    size = volume.GetImageData().GetDimensions()
    grid = np.array(np.meshgrid(*[(-0.5, count - 0.5) for count in size])).reshape(3, -1)
    return (oblique[:3, :3] @ grid).T + oblique[:3, 3]


def test_box_encloses_the_voxels_of_a_rotated_volume(context, a_volume, oblique):
    """issue:#3: ROI around nodes; geometry anisotropic, rotated, off the origin."""
    made = around(context, a_volume, margin_mm=2.5)
    points = corners(a_volume, oblique)
    assert made.type == "roi"
    assert made.box.center_ras == pytest.approx((points.min(axis=0) + points.max(axis=0)) / 2, abs=1e-6)
    assert made.box.size_mm == pytest.approx(np.ptp(points, axis=0) + 5.0, abs=1e-6)
    assert np.array([made.box.x_axis_ras, made.box.y_axis_ras, made.box.z_axis_ras]) == pytest.approx(
        np.eye(3)
    )


def test_box_encloses_several_nodes_under_their_transforms(context, a_volume, scene):
    """issue:#3."""
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    points.AddControlPoint(0, 0, 0)
    points.AddControlPoint(10, 0, 0)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(1, 3, 100.0)
    transform.SetMatrixTransformToParent(matrix)
    points.SetAndObserveTransformNodeID(transform.GetID())
    made = around(context, points)
    assert made.box.center_ras == pytest.approx((5, 100, 0))
    assert made.box.size_mm[0] == pytest.approx(10)
    both = around(context, points, a_volume)
    assert both.box.center_ras[1] + both.box.size_mm[1] / 2 == pytest.approx(100)


def test_empty_or_unplaceable_node_is_refused_and_makes_nothing(context, scene, a_volume):
    """house."""
    empty = scene.AddNewNodeByClass("vtkMRMLModelNode")
    text = scene.AddNewNodeByClass("vtkMRMLTextNode")
    count = scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode")
    with pytest.raises(ArgumentInvalidError, match="no extent"):
        around(context, a_volume, empty)
    with pytest.raises(NodeTypeError):
        around(context, text)
    with pytest.raises(NodeNotFoundError):
        fitting.box_around(context, fitting.BoxAroundArguments(node_ids=("nothing",)))
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == count


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 0.5))
def test_plane_is_the_one_of_least_squares(context, seed, noise):
    """issue:#3: a property, against the smallest eigenvector of the covariance."""
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    flat = np.column_stack([random.uniform(-50, 50, (12, 2)), random.uniform(-noise, noise, 12)])
    points = flat @ axes.T + random.uniform(-100, 100, 3)
    made = plane(context, points)
    values, vectors = np.linalg.eigh(np.cov(points.T, bias=True))
    normal = np.array(made.plane.box.z_axis_ras)
    assert abs(normal @ vectors[:, 0]) == pytest.approx(1, abs=1e-6)
    assert normal[np.argmax(np.abs(normal))] > 0
    assert made.rms_distance_mm == pytest.approx(np.sqrt(max(values[0], 0)), abs=1e-6)
    rotation = np.array([made.plane.box.x_axis_ras, made.plane.box.y_axis_ras, normal])
    inside = np.abs((points - made.plane.box.center_ras) @ rotation.T)[:, :2]
    assert (inside <= np.array(made.plane.box.size_mm[:2]) / 2 + 1e-6).all()
    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(made.plane.id))


def test_plane_goes_through_three_points_and_says_how_far_others_are(context):
    """issue:#3: plane fit to points."""
    exact = plane(context, [(0, 0, 5), (10, 0, 5), (0, 20, 5)])
    assert exact.plane.box.z_axis_ras == pytest.approx((0, 0, 1))
    assert exact.rms_distance_mm == pytest.approx(0, abs=1e-9)
    rough = plane(context, [(-1, -1, 1), (1, -1, -1), (1, 1, 1), (-1, 1, -1)])
    assert rough.plane.box.center_ras == pytest.approx((0, 0, 0))
    assert rough.largest_distance_mm == pytest.approx(1)


def test_points_of_a_markup_are_taken_in_the_world(context, scene):
    """issue:#3."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for point in ((0, 0, 0), (10, 0, 0), (0, 10, 0)):
        node.AddControlPoint(*point)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 7.0)
    transform.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(transform.GetID())
    made = plane(context, markups_id=node.GetID(), name="Cut")
    assert made.plane.name == "Cut"
    assert made.plane.box.center_ras == pytest.approx((10 / 3, 10 / 3, 7))
    assert slicer.mrmlScene.GetNodeByID(made.plane.id).GetAttribute("AgentBridge.operation")


@pytest.mark.parametrize(
    ("points", "arguments"),
    [
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], {}),
        ([(5, 5, 5)] * 4, {}),
        (None, {}),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], {"markups_id": "it"}),
    ],
)
def test_what_is_no_plane_is_refused(context, scene, points, arguments):
    """house."""
    count = scene.GetNumberOfNodes()
    with pytest.raises(ArgumentInvalidError):
        plane(context, points, **arguments)
    assert scene.GetNumberOfNodes() == count


def test_box_of_a_segmentation_encloses_its_segments_and_not_its_image(context, make_volume, oblique, scene):
    """issue:#3: what a person means by a box around a segment."""
    mask = np.zeros((16, 24, 20), np.uint8)
    mask[5:9, 10:14, 3:8] = 1
    labelmap = make_volume(mask, "mask", "vtkMRMLLabelMapVolumeNode")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.util.getModuleLogic("Segmentations").ImportLabelmapToSegmentationNode(labelmap, segmentation)
    made = around(context, segmentation)
    grid = np.array(np.meshgrid((2.5, 7.5), (9.5, 13.5), (4.5, 8.5))).reshape(3, -1)
    points = (oblique[:3, :3] @ grid).T + oblique[:3, 3]
    assert made.box.center_ras == pytest.approx((points.min(axis=0) + points.max(axis=0)) / 2, abs=1e-6)
    assert made.box.size_mm == pytest.approx(np.ptp(points, axis=0), abs=1e-6)
