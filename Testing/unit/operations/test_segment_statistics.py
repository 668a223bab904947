"""Measures of segments beside a second implementation: SimpleITK, and NumPy on real scans."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name
import slicer

from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.segmentations import creating, statistics

RADIUS_MM = 14.0


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture(params=["right-handed", "left-handed"])
def grid(request, oblique):
    """A rotated, anisotropic, off-origin geometry, and its mirror image."""
    matrix = oblique.copy()
    if request.param == "left-handed":
        matrix[:3, 2] *= -1
    return matrix


@pytest.fixture
def measure(context, run):
    """Make a segmentation of a labelmap volume and measure its first segment."""

    def apply(labelmap, volume=None, **arguments):
        made = run(
            creating.create_segmentation(context, creating.CreateArguments(labelmap_id=labelmap.GetID()))
        )
        if volume is not None:
            arguments["volume_id"] = volume.GetID()
        wanted = statistics.StatisticsArguments(segmentation_id=made.id, **arguments)
        return run(statistics.measure_segments(context, wanted)).segments[0]

    return apply


def itk_image(array, ijk_to_ras):
    """Put an array where a matrix says, in ITK's LPS."""
    matrix = np.diag([-1.0, -1, 1, 1]) @ ijk_to_ras
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    return image


def itk_statistics(array, ijk_to_ras):
    """Measure label 1 with ITK's label map filters."""
    filter_ = sitk.LabelShapeStatisticsImageFilter()
    filter_.ComputeOrientedBoundingBoxOn()
    filter_.ComputePerimeterOn()
    filter_.Execute(itk_image(array.astype(np.uint8), ijk_to_ras))
    return filter_


def to_ras(position_lps):
    return np.array(position_lps) * (-1, -1, 1)


def labelmap_of(array, matrix):
    return slicer.util.addVolumeFromArray(
        array.astype(np.uint8), matrix, "labels", "vtkMRMLLabelMapVolumeNode"
    )


def ellipsoid(shape, center_kji, radii_mm, spacing_kji=(2.5, 1.1, 0.8)):
    at = np.indices(shape).reshape(3, -1).T - center_kji
    return ((((at * spacing_kji) / radii_mm) ** 2).sum(axis=1) <= 1).reshape(shape)


def test_ball_has_the_analytic_measures_of_a_ball(measure, grid):
    """issue:#3: against an analytic sphere: volume, surface, centroid, oriented bounds."""
    fine = grid @ np.diag([0.6, 0.45, 0.2, 1])
    spacing = np.linalg.norm(fine[:3, :3], axis=0)[::-1]
    mask = ellipsoid((70, 70, 70), (34.6, 35.2, 34.9), [RADIUS_MM] * 3, spacing)
    part = measure(labelmap_of(mask, fine), surface="always")
    assert part.volume_ml == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.002)
    assert part.surface_mm2 == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.03)
    center = (fine @ [34.9, 35.2, 34.6, 1])[:3]
    assert np.allclose(part.centroid_ras, center, atol=0.03)
    assert np.allclose(part.oriented_bounds.center_ras, center, atol=0.5)
    assert np.allclose(part.oriented_bounds.size_mm, 2 * RADIUS_MM, atol=1.2)


def test_ellipsoid_agrees_with_itk(measure, grid):
    """issue:#3: a second implementation for count, volume, centroid, bounds along the principal axes."""
    mask = ellipsoid((24, 50, 70), (11.3, 25.1, 34.7), [9.0, 14.0, 24.0])
    mask ^= ellipsoid((24, 50, 70), (13, 31, 47), [4.0, 5.0, 6.0])
    other = itk_statistics(mask, grid)
    part = measure(labelmap_of(mask, grid))
    assert part.voxel_count == other.GetNumberOfPixels(1)
    assert part.volume_ml == pytest.approx(other.GetPhysicalSize(1) / 1000)
    assert np.allclose(part.centroid_ras, to_ras(other.GetCentroid(1)), atol=1e-4)
    ours, theirs = part.oriented_bounds, np.array(other.GetPrincipalAxes(1)).reshape(3, 3)[::-1]
    for axis, expected in zip(ours.axes_ras, theirs, strict=True):
        assert abs(np.dot(axis, to_ras(expected))) == pytest.approx(1, abs=1e-5)
    assert np.linalg.det(ours.axes_ras) == pytest.approx(1)
    assert np.allclose(ours.size_mm, other.GetOrientedBoundingBoxSize(1)[::-1], rtol=1e-4)
    corners = np.array(other.GetOrientedBoundingBoxVertices(1)).reshape(8, 3) * (-1, -1, 1)
    assert np.allclose(ours.center_ras, corners.mean(axis=0), atol=1e-3)


