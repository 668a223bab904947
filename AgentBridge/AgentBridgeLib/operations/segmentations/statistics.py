"""Measure segments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    GeometryMismatchError,
    NodeTypeError,
    RevisionConflictError,
)
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.frames import FrameArguments, bounds_in, position_in
from AgentBridgeLib.model.segmentations import IntensityStatistics, SegmentationStatistics, SegmentStatistics
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.segmentations.description import MOST_SEGMENTS, SEGMENTATION, chosen_segments
from AgentBridgeLib.operations.segmentations.diameters import longest_diameters
from AgentBridgeLib.operations.segmentations.labelmaps import (
    Labelmap,
    labelmap_of,
)
from AgentBridgeLib.operations.segmentations.shapes import Shape, oriented_bounds
from AgentBridgeLib.operations.segmentations.surface_making import (
    DECIMATION,
    SMOOTHING,
    surfaces_of_masks,
)
from AgentBridgeLib.operations.segmentations.workers.surfaces import arrays_of
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

AUTO_SURFACE_VOXELS = 300_000
"""Up to this many voxels in its box the surface of a segment takes little more than to start a process."""
TRIANGLES_PER_STEP = 1 << 15
INTENSITY_STEP_VOXELS = 1 << 16
APART = (
    "Segmentation and volume are under different transforms: the values are those of the voxels that lie in the "
    "segments in the world. If the segments were made on this volume, put both under the same transform."
)
ROUNDING_VOXELS = 1e-6
"""A center that lies between two voxels to within this belongs to the higher one."""


class StatisticsArguments(FrameArguments):
    """Which segments, and what to measure."""

    segmentation_id: SegmentationId = Field(description="The segmentation.")
    volume_id: VolumeId | None = Field(
        default=None, description="Volume whose values inside the segments are measured."
    )
    segment_ids: tuple[str, ...] | None = Field(
        default=None, min_length=1, max_length=MOST_SEGMENTS, description="Only these segments; all without."
    )
    surface: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether to measure surface_mm2. Auto leaves it out where that takes seconds; always makes it "
        "in a process beside Slicer.",
    )


@operation(
    name="segmentations.statistics",
    capability="scene.read",
    route="POST /segmentations/{segmentation_id}/statistics",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords=(
        "volumetry tumor lesion organ size volume ml cc mean HU density diameter axis length centroid "
        "center of mass SUV quantify report nodule big large how many where located"
    ),
)
def measure_segments(
    context: OperationContext, arguments: StatisticsArguments
) -> Generator[Progress | Suspend, None, SegmentationStatistics]:
    """Measure segments: volume in mL, longest diameter, surface in mm², centroid, bounds, axes, values of a volume.

    Everything is in the world: linear parent transforms are applied, scaling included.

    Returns
    -------
    SegmentationStatistics
        `volume_ml`: voxel count times the volume of a voxel. `surface_mm2`: area of the closed surface as Slicer makes
        it from this segment's labelmap; it depends on the smoothing, which the answer names. `oriented_bounds`: box
        along the principal axes of the voxel centers. `longest_diameter`, `longest_slice_diameter`: exact between
        voxel centers, with their ends. `intensity`: over the voxels of the volume whose centers lie in
        the segment; standard deviation divided by n - 1. A warning says so when the volume is under another transform.

    Raises
    ------
    NodeTypeError
        The segmentation has no binary labelmaps, or the volume no voxels.
    ArgumentInvalidError
        There is no segment with one of the ids, or one comes twice; the message has the ids and their names.
    GeometryMismatchError
        A parent transform is not linear: harden it first.
    RevisionConflictError
        The segmentation changed meanwhile.

    Notes
    -----
    Source: Slicer's module Segment Statistics; `vtkBinaryLabelmapToClosedSurfaceConversionRule`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    volume = context.host.scene.node(arguments.volume_id, VOLUME) if arguments.volume_id else None
    for participant in filter(None, (node, volume)):
        if not matrices.is_linear_to_world(participant):
            raise GeometryMismatchError(
                f"{participant.GetID()} has a parent transform that is not linear: harden it."
            )
    ids = _chosen(node, arguments.segment_ids)
    revision = context.host.scene.node_revision(node.GetID())
    measured = []
    for number, segment_id in enumerate(ids):
        measured.append((yield from _measure(context, node, volume, segment_id, arguments)))
        yield Progress((number + 1) / len(ids), "Measuring segments")
        if context.host.scene.node_revision(node.GetID()) != revision:
            raise RevisionConflictError(f"{node.GetID()} was changed while it was measured. Start again.")
    has_surface = any(part.surface_mm2 is not None for part in measured)
    return SegmentationStatistics(
        segmentation_id=arguments.segmentation_id,
        volume_id=arguments.volume_id,
        segments=tuple(measured),
        surface_smoothing_factor=_smoothing_factor(node) if has_surface else None,
        warnings=(APART,) if volume is not None and _is_apart(node, volume) else (),
    )


