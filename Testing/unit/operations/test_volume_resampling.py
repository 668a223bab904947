"""Volumes taken to other voxels: a spacing, a reference, a box; on a rotated, anisotropic, off-origin grid."""

import numpy as np
import pytest
import slicer
import vtk
from pydantic import ValidationError

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    GeometryMismatchError,
    NodeTypeError,
    OutOfMemoryError,
    RevisionConflictError,
)
from AgentBridgeLib.operations.common import reslicing
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.volumes import cropping, new_nodes, resampling

SLOPES = np.array([0.7, -1.3, 0.4])
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def resample(context, run, node, **arguments):
    made = run(
        resampling.resample_volume(context, resampling.ResampleArguments(volume_id=node.GetID(), **arguments))
    )
    return made, slicer.mrmlScene.GetNodeByID(made.id)


def crop(context, run, node, **arguments):
    made = run(cropping.crop_volume(context, cropping.CropArguments(volume_id=node.GetID(), **arguments)))
    return made, slicer.mrmlScene.GetNodeByID(made.id)


def matrix_of(node, *, in_world=False):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    own = slicer.util.arrayFromVTKMatrix(matrix)
    parent = node.GetParentTransformNode()
    if not in_world or parent is None:
        return own
    parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix) @ own


def positions(node, *, in_world=True):
    """Centers of all voxels, (k, j, i, 3), RAS mm."""
    k, j, i = slicer.util.arrayFromVolume(node).shape[:3]
    grid = np.stack(np.meshgrid(np.arange(i), np.arange(j), np.arange(k), indexing="ij"), -1).T
    ijk = np.moveaxis(grid, 0, -1).reshape(-1, 3)
    matrix = matrix_of(node, in_world=in_world)
    return (ijk @ matrix[:3, :3].T + matrix[:3, 3]).reshape(k, j, i, 3)


def linear_volume(make_volume, shape=(16, 24, 20)):
    """A volume whose value is a linear function of its position in RAS: every interpolation must find it exactly."""
    node = make_volume(np.zeros(shape), "linear")
    slicer.util.updateVolumeFromArray(node, positions(node) @ SLOPES)
    return node


def long_volume(scene, array, matrix):
    """A volume with a window of its own: Slicer's automatic one does not come back for 64-bit integers."""
    return new_nodes.new_volume(scene, "long", array, Grid(array.shape[::-1], matrix), is_labelmap=False)


def shifted(scene, amount, angle_deg=20.0):
    transform = vtk.vtkTransform()
    transform.Translate(*amount)
    transform.RotateWXYZ(angle_deg, 1, 2, 3)
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(transform.GetMatrix())
    return node


@pytest.mark.parametrize("kernel", ["linear", "cubic", "sinc"])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (0.5, 0.7, 1.3)])
def test_linear_values_are_found_at_every_new_voxel_inside(context, run, make_volume, kernel, spacing):
    """issue:#3 - resample to spacing: the value at a place in RAS is what the function says."""
    source = linear_volume(make_volume)
    made, node = resample(context, run, source, spacing_mm=spacing, interpolation=kernel)
    assert np.allclose(node.GetSpacing(), spacing)
    expected, found = positions(node) @ SLOPES, slicer.util.arrayFromVolume(node)
    inner = (slice(3, -3),) * 3
    tolerance = {"linear": 1e-4, "cubic": 1e-4, "sinc": 0.3}[kernel]
    assert np.abs(found - expected)[inner].max() < tolerance
    assert not [text for text in made.warnings if "outside" in text]