def test_surface_of_an_ellipsoid_agrees_with_itk_and_with_thomsens_formula(measure, grid):
    """issue:#3: ITK counts crossings of lines, Slicer measures a smoothed mesh; the formula is good to 1 %."""
    radii = np.array([12.0, 14.0, 18.0])
    mask = ellipsoid((24, 50, 70), (11.3, 25.1, 34.7), radii)
    part = measure(labelmap_of(mask, grid), surface="always")
    a, b, c = radii**1.6075
    thomsen = 4 * np.pi * ((a * b + a * c + b * c) / 3) ** (1 / 1.6075)
    assert part.surface_mm2 == pytest.approx(thomsen, rel=0.05)
    assert part.surface_mm2 == pytest.approx(itk_statistics(mask, grid).GetPerimeter(1), rel=0.1)


def test_oriented_bounds_of_a_turned_box_are_those_of_the_box(measure, oblique):
    """house: a box along the axes of the grid, seen in LPS."""
    mask = np.zeros((10, 30, 60), bool)
    mask[3:7, 5:21, 4:44] = True
    box = measure(labelmap_of(mask, oblique), frame="lps").oriented_bounds
    assert np.allclose(box.size_mm, (40 * 0.8, 16 * 1.1, 4 * 2.5))
    center = (oblique @ [23.5, 12.5, 4.5, 1])[:3]
    assert np.allclose(box.center_lps, center * (-1, -1, 1))
    axis = oblique[:3, 0] / 0.8
    assert abs(np.dot(box.axes_lps[0], axis * (-1, -1, 1))) == pytest.approx(1)
    assert "axes_ras" not in box.model_dump()


def test_single_voxel_has_bounds_of_a_voxel(measure, oblique):
    """house: no spread, so any axes will do."""
    mask = np.zeros((3, 4, 5), bool)
    mask[1, 2, 3] = True
    box = measure(labelmap_of(mask, oblique)).oriented_bounds
    assert np.allclose(box.center_ras, (oblique @ [3, 2, 1, 1])[:3])
    assert np.prod(box.size_mm) >= 0.8 * 1.1 * 2.5 - 1e-6
    assert np.isfinite(box.size_mm).all()


@pytest.mark.parametrize("scan", ["lung_ct", "brain_mr"])
def test_measures_of_a_real_scan_agree_with_itk(measure, request, scan):
    """issue:#3: the labels of a lung CT and of a brain MR, with their intensities."""
    image_file = request.getfixturevalue(f"a_{scan}_file")
    label_file = request.getfixturevalue(f"a_{scan}_label_file")
    volume, labelmap = (
        slicer.util.loadVolume(str(image_file)),
        slicer.util.loadLabelVolume(str(label_file)),
    )
    part = measure(labelmap, volume, surface="always")
    values, mask = sitk.ReadImage(str(image_file)), sitk.ReadImage(str(label_file)) != 0
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeOrientedBoundingBoxOn()
    shape.ComputePerimeterOn()
    shape.Execute(mask)
    intensity = sitk.LabelIntensityStatisticsImageFilter()
    intensity.Execute(mask, sitk.Cast(values, sitk.sitkFloat64))
    assert part.voxel_count == part.intensity.voxel_count == shape.GetNumberOfPixels(1)
    assert part.volume_ml == pytest.approx(shape.GetPhysicalSize(1) / 1000)
    assert np.allclose(part.centroid_ras, to_ras(shape.GetCentroid(1)), atol=1e-3)
    assert np.allclose(part.oriented_bounds.size_mm, shape.GetOrientedBoundingBoxSize(1)[::-1], rtol=1e-3)
    assert part.surface_mm2 == pytest.approx(shape.GetPerimeter(1), rel=0.25)
    assert part.intensity.mean == pytest.approx(intensity.GetMean(1))
    assert part.intensity.minimum == intensity.GetMinimum(1)
    assert part.intensity.maximum == intensity.GetMaximum(1)
    inside = voxels.voxels_of(volume)[voxels.voxels_of(labelmap) != 0]
    assert part.intensity.standard_deviation == pytest.approx(inside.std(ddof=1))
    assert part.intensity.standard_deviation == pytest.approx(intensity.GetStandardDeviation(1))
