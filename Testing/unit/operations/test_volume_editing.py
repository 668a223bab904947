"""Volumes changed in place, and made from others, on a rotated, anisotropic, off-origin grid."""

import numpy as np
import pytest
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, GeometryMismatchError, NodeTypeError
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.volumes import arithmetic, cropping, editing, new_nodes

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def update(context, node, **arguments):
    wanted = editing.UpdateArguments(volume_id=node.GetID(), **arguments)
    return editing.update_volume(context, wanted)


def voxels_and_matrix(made):
    node = slicer.mrmlScene.GetNodeByID(made.id)
    matrix = slicer.vtkMRMLSliceNode().GetXYToRAS().NewInstance()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVolume(node), slicer.util.arrayFromVTKMatrix(matrix)


def test_window_color_and_name_are_set_and_the_window_is_no_longer_automatic(context, a_volume):
    """http: section 6."""
    changed = update(
        context,
        a_volume,
        name="CT",
        window_width=350,
        window_level=40,
        color_node_id=a_volume.GetDisplayNode().GetColorNodeID(),
    )
    assert changed.name == "CT"
    assert (changed.display.window_width, changed.display.window_level) == (350, 40)
    assert not changed.display.is_window_automatic
    assert update(context, a_volume, window_level=50).display.window_width == 350


def test_spacing_origin_and_axes_are_set_one_by_one(context, a_volume, oblique):
    """http: section 6; what is not given stays."""
    moved = update(context, a_volume, origin_ras=(1, 2, 3))
    assert np.allclose(np.array(moved.ijk_to_ras)[:3, :3], oblique[:3, :3])
    assert np.allclose(moved.origin_ras, (1, 2, 3))
    scaled = update(context, a_volume, spacing_mm=(2, 3, 4))
    assert np.allclose(scaled.spacing_mm, (2, 3, 4))
    assert np.allclose(scaled.i_axis_ras, oblique[:3, 0] / 0.8)
    turned = update(context, a_volume, axes_ras=((0, 2, 0), (1, 0, 0), (0, 0, 1)))
    assert turned.is_left_handed
    assert np.allclose(np.array(turned.ijk_to_ras)[:3, :3], [[0, 3, 0], [2, 0, 0], [0, 0, 4]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacing_mm": (1, 0, 1)},
        {"axes_ras": ((1, 0, 0), (1, 0, 0), (0, 0, 1))},
        {"axes_ras": ((0, 0, 0),) * 3},
    ],
)
def test_geometry_that_spans_no_space_is_refused_and_nothing_changes(context, a_volume, oblique, wrong):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        update(context, a_volume, name="other", **wrong)
    assert a_volume.GetName() == "ramp"


def test_node_that_is_no_color_table_is_refused(context, a_volume):
    """house."""
    with pytest.raises(NodeTypeError):
        update(context, a_volume, color_node_id=a_volume.GetID())


@pytest.mark.parametrize("scalar_type", TYPES)
def test_clone_is_exact_for_every_type(context, run, make_volume, oblique, scalar_type):
    """issue:#3."""
    info = np.iinfo(scalar_type) if scalar_type[0] in "iu" else np.finfo(scalar_type)
    array = np.array([info.min, info.max, 0, 1, 2, 3] * 4, scalar_type).reshape(2, 3, 4)
    made = new_nodes.new_volume(slicer.mrmlScene, "v", array, Grid((4, 3, 2), oblique), is_labelmap=False)
    copy = run(cropping.clone_volume(context, new_nodes.NamedArguments(volume_id=made.GetID())))
    voxels, matrix = voxels_and_matrix(copy)
    assert voxels.dtype == array.dtype
    assert np.array_equal(voxels, array)
    assert not np.shares_memory(voxels, array)
    assert np.allclose(matrix, oblique)


