import math

import numpy as np
import pytest
import slicer
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.operations.common import stepping
from AgentBridgeLib.operations.volumes import values as volume_values


def histogram(context, run, node, **arguments):
    arguments = volume_values.HistogramArguments(volume_id=node.GetID(), **arguments)
    return run(volume_values.histogram(context, arguments))


def sample(context, node, **arguments):
    return volume_values.sample(context, volume_values.SampleArguments(volume_id=node.GetID(), **arguments))


def world(oblique, *ijk):
    return tuple((oblique @ [*ijk, 1])[:3])


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint8])
@pytest.mark.parametrize("bins", [1, 7, 256])
def test_histogram_is_numpys(context, run, make_volume, dtype, bins, monkeypatch):
    """house."""
    array = (np.random.default_rng(3).normal(100, 30, (9, 11, 13))).clip(0, 250).astype(dtype)
    monkeypatch.setattr(stepping, "STEP_VOXELS", 200)
    result = histogram(context, run, make_volume(array), bins=bins)
    counts, edges = np.histogram(array, bins)
    assert result.counts == tuple(counts)
    assert np.allclose(result.edges, edges)
    assert result.mean == pytest.approx(array.mean(dtype=float))
    assert result.standard_deviation == pytest.approx(array.std(dtype=float))


def test_values_outside_the_range_and_not_a_number_are_counted_apart(context, run, make_volume):
    """house: JSON has no NaN."""
    array = np.array([0, 1, 2, 3, np.nan, np.inf, -np.inf, 9], np.float32).reshape(2, 2, 2)
    result = histogram(context, run, make_volume(array), bins=2, minimum=1, maximum=3)
    assert result.counts == (1, 2)
    assert (result.below_count, result.above_count, result.not_a_number_count) == (2, 2, 1)
    assert sum(result.counts) + 2 + 2 + 1 == result.voxel_count == 8
    assert result.mean == pytest.approx(3)


def test_histogram_of_a_constant_volume_has_a_range(context, run, make_volume):
    """house."""
    result = histogram(context, run, make_volume(np.full((2, 2, 2), 5, np.int16)), bins=4)
    assert (result.edges[0], result.edges[-1], sum(result.counts)) == (4.5, 5.5, 8)


def test_empty_range_is_refused(context, run, a_volume):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        histogram(context, run, a_volume, minimum=5, maximum=5)
    with pytest.raises(ArgumentInvalidError):
        histogram(context, run, a_volume, component=1)


def test_linear_samples_of_a_ramp_are_exact_between_voxels(context, a_volume, oblique):
    """slicer: RAS to IJK on a rotated, anisotropic volume; the ramp is linear in i, j, k."""
    inside = [(3.25, 4.5, 5.75), (0, 0, 0), (19, 23, 15), (10.5, 0, 7.1)]
    result = sample(context, a_volume, points_ras=tuple(world(oblique, *ijk) for ijk in inside))
    expected = [k * 480 + j * 20 + i - 4000 for i, j, k in inside]
    assert np.allclose(result.values, expected, atol=1e-6)


def test_nearest_gives_values_that_occur(context, a_volume, oblique):
    """house."""
    result = sample(context, a_volume, points_ras=(world(oblique, 3.4, 4.6, 5.2),), interpolation="nearest")
    assert result.values == (5 * 480 + 5 * 20 + 3 - 4000,)


@pytest.mark.parametrize(
    ("ijk", "is_inside"),
    [
        ((-0.49, 0, 0), True),
        ((-0.51, 0, 0), False),
        ((19.49, 23, 15), True),
        ((19.51, 23, 15), False),
        ((0, 0, 16), False),
    ],
)
def test_outside_begins_at_the_outer_faces(context, a_volume, oblique, ijk, is_inside):
    """house."""
    for interpolation in ("nearest", "linear"):
        result = sample(context, a_volume, points_ras=(world(oblique, *ijk),), interpolation=interpolation)
        assert (result.values[0] is not None) == is_inside
        assert result.outside_count == (not is_inside)


def test_parent_transform_moves_the_volume(context, a_volume, oblique, scene):
    """issue:#2."""
    turn = np.array([[0.0, -1, 0, 50], [1, 0, 0, -20], [0, 0, 1, 5], [0, 0, 0, 1]])
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
    a_volume.SetAndObserveTransformNodeID(transform.GetID())
    point = tuple((turn @ oblique @ [3, 4, 5, 1])[:3])
    assert sample(context, a_volume, points_ras=(point,)).values[0] == pytest.approx(5 * 480 + 80 + 3 - 4000)


def test_line_gives_its_points_back(context, a_volume, oblique):
    """house."""
    ends = {"start_ras": world(oblique, 0, 0, 0), "end_ras": world(oblique, 10, 0, 0), "count": 11}
    result = sample(context, a_volume, line=ends)
    assert np.allclose(result.values, np.arange(11) - 4000)
    assert np.allclose(result.points_ras[5], world(oblique, 5, 0, 0))


def test_line_without_direction_and_both_ways_at_once_are_refused(context, a_volume):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        sample(context, a_volume, line={"start_ras": (0, 0, 0), "end_ras": (0, 0, 0), "count": 2})
    with pytest.raises(ValidationError):
        volume_values.SampleArguments(volume_id="v")
    with pytest.raises(ValidationError):
        volume_values.SampleArguments(
            volume_id="v", line={"start_ras": (0, 0, 0), "end_ras": (1, 0, 0), "count": 4097}
        )


def test_not_a_number_is_null(context, make_volume, oblique):
    """house: JSON has no NaN."""
    array = np.full((2, 2, 2), math.nan, np.float32)
    array[0, 0, 0] = 3
    result = sample(
        context, make_volume(array), points_ras=(world(oblique, 0, 0, 0), world(oblique, 0.5, 0, 0))
    )
    assert result.values == (3, None)
    assert result.outside_count == 0


def test_reading_does_not_change_the_scene(context, run, a_volume):
    """house: an answer may be cached by revision."""
    revision = context.host.scene.revision
    histogram(context, run, a_volume)
    sample(context, a_volume, points_ras=((0, 0, 0),))
    assert context.host.scene.revision == revision
