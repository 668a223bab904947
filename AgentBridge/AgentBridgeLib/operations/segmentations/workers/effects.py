"""Edits of segments that take long, in a process of their own: ``effects.py JOB.json``.

The job names the effect, its parameters, the distance of voxel centers, and NPY files of arrays of shape (k, j, i).
Progress goes to standard output as command line modules of Slicer write it. Needs NumPy and VTK, and for growing from
seeds Slicer's own filter; nothing of the bridge. The bridge calls `apply` itself where the arrays are small.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Arrays = Mapping[str, Any]
    Parameters = Mapping[str, Any]

ROUNDING = 1e-9
GAUSSIAN_RADIUS_SIGMAS = 4.0
TAUBIN_ITERATIONS = 100
"""Slicer's joint smoothing uses as many, so that surfaces hardly shrink."""


def is_near(mask: Any, spacing_kji: Any, distance_mm: float) -> Any:
    """Say of each voxel whether the center of one in the mask is at most so far; exact, one axis after the other.

    `vtkImageEuclideanDistance` rounds squared spacings to integers, so it cannot be used; `vtkITKImageMargin` measures
    inside from the outermost voxels of the segment instead of from the background.
    """
    squares = np.empty(mask.shape)
    for number, plane in enumerate(mask):  # a slice stays in the processor's cache
        squares[number] = _spread(_squares_in_rows(plane, spacing_kji[2]), spacing_kji[1], distance_mm)
    result = np.empty(mask.shape, bool)
    for row in range(mask.shape[1]):
        nearest = _spread(squares[:, row], spacing_kji[0], distance_mm)
        result[:, row] = nearest <= distance_mm**2 * (1 + ROUNDING)
    return result


def _squares_in_rows(plane: Any, spacing: float) -> Any:
    """Give the squared distance to the nearest true element of the same row of a slice; infinite without one."""
    at = np.arange(plane.shape[1], dtype=float)
    before = np.maximum.accumulate(np.where(plane, at, -np.inf), axis=1)
    after = np.minimum.accumulate(np.where(plane, at, np.inf)[:, ::-1], axis=1)[:, ::-1]
    return (np.minimum(at - before, after - at) * spacing) ** 2


def _spread(squares: Any, spacing: float, distance_mm: float) -> Any:
    """Let squared distances spread along the first axis, as far as it matters."""
    nearest = squares.copy()
    for step in range(1, min(int(distance_mm / spacing + ROUNDING), len(squares) - 1) + 1):
        square = (step * spacing) ** 2
        np.minimum(nearest[step:], squares[:-step] + square, out=nearest[step:])
        np.minimum(nearest[:-step], squares[step:] + square, out=nearest[:-step])
    return nearest


def grow(mask: Any, spacing_kji: Any, distance_mm: float) -> Any:
    """Add what lies at most so far outside."""
    return is_near(mask, spacing_kji, distance_mm)


def shrink(mask: Any, spacing_kji: Any, distance_mm: float) -> Any:
    """Take away what lies at most so far from the background; beyond the image there is none."""
    return mask & ~is_near(~mask, spacing_kji, distance_mm)


def hollow(mask: Any, spacing_kji: Any, thickness_mm: float, side: str) -> Any:
    """Leave a shell; `side` says where the border of the segment lies in it: inside, medial or outside."""
    outer = mask if side == "outside" else grow(mask, spacing_kji, thickness_mm * _share(side))
    inner = mask if side == "inside" else shrink(mask, spacing_kji, thickness_mm * _share(side))
    return outer & ~inner


def _share(side: str) -> float:
    return 0.5 if side == "medial" else 1.0


def median(mask: Any, spacing_kji: Any, kernel_mm: float) -> Any:
    """Give each voxel what most voxels of the box around it have; boxes are cut off at the border of the image."""
    counts, total = mask.astype(np.int32), np.ones(mask.shape, np.int32)
    for axis, spacing in enumerate(spacing_kji):
        radius = kernel_radius(kernel_mm, spacing)
        counts, total = _box_sum(counts, axis, radius), _box_sum(total, axis, radius)
    return 2 * counts > total