@pytest.mark.parametrize("left_handed", [False, True])
def test_new_voxels_cover_the_old_ones_around_the_same_center(context, run, a_volume, oblique, left_handed):
    """issue:#3 - the field of view stays."""
    if left_handed:
        flipped = oblique @ np.diag([1, 1, -1, 1])
        a_volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(flipped))
    made, node = resample(context, run, a_volume, spacing_mm=(3, 2, 1))
    counts, old = np.array(made.dimensions_ijk), np.array([20, 24, 16])
    extent = old * [0.8, 1.1, 2.5]
    assert np.array_equal(counts, np.ceil(extent / [3, 2, 1]))
    middle = (matrix_of(node) @ [*((counts - 1) / 2), 1])[:3]
    assert np.allclose(middle, (matrix_of(a_volume) @ [*((old - 1) / 2), 1])[:3])
    axes = matrix_of(node)[:3, :3] / [3, 2, 1]
    assert np.allclose(axes, matrix_of(a_volume)[:3, :3] / [0.8, 1.1, 2.5])


def test_same_spacing_gives_the_same_voxels(context, run, a_volume, oblique):
    """house."""
    for kernel in ("nearest", "linear", "cubic", "sinc"):
        made, node = resample(context, run, a_volume, spacing_mm=(0.8, 1.1, 2.5), interpolation=kernel)
        assert np.array_equal(slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(a_volume))
        assert np.allclose(matrix_of(node), oblique)
        assert made.warnings == ()


@pytest.mark.parametrize("scalar_type", TYPES)
def test_nearest_keeps_every_value_of_every_type(context, run, scene, oblique, scalar_type):
    """issue:#3 - 64-bit integers beyond 2^53 too."""
    info = np.iinfo(scalar_type) if scalar_type[0] in "iu" else np.finfo(scalar_type)
    array = np.array([info.min, info.max, 1, 2, info.max - 1, info.min + 1, 5, 6], scalar_type).reshape(
        2, 2, 2
    )
    made, node = resample(
        context,
        run,
        long_volume(scene, array, oblique),
        spacing_mm=(0.4, 0.55, 1.25),
        interpolation="nearest",
        fill_value=7,
    )
    assert np.array_equal(
        slicer.util.arrayFromVolume(node), array.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    )
    assert made.scalar_type == scalar_type
    assert not [text for text in made.warnings if "2^53" in text]


def test_interpolated_long_integers_are_said_to_be_rounded(context, run, scene, oblique):
    """house - honest."""
    node = long_volume(scene, np.ones((4, 4, 4), np.int64), oblique)
    made, _ = resample(context, run, node, spacing_mm=(1, 1, 1))
    assert [text for text in made.warnings if "2^53" in text]


def test_integers_are_rounded_and_limited(context, run, make_volume):
    """slicer: vtkImageReslice."""
    array = np.zeros((1, 1, 8), np.uint8)
    array[0, 0, 2:6] = 255
    made, node = resample(context, run, make_volume(array), spacing_mm=(0.2, 1.1, 2.5), interpolation="cubic")
    found = slicer.util.arrayFromVolume(node)
    assert (found.min(), found.max(), made.scalar_type) == (0, 255, "uint8")


def test_reference_gives_its_grid_in_the_world(context, run, make_volume, scene):
    """issue:#3 - resample to a reference, both under transforms."""
    source, reference = linear_volume(make_volume), make_volume(np.zeros((10, 12, 14), np.uint8), "reference")
    source.SetAndObserveTransformNodeID(shifted(scene, (5, -3, 2)).GetID())
    reference.SetAndObserveTransformNodeID(shifted(scene, (4, 1, 4), 35).GetID())
    made, node = resample(context, run, source, reference_id=reference.GetID(), fill_value=-999)
    assert np.allclose(matrix_of(node), matrix_of(reference))
    assert node.GetTransformNodeID() == reference.GetTransformNodeID()
    assert made.scalar_type == "float64"
    to_source = np.linalg.inv(matrix_of(source, in_world=True)) @ matrix_of(node, in_world=True)
    found, places = slicer.util.arrayFromVolume(node), positions(node)
    parent = slicer.util.arrayFromTransformMatrix(source.GetParentTransformNode())
    own = (places - parent[:3, 3]) @ parent[:3, :3]
    k, j, i = np.mgrid[0:10, 0:12, 0:14]
    ijk = np.stack([i, j, k], -1) @ to_source[:3, :3].T + to_source[:3, 3]
    inside = ((ijk >= 0) & (ijk <= np.array([19, 23, 15]))).all(-1)
    outside = ((ijk < -0.501) | (ijk > np.array([19.501, 23.501, 15.501]))).any(-1)
    assert inside.sum() > 100
    assert outside.sum() > 10
    assert np.allclose(found[inside], (own @ SLOPES)[inside], atol=1e-4)
    assert (found[outside] == -999).all()
    assert [text for text in made.warnings if "outside" in text]


