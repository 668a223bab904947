"""Segments that are surfaces become voxels, on grids of any orientation."""

import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError
from AgentBridgeLib.operations.segmentations import statistics, voxelizing
from AgentBridgeLib.operations.segmentations.labelmaps import edit_grid, mask_of

CENTER, RADIUS_MM = np.array((10.0, -20.0, 30.0)), 20.0
BALL_ML = 4 / 3 * np.pi * RADIUS_MM**3 / 1000


@pytest.fixture
def node(scene):
    """A segmentation of two surfaces: a ball, and one beside it, which is hidden."""
    made = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    made.CreateDefaultDisplayNodes()
    made.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for segment_id, shift in (("ball", 0), ("other", 15)):
        source = vtk.vtkSphereSource()
        source.SetCenter(CENTER[0] + shift, *CENTER[1:])
        source.SetRadius(RADIUS_MM)
        source.SetThetaResolution(120)
        source.SetPhiResolution(120)
        source.Update()
        made.AddSegmentFromClosedSurfaceRepresentation(source.GetOutput(), segment_id, [1, 0, 0], segment_id)
    made.GetDisplayNode().SetSegmentVisibility("other", False)
    return made


@pytest.fixture
def voxelize(context, run, node):
    """Make voxels of the segmentation; gives the answer."""

    def made(**arguments):
        wanted = voxelizing.CreateLabelmapArguments(segmentation_id=node.GetID(), **arguments)
        return run(voxelizing.create_labelmap(context, wanted))

    return made


def ball(grid):
    """The voxels whose centers lie in the ball, and those so near to its surface that facets may decide."""
    i, j, k = np.indices(grid.dimensions_ijk).reshape(3, -1)
    centers = np.stack([i, j, k], axis=1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    distance = np.linalg.norm(centers - CENTER, axis=1).reshape(grid.dimensions_ijk).T
    return distance < RADIUS_MM, np.abs(distance - RADIUS_MM) < 0.02


@pytest.mark.parametrize("is_left_handed", [False, True])
def test_voxels_lie_where_the_surface_does_on_the_grid_of_a_volume(
    context, voxelize, node, scene, oblique, is_left_handed
):
    """slicer: `vtkClosedSurfaceToBinaryLabelmapConversionRule`; parent transforms count."""
    matrix = oblique.copy()
    matrix[:3, 3] = CENTER - matrix[:3, :3] @ (40, 32, 20)
    if is_left_handed:
        matrix[:3, 2] *= -1
        matrix[:3, 3] = CENTER - matrix[:3, :3] @ (40, 32, 20)
    volume = slicer.util.addVolumeFromArray(np.zeros((40, 64, 90), np.int16), matrix)
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    shift = vtk.vtkTransform()
    shift.Translate(100, 0, 0)
    parent.SetMatrixTransformToParent(shift.GetMatrix())
    for one in (node, volume):
        one.SetAndObserveTransformNodeID(parent.GetID())
    answer = voxelize(source_volume_id=volume.GetID())
    assert (answer.source_representation, answer.source_volume_id) == ("Binary labelmap", volume.GetID())
    assert (answer.has_closed_surface, answer.warnings) == (True, ())
    assert [segment.is_visible for segment in answer.segments] == [True, False]
    grid = edit_grid(node)
    assert np.allclose(grid.ijk_to_ras, matrix)
    inside, unsure = ball(grid)
    assert inside.any()
    mask = mask_of(context, node, "ball")
    assert np.array_equal(mask | unsure, inside | unsure)
    assert (mask & mask_of(context, node, "other")).any(), "segments overlap, as the surfaces do"


def test_a_grid_is_laid_around_all_segments(context, voxelize, node, run):
    """issue:#3: measured and edited without a volume."""
    voxelize(spacing_mm=0.5)
    wanted = statistics.StatisticsArguments(segmentation_id=node.GetID(), surface="never")
    for segment in run(statistics.measure_segments(context, wanted)).segments:
        assert segment.volume_ml == pytest.approx(BALL_ML, rel=0.005)
        shift = 15 if segment.segment_id == "other" else 0
        assert segment.centroid_ras == pytest.approx((CENTER[0] + shift, *CENTER[1:]), abs=0.05)
    with pytest.raises(NodeTypeError, match="already"):
        voxelize(spacing_mm=0.5)


def test_surfaces_that_reach_beyond_the_grid_are_kept_with_a_warning(context, voxelize, node, run):
    """slicer: labelmaps are not cropped to the reference geometry."""
    matrix = np.diag((1.0, 1.0, 1.0, 1.0))
    matrix[:3, 3] = CENTER
    volume = slicer.util.addVolumeFromArray(np.zeros((40, 40, 40), np.int16), matrix)
    (warning,) = voxelize(source_volume_id=volume.GetID()).warnings
    assert "beyond the voxel grid" in warning
    wanted = statistics.StatisticsArguments(segmentation_id=node.GetID(), surface="never")
    first = run(statistics.measure_segments(context, wanted)).segments[0]
    assert first.volume_ml == pytest.approx(BALL_ML, rel=0.01)
    assert mask_of(context, node, "ball").sum() / 1000 == pytest.approx(BALL_ML / 8, rel=0.15)


def test_without_a_grid_the_answer_says_what_to_give(voxelize, node, a_volume):
    """house."""
    with pytest.raises(ArgumentInvalidError, match="give spacing_mm"):
        voxelize()
    with pytest.raises(ArgumentInvalidError, match="either"):
        voxelize(spacing_mm=1, source_volume_id=a_volume.GetID())
    assert node.GetSegmentation().GetSourceRepresentationName() == "Closed surface"
