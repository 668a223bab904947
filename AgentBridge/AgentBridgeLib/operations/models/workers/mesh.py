"""Change a surface in a process of its own: ``mesh.py JOB.json``.

VTK's mesh filters cannot be interrupted, and some end the process on bad input, so they do not run inside Slicer. The
job names the work and its files (.vtp); ``RESULT.json`` gets ``{"refused": "why"}``, ``{"failed": "why"}`` or ``{}``.
What is about to be tried is written there before as ``{"attempt": number}``, for whoever finds the process gone. Needs
VTK and NumPy, nothing of the bridge.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPlane, vtkPlaneCollection, vtkPolyData
from vtkmodules.vtkFiltersCore import (
    vtkAppendPolyData,
    vtkClipPolyData,
    vtkFeatureEdges,
    vtkFlyingEdges3D,
    vtkMassProperties,
    vtkPolyDataNormals,
    vtkQuadricDecimation,
    vtkReverseSense,
    vtkStaticCleanPolyData,
    vtkTriangleFilter,
    vtkWindowedSincPolyDataFilter,
)
from vtkmodules.vtkFiltersGeneral import (
    vtkBooleanOperationPolyDataFilter,
    vtkClipClosedSurface,
    vtkIntersectionPolyDataFilter,
    vtkLoopBooleanPolyDataFilter,
)
from vtkmodules.vtkFiltersModeling import vtkAdaptiveSubdivisionFilter, vtkSelectEnclosedPoints
from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

SAME_POINT_MM = 1e-4
SAME_POINT_SHARE = 1e-6  # where many points lie so near, merging them takes for ever
OPERATIONS = ("union", "intersection", "difference")
VOLUME_TOLERANCE = 1e-4
LARGEST_SHARES = (1 / 8, 1 / 16, 1 / 32)
"""Edges that long are cut, when VTK finds no result with the surfaces as they are: it fails on slivers."""
MOST_TRIANGLES = 1_000_000
ATTEMPTS = tuple(
    (largest, algorithm)
    for largest in (None, *LARGEST_SHARES)
    for algorithm in (vtkLoopBooleanPolyDataFilter, vtkBooleanOperationPolyDataFilter)
)
MARGIN_VOXELS = 2
PARTS = 3


class RefusedError(Exception):
    """The surfaces cannot be used; the text says why."""


class FailedError(Exception):
    """The surfaces can be used, but this way leads nowhere; the text says why."""


def main(arguments: list[str]) -> int:
    """Do one job; end with an error when it takes longer than its `limit_s`."""
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    answer: dict[str, Any] = {}
    if job.get("limit_s"):
        faulthandler.dump_traceback_later(
            job["limit_s"], exit=True
        )  # VTK comes back to Python too late, or never
    try:
        _write(_with_normals(_changed(job)), job["output"])
    except RefusedError as refusal:
        answer["refused"] = str(refusal)
    except FailedError as failure:
        answer["failed"] = str(failure)
    faulthandler.cancel_dump_traceback_later()
    Path(job["result"]).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _changed(job: dict[str, Any]) -> vtkPolyData:
    surface = WORK[job["work"]](job, _read(job["input"]))
    if surface.GetNumberOfPolys() == 0:
        raise RefusedError("nothing is left of the surface")
    return surface


def decimate(job: dict[str, Any], surface: vtkPolyData) -> vtkPolyData:
    """Remove a share of the triangles."""
    decimated = vtkQuadricDecimation()
    decimated.SetTargetReduction(job["reduction"])
    decimated.VolumePreservationOn()
    decimated.SetInputData(surface)
    return _output(decimated)


def smooth(job: dict[str, Any], surface: vtkPolyData) -> vtkPolyData:
    """Smooth with a windowed sinc, which hardly shrinks."""
    smoothed = vtkWindowedSincPolyDataFilter()
    smoothed.SetNumberOfIterations(job["iterations"])
    smoothed.SetPassBand(job["pass_band"])
    smoothed.BoundarySmoothingOff()
    smoothed.FeatureEdgeSmoothingOff()
    smoothed.NonManifoldSmoothingOn()
    smoothed.NormalizeCoordinatesOn()
    smoothed.SetInputData(surface)
    return _output(smoothed)


def clip(job: dict[str, Any], surface: vtkPolyData) -> vtkPolyData:
    """Keep what lies inside all planes (`origin`, `normal` pointing inwards), or outside of them."""
    planes = [_plane(entry) for entry in job["planes"]]
    if job["is_capped"]:
        if _open_edges(surface, may_touch_itself=True):
            raise RefusedError("the surface is open, so that its cut cannot be closed; give is_capped false")
        collection = vtkPlaneCollection()
        for plane in planes:
            collection.AddItem(plane)
        closed = vtkClipClosedSurface()
        closed.SetClippingPlanes(collection)
        closed.SetInputData(surface)
        return _triangles(_output(closed))
    kept, pieces = surface, []
    for plane in planes:
        pieces.append(_side(kept, plane, is_inside=False))
        kept = _side(kept, plane, is_inside=True)
    return kept if job["keeps_inside"] else _appended(*pieces)


def _side(surface: vtkPolyData, plane: vtkPlane, *, is_inside: bool) -> vtkPolyData:
    """Cut at one plane. One after the other is exact; at the edge of two, a common function would not be."""
    clipped = vtkClipPolyData()
    clipped.SetClipFunction(plane)
    clipped.SetInsideOut(not is_inside)
    clipped.SetInputData(surface)
    return _triangles(_output(clipped))


def combine(job: dict[str, Any], first: vtkPolyData) -> vtkPolyData:
    """Unite, intersect or subtract two closed surfaces: exactly, or on a grid of voxels."""
    second = _read(job["other"])
    for surface, which in ((first, "first"), (second, "other")):
        if _open_edges(surface):
            raise RefusedError(
                f"the surface of the {which} model is not closed, or touches itself along an edge"
            )
    if job["grid_mm"] is not None:
        return _combine_on_grid(job["operation"], first, second, job["grid_mm"])
    if job["first_attempt"] == 0:
        crossing = vtkIntersectionPolyDataFilter()
        crossing.SetInputData(0, first)
        crossing.SetInputData(1, second)
        crossing.SplitFirstOutputOff()
        crossing.SplitSecondOutputOff()
        if _output(crossing).GetNumberOfCells() == 0:
            return _combine_apart(job["operation"], first, second)
    for attempt in range(job["first_attempt"], len(ATTEMPTS)):
        Path(job["result"]).write_text(json.dumps({"attempt": attempt}), encoding="utf-8")
        largest, algorithm = ATTEMPTS[attempt]
        pair = [_refined(surface, largest) for surface in (first, second)]
        results = {name: _cleaned(_triangles(_boolean(algorithm, name, *pair))) for name in OPERATIONS}
        if _is_consistent(results, first, second):
            return results[job["operation"]]
    raise FailedError("VTK found no closed result")


def _combine_on_grid(operation: str, first: vtkPolyData, second: vtkPolyData, spacing: float) -> vtkPolyData:
    """Fill both with voxels, combine those, and take the surface of what is left.

    Each voxel is divided into 27, and its value is how many of them are filled: that tells where in the voxel the
    surface runs. It is never half of 27, so that no triangle degenerates.
    """
    bounds = _output(_appending(first, second)).GetBounds()
    origin = [low - MARGIN_VOXELS * spacing for low in bounds[::2]]
    counts = [
        int((high - low) / spacing) + 2 * MARGIN_VOXELS
        for low, high in zip(bounds[::2], bounds[1::2], strict=True)
    ]
    one, other = (_filled(surface, origin, spacing / PARTS, counts) for surface in (first, second))
    combined = {"union": one | other, "intersection": one & other, "difference": one & ~other}[operation]
    i, j, k = counts
    share = combined.reshape(k, PARTS, j, PARTS, i, PARTS).sum(axis=(1, 3, 5), dtype=np.float32)
    image = vtkImageData()
    image.SetDimensions(counts)
    image.SetSpacing(spacing, spacing, spacing)
    image.SetOrigin([start + (PARTS - 1) / 2 * spacing / PARTS for start in origin])
    image.GetPointData().SetScalars(numpy_to_vtk(share.ravel(), deep=1))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, PARTS**3 / 2)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    return _cleaned(_output(contour))


def _filled(surface: vtkPolyData, origin: list[float], spacing: float, counts: list[int]) -> Any:
    """Say which parts of voxels have their center inside, (k, j, i)."""
    i, j, k = (PARTS * count for count in counts)
    stencil, filled = vtkPolyDataToImageStencil(), vtkImageStencilToImage()
    stencil.SetInputData(surface)
    stencil.SetOutputOrigin(origin)
    stencil.SetOutputSpacing(spacing, spacing, spacing)
    stencil.SetOutputWholeExtent(0, i - 1, 0, j - 1, 0, k - 1)
    filled.SetInputConnection(stencil.GetOutputPort())
    filled.SetInsideValue(1)
    filled.SetOutsideValue(0)
    filled.SetOutputScalarTypeToUnsignedChar()
    return vtk_to_numpy(_output(filled).GetPointData().GetScalars()).reshape(k, j, i).astype(bool)


def _boolean(algorithm: Any, operation: str, first: vtkPolyData, second: vtkPolyData) -> vtkPolyData:
    combined = algorithm()
    getattr(combined, f"SetOperationTo{operation.capitalize()}")()
    combined.SetInputData(0, first)
    combined.SetInputData(1, second)
    combined.Update()
    return combined.GetOutput(0)


def _is_consistent(results: dict[str, vtkPolyData], first: vtkPolyData, second: vtkPolyData) -> bool:
    """Whether all results are closed and their volumes add up: VTK's filters go wrong without a word."""
    if any(surface.GetNumberOfPolys() == 0 or _open_edges(surface) for surface in results.values()):
        return False
    volumes = {name: _volume(surface) for name, surface in results.items()}
    whole = _volume(first) + _volume(second)
    both = volumes["union"] + volumes["intersection"]
    rest = volumes["difference"] + volumes["intersection"]
    return (
        abs(both - whole) < VOLUME_TOLERANCE * whole and abs(rest - _volume(first)) < VOLUME_TOLERANCE * whole
    )