def warp(scene):
    """A grid transform that moves by 3 sin(s / 20) along R."""
    image = vtk.vtkImageData()
    image.SetDimensions(21, 21, 21)
    image.SetSpacing(20, 20, 20)
    image.SetOrigin(-200, -200, -200)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    vectors = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(21, 21, 21, 3)
    vectors[...] = 0
    vectors[..., 0] = 3 * np.sin(np.linspace(-10, 10, 21))[:, None, None]
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(image)
    transform.SetInterpolationModeToCubic()
    node = scene.AddNewNodeByClass("vtkMRMLGridTransformNode")
    node.SetAndObserveTransformFromParent(transform)
    return node


def test_bent_volume_is_taken_to_a_straight_grid(context, run, make_volume, scene):
    """issue:#3 - transforms that are not linear are applied point by point."""
    source, reference = linear_volume(make_volume), make_volume(np.zeros((8, 12, 10), np.uint8), "reference")
    source.SetAndObserveTransformNodeID(warp(scene).GetID())
    _, node = resample(context, run, source, reference_id=reference.GetID())
    places = positions(node)
    from_world = vtk.vtkGeneralTransform()
    source.GetParentTransformNode().GetTransformFromWorld(from_world)
    own = np.array([from_world.TransformPoint(p) for p in places.reshape(-1, 3)]).reshape(places.shape)
    found = slicer.util.arrayFromVolume(node)
    inside = found != 0
    assert inside.mean() > 0.5
    ijk = (own - matrix_of(source)[:3, 3]) @ np.linalg.inv(matrix_of(source)[:3, :3]).T
    safe = ((ijk > 0) & (ijk < np.array([19, 23, 15]))).all(-1)
    assert np.allclose(found[safe], (own @ SLOPES)[safe], atol=1e-4)
    assert np.abs(own - places).max() > 1
    assert node.GetParentTransformNode() is None


def test_parent_of_the_volume_stays_with_a_spacing(context, run, a_volume, scene):
    """issue:#3 - handled, not ignored."""
    a_volume.SetAndObserveTransformNodeID(shifted(scene, (1, 2, 3)).GetID())
    _, node = resample(context, run, a_volume, spacing_mm=(2, 2, 2))
    assert node.GetTransformNodeID() == a_volume.GetTransformNodeID()


def test_labels_are_never_averaged(context, run, make_volume):
    """issue:#3 - label volumes."""
    array = np.zeros((6, 6, 6), np.uint8)
    array[2:4] = 10
    labels = make_volume(array, "labels", "vtkMRMLLabelMapVolumeNode")
    made, node = resample(context, run, labels, spacing_mm=(0.5, 0.5, 0.5))
    assert made.class_name == "vtkMRMLLabelMapVolumeNode"
    assert set(np.unique(slicer.util.arrayFromVolume(node))) == {0, 10}
    with pytest.raises(NodeTypeError):
        resample(context, run, labels, spacing_mm=(1, 1, 1), interpolation="linear")


def test_every_component_is_resampled(context, run, make_volume):
    """issue:#3 - vector volumes."""
    k, j, i = np.mgrid[0:6, 0:7, 0:8]
    array = np.stack([i, j, k, i + j, j + k], -1).astype(np.float32)
    node = make_volume(array, "vectors", "vtkMRMLVectorVolumeNode")
    made, result = resample(context, run, node, spacing_mm=(0.4, 1.1, 2.5))
    found = slicer.util.arrayFromVolume(result)
    assert made.component_count == 5
    assert np.allclose(found[:, :, 3:-3, 1:3], np.stack([j, k], -1).repeat(2, axis=2)[:, :, 3:-3])
    assert np.allclose(found[0, 0, 2:6, 0], [0.75, 1.25, 1.75, 2.25])