def kernel_radius(kernel_mm: float, spacing_mm: float) -> int:
    """Give the radius, in voxels, of the kernel with an odd number of voxels whose width comes nearest."""
    return max(0, round((kernel_mm / spacing_mm - 1) / 2))


def _box_sum(values: Any, axis: int, radius: int) -> Any:
    along = np.moveaxis(values, axis, 0)
    count = len(along)
    sums = np.concatenate([np.zeros((1, *along.shape[1:]), along.dtype), np.cumsum(along, axis=0)])
    at = np.arange(count)
    low, high = np.maximum(at - radius, 0), np.minimum(at + radius + 1, count)
    return np.moveaxis(sums[high] - sums[low], 0, axis)


def gaussian(mask: Any, spacing_kji: Any, sigma_mm: float) -> Any:
    """Blur, and keep what is at least half."""
    from vtkmodules.vtkImagingGeneral import vtkImageGaussianSmooth

    smoother = vtkImageGaussianSmooth()
    smoother.SetInputData(image_of(mask.astype(np.float32)))
    smoother.SetStandardDeviations(*(sigma_mm / spacing for spacing in reversed(spacing_kji)))
    smoother.SetRadiusFactors(*[GAUSSIAN_RADIUS_SIGMAS] * 3)
    smoother.Update()
    return voxels_of(smoother.GetOutput()) >= 0.5


def islands(mask: Any) -> Any:
    """Give each part that is connected by faces a number, 1 for the largest; 0 outside."""
    from vtkmodules.vtkImagingMorphological import vtkImageConnectivityFilter

    connectivity = vtkImageConnectivityFilter()
    connectivity.SetInputData(image_of(mask.astype(np.uint8)))
    connectivity.SetScalarRange(1, 1)
    connectivity.SetExtractionModeToAllRegions()
    connectivity.SetLabelModeToSizeRank()
    connectivity.SetLabelScalarTypeToInt()
    connectivity.Update()
    return voxels_of(connectivity.GetOutput())


def without_small_islands(labels: Any, minimum_voxels: int) -> Any:
    """Drop the islands with fewer voxels; the numbers of the others stay."""
    sizes = np.bincount(labels.reshape(-1))
    keeps = sizes >= minimum_voxels
    keeps[0] = False
    return np.where(keeps[labels], labels, 0)


def without_holes(mask: Any) -> Any:
    """Add background that is enclosed in 3D."""
    labels = islands(~mask)
    faces = [
        labels[at] for at in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1], np.s_[..., 0], np.s_[..., -1])
    ]
    is_open = np.zeros(int(labels.max()) + 1, bool)
    for face in faces:
        is_open[np.unique(face)] = True
    is_open[0] = True
    return mask | ~is_open[labels]


def joint_smooth(labels: Any, factor: float) -> Any:
    """Smooth the surfaces of touching segments together, in voxel space, so that no gap opens between them.

    Taubin's method on the surface that all labels share, as Slicer's Segment Editor does it.
    """
    from vtkmodules.vtkFiltersCore import vtkThreshold, vtkWindowedSincPolyDataFilter
    from vtkmodules.vtkFiltersGeneral import vtkDiscreteMarchingCubes
    from vtkmodules.vtkFiltersGeometry import vtkGeometryFilter

    padded = np.pad(labels, 1)
    values = [int(value) for value in np.unique(labels) if value]
    surface = vtkDiscreteMarchingCubes()
    surface.SetInputData(image_of(padded))
    surface.SetNumberOfContours(len(values))
    for position, value in enumerate(values):
        surface.SetValue(position, value)
    smoother = vtkWindowedSincPolyDataFilter()
    smoother.SetInputConnection(surface.GetOutputPort())
    smoother.SetNumberOfIterations(TAUBIN_ITERATIONS)
    smoother.SetPassBand(10.0 ** (-4.0 * factor))
    smoother.BoundarySmoothingOff()
    smoother.FeatureEdgeSmoothingOff()
    smoother.NonManifoldSmoothingOn()
    smoother.NormalizeCoordinatesOn()
    part, outer = vtkThreshold(), vtkGeometryFilter()
    part.SetInputConnection(smoother.GetOutputPort())
    outer.SetInputConnection(part.GetOutputPort())
    result = np.zeros_like(padded)
    for value in values:
        part.SetLowerThreshold(value)
        part.SetUpperThreshold(value)
        outer.Update()
        result[_filled(outer.GetOutput(), padded.shape)] = value
    return np.ascontiguousarray(result[1:-1, 1:-1, 1:-1])