def _refined(surface: vtkPolyData, share: float | None) -> vtkPolyData:
    """Cut triangles whose edges are longer than a share of the size of the surface; its shape stays."""
    if share is None:
        return surface
    cut = vtkAdaptiveSubdivisionFilter()
    cut.SetMaximumEdgeLength(share * surface.GetLength())
    cut.SetMaximumTriangleArea(float("inf"))
    cut.SetMaximumNumberOfTriangles(MOST_TRIANGLES)
    cut.SetInputData(surface)
    return _cleaned(_output(cut))


def _volume(surface: vtkPolyData) -> float:
    properties = vtkMassProperties()
    properties.SetInputData(surface)
    return float(properties.GetVolume())


def _combine_apart(operation: str, first: vtkPolyData, second: vtkPolyData) -> vtkPolyData:
    """Combine surfaces that do not cross: one inside the other, or side by side."""
    if operation == "union":
        if _is_inside(first, second):
            return second
        return first if _is_inside(second, first) else _appended(first, second)
    if operation == "intersection":
        if _is_inside(first, second):
            return first
        if _is_inside(second, first):
            return second
        raise RefusedError("the models do not overlap")
    if _is_inside(first, second):
        raise RefusedError("the first model lies inside the other: nothing is left of it")
    if not _is_inside(second, first):
        return first
    reverse = vtkReverseSense()
    reverse.ReverseCellsOn()
    reverse.SetInputData(second)
    return _appended(first, _output(reverse))