def test_larger_voxels_warn_unless_they_average(context, run, a_volume, make_volume):
    """house - aliasing is said; sinc averages."""
    made, _ = resample(context, run, a_volume, spacing_mm=(4, 1.1, 2.5))
    assert [text for text in made.warnings if "5 times" in text]
    stripes = np.zeros((4, 4, 64), np.float32)
    stripes[..., ::2] = 100
    noisy = make_volume(stripes)
    _, linear = resample(context, run, noisy, spacing_mm=(2.4, 1.1, 2.5))
    made, sinc = resample(context, run, noisy, spacing_mm=(2.4, 1.1, 2.5), interpolation="sinc")
    inner = (slice(None), slice(None), slice(4, -4))
    assert np.allclose(slicer.util.arrayFromVolume(sinc)[inner], 50, atol=2)
    assert made.warnings == ()
    assert set(np.unique(slicer.util.arrayFromVolume(linear)[inner])) == {0, 100}


@pytest.mark.parametrize("scalar_type", ["uint8", "int32", "int64", "float32"])
def test_one_axis_after_the_other_is_the_same_as_all_at_once(scalar_type, monkeypatch):
    """house - the faster way of sinc, up to rounding, larger and smaller voxels, several components."""
    rng = np.random.default_rng(4)
    source = (rng.uniform(0, 200, (9, 14, 17, 2))).astype(scalar_type)
    way = np.diag([2.3, 0.6, 1.0, 1.0])
    way[:3, 3] = (0.8, -0.3, 0)
    shape = (9, 25, 7)

    def resliced():
        working = reslicing.reslice(source, way, shape, "sinc", 5)
        while True:
            try:
                next(working)
            except StopIteration as end:
                return end.value

    assert len(reslicing._passes(way, source.shape, shape)) == 2
    fast = resliced()
    monkeypatch.setattr(reslicing, "_passes", lambda *given: [(given[0], given[2])])
    slow = resliced()
    assert fast.dtype == slow.dtype == scalar_type
    tolerance = 1e-2 if scalar_type == "float32" else 1
    assert np.abs(fast.astype(float) - slow).max() <= tolerance
    assert np.ptp(fast) > 50


def test_what_does_not_overlap_is_refused(context, run, a_volume, make_volume, scene):
    """issue:#3 - scene.geometry_mismatch."""
    far = make_volume(np.zeros((4, 4, 4), np.uint8), "far")
    far.SetOrigin(900, 0, 0)
    count = scene.GetNumberOfNodes()
    with pytest.raises(GeometryMismatchError):
        resample(context, run, a_volume, reference_id=far.GetID())
    with pytest.raises(GeometryMismatchError):
        crop(context, run, a_volume, bounds_ras=(800, 900, 0, 10, 0, 10))
    with pytest.raises(GeometryMismatchError):
        crop(context, run, a_volume, bounds_ras=(800, 900, 0, 10, 0, 10), mode="interpolated")
    assert scene.GetNumberOfNodes() == count


def test_change_during_the_work_makes_nothing(context, a_volume, scene, monkeypatch):
    """house."""
    monkeypatch.setattr(reslicing, "STEP_S", 0.0)
    steps = resampling.resample_volume(
        context, resampling.ResampleArguments(volume_id=a_volume.GetID(), spacing_mm=(1, 1, 1))
    )
    next(steps)
    slicer.util.arrayFromVolume(a_volume)[:] = 0
    slicer.util.arrayFromVolumeModified(a_volume)
    count = scene.GetNumberOfNodes()
    with pytest.raises(RevisionConflictError):
        for _ in steps:
            pass
    assert scene.GetNumberOfNodes() == count