def _is_apart(node: Any, volume: Any) -> bool:
    return not np.allclose(matrices.node_to_world(node), matrices.node_to_world(volume))


def _chosen(node: Any, wanted: Sequence[str] | None) -> Sequence[str]:
    ids = node.GetSegmentation().GetSegmentIDs() if wanted is None else chosen_segments(node, wanted)
    return ids[:MOST_SEGMENTS]


def _measure(
    context: OperationContext, node: Any, volume: Any, segment_id: str, arguments: StatisticsArguments
) -> Generator[Progress | Suspend, None, SegmentStatistics]:
    labelmap = labelmap_of(node, segment_id)
    to_world = matrices.node_to_world(node)
    shape = Shape(labelmap.ijk_to_ras if labelmap else np.eye(4), to_world)
    if labelmap is not None:
        k, j, i = labelmap.array.shape
        for start, stop in slabs(k, j * i):
            shape.add(labelmap.array[start:stop] == labelmap.label, start)
            yield Progress(None, "Counting voxels")
    intensity = None
    if volume is not None:
        intensity = yield from _intensity(labelmap, shape, volume)
    surface = None
    if labelmap is not None and shape.voxel_count and _wants_surface(arguments, shape):
        surface = yield from _surface_mm2(context, node, labelmap, shape, to_world)
    in_space, in_slice = yield from longest_diameters(shape, arguments.frame)
    return SegmentStatistics(
        segment_id=segment_id,
        name=node.GetSegmentation().GetSegment(segment_id).GetName() or "",
        voxel_count=shape.voxel_count,
        volume_ml=shape.voxel_count * shape.voxel_mm3 / 1000,
        surface_mm2=surface,
        **position_in(arguments.frame, "centroid", shape.centroid_ras),
        **bounds_in(arguments.frame, "bounds", shape.bounds_ras),
        oriented_bounds=oriented_bounds(shape, arguments.frame),
        longest_diameter=in_space,
        longest_slice_diameter=in_slice,
        intensity=intensity,
    )


def _wants_surface(arguments: StatisticsArguments, shape: Shape) -> bool:
    return arguments.surface == "always" or (
        arguments.surface == "auto" and shape.box_voxels <= AUTO_SURFACE_VOXELS
    )


def _smoothing_factor(node: Any) -> float:
    from slicer import vtkBinaryLabelmapToClosedSurfaceConversionRule as Rule

    return float(node.GetSegmentation().GetConversionParameter(Rule.GetSmoothingFactorParameterName()))


def _surface_mm2(
    context: OperationContext, node: Any, labelmap: Labelmap, shape: Shape, to_world: Matrix
) -> Generator[Progress | Suspend, None, float]:
    """Make the closed surface of a copy of the segment, as Slicer would, and measure it in the world."""
    (i0, j0, k0), (i1, j1, k1) = shape.low_ijk, shape.high_ijk
    mask = labelmap.array[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] == labelmap.label
    padded = np.pad(mask, 1).view(np.uint8)
    shift = np.eye(4)
    shift[:3, 3] = shape.low_ijk - 1
    segmentation = node.GetSegmentation()
    parameters = {name: segmentation.GetConversionParameter(name) for name in (SMOOTHING, DECIMATION)}
    placed = (padded, labelmap.ijk_to_ras @ shift)
    surface = (yield from surfaces_of_masks(context, {"": placed}, parameters))[""]
    if surface.GetNumberOfPolys() == 0:
        return 0.0
    parts, area = arrays_of(surface), 0.0
    points, triangles = matrices.apply(to_world, parts["points"].astype(float)), parts["triangles"]
    for start, stop in slabs(len(triangles), 1, TRIANGLES_PER_STEP):
        corners = points[triangles[start:stop]]
        sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area += float(np.linalg.norm(sides, axis=1).sum()) / 2
        yield Progress(None, "Measuring the surface")
    return area