def test_clone_of_a_labelmap_is_a_labelmap(context, run, make_volume):
    """slicer."""
    labels = make_volume(np.ones((2, 3, 4), np.uint8), "labels", "vtkMRMLLabelMapVolumeNode")
    copy = run(cropping.clone_volume(context, new_nodes.NamedArguments(volume_id=labels.GetID())))
    assert copy.class_name == "vtkMRMLLabelMapVolumeNode"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_cropped_voxels_stay_where_they_are(context, run, a_volume, oblique, data):
    """issue:#3: any box."""
    box = [sorted(data.draw(st.sets(st.integers(0, n), min_size=2, max_size=2))) for n in (20, 24, 16)]
    (i0, i1), (j0, j1), (k0, k1) = box
    wanted = cropping.CropArguments(volume_id=a_volume.GetID(), region=(i0, i1, j0, j1, k0, k1))
    voxels, matrix = voxels_and_matrix(run(cropping.crop_volume(context, wanted)))
    assert np.array_equal(voxels, slicer.util.arrayFromVolume(a_volume)[k0:k1, j0:j1, i0:i1])
    assert np.allclose(matrix[:, 3], oblique @ [i0, j0, k0, 1])
    assert np.allclose(matrix[:3, :3], oblique[:3, :3])


@pytest.mark.parametrize("region", [(0, 21, 0, 1, 0, 1), (-1, 2, 0, 1, 0, 1), (3, 3, 0, 1, 0, 1)])
def test_region_beyond_the_image_is_refused(context, run, a_volume, region):
    """house."""
    with pytest.raises(ArgumentInvalidError, match="region"):
        run(cropping.crop_volume(context, cropping.CropArguments(volume_id=a_volume.GetID(), region=region)))


def test_threshold_replaces_what_is_asked_and_keeps_the_type(context, run, a_volume):
    """issue:#3."""
    array = slicer.util.arrayFromVolume(a_volume)
    wanted = arithmetic.ThresholdArguments(
        volume_id=a_volume.GetID(), minimum=-10, maximum=10.5, outside_value=-7
    )
    voxels, _ = voxels_and_matrix(run(arithmetic.threshold_volume(context, wanted)))
    assert voxels.dtype == np.int16
    assert np.array_equal(voxels, np.where((array >= -10) & (array <= 10.5), array, -7))
    with pytest.raises(ArgumentInvalidError, match="int16"):
        run(arithmetic.threshold_volume(context, wanted.model_copy(update={"outside_value": 40000})))
    with pytest.raises(ArgumentInvalidError, match="int16"):
        run(arithmetic.threshold_volume(context, wanted.model_copy(update={"inside_value": 0.5})))


@pytest.mark.parametrize("operator", list(arithmetic.OPERATORS))
def test_arithmetic_neither_overflows_nor_rounds(context, run, make_volume, operator):
    """issue:#3."""
    one = make_volume(np.array([[[32767, -32768, 5]]], np.int16), "one")
    two = make_volume(np.array([[[255, 7, 0]]], np.uint8), "two")
    wanted = arithmetic.MathArguments(volume_id=one.GetID(), other_volume_id=two.GetID(), operator=operator)
    voxels, _ = voxels_and_matrix(run(arithmetic.combine_volumes(context, wanted)))
    with np.errstate(divide="ignore"):
        expected = arithmetic.OPERATORS[operator](np.array([32767.0, -32768, 5]), np.array([255.0, 7, 0]))
    assert np.array_equal(voxels.ravel(), expected)


def test_volumes_at_other_places_are_refused_with_both_geometries(context, run, a_volume, oblique):
    """issue:#3: scene.geometry_mismatch with both values."""
    shifted = oblique.copy()
    shifted[0, 3] += 0.5
    other = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(a_volume), shifted)
    wanted = arithmetic.MathArguments(
        volume_id=a_volume.GetID(), other_volume_id=other.GetID(), operator="subtract"
    )
    with pytest.raises(GeometryMismatchError) as caught:
        run(arithmetic.combine_volumes(context, wanted))
    assert np.allclose(caught.value.facts["first_geometry"]["ijk_to_ras"], oblique)
    assert np.allclose(caught.value.facts["second_geometry"]["ijk_to_ras"], shifted)
    assert "volumes.resample with `reference_id`" in str(caught.value)
    with pytest.raises(ValidationError, match="together with other_volume_id"):
        arithmetic.MathArguments(**wanted.model_dump(exclude_unset=True), value=2.0)
