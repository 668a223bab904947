"""Median filter in a process of its own: ``median.py INPUT.npy OUTPUT.npy RADIUS``.

INPUT has shape (k, j, i); OUTPUT gets the same shape and type. Progress goes to standard output as command line
modules of Slicer write it: ``<filter-progress>0.42</filter-progress>``. Needs NumPy and VTK, nothing of the bridge.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkImagingGeneral import vtkImageMedian3D

SLICES_PER_REPORT = 4


def median_slices(source: Any, start: int, stop: int, radius: int) -> Any:
    """Filter slices `start` to `stop` of an array (k, j, i); a window is cut off at the border of the image."""
    low, high = max(0, start - radius), min(source.shape[0], stop + radius)
    part = np.ascontiguousarray(source[low:high])
    image = vtkImageData()
    image.SetDimensions(part.shape[2], part.shape[1], part.shape[0])
    image.GetPointData().SetScalars(numpy_to_vtk(part.reshape(-1), deep=0))
    median = vtkImageMedian3D()
    median.SetKernelSize(2 * radius + 1, 2 * radius + 1, 2 * radius + 1)
    median.SetInputData(image)
    wanted = (0, part.shape[2] - 1, 0, part.shape[1] - 1, start - low, stop - low - 1)
    median.UpdateExtent(wanted)
    filtered = vtk_to_numpy(median.GetOutput().GetPointData().GetScalars())
    return filtered.reshape(stop - start, part.shape[1], part.shape[2])


def main(arguments: list[str]) -> int:
    """Filter one file."""
    source_path, result_path, radius = arguments[0], arguments[1], int(arguments[2])
    source = np.load(source_path, mmap_mode="r")
    result = np.lib.format.open_memmap(result_path, mode="w+", dtype=source.dtype, shape=source.shape)
    count = source.shape[0]
    for start in range(0, count, SLICES_PER_REPORT):
        stop = min(start + SLICES_PER_REPORT, count)
        result[start:stop] = median_slices(source, start, stop, radius)
        sys.stdout.write(f"<filter-progress>{stop / count:.4f}</filter-progress>\n")
        sys.stdout.flush()
    result.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