def _intensity(
    labelmap: Labelmap | None, shape: Shape, volume: Any
) -> Generator[Progress, None, IntensityStatistics]:
    array = voxels.voxels_of(volume)
    if array.ndim != 3:
        raise NodeTypeError(f"{volume.GetID()} has several components in each voxel; statistics need one.")
    tally = _Tally()
    if labelmap is not None and shape.voxel_count:
        grid = Grid.of(volume)
        to_segment = np.linalg.inv(shape.ijk_to_world) @ matrices.node_to_world(volume) @ grid.ijk_to_ras
        low, high = _overlap(to_segment, shape, grid.dimensions_ijk)
        if (low < high).all():
            row_voxels = int((high[1] - low[1]) * (high[0] - low[0]))
            for start, stop in slabs(int(high[2] - low[2]), row_voxels, INTENSITY_STEP_VOXELS):
                k0, k1 = int(low[2]) + start, int(low[2]) + stop
                part = array[k0:k1, low[1] : high[1], low[0] : high[0]]
                tally.add(part[_inside(labelmap, to_segment, low, high, k0, k1)])
                yield Progress(None, "Collecting values")
    return tally.result()


def _overlap(to_segment: Matrix, shape: Shape, dimensions_ijk: Sequence[int]) -> tuple[Array, Array]:
    """Find the half-open range of volume indices that can lie in the segment's box."""
    ends = [(shape.low_ijk[axis] - 0.5, shape.high_ijk[axis] + 0.5) for axis in range(3)]
    corners = np.array([[i, j, k] for i in ends[0] for j in ends[1] for k in ends[2]])
    there = matrices.apply(np.linalg.inv(to_segment), corners)
    low = np.maximum(np.floor(there.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(there.max(axis=0)).astype(int) + 1, dimensions_ijk)
    return low, high


def _inside(labelmap: Labelmap, to_segment: Matrix, low: Array, high: Array, k0: int, k1: int) -> Array:
    """Say for each voxel of a block of the volume whether its center lies in the segment."""
    k, j, i = np.ogrid[k0:k1, low[1] : high[1], low[0] : high[0]]
    within, indices = np.True_, []
    for axis, count in zip(range(3), reversed(labelmap.array.shape), strict=True):
        row = to_segment[axis]
        position = row[0] * i + row[1] * j + row[2] * k + (row[3] + 0.5)
        index = np.floor(position + ROUNDING_VOXELS).astype(np.intp)
        within = within & (index >= 0) & (index < count)
        indices.append(np.clip(index, 0, count - 1))
    return within & (labelmap.array[indices[2], indices[1], indices[0]] == labelmap.label)


class _Tally:
    """Mean, spread and range of values that come in parts; values that are not finite are left out."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._low, self._high = math.inf, -math.inf

    def add(self, values: Array) -> None:
        values = values[np.isfinite(values)].astype(np.float64)
        if values.size == 0:
            return
        mean, total = float(values.mean()), self._count + values.size
        difference = mean - self._mean
        self._squares += (
            float(((values - mean) ** 2).sum()) + difference**2 * self._count * values.size / total
        )
        self._mean += difference * values.size / total
        self._count = total
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))

    def result(self) -> IntensityStatistics:
        count = self._count
        return IntensityStatistics(
            voxel_count=count,
            mean=self._mean if count else None,
            standard_deviation=math.sqrt(self._squares / (count - 1)) if count > 1 else None,
            minimum=self._low if count else None,
            maximum=self._high if count else None,
        )
