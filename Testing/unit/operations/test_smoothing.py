import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError, RevisionConflictError
from AgentBridgeLib.operations.volumes import smoothing


def smooth(context, node, **arguments):
    return smoothing.smooth(context, smoothing.SmoothArguments(volume_id=node.GetID(), **arguments))


def voxels(made):
    return slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(made.id))


def test_point_is_spread_by_the_same_number_of_millimeters_along_every_axis(context, run, make_volume):
    """issue:#2 sigma in mm on anisotropic spacing (0.8, 1.1, 2.5)."""
    array = np.zeros((41, 61, 81), np.int16)
    array[20, 30, 40] = 10_000
    made = run(smooth(context, make_volume(array), sigma_mm=4.0))
    result = voxels(made).astype(float)
    assert result.dtype == np.float64
    assert result.sum() == pytest.approx(10_000, rel=1e-4)
    for axis, (spacing, center) in enumerate(zip((2.5, 1.1, 0.8), (20, 30, 40), strict=True)):
        profile = result.sum(axis=tuple({0, 1, 2} - {axis}))
        distance_mm = (np.arange(len(profile)) - center) * spacing
        variance = (profile * distance_mm**2).sum() / profile.sum()
        assert np.sqrt(variance) == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_result_is_that_of_vtks_own_filter(context, run, make_volume, dtype):
    """slicer: vtkImageGaussianSmooth, cut and weighted anew at the border."""
    array = np.random.default_rng(7).integers(0, 200, (17, 23, 29)).astype(dtype)
    node = make_volume(array)
    made = run(smooth(context, node, sigma_mm=2.2))
    reference = vtk.vtkImageGaussianSmooth()
    cast = vtk.vtkImageCast()
    cast.SetInputData(node.GetImageData())
    cast.SetOutputScalarTypeToDouble()
    reference.SetInputConnection(cast.GetOutputPort())
    sigma = [2.2 / spacing for spacing in node.GetSpacing()]
    reference.SetStandardDeviations(*sigma)
    # VTK's radius is int(sigma * factor); ours is rounded up.
    reference.SetRadiusFactors(*[(np.ceil(4 * s) + 0.01) / s for s in sigma])
    reference.Update()
    expected = vtk.util.numpy_support.vtk_to_numpy(reference.GetOutput().GetPointData().GetScalars())
    assert np.allclose(voxels(made).ravel(), expected, atol=2e-3)
    assert made.scalar_type == ("float64" if dtype == np.float64 else "float32")


@pytest.mark.parametrize("products", [2_000, 60_000, 3_000_000])
def test_result_does_not_depend_on_how_it_is_cut_into_steps(context, run, make_volume, products, monkeypatch):
    """house."""
    array = np.random.default_rng(1).random((12, 30, 20)).astype(np.float32)
    whole = voxels(run(smooth(context, make_volume(array), sigma_mm=1.5))).copy()
    monkeypatch.setattr(smoothing, "STEP_PRODUCTS", products)
    assert np.allclose(voxels(run(smooth(context, make_volume(array), sigma_mm=1.5))), whole, atol=1e-6)


def test_constant_image_stays_constant_up_to_the_border(context, run, make_volume):
    """slicer: vtkImageGaussianSmooth does the same."""
    made = run(smooth(context, make_volume(np.full((8, 9, 10), 42, np.int16)), sigma_mm=3))
    assert np.allclose(voxels(made), 42, rtol=1e-5)


def test_result_lies_where_the_input_lies_and_input_is_untouched(context, run, a_volume, oblique, scene):
    """issue:#2."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_volume.SetAndObserveTransformNodeID(transform.GetID())
    before = slicer.util.arrayFromVolume(a_volume).copy()
    made = run(smooth(context, a_volume, sigma_mm=1.0, name="soft"))
    node = scene.GetNodeByID(made.id)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), oblique)
    assert node.GetParentTransformNode() is transform
    assert node.GetName() == "soft"
    assert node.GetAttribute("AgentBridge.operation")
    assert np.array_equal(slicer.util.arrayFromVolume(a_volume), before)


def test_progress_rises_to_one(context, a_volume, monkeypatch):
    """issue:#2."""
    monkeypatch.setattr(smoothing, "STEP_PRODUCTS", 100_000)
    fractions = [step.fraction for step in smooth(context, a_volume, sigma_mm=2)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len(fractions) > 3


def test_cancel_leaves_the_scene_as_it_was(context, a_volume, monkeypatch):
    """issue:#2."""
    monkeypatch.setattr(smoothing, "STEP_PRODUCTS", 100_000)
    revision = context.host.scene.revision
    steps = smooth(context, a_volume, sigma_mm=2)
    next(steps)
    steps.close()
    assert context.host.scene.revision == revision


@pytest.mark.parametrize("change", ["voxels", "geometry", "removal"])
def test_changed_input_makes_nothing(context, run, a_volume, scene, change, monkeypatch):
    """house: a result of half old, half new voxels is none."""
    monkeypatch.setattr(smoothing, "STEP_PRODUCTS", 100_000)
    steps = smooth(context, a_volume, sigma_mm=2)
    next(steps)
    if change == "voxels":
        slicer.util.arrayFromVolume(a_volume)[0, 0, 0] = 1
        slicer.util.arrayFromVolumeModified(a_volume)
    elif change == "geometry":
        a_volume.SetSpacing(1, 1, 1)
    else:
        scene.RemoveNode(a_volume)
    with pytest.raises(RevisionConflictError):
        run(steps)


def test_changed_window_does_not_matter(context, run, a_volume, monkeypatch):
    """house: a person may adjust the display while a job runs."""
    a_volume.CreateDefaultDisplayNodes()
    monkeypatch.setattr(smoothing, "STEP_PRODUCTS", 100_000)
    steps = smooth(context, a_volume, sigma_mm=2)
    next(steps)
    a_volume.GetDisplayNode().SetAutoWindowLevel(0)
    a_volume.GetDisplayNode().SetWindowLevel(5, 6)
    assert run(steps).id


def test_labelmap_and_too_wide_sigma_are_refused(context, run, make_volume):
    """house."""
    labels = make_volume(np.ones((4, 4, 4), np.uint8), "labels", "vtkMRMLLabelMapVolumeNode")
    with pytest.raises(NodeTypeError, match="label"):
        run(smooth(context, labels, sigma_mm=1))
    with pytest.raises(ArgumentInvalidError, match="sigma_mm"):
        run(smooth(context, make_volume(np.ones((4, 4, 4), np.uint8)), sigma_mm=90))
