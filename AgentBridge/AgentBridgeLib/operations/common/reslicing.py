"""Take an image to another grid of voxels, in steps that leave the application responsive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.stepping import STEP_S, Pace, slabs

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from AgentBridgeLib.operations.common.voxels import Array

Kernel = Literal["nearest", "linear", "cubic", "sinc"]

FIRST_ROWS = 4
LONG_INTEGER_BYTES = 8


def reslice(
    source: Array, to_source: Any, shape_kji: tuple[int, int, int], kernel: Kernel, fill_value: float
) -> Generator[float, None, Array]:
    """Give what a source has at the places of other voxels; yields how much is done.

    Parameters
    ----------
    source
        Shape (k, j, i) or (k, j, i, component).
    to_source
        From indices (i, j, k) of the result to those of the source: a 4 by 4 array, or a `vtkAbstractTransform`.
    shape_kji
        Shape of the result, without components.
    kernel
        ``nearest``, ``linear``, ``cubic`` (four voxels along each axis) or ``sinc`` (six, windowed after Lanczos; more
        where the voxels of the result are larger, so that it averages). Integers are rounded, and limited to what
        their type holds.
    fill_value
        Value beyond the outer faces of the source.

    Notes
    -----
    Source: `vtkImageReslice`, `vtkImageSincInterpolator`. VTK cannot interpolate 64-bit integers (the process ends):
    for ``nearest`` they go through it as pairs of 32-bit integers, else as float64. It takes positions within 2^-17 of
    a voxel's center for the center.
    """
    result = np.empty((*shape_kji, *source.shape[3:]), source.dtype)
    filled, values, background = result, source, [fill_value] * 4
    if is_long(source.dtype) and kernel == "nearest":
        filled, values = (array.reshape((*array.shape[:3], -1)).view(np.int32) for array in (result, source))
        background = np.array([int(fill_value)], source.dtype).view(np.int32).tolist() * 2
    elif is_long(source.dtype):
        values = np.empty(source.shape, np.float64)
        for start, stop in slabs(source.shape[0], source[0].size):
            values[start:stop] = source[start:stop]
            yield 0.0
    yield from _fill(filled, _machine(values, to_source, shape_kji, kernel, background))
    return result


def is_long(dtype: np.dtype[Any]) -> bool:
    """Whether float64 cannot hold all values of an integer type."""
    return dtype.kind in "iu" and dtype.itemsize == LONG_INTEGER_BYTES


def _machine(
    source: Array, to_source: Any, shape_kji: tuple[int, int, int], kernel: Kernel, background: list[float]
) -> Any:
    """Make a `vtkImageReslice` whose world is the indices of the result."""
    from vtkmodules.vtkImagingCore import vtkImageReslice, vtkImageSincInterpolator

    machine = vtkImageReslice()
    machine.SetInputData(voxels.image_of(source))
    if isinstance(to_source, np.ndarray):
        machine.SetResliceAxes(matrices.to_vtk(to_source))
    else:
        machine.SetResliceTransform(to_source)
    k, j, i = shape_kji
    machine.SetOutputSpacing(1, 1, 1)
    machine.SetOutputOrigin(0, 0, 0)
    machine.SetOutputExtent(0, i - 1, 0, j - 1, 0, k - 1)
    machine.SetBackgroundColor(background)
    machine.SetBorder(True)  # up to the outer faces of the outermost voxels
    if kernel == "sinc":
        sinc = vtkImageSincInterpolator()
        sinc.SetWindowFunctionToLanczos()
        sinc.AntialiasingOn()
        machine.SetInterpolator(sinc)
    elif kernel == "cubic":
        machine.SetInterpolationModeToCubic()
    elif kernel == "linear":
        machine.SetInterpolationModeToLinear()
    else:
        machine.SetInterpolationModeToNearestNeighbor()
    return machine


def _as_type(part: Array, dtype: np.dtype[Any]) -> Array:
    """Round, and limit to what the type holds, what VTK computed in another type."""
    if part.dtype == dtype:
        return part
    # The largest float64 below 2^63 or 2^64: the limits of the types themselves would be rounded up.
    most = np.nextafter(2.0 ** (63 if dtype.kind == "i" else 64), 0)
    return np.clip(np.rint(part), float(np.iinfo(dtype).min), most).astype(dtype)


def _fill(result: Array, machine: Any) -> Iterator[float]:
    """Compute blocks of rows: a part of one slice, or several whole slices, as many as make a step."""
    slices, height, width = result.shape[:3]
    done, pace = 0, Pace(FIRST_ROWS, STEP_S)
    while done < slices * height:
        k, j = divmod(done, height)
        if j == 0 and pace.size >= height:
            k0, k1, j0, j1 = k, min(slices, k + pace.size // height), 0, height
        else:
            k0, k1, j0, j1 = k, k + 1, j, min(height, j + pace.size)
        count = (k1 - k0) * (j1 - j0)
        with pace.measured(count):
            machine.UpdateExtent((0, width - 1, j0, j1 - 1, k0, k1 - 1))
            part = vtk_to_numpy(machine.GetOutput().GetPointData().GetScalars())
            target = result[k0:k1, j0:j1]
            target[...] = _as_type(part.reshape(target.shape), result.dtype)
        done += count
        yield done / (slices * height)