def _filled(surface: Any, shape: tuple[int, int, int]) -> Any:
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    k, j, i = shape
    stencil, image = vtkPolyDataToImageStencil(), vtkImageStencilToImage()
    stencil.SetInputData(surface)
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputWholeExtent(0, i - 1, 0, j - 1, 0, k - 1)
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return voxels_of(image.GetOutput()) != 0


def grow_from_seeds(
    intensities: Any, seeds: Any, forbidden: Any, spacing_kji: Any, seed_locality: float
) -> Any:
    """Give every voxel the label of the seed that is nearest in intensity along a path.

    Slicer's own filter; it changes its name with the version. Voxels on the faces of its input do not grow, so one
    layer is added around.
    """
    machine = _grow_cut()
    machine.SetIntensityVolume(image_of(np.pad(intensities, 1, mode="edge"), spacing_kji))
    machine.SetSeedLabelVolume(image_of(np.pad(seeds.astype(np.int16), 1), spacing_kji))
    if forbidden is not None:
        machine.SetMaskVolume(image_of(np.pad(forbidden.astype(np.uint8), 1, constant_values=1), spacing_kji))
    machine.SetDistancePenalty(seed_locality)
    machine.Update()
    return np.ascontiguousarray(voxels_of(machine.GetOutput())[1:-1, 1:-1, 1:-1])


def _grow_cut() -> Any:
    try:
        return _slicer_class(("vtkITK", "slicer"), "vtkITKGrowCut")
    except ImportError:
        modules = ("vtkSlicerSegmentationsModuleLogicPython", "slicer")
        return _slicer_class(modules, "vtkImageGrowCutSegment")


def _slicer_class(modules: tuple[str, ...], name: str) -> Any:
    """Make an object of a class that lies in one of these modules, depending on how Slicer was packaged."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)()
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"this Slicer has no {name}")


def automatic_threshold(intensities: Any, method: str) -> Any:
    """Find the value that parts the finite values best; one number in an array, NaN when there is none.

    ITK's histogram has 64 bins. ITK ends the process over values that are not finite, and gives any number where all
    are the same; where a method does not converge, Slicer's filter gives 0 with an error.
    """
    finite = intensities[np.isfinite(intensities)].reshape(1, 1, -1)
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    if low == high:
        return np.array([np.nan])
    machine = _slicer_class(("vtkITK", "slicer"), "vtkITKImageThresholdCalculator")
    errors: list[str] = []
    machine.AddObserver("ErrorEvent", lambda _, event: errors.append(event))
    machine.SetInputData(image_of(finite))
    getattr(machine, f"SetMethodTo{METHODS[method]}")()
    machine.Update()
    found = machine.GetThreshold()
    return np.array([found if low <= found <= high and not errors else np.nan])


METHODS = {
    "otsu": "Otsu",
    "huang": "Huang",
    "intermodes": "Intermodes",
    "isodata": "IsoData",
    "kittler_illingworth": "KittlerIllingworth",
    "li": "Li",
    "maximum_entropy": "MaximumEntropy",
    "moments": "Moments",
    "renyi_entropy": "RenyiEntropy",
    "shanbhag": "Shanbhag",
    "triangle": "Triangle",
    "yen": "Yen",
}
"""Names on the wire to those of Slicer's calculator."""


