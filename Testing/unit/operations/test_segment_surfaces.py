"""Closed surfaces, models and labelmaps of segments, made beside Slicer."""

import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError, RevisionConflictError
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.segmentations import creating, exporting, surface_making, surfaces
from AgentBridgeLib.operations.segmentations.description import SegmentationArguments
from AgentBridgeLib.operations.segmentations.labelmaps import mask_of

RADIUS_MM = 11.0


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture(params=["right-handed", "left-handed"])
def node(request, context, run, oblique, scene):
    """A ball and an empty segment, under a rotating and translating transform."""
    matrix = oblique.copy()
    if request.param == "left-handed":
        matrix[:3, 0] *= -1
    k, j, i = np.mgrid[0:14, 0:30, 0:40]
    ball = ((k - 7) * 2.5) ** 2 + ((j - 15) * 1.1) ** 2 + ((i - 20) * 0.8) ** 2 <= RADIUS_MM**2
    volume = slicer.util.addVolumeFromArray(
        ball.astype(np.int16), matrix, "ball", "vtkMRMLLabelMapVolumeNode"
    )
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(WORLD))
    volume.SetAndObserveTransformNodeID(parent.GetID())
    made = run(creating.create_segmentation(context, creating.CreateArguments(labelmap_id=volume.GetID())))
    found = scene.GetNodeByID(made.id)
    found.GetSegmentation().GetNthSegment(0).SetName("ball")
    found.GetSegmentation().GetNthSegment(0).SetColor(1, 0.5, 0)
    found.GetSegmentation().AddEmptySegment("none", "none")
    found.center_ras = (WORLD @ matrix @ [20, 15, 7, 1])[:3]
    return found


WORLD = np.array([[0.0, -1, 0, 5], [1, 0, 0, -7], [0, 0, 1, 90], [0, 0, 0, 1]])


def measured(surface):
    properties, triangles = vtk.vtkMassProperties(), vtk.vtkTriangleFilter()
    triangles.SetInputData(surface)
    properties.SetInputConnection(triangles.GetOutputPort())
    return properties.GetSurfaceArea(), properties.GetVolume()


def create(context, run, node, **arguments):
    wanted = surfaces.CreateSurfaceArguments(segmentation_id=node.GetID(), **arguments)
    return run(surfaces.create_surface(context, wanted))


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_surface_is_slicers_own_and_is_shown(context, run, node, limit, monkeypatch):
    """issue:#3; slicer: the same conversion, made in a process of its own, or at once if small."""
    monkeypatch.setattr(surface_making, "INLINE_VOXELS", limit)
    made = create(context, run, node)
    first, second = made.segments
    assert (made.smoothing_factor, made.decimation_factor) == (0.5, 0)
    assert first.triangle_count > 500
    assert (second.point_count, second.triangle_count) == (0, 0)
    segmentation = node.GetSegmentation()
    ours = segmentation.GetSegment(first.segment_id).GetRepresentation("Closed surface")
    assert node.GetDisplayNode().GetDisplayRepresentationName3D() == "Closed surface"
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    copy.GetSegmentation().DeepCopy(segmentation)
    copy.RemoveClosedSurfaceRepresentation()
    copy.CreateClosedSurfaceRepresentation()
    theirs = copy.GetSegmentation().GetSegment(first.segment_id).GetRepresentation("Closed surface")
    assert ours.GetNumberOfPolys() == theirs.GetNumberOfPolys()
    assert measured(ours) == pytest.approx(measured(theirs), rel=1e-4)


def test_factors_smooth_and_decimate_and_are_kept(context, run, node):
    """issue:#3: smoothing factor, decimation."""
    rough = create(context, run, node, smoothing_factor=0).segments[0]
    coarse = create(context, run, node, smoothing_factor=0.5, decimation_factor=0.8)
    assert coarse.segments[0].triangle_count < 0.5 * rough.triangle_count
    again = create(context, run, node)
    assert (again.smoothing_factor, again.decimation_factor) == (0.5, 0.8)


def test_surface_is_removed_and_the_voxels_stay(context, run, node):
    """issue:#3: create and remove."""
    create(context, run, node)
    before = mask_of(context, node, node.GetSegmentation().GetNthSegmentID(0))
    described = surfaces.remove_surface(context, SegmentationArguments(segmentation_id=node.GetID()))
    assert not described.has_closed_surface
    assert np.array_equal(mask_of(context, node, described.segments[0].id), before)