def _is_inside(inner: vtkPolyData, outer: vtkPolyData) -> bool:
    select = vtkSelectEnclosedPoints()
    select.Initialize(outer)
    return bool(select.IsInsideSurface(inner.GetPoint(0)))


def _appended(*surfaces: vtkPolyData) -> vtkPolyData:
    return _output(_appending(*surfaces))


def _appending(*surfaces: vtkPolyData) -> vtkAppendPolyData:
    both = vtkAppendPolyData()
    for surface in surfaces:
        both.AddInputData(surface)
    return both


def _plane(entry: dict[str, Any]) -> vtkPlane:
    plane = vtkPlane()
    plane.SetOrigin(entry["origin"])
    plane.SetNormal(entry["normal"])
    return plane


def _open_edges(surface: vtkPolyData, *, may_touch_itself: bool = False) -> bool:
    """Say whether there is a rim; surfaces of real segments often touch themselves along some edges."""
    edges = vtkFeatureEdges()
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.SetNonManifoldEdges(not may_touch_itself)
    edges.SetInputData(surface)
    return _output(edges).GetNumberOfCells() > 0


def _read(path: str) -> vtkPolyData:
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(path)
    return _cleaned(_triangles(_output(reader)))


def _cleaned(surface: vtkPolyData) -> vtkPolyData:
    clean = vtkStaticCleanPolyData()
    clean.ToleranceIsAbsoluteOn()
    clean.SetAbsoluteTolerance(min(SAME_POINT_MM, SAME_POINT_SHARE * surface.GetLength()))
    clean.ConvertPolysToLinesOff()
    clean.SetInputData(surface)
    bare = _output(clean)
    bare.GetPointData().Initialize()
    bare.GetCellData().Initialize()
    return bare


def _triangles(surface: vtkPolyData) -> vtkPolyData:
    cut = vtkTriangleFilter()
    cut.PassVertsOff()
    cut.PassLinesOff()
    cut.SetInputData(surface)
    return _output(cut)


def _with_normals(surface: vtkPolyData) -> vtkPolyData:
    normals = vtkPolyDataNormals()
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.SetInputData(surface)
    return _output(normals)


def _write(surface: vtkPolyData, path: str) -> None:
    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(path)
    writer.SetInputData(surface)
    writer.SetCompressorTypeToNone()
    writer.SetDataModeToAppended()
    if not writer.Write():
        raise OSError(f"cannot write {path}")


def _output(source: Any) -> Any:
    source.Update()
    return source.GetOutput()


WORK = {"decimate": decimate, "smooth": smooth, "clip": clip, "combine": combine}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
