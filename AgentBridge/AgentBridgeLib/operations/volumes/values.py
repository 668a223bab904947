"""Read values of a volume: how often they occur, and what they are at points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.conditions import Conditional, OneOf
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.geometry import PositionRas
from AgentBridgeLib.model.volumes import Histogram, Samples
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.interpolation import interpolate, lies_inside
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

MOST_POINTS = 100_000


class HistogramArguments(Arguments):
    """Which values, and how finely."""

    volume_id: VolumeId = Field(description="The volume.")
    bins: int = Field(default=256, ge=1, le=4096, description="Number of equally wide bins.")
    minimum: float | None = Field(
        default=None, description="Lower edge, in the volume's unit; else the least value."
    )
    maximum: float | None = Field(
        default=None, description="Upper edge, in the volume's unit; else the largest value."
    )
    component: int = Field(
        default=0, ge=0, le=1000, description="Component of a volume with several; zero-based."
    )


class SampleLine(Arguments):
    """A straight line in the world."""

    start_ras: PositionRas = Field(description="First point in RAS, mm.")
    end_ras: PositionRas = Field(description="Last point in RAS, mm.")
    count: int = Field(ge=2, le=4096, description="How many points, both ends included; evenly spaced.")


class SampleArguments(Conditional):
    """Where to read values; either `points_ras` or `line`."""

    conditions = (OneOf(("points_ras", "line")),)
    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", points_ras=[[0, 0, 0], [10, -20, 30]])

    volume_id: VolumeId = Field(description="The volume.")
    points_ras: tuple[PositionRas, ...] | None = Field(
        default=None, min_length=1, max_length=MOST_POINTS, description="Points in the world, RAS, mm."
    )
    line: SampleLine | None = Field(default=None, description="Points along a line in the world.")
    interpolation: Literal["nearest", "linear"] = Field(
        default="linear", description="`nearest` gives values that occur; labelmaps are always read so."
    )
    component: int = Field(
        default=0, ge=0, le=1000, description="Component of a volume with several; zero-based."
    )


@operation(
    name="volumes.histogram",
    capability="scene.read",
    route="GET /volumes/{volume_id}/histogram",
    read_only=True,
    execution="steps",
    revision_scope="node",
    keywords=(
        "intensity distribution gray values percentiles mean standard deviation image statistics "
        "compare intensities"
    ),
)
def histogram(
    context: OperationContext, arguments: HistogramArguments
) -> Generator[Progress, None, Histogram]:
    """Count how often values occur in a volume, in equally wide bins, with mean and standard deviation.

    Returns
    -------
    Histogram
        `counts`: shape (bins,); `edges`: shape (bins + 1,), as of `numpy.histogram`. Edges, mean and standard
        deviation (divided by n) have the volume's own unit.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    ArgumentInvalidError
        `minimum` is not below `maximum`, or there is no such component.
    """
    array = _component(context.host.scene.node(arguments.volume_id, VOLUME), arguments.component)
    low, high = yield from _range(array, arguments)
    counts = np.zeros(arguments.bins, np.int64)
    below = above = nans = 0
    mean, squares, seen = 0.0, 0.0, 0
    for part, fraction in _parts(array):
        values = part.reshape(-1)
        if values.dtype.kind == "f":
            is_number = ~np.isnan(values)
            nans += values.size - int(np.count_nonzero(is_number))
            values = values[is_number]
        counts += np.histogram(values, arguments.bins, (low, high))[0]
        below += int(np.count_nonzero(values < low))
        above += int(np.count_nonzero(values > high))
        mean, squares, seen = _merge(mean, squares, seen, values[np.isfinite(values)])
        yield Progress(0.5 + fraction / 2, "Counting")
    return Histogram(
        counts=tuple(counts.tolist()),
        edges=tuple(np.linspace(low, high, arguments.bins + 1).tolist()),
        below_count=below,
        above_count=above,
        not_a_number_count=nans,
        voxel_count=array.size,
        mean=mean if seen else None,
        standard_deviation=math.sqrt(squares / seen) if seen else None,
    )


@operation(
    name="volumes.sample",
    capability="scene.read",
    route="POST /volumes/{volume_id}/sample",
    read_only=True,
    revision_scope="none",
    keywords="line profile intensity at point Hounsfield HU value probe pixel",
)
def sample(context: OperationContext, arguments: SampleArguments) -> Samples:
    """Read the values of a volume at points in the world, or along a line.

    Parent transforms of the volume are applied, non-linear ones too.

    Returns
    -------
    Samples
        `values`: one for each point, in the volume's own unit; null outside the outer faces of the image,
        and where the voxel is no finite number.
        `points_ras`: for a line, the points, shape (count, 3), RAS, mm.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    ArgumentInvalidError
        The ends of the line coincide, or there is no such component.

    Warnings
    --------
    `linear` interpolates between voxel centers; within half a voxel of the border it takes the border voxel's value.

    Notes
    -----
    Source: Slicer user guide, "Coordinate systems"; `vtkMRMLTransformNode::GetTransformBetweenNodes`.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    array = _component(node, arguments.component)
    points = _points(arguments)
    interpolation = "nearest" if node.IsA("vtkMRMLLabelMapVolumeNode") else arguments.interpolation
    ras_to_ijk = np.linalg.inv(Grid.of(node).ijk_to_ras)
    inside = matrices.apply(ras_to_ijk, _from_world(node, points))
    values = [
        float(value) if math.isfinite(value) else None for value in interpolate(array, inside, interpolation)
    ]
    outside_count = int(np.count_nonzero(~lies_inside(array, inside)))
    samples = Samples(values=tuple(values), outside_count=outside_count)
    if arguments.line is None:
        return samples
    return samples.model_copy(update={"points_ras": tuple(map(tuple, points.tolist()))})


