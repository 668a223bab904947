import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    GeometryMismatchError,
    RevisionConflictError,
)
from AgentBridgeLib.model.base import PageArguments
from AgentBridgeLib.operations.common import stepping
from AgentBridgeLib.operations.scene import files
from AgentBridgeLib.operations.segmentations import creating, description, labelmaps, segmentations
from AgentBridgeLib.operations.segmentations import statistics as segment_statistics

RADIUS_MM = 18.0
CENTER_IJK = (30, 24, 14)


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture
def a_ball(make_volume, oblique):
    """A ball of 18 mm with values 1000 to 1010 in a rotated volume with spacing (0.8, 1.1, 2.5)."""
    k, j, i = np.mgrid[0:28, 0:50, 0:62]
    offset_mm = np.stack([(i - CENTER_IJK[0]) * 0.8, (j - CENTER_IJK[1]) * 1.1, (k - CENTER_IJK[2]) * 2.5])
    array = np.where((offset_mm**2).sum(axis=0) <= RADIUS_MM**2, 1000 + i % 11, -50).astype(np.int16)
    return make_volume(array, "ball")


def create(context, run, volume, minimum=1000, maximum=1010, **arguments):
    arguments.setdefault("threshold", {"minimum": minimum, "maximum": maximum})
    wanted = creating.CreateArguments(source_volume_id=volume.GetID(), **arguments)
    return run(creating.create_segmentation(context, wanted))


def measure(context, run, segmentation_id, **arguments):
    wanted = segment_statistics.StatisticsArguments(segmentation_id=segmentation_id, **arguments)
    return run(segment_statistics.measure_segments(context, wanted))


def voxels_of(volume, made):
    node = slicer.mrmlScene.GetNodeByID(made.id)
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, made.segments[0].id, volume)


@pytest.mark.parametrize(
    ("minimum", "maximum"), [(1000, 1010), (1000, 1000), (1003.5, 1007), (-50, -50), (-1e9, 1e9)]
)
def test_threshold_is_exact_and_both_ends_belong_to_it(context, run, a_ball, minimum, maximum, monkeypatch):
    """issue:#2."""
    monkeypatch.setattr(stepping, "STEP_VOXELS", 5000)
    made = create(context, run, a_ball, minimum, maximum)
    array = slicer.util.arrayFromVolume(a_ball)
    assert np.array_equal(voxels_of(a_ball, made) != 0, (array >= minimum) & (array <= maximum))
    assert made.source_volume_id == a_ball.GetID()
    assert made.warnings == ()


def test_segmentation_is_named_colored_and_has_no_surface_unless_asked(context, run, a_ball):
    """issue:#2."""
    threshold = {"minimum": 1000, "maximum": 1010, "segment_name": "Ball", "color": (1.0, 0.0, 0.0)}
    made = create(context, run, a_ball, threshold=threshold, name="Organs")
    assert (made.name, made.segments[0].name, made.segments[0].color) == ("Organs", "Ball", (1, 0, 0))
    assert made.segments[0].is_visible
    assert not made.has_closed_surface
    assert create(context, run, a_ball, threshold=threshold, show_3d=True).has_closed_surface
    assert slicer.mrmlScene.GetNodeByID(made.id).GetAttribute("AgentBridge.client") == "pytest"


def test_empty_range_makes_an_empty_segment_and_says_so(context, run, a_ball):
    """house: a failure is not dressed as success."""
    made = create(context, run, a_ball, 5000, 6000)
    assert "empty" in made.warnings[0]
    (part,) = measure(context, run, made.id, volume_id=a_ball.GetID()).segments
    assert (part.voxel_count, part.volume_ml, part.centroid_ras, part.bounds_ras) == (0, 0, None, None)
    assert part.intensity.mean is None


def test_segmentation_without_threshold_has_no_segment(context, run, a_ball):
    """issue:#2."""
    made = create(context, run, a_ball, threshold=None)
    assert made.segment_count == 0
    assert measure(context, run, made.id).segments == ()


def test_range_upside_down_is_refused_and_adds_nothing(context, run, a_ball, scene):
    """house."""
    before = scene.GetNumberOfNodes()
    with pytest.raises(ArgumentInvalidError, match="minimum"):
        create(context, run, a_ball, 10, 5)
    assert scene.GetNumberOfNodes() == before


