"""Take an image to another grid of voxels, in steps that leave the application responsive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from vtkmodules.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.stepping import STEP_S, Pace, slabs

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from AgentBridgeLib.operations.common.voxels import Array

Kernel = Literal["nearest", "linear", "cubic", "sinc"]

FIRST_ROWS = 4
LONG_INTEGER_BYTES = 8
SHORT_INTEGER_BYTES = 2
PARALLEL = 1e-9


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
    a voxel's center for the center. Where axes are parallel, ``sinc`` works along one after the other, with fractions
    kept in between: VTK's kernel in three dimensions takes some twenty times as long.
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
    passes = _passes(to_source, source.shape, shape_kji) if kernel == "sinc" else [(to_source, shape_kji)]
    for number, (way, shape) in enumerate(passes, 1):
        is_last = number == len(passes)
        target = filled if is_last else np.empty((*shape, *source.shape[3:]), wide_type(source.dtype))
        machine = _machine(values, way, shape, kernel, background)
        if not is_last:
            machine.SetOutputScalarType(get_vtk_array_type(target.dtype))
        for done in _fill(target, machine):
            yield (number - 1 + done) / len(passes)
        values = target
    return result


def working_bytes(source: Array, to_source: Any, shape_kji: tuple[int, int, int], kernel: Kernel) -> int:
    """Say how much memory `reslice` needs at most, its result included."""
    components = source[0, 0, 0].size
    size = math.prod(shape_kji) * components * source.dtype.itemsize
    if kernel != "nearest" and is_long(source.dtype):
        size += source.size * np.dtype(np.float64).itemsize
    if kernel == "sinc":
        between = [math.prod(shape) for _, shape in _passes(to_source, source.shape, shape_kji)[:-1]]
        size += sum(between) * components * wide_type(source.dtype).itemsize
    return size


def wide_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the floating type that holds fractions between values of a type."""
    is_short = dtype == np.float32 or dtype.itemsize <= SHORT_INTEGER_BYTES
    return np.dtype(np.float32 if is_short else np.float64)


def _passes(
    to_source: Any, source_shape: tuple[int, ...], shape_kji: tuple[int, int, int]
) -> list[tuple[Any, tuple[int, int, int]]]:
    """Divide a way along parallel axes into ways along one axis each, those first that leave the fewest voxels."""
    whole = [(to_source, shape_kji)]
    if not isinstance(to_source, np.ndarray):
        return whole
    linear = to_source[:3, :3]
    if np.abs(linear - np.diag(np.diag(linear))).max() > PARALLEL:
        return whole
    passes, shape = [], list(source_shape[:3])
    for axis in sorted(range(3), key=lambda axis: shape_kji[2 - axis] / source_shape[2 - axis]):
        way = np.eye(4)
        way[axis, axis], way[axis, 3] = linear[axis, axis], to_source[axis, 3]
        shape[2 - axis] = shape_kji[2 - axis]
        if shape_kji[2 - axis] != source_shape[2 - axis] or not np.array_equal(way, np.eye(4)):
            k, j, i = shape
            passes.append((way, (k, j, i)))
    return passes or whole


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
    limits = np.iinfo(dtype)
    # The largest float64 below 2^63 or 2^64: the limits of these types themselves would be rounded up.
    most = np.nextafter(limits.max, 0) if is_long(dtype) else limits.max
    return np.clip(np.rint(part), float(limits.min), float(most)).astype(dtype)


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