def _component(node: Any, component: int) -> Array:
    array = voxels.voxels_of(node)
    count = array.shape[3] if array.ndim == 4 else 1
    if component >= count:
        raise invalid("component", f"the volume has {count}, counted from 0")
    return array[..., component] if array.ndim == 4 else array


def _parts(array: Array) -> Iterator[tuple[Array, float]]:
    k, j, i = array.shape
    for start, stop in slabs(k, j * i):
        yield array[start:stop], stop / k


def _range(array: Array, arguments: HistogramArguments) -> Generator[Progress, None, tuple[float, float]]:
    low, high = arguments.minimum, arguments.maximum
    if low is None or high is None:
        least, largest = math.inf, -math.inf
        for part, fraction in _parts(array):
            finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part
            if finite.size:
                least, largest = min(least, float(finite.min())), max(largest, float(finite.max()))
            yield Progress(fraction / 2, "Finding the range")
        if not math.isfinite(least):
            least = largest = 0.0
        low, high = least if low is None else low, largest if high is None else high
        if low == high and arguments.minimum is None and arguments.maximum is None:
            low, high = low - 0.5, high + 0.5
    if not low < high:
        raise invalid("minimum", f"{low} is not below the maximum {high}")
    return low, high


def _merge(mean: float, squares: float, seen: int, values: Array) -> tuple[float, float, int]:
    """Add values to a running mean and sum of squared differences (Chan et al., 1979)."""
    if values.size == 0:
        return mean, squares, seen
    part_mean = float(values.mean(dtype=np.float64))
    part_squares = float(values.var(dtype=np.float64)) * values.size
    total = seen + values.size
    difference = part_mean - mean
    return (
        mean + difference * values.size / total,
        squares + part_squares + difference**2 * seen * values.size / total,
        total,
    )


def _points(arguments: SampleArguments) -> Matrix:
    if arguments.line is None:
        return np.array(arguments.points_ras, dtype=float)
    line = arguments.line
    if line.start_ras == line.end_ras:
        raise invalid("line", "its ends coincide, so it has no direction")
    return np.linspace(line.start_ras, line.end_ras, line.count)


def _from_world(node: Any, points: Matrix) -> Matrix:
    """Undo the parent transforms of a node."""
    from slicer import vtkMRMLTransformNode

    parent = node.GetParentTransformNode()
    if parent is None:
        return points
    transform, moved = vtkGeneralTransform(), vtkPoints()
    vtkMRMLTransformNode.GetTransformBetweenNodes(None, parent, transform)
    given = vtkPoints()
    given.SetDataTypeToDouble()
    moved.SetDataTypeToDouble()
    for point in points:
        given.InsertNextPoint(*point)
    transform.TransformPoints(given, moved)
    return np.array([moved.GetPoint(index) for index in range(moved.GetNumberOfPoints())])
