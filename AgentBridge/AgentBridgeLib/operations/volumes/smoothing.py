"""Smooth a volume with a Gaussian, in steps that leave the application responsive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.volumes.new_nodes import NamedArguments, add_result
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

CUTOFF_SIGMAS = 4.0
"""Where the kernel ends; 0.006 % of a Gaussian lie outside."""
STEP_PRODUCTS = 1_500_000
"""Multiplications in one step: one or two milliseconds."""


class SmoothArguments(NamedArguments):
    """Which volume, and how much."""

    sigma_mm: float = Field(
        gt=0, le=100, description="Standard deviation of the Gaussian in mm, along all axes."
    )


@operation(
    name="volumes.smooth",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/smooth",
    execution="steps",
    long=True,
    status=201,
    keywords="blur noise reduction Gaussian filter low-pass",
)
def smooth(context: OperationContext, arguments: SmoothArguments) -> Generator[Progress, None, VolumeMade]:
    """Smooth a volume with a Gaussian of a given width in mm, into a new volume.

    The width is the same in all directions in space: along an axis with larger spacing it spans fewer voxels. The
    result has float32 voxels (float64 for a float64 volume), so that nothing is rounded. Geometry, parent transform
    and place in the subject hierarchy are those of the input. It can be canceled; then nothing was made.

    Returns
    -------
    VolumeMade
        The new volume.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, has no voxels, or is a labelmap, whose labels cannot be averaged.
    ArgumentInvalidError
        `sigma_mm` spans more voxels than the image has.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.
    OutOfMemoryError
        The result would not fit into memory.

    Notes
    -----
    The kernel ends at 4 sigma. At the border it is cut and weighted anew, as `vtkImageGaussianSmooth` does, so a
    constant image stays constant. Source: `vtkImageGaussianSmooth`.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise NodeTypeError(
            f"{node.GetID()} is a labelmap: averages of labels mean nothing. Use a scalar volume."
        )
    source, grid = voxels.voxels_of(node), Grid.of(node)
    kernels = [_kernel(arguments.sigma_mm / spacing) for spacing in reversed(grid.spacing_mm)]
    _check_width(kernels, source.shape)
    watch = InputWatch(context.host.scene, node)
    result_type = np.float64 if source.dtype == np.float64 else np.float32
    size = source.size * np.dtype(result_type).itemsize
    voxels.require_memory(context.host.application, size, "The smoothed volume")
    result = np.empty(source.shape, result_type)
    for done in smooth_into(result, source, kernels):
        yield Progress(done, "Smoothing")
        watch.require_unchanged()
    return add_result(context, watch.require_unchanged(), arguments.name, "smoothed", result)


def smooth_into(result: Array, source: Array, kernels: Sequence[Array]) -> Iterator[float]:
    """Fill `result` with the smoothed `source`, a block at a time; yields how much is done.

    Parameters
    ----------
    result, source
        Shape (k, j, i) or (k, j, i, component).
    kernels
        For k, j, i: weights from the center outwards, not normalized.
    """
    norms = [_norm(count, kernel) for count, kernel in zip(source.shape, kernels, strict=False)]
    radius = [len(kernel) - 1 for kernel in kernels]
    blocks = list(_blocks(source.shape, radius))
    for number, (k0, k1, j0, j1) in enumerate(blocks, 1):
        first, last = max(0, j0 - radius[1]), min(source.shape[1], j1 + radius[1])
        block = _along(source[:, first:last], 0, k0, k1, kernels[0], norms[0], result.dtype)
        block = _along(block, 1, j0 - first, j1 - first, kernels[1], norms[1][j0:j1], result.dtype)
        result[k0:k1, j0:j1] = _along(block, 2, 0, source.shape[2], kernels[2], norms[2], result.dtype)
        yield number / len(blocks)


def _along(
    block: Array, axis: int, start: int, stop: int, kernel: Array, norm: Array, dtype: np.dtype
) -> Array:
    """Filter positions `start` to `stop` along one axis; what lies beyond the block counts nothing."""
    count = block.shape[axis]
    low, high = max(0, start - len(kernel) + 1), min(count, stop + len(kernel) - 1)
    near = _slice(block, axis, low, high).astype(dtype)
    total = _slice(near, axis, start - low, stop - low) * dtype.type(kernel[0])
    for distance in range(1, len(kernel)):
        weight = dtype.type(kernel[distance])
        for side in (-distance, distance):
            first, last = max(start, low - side), min(stop, high - side)
            if first < last:
                _slice(total, axis, first - start, last - start)[...] += weight * _slice(
                    near, axis, first + side - low, last + side - low
                )
    weights = norm[start:stop] if len(norm) == count else norm
    total *= weights.astype(dtype).reshape([-1 if at == axis else 1 for at in range(block.ndim)])
    return total


def _slice(array: Array, axis: int, start: int, stop: int) -> Array:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _kernel(sigma_voxels: float) -> Array:
    distance = np.arange(math.ceil(CUTOFF_SIGMAS * sigma_voxels) + 1)
    return np.exp(-0.5 * (distance / sigma_voxels) ** 2)


def _norm(count: int, kernel: Array) -> Array:
    """One over the sum of the weights that lie inside, for each position along an axis."""
    weights = np.concatenate([kernel[:0:-1], kernel])
    inside = np.convolve(np.ones(count), weights)[len(kernel) - 1 : len(kernel) - 1 + count]
    return 1 / inside


def _check_width(kernels: Sequence[Array], shape: Sequence[int]) -> None:
    for axis, kernel, count in zip("kji", kernels, shape, strict=False):
        sigma_voxels = (len(kernel) - 1) / CUTOFF_SIGMAS
        if count > 1 and sigma_voxels > count:
            problem = f"along {axis} it spans about {sigma_voxels:.0f} voxels, and the image has {count}"
            raise invalid("sigma_mm", problem)


def _blocks(shape: Sequence[int], radius: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Cut the image into ranges of k and j whose filtering is one step; rows along i stay whole."""
    taps = sum(2 * part + 1 for part in radius)
    row = math.prod(shape[2:])
    rows = max(1, STEP_PRODUCTS // (row * taps))
    if rows >= shape[1]:
        height, thickness = shape[1], max(1, rows // shape[1])
    else:
        # Rows around the block are filtered along k twice; let them not be the larger part.
        height, thickness = min(shape[1], max(rows, 2 * radius[1])), 1
    for k in range(0, shape[0], thickness):
        for j in range(0, shape[1], height):
            yield k, min(k + thickness, shape[0]), j, min(j + height, shape[1])
