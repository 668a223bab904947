"""Longest diameters of segments."""

import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.operations.segmentations import creating, diameters
from AgentBridgeLib.operations.segmentations import statistics as segment_statistics


def finished(generator):
    """Give what a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def by_brute_force(points):
    """Give the longest distance of all pairs."""
    return np.linalg.norm(points[:, None] - points[None], axis=2).max()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["cloud", "shell", "flat", "line", "twice", "one"])
def test_the_farthest_pair_is_that_of_all_pairs(kind, seed, monkeypatch):
    """house: an oracle that compares all with all."""
    monkeypatch.setattr(diameters, "PAIRS_PER_STEP", 500)
    random = np.random.default_rng(seed)
    points = random.normal(size=(300, 3)) * (30, 20, 5) + (100, -50, 700)
    if kind == "shell":
        points = points / np.linalg.norm(points, axis=1)[:, None] * 40
    elif kind == "flat":
        points[:, 2] = 3
    elif kind == "line":
        points = points[:, :1] * (1, 2, -1)
    elif kind == "twice":
        points = points[[4, 9, 4, 9]]
    elif kind == "one":
        points = points[:1]
    start, end = finished(diameters.farthest_pair(points))
    assert np.linalg.norm(end - start) == pytest.approx(by_brute_force(points), abs=1e-9)
    assert any(np.allclose(start, point) for point in points)


@pytest.fixture
def a_bone(make_volume):
    """An oblique volume with a rod that goes through slices, and a slice with two voxels far apart."""
    array = np.zeros((20, 30, 40), np.int16)
    array[3:18, 10, 12] = 100
    array[9, 4, 5] = array[9, 25, 33] = 100
    return make_volume(array, "bone")


@pytest.mark.parametrize("frame", ["ras", "lps"])
def test_both_diameters_are_exact_in_a_rotated_scaled_world(context, run_jobs, a_bone, frame):
    """issue:#3 in the world, as everything that is measured; spacing and turn count."""
    wanted = creating.CreateArguments(
        source_volume_id=a_bone.GetID(), threshold={"minimum": 50, "maximum": 200}
    )
    made = run_jobs(creating.create_segmentation(context, wanted))
    found = run_jobs(
        segment_statistics.measure_segments(
            context, segment_statistics.StatisticsArguments(segmentation_id=made.id, frame=frame)
        )
    ).segments[0]
    array = slicer.util.arrayFromVolume(a_bone)
    ijk = np.argwhere(array > 0)[:, ::-1]
    matrix = vtk.vtkMatrix4x4()
    a_bone.GetIJKToRASMatrix(matrix)
    to_ras = slicer.util.arrayFromVTKMatrix(matrix)
    centers = np.c_[ijk, np.ones(len(ijk))] @ to_ras.T[:, :3]
    assert found.longest_diameter.length_mm == pytest.approx(by_brute_force(centers))
    in_slice = found.longest_slice_diameter
    pair = np.array([[5, 4, 9, 1], [33, 25, 9, 1]]) @ to_ras.T[:, :3]
    assert in_slice.length_mm == pytest.approx(np.linalg.norm(pair[1] - pair[0]))
    ends = np.array([getattr(in_slice, f"{end}_{frame}") for end in ("start", "end")])
    expected = pair * (-1, -1, 1) if frame == "lps" else pair
    assert sorted(map(tuple, ends.round(6))) == sorted(map(tuple, expected.round(6)))
