"""Closed surfaces of segments in a process of its own: ``surfaces.py JOB.json``.

Slicer's own conversion rule makes them, so they are what Slicer would make. The job names for each segment an NPY file
of its mask (k, j, i), the matrix to RAS, and the beginning of the names of the NPY files to write. Needs NumPy, VTK
and Slicer's segmentation library.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkReverseSense, vtkTriangleFilter

CORNERS = 3


def main(arguments: list[str]) -> int:
    """Do one job."""
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    library = _library()
    sys.stdout.write("<filter-progress>0.01</filter-progress>\n")
    for number, part in enumerate(job["segments"]):
        surface = _surface(library, np.load(part["mask"]), part["ijk_to_ras"], job["parameters"])
        for name, array in arrays_of(surface).items():
            np.save(f"{part['surface']}_{name}.npy", array)
        sys.stdout.write(f"<filter-progress>{(number + 1) / len(job['segments']):.4f}</filter-progress>\n")
    return 0


def arrays_of(surface: Any) -> dict[str, Any]:
    """Take a surface apart: points (n, 3), normals (n, 3; none: (0, 3)), triangles (m, 3) of point numbers.

    Live views where the surface consists of triangles.
    """
    whole = surface
    if surface.GetNumberOfStrips() or surface.GetPolys().IsHomogeneous() != CORNERS:
        triangles = vtkTriangleFilter()
        triangles.SetInputData(surface)
        triangles.PassVertsOff()
        triangles.PassLinesOff()
        triangles.Update()
        whole = triangles.GetOutput()
    normals = whole.GetPointData().GetNormals()
    corners = vtk_to_numpy(whole.GetPolys().GetConnectivityArray()).astype(np.int64, copy=False)
    return {
        "points": vtk_to_numpy(whole.GetPoints().GetData()).astype(np.float32, copy=False),
        "normals": np.zeros((0, 3), np.float32) if normals is None else vtk_to_numpy(normals),
        "triangles": corners.reshape(-1, 3),
    }


def _surface(library: Any, mask: Any, ijk_to_ras: Any, parameters: dict[str, str]) -> Any:
    image, matrix, segment = library.vtkOrientedImageData(), vtkMatrix4x4(), library.vtkSegment()
    k, j, i = mask.shape
    image.SetExtent(0, i - 1, 0, j - 1, 0, k - 1)
    image.GetPointData().SetScalars(numpy_to_vtk(mask.reshape(-1), deep=0))
    matrix.DeepCopy([value for row in ijk_to_ras for value in row])
    image.SetImageToWorldMatrix(matrix)
    segment.AddRepresentation("Binary labelmap", image)
    segment.SetLabelValue(1)
    rule = library.vtkBinaryLabelmapToClosedSurfaceConversionRule()
    for name, value in parameters.items():
        rule.SetConversionParameter(name, value)
    if not rule.Convert(segment):
        raise RuntimeError("Slicer could not convert the segment")
    return outwards(segment.GetRepresentation("Closed surface"), matrix.Determinant() > 0)


def outwards(surface: Any, is_right_handed: bool) -> Any:
    """Turn triangles and normals around that look inwards: Slicer's rule makes them so on left-handed grids."""
    if is_right_handed:
        return surface
    turned = vtkReverseSense()
    turned.SetInputData(surface)
    turned.ReverseCellsOn()
    turned.ReverseNormalsOn()
    turned.Update()
    return turned.GetOutput()


def _library() -> Any:
    """Find Slicer's segmentation library: its module's own name, or everything in one package."""
    try:
        return importlib.import_module("vtkSegmentationCorePython")
    except ImportError:
        return importlib.import_module("slicer")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