@pytest.mark.parametrize("step_s", [0.0, 1e-5, 10.0])
def test_size_of_the_steps_changes_nothing(context, run, a_volume, monkeypatch, step_s):
    """house - parts of slices and several slices."""
    _, whole = resample(context, run, a_volume, spacing_mm=(0.9, 0.6, 1.7))
    monkeypatch.setattr(reslicing, "STEP_S", step_s)
    _, pieces = resample(context, run, a_volume, spacing_mm=(0.9, 0.6, 1.7))
    assert np.array_equal(slicer.util.arrayFromVolume(whole), slicer.util.arrayFromVolume(pieces))


def test_too_much_is_refused_before_it_is_made(context, run, a_volume, monkeypatch):
    """slicer: VTK ends the process when memory is short."""
    with pytest.raises(ArgumentInvalidError):
        resample(context, run, a_volume, spacing_mm=(1, 1, 0.001))
    with pytest.raises(ArgumentInvalidError):
        resample(context, run, a_volume, spacing_mm=(1, 1, 1), fill_value=0.5)
    monkeypatch.setattr(type(context.host.application), "available_memory_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemoryError):
        resample(context, run, a_volume, spacing_mm=(0.1, 0.1, 0.1))


def test_exactly_one_target_is_given():
    """house."""
    for arguments in ({}, {"spacing_mm": (1, 1, 1), "reference_id": "x"}, {"spacing_mm": (1, 1, 0)}):
        with pytest.raises(ValidationError):
            resampling.ResampleArguments(volume_id="v", **arguments)
    box = (0, 1, 0, 1, 0, 1)
    for arguments in (
        {},
        {"region": box, "bounds_ras": box},
        {"region": box, "mode": "interpolated"},
        {"bounds_ras": box, "spacing_mm": (1, 1, 1)},
        {"bounds_ras": box, "interpolation": "linear"},
    ):
        with pytest.raises(ValidationError):
            cropping.CropArguments(volume_id="v", **arguments)


def a_roi(scene, center, size, angle_deg=0.0):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetSize(*size)
    turn = vtk.vtkTransform()
    turn.Translate(*center)
    turn.RotateWXYZ(angle_deg, 0.3, -1, 0.5)
    roi.SetAndObserveObjectToNodeMatrix(turn.GetMatrix())
    return roi


@pytest.mark.parametrize("angle_deg", [0, 37])
def test_box_of_whole_voxels_has_every_voxel_that_the_roi_touches(
    context, run, a_volume, oblique, scene, angle_deg
):
    """issue:#3 - crop, voxels."""
    middle = (oblique @ [9.5, 11.5, 7.5, 1])[:3]
    roi = a_roi(scene, middle, (5, 6, 7), angle_deg)
    made, node = crop(context, run, a_volume, roi_id=roi.GetID())
    first = np.round(np.linalg.inv(oblique) @ matrix_of(node)[:, 3]).astype(int)[:3]
    i, j, k = made.dimensions_ijk
    whole = slicer.util.arrayFromVolume(a_volume)
    part = whole[first[2] : first[2] + k, first[1] : first[1] + j, first[0] : first[0] + i]
    assert np.array_equal(slicer.util.arrayFromVolume(node), part)
    rng = np.random.default_rng(1)
    to_world = slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())
    inside = (rng.uniform(-0.5, 0.5, (4000, 3)) * (5, 6, 7)) @ to_world[:3, :3].T + to_world[:3, 3]
    touched = np.round((inside - oblique[:3, 3]) @ np.linalg.inv(oblique[:3, :3]).T)
    assert (touched.min(axis=0) >= first).all()
    assert (touched.max(axis=0) < first + made.dimensions_ijk).all()
    assert (touched.min(axis=0) - first <= 1).all()
    assert made.warnings == ()


def test_faces_of_the_box_on_faces_of_voxels_add_no_layer(context, run, scene, make_volume):
    """slicer: vtkSlicerCropVolumeLogic has a tolerance too."""
    node = make_volume(np.arange(1000).reshape(10, 10, 10).astype(np.int16))
    node.SetIJKToRASMatrix(vtk.vtkMatrix4x4())
    made, part = crop(context, run, node, bounds_ras=(1.5 - 1e-9, 4.5 + 1e-9, -0.5, 0.5, 8.5, 30))
    assert made.dimensions_ijk == (3, 1, 1)
    assert slicer.util.arrayFromVolume(part).ravel().tolist() == [902, 903, 904]
    assert "beyond" in made.warnings[0]