def test_ball_has_the_volume_centroid_bounds_and_surface_of_a_ball(context, run, a_ball, oblique):
    """issue:#2: analytic sphere on an anisotropic, rotated volume."""
    made = create(context, run, a_ball)
    result = measure(context, run, made.id, volume_id=a_ball.GetID())
    (part,) = result.segments
    array = slicer.util.arrayFromVolume(a_ball)
    assert part.voxel_count == np.count_nonzero(array >= 1000)
    assert part.volume_ml == pytest.approx(part.voxel_count * 0.8 * 1.1 * 2.5 / 1000)
    assert part.volume_ml == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.01)
    assert np.allclose(part.centroid_ras, (oblique @ [*CENTER_IJK, 1])[:3], atol=0.05)
    center = (oblique @ [*CENTER_IJK, 1])[:3]
    assert np.allclose(
        part.bounds_ras, np.stack([center - RADIUS_MM, center + RADIUS_MM], 1).ravel(), atol=1.7
    )
    assert part.surface_mm2 == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.1)
    assert result.surface_smoothing_factor == 0.5
    inside = array[array >= 1000]
    assert part.intensity.voxel_count == inside.size
    assert part.intensity.mean == pytest.approx(inside.mean())
    assert part.intensity.standard_deviation == pytest.approx(inside.std(ddof=1))
    assert (part.intensity.minimum, part.intensity.maximum) == (1000, 1010)


def test_bounds_enclose_exactly_the_outer_faces_of_the_voxels(context, run, make_volume, oblique):
    """house."""
    array = np.zeros((5, 6, 7), np.uint8)
    array[1, 2, 3] = array[3, 4, 6] = 1
    (part,) = measure(context, run, create(context, run, make_volume(array), 1, 1).id).segments
    corners = [
        (oblique @ [i + a, j + b, k + c, 1])[:3]
        for i, j, k in ((3, 2, 1), (6, 4, 3))
        for a in (-0.5, 0.5)
        for b in (-0.5, 0.5)
        for c in (-0.5, 0.5)
    ]
    expected = np.stack([np.min(corners, axis=0), np.max(corners, axis=0)], axis=1).ravel()
    assert np.allclose(part.bounds_ras, expected)
    assert np.allclose(part.centroid_ras, (oblique @ [4.5, 3, 2, 1])[:3])


def test_surface_is_that_of_slicers_own_closed_surface(context, run, a_ball):
    """slicer: the same conversion rule, so the area is the one a person measures."""
    made = create(context, run, a_ball)
    (part,) = measure(context, run, made.id, surface="always").segments
    node = slicer.mrmlScene.GetNodeByID(made.id)
    node.CreateClosedSurfaceRepresentation()
    data = vtk.vtkPolyData()
    node.GetClosedSurfaceRepresentation(made.segments[0].id, data)
    properties = vtk.vtkMassProperties()
    properties.SetInputData(data)
    assert part.surface_mm2 == pytest.approx(properties.GetSurfaceArea(), rel=1e-3)


def test_surface_is_left_out_when_not_wanted(context, run, a_ball, monkeypatch):
    """issue:#2: or null."""
    made = create(context, run, a_ball)
    result = measure(context, run, made.id, surface="never")
    assert result.segments[0].surface_mm2 is None
    assert result.surface_smoothing_factor is None
    monkeypatch.setattr(segment_statistics, "AUTO_SURFACE_VOXELS", 10)
    assert measure(context, run, made.id).segments[0].surface_mm2 is None


def test_measures_are_in_the_world_of_a_scaling_parent_transform(context, run, a_ball, scene):
    """slicer: parent transforms apply to what is seen and measured."""
    plain = measure(context, run, create(context, run, a_ball).id).segments[0]
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.diag([2.0, 2, 2, 1])
    matrix[:3, 3] = (5, 0, 0)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    a_ball.SetAndObserveTransformNodeID(transform.GetID())
    made = create(context, run, a_ball)
    assert made.parent_transform_id == transform.GetID()
    grid = labelmaps.edit_grid(scene.GetNodeByID(made.id))
    assert np.allclose(grid.spacing_mm, (0.8, 1.1, 2.5))
    measured = measure(context, run, made.id, volume_id=a_ball.GetID())
    part = measured.segments[0]
    assert measured.warnings == ()
    assert part.volume_ml == pytest.approx(8 * plain.volume_ml)
    assert part.surface_mm2 == pytest.approx(4 * plain.surface_mm2, rel=1e-3)
    assert np.allclose(part.centroid_ras, 2 * np.array(plain.centroid_ras) + (5, 0, 0))
    assert part.intensity.voxel_count == part.voxel_count
    a_ball.SetAndObserveTransformNodeID(None)
    (warning,) = measure(context, run, made.id, volume_id=a_ball.GetID()).warnings
    assert "different transforms" in warning