@pytest.mark.parametrize("file_format", ["stl", "ply", "obj", "vtk"])
def test_bytes_hold_a_closed_ball_in_lps_where_it_is_in_the_world(context, run, node, tmp_path, file_format):
    """issue:#3; slicer: its own reader understands the file."""
    segment_id = node.GetSegmentation().GetNthSegmentID(0)
    wanted = surfaces.SurfaceArguments(
        segmentation_id=node.GetID(), segment_id=segment_id, format=file_format
    )
    with pytest.raises(NodeTypeError, match="surface"):
        run(surfaces.read_surface(context, wanted))
    create(context, run, node)
    revision = context.host.scene.revision
    content = run(surfaces.read_surface(context, wanted))
    assert context.host.scene.revision == revision
    assert content.facts["frame"] == "lps"
    path = tmp_path / f"ball.{file_format}"
    path.write_bytes(b"".join(content.parts))
    surface = slicer.util.loadModel(str(path)).GetPolyData()
    area, volume = measured(surface)
    center = np.array(surface.GetCenter())
    assert np.allclose(center, node.center_ras, atol=1.3)
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.06)
    assert area == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.08)
    points, normals = vtk.vtkPolyDataNormals(), surface
    points.SetInputData(normals)
    points.ConsistencyOff()
    points.SplittingOff()
    points.Update()
    output = points.GetOutput()
    kept = surface.GetPointData().GetNormals()
    if kept is not None:
        assert np.dot(kept.GetTuple3(0), np.array(surface.GetPoint(0)) - center) > 0
    outwards = [
        np.dot(output.GetPointData().GetNormals().GetTuple3(n), np.array(output.GetPoint(n)) - center) > 0
        for n in range(0, output.GetNumberOfPoints(), 50)
    ]
    assert np.mean(outwards) > 0.98


def test_models_have_name_color_place_and_shape_of_their_segments(context, run, node):
    """issue:#3: export to models; the empty segment is named."""
    wanted = exporting.ExportArguments(segmentation_id=node.GetID(), target="models")
    exported = run(exporting.export_segments(context, wanted))
    (made,) = exported.nodes
    assert "none" in exported.warnings[0]
    model = slicer.mrmlScene.GetNodeByID(made.id)
    assert (made.name, made.class_name) == ("ball_1", "vtkMRMLModelNode")
    assert model.GetDisplayNode().GetColor() == (1, 0.5, 0)
    assert model.GetParentTransformNode() is node.GetParentTransformNode()
    bounds = [0.0] * 6
    model.GetRASBounds(bounds)
    middle = (np.array(bounds[::2]) + bounds[1::2]) / 2
    assert np.allclose(middle, node.center_ras, atol=1.3)
    assert np.ptp(bounds[:2]) == pytest.approx(2 * RADIUS_MM, abs=2)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface"), "the segmentation stays"
    create(context, run, node)
    again = run(exporting.export_segments(context, wanted)).nodes[0]
    copy = slicer.mrmlScene.GetNodeByID(again.id).GetPolyData()
    segment = node.GetSegmentation().GetSegment(made.segment_ids[0])
    assert copy is not segment.GetRepresentation("Closed surface")
    assert copy.GetNumberOfPolys() == model.GetPolyData().GetNumberOfPolys()


def test_labelmap_has_voxels_grid_names_and_colors_of_the_segments(context, run, node):
    """issue:#3: export to labelmap nodes."""
    wanted = exporting.ExportArguments(segmentation_id=node.GetID(), target="labelmap", name="out")
    exported = run(exporting.export_segments(context, wanted))
    volume, table = (slicer.mrmlScene.GetNodeByID(one.id) for one in exported.nodes)
    first = node.GetSegmentation().GetNthSegmentID(0)
    assert exported.labels == {first: 1, "none": 2}
    assert volume.IsA("vtkMRMLLabelMapVolumeNode")
    assert np.array_equal(voxels.voxels_of(volume), mask_of(context, node, first).astype(np.int16))
    assert Grid.of(volume).dimensions_ijk == (40, 30, 14)
    assert volume.GetParentTransformNode() is node.GetParentTransformNode()
    assert volume.GetDisplayNode().GetColorNode() is table
    color = [0.0] * 4
    table.GetColor(1, color)
    assert (table.GetColorName(1), color[:2]) == ("ball", pytest.approx([1, 0.5], abs=1 / 255))
    with pytest.raises(ArgumentInvalidError, match="no segment"):
        run(exporting.export_segments(context, wanted.model_copy(update={"segment_ids": ("nothing",)})))


def test_change_while_the_surface_is_made_is_noticed(context, run, node, monkeypatch):
    """house."""
    monkeypatch.setattr(surface_making, "INLINE_VOXELS", 0)
    steps = surfaces.create_surface(context, surfaces.CreateSurfaceArguments(segmentation_id=node.GetID()))
    next(steps)
    node.GetSegmentation().AddEmptySegment("x", "x")
    with pytest.raises(RevisionConflictError):
        run(steps)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")