def test_interpolated_box_lies_along_the_roi(context, run, make_volume, oblique, scene):
    """issue:#3 - crop, interpolated, turned ROI under a transform, volume under another."""
    source = linear_volume(make_volume)
    source.SetAndObserveTransformNodeID(shifted(scene, (2, 3, -1), 15).GetID())
    middle = (matrix_of(source, in_world=True) @ [9.5, 11.5, 7.5, 1])[:3]
    roi = a_roi(scene, (0, 0, 0), (4, 6, 9), 25)
    roi.SetAndObserveTransformNodeID(shifted(scene, middle, 40).GetID())
    made, node = crop(context, run, source, roi_id=roi.GetID(), mode="interpolated", spacing_mm=(0.5, 1, 1.5))
    assert made.dimensions_ijk == (8, 6, 6)
    assert made.warnings == ()
    assert node.GetParentTransformNode() is None
    to_world = slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())
    corner = to_world @ [-2 + 0.25, -3 + 0.5, -4.5 + 0.75, 1]
    assert np.allclose(matrix_of(node)[:3, 3], corner[:3])
    assert np.allclose(matrix_of(node)[:3, :3], to_world[:3, :3] * (0.5, 1, 1.5))
    parent = slicer.util.arrayFromTransformMatrix(source.GetParentTransformNode())
    own = (positions(node) - parent[:3, 3]) @ parent[:3, :3]
    assert np.allclose(slicer.util.arrayFromVolume(node), own @ SLOPES, atol=1e-4)


def test_spacing_of_an_interpolated_box_is_that_of_the_nearest_axes(context, run, scene, make_volume):
    """slicer: vtkSlicerCropVolumeLogic."""
    node = make_volume(np.zeros((20, 20, 20)))
    matrix = np.array([[0, 0, 2, -20], [0, 3, 0, -30], [-1, 0, 0, 10], [0, 0, 0, 1]], float)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    made, part = crop(context, run, node, bounds_ras=(-10, 10, -9, 9, -5, 5), mode="interpolated")
    assert part.GetSpacing() == pytest.approx((2, 3, 1))
    assert made.dimensions_ijk == (10, 6, 10)


def test_labelmap_stays_one_when_cropped_by_interpolation(context, run, make_volume, oblique):
    """issue:#3."""
    array = np.zeros((16, 24, 20), np.uint16)
    array[5:9, 8:14, 6:12] = 300
    labels = make_volume(array, "labels", "vtkMRMLLabelMapVolumeNode")
    middle = (oblique @ [9, 11, 7, 1])[:3]
    bounds = tuple(np.ravel([(value - 4, value + 4) for value in middle]))
    made, node = crop(
        context, run, labels, bounds_ras=bounds, mode="interpolated", spacing_mm=(0.5, 0.5, 0.5)
    )
    assert made.class_name == "vtkMRMLLabelMapVolumeNode"
    assert set(np.unique(slicer.util.arrayFromVolume(node))) == {0, 300}


def test_box_without_extent_or_of_a_bent_volume_is_refused(context, run, a_volume, scene):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        crop(context, run, a_volume, bounds_ras=(0, 0, 0, 1, 0, 1))
    with pytest.raises(ArgumentInvalidError):
        crop(context, run, a_volume, roi_id=scene.AddNewNodeByClass("vtkMRMLMarkupsROINode").GetID())
    with pytest.raises(NodeTypeError):
        crop(context, run, a_volume, roi_id=scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode").GetID())
    a_volume.SetAndObserveTransformNodeID(warp(scene).GetID())
    with pytest.raises(NodeTypeError, match="not linear"):
        crop(context, run, a_volume, bounds_ras=(-20, 0, 0, 20, 70, 90))