def test_values_of_a_volume_on_another_grid_are_taken_where_its_centers_lie_inside(
    context, run, a_ball, oblique, scene
):
    """slicer: as Segment Statistics does on the grid of the volume."""
    made = create(context, run, a_ball)
    coarse = slicer.util.addVolumeFromArray(
        np.arange(40**3, dtype=np.float32).reshape(40, 40, 40), np.diag([-3.0, 3, 3, 1]), "coarse"
    )
    center = (oblique @ [*CENTER_IJK, 1])[:3]
    coarse.SetOrigin(center[0] + 58, center[1] - 58, center[2] - 58)
    (part,) = measure(context, run, made.id, volume_id=coarse.GetID()).segments
    k, j, i = np.mgrid[0:40, 0:40, 0:40]
    matrix = np.diag([-3.0, 3, 3, 1])
    matrix[:3, 3] = coarse.GetOrigin()
    ijk = np.linalg.inv(oblique) @ matrix @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
    at = np.floor(ijk[:3] + 0.5).astype(int)
    array = slicer.util.arrayFromVolume(a_ball)
    valid = ((at >= 0) & (at < np.array(array.shape[::-1])[:, None])).all(axis=0)
    inside = np.zeros(i.size, bool)
    inside[valid] = array[at[2, valid], at[1, valid], at[0, valid]] >= 1000
    expected = slicer.util.arrayFromVolume(coarse).ravel()[inside]
    assert part.intensity.voxel_count == expected.size > 500
    assert part.intensity.mean == pytest.approx(expected.mean(dtype=float))


def test_segments_that_share_a_labelmap_are_told_apart(context, run, a_ball, scene):
    """slicer: segments of one layer share one image with different label values."""
    made = create(context, run, a_ball)
    node = scene.GetNodeByID(made.id)
    labels = np.zeros(slicer.util.arrayFromVolume(a_ball).shape, np.uint8)
    labels[0:3, 0:4, 0:5], labels[10:12, 0:4, 0:5] = 1, 2
    volume = slicer.util.addVolumeFromArray(labels, None, "labels", "vtkMRMLLabelMapVolumeNode")
    volume.CopyOrientation(a_ball)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, node)
    parts = measure(context, run, made.id).segments
    assert [part.voxel_count for part in parts][1:] == [60, 40]
    chosen = measure(context, run, made.id, segment_ids=(parts[2].segment_id,)).segments
    assert [part.voxel_count for part in chosen] == [40]
    with pytest.raises(ArgumentInvalidError, match="nothing"):
        measure(context, run, made.id, segment_ids=("nothing",))


def test_transform_that_is_not_linear_is_refused(context, run, a_ball, scene):
    """house: a number that would be wrong is not given."""
    made = create(context, run, a_ball)
    grid = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    scene.GetNodeByID(made.id).SetAndObserveTransformNodeID(grid.GetID())
    with pytest.raises(GeometryMismatchError, match="harden"):
        measure(context, run, made.id)


def test_change_while_measuring_is_noticed(context, run, a_ball, scene):
    """house."""
    made = create(context, run, a_ball)
    steps = segment_statistics.measure_segments(
        context, segment_statistics.StatisticsArguments(segmentation_id=made.id)
    )
    next(steps)
    scene.GetNodeByID(made.id).GetSegmentation().GetSegment(made.segments[0].id).SetName("other")
    with pytest.raises(RevisionConflictError):
        run(steps)


def test_reading_changes_nothing(context, run, a_ball):
    """house: an answer may be cached by revision."""
    made = create(context, run, a_ball)
    segmentations.get_segmentation(context, description.SegmentationArguments(segmentation_id=made.id))
    revision = context.host.scene.revision
    segmentations.get_segmentation(context, description.SegmentationArguments(segmentation_id=made.id))
    segmentations.list_segmentations(context, PageArguments())
    measure(context, run, made.id, volume_id=a_ball.GetID())
    assert context.host.scene.revision == revision


@pytest.mark.parametrize("segment_ids", [["Ball"], ["Segment_9"]])
def test_a_name_in_the_place_of_a_segments_id_is_answered_with_the_ids(context, run, a_ball, segment_ids):
    """issue:#5 agents give names, and would ask once more for the ids."""
    made = create(context, run, a_ball, threshold={"minimum": 1000, "maximum": 1010, "segment_name": "Ball"})
    with pytest.raises(ArgumentInvalidError, match=f"names: {made.segments[0].id} .Ball."):
        measure(context, run, made.id, segment_ids=segment_ids)


def test_saving_segments_as_a_mesh_is_answered_with_the_way(context, run, a_ball, tmp_path):
    """issue:#5 what to do next: models are saved as STL, a segmentation is not."""
    made = create(context, run, a_ball)
    wanted = files.SaveArguments(node_id=made.id, path=str(tmp_path / "ball.stl"))
    with pytest.raises(ArgumentInvalidError, match=r"segmentations\.export"):
        files.save_node(context, wanted)