def image_of(array: Any, spacing_kji: Any = (1.0, 1.0, 1.0)) -> Any:
    """Make `vtkImageData` around an array, which it keeps alive."""
    image = vtkImageData()
    image.SetDimensions(array.shape[2], array.shape[1], array.shape[0])
    image.SetSpacing(*reversed([float(value) for value in spacing_kji]))
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).reshape(-1), deep=0))
    return image


def voxels_of(image: Any) -> Any:
    """Give the voxels of `vtkImageData` as an array."""
    i, j, k = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)


def _split(arrays: Arrays, parameters: Parameters, _: Any) -> Any:
    return without_small_islands(islands(arrays["mask"]), parameters["minimum_voxels"])


def _seeds(arrays: Arrays, parameters: Parameters, spacing: Any) -> Any:
    forbidden = arrays.get("forbidden")
    return grow_from_seeds(
        arrays["intensities"], arrays["labels"], forbidden, spacing, parameters["seed_locality"]
    )


EFFECTS: dict[str, Callable[[Arrays, Parameters, Any], Any]] = {
    "grow": lambda arrays, given, spacing: grow(arrays["mask"], spacing, given["margin_mm"]),
    "shrink": lambda arrays, given, spacing: shrink(arrays["mask"], spacing, given["margin_mm"]),
    "hollow": lambda arrays, given, spacing: hollow(
        arrays["mask"], spacing, given["thickness_mm"], given["border"]
    ),
    "median": lambda arrays, given, spacing: median(arrays["mask"], spacing, given["kernel_mm"]),
    "opening": lambda arrays, given, spacing: grow(
        shrink(arrays["mask"], spacing, given["kernel_mm"] / 2), spacing, given["kernel_mm"] / 2
    ),
    "closing": lambda arrays, given, spacing: shrink(
        grow(arrays["mask"], spacing, given["kernel_mm"] / 2), spacing, given["kernel_mm"] / 2
    ),
    "gaussian": lambda arrays, given, spacing: gaussian(arrays["mask"], spacing, given["sigma_mm"]),
    "joint_smooth": lambda arrays, given, _: joint_smooth(arrays["labels"], given["smoothing_factor"]),
    "keep_largest": lambda arrays, _given, _spacing: islands(arrays["mask"]) == 1,
    "remove_small_islands": lambda arrays, given, spacing: _split(arrays, given, spacing) != 0,
    "split_islands": _split,
    "fill_holes": lambda arrays, _given, _spacing: without_holes(arrays["mask"]),
    "grow_from_seeds": _seeds,
    "automatic_threshold": lambda arrays, given, _: automatic_threshold(
        arrays["intensities"], given["method"]
    ),
}
"""What to compute from which arrays. Masks come back as booleans, labels as integers."""


def apply(effect: str, arrays: Arrays, parameters: Parameters, spacing_kji: Any) -> Any:
    """Compute one effect.

    Parameters
    ----------
    arrays
        ``mask`` (bool) of the segment, or ``labels`` (integers) of several; ``intensities`` and ``forbidden`` for
        seeds.
    spacing_kji
        Distance of voxel centers in mm.
    """
    return EFFECTS[effect](arrays, parameters, spacing_kji)


def main(arguments: list[str]) -> int:
    """Do one job."""
    with open(arguments[0], encoding="utf-8") as file:  # noqa: PTH123 - nothing else of pathlib is needed
        job = json.load(file)
    arrays = {name: np.load(path) for name, path in job["arrays"].items()}
    sys.stdout.write("<filter-progress>0.10</filter-progress>\n")
    result = apply(job["effect"], arrays, job["parameters"], job["spacing_kji"])
    sys.stdout.write("<filter-progress>0.90</filter-progress>\n")
    np.save(job["result"], result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
