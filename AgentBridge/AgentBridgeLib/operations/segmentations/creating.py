"""Make segmentations: empty, by threshold, from a labelmap node, or on a grid that is given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.conditions import Conditional, Needs, OneOf
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.geometry import ColorRgb, SpacingMm
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.segmentations import SegmentationDescription
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch, slabs
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    Name,
    check_color,
    description_of,
)
from AgentBridgeLib.operations.segmentations.labelmap_segments import add_segments, colors_of, labels_in
from AgentBridgeLib.operations.segmentations.labelmaps import oriented_image, set_reference
from AgentBridgeLib.operations.segmentations.surface_making import make_surfaces, show_surfaces
from AgentBridgeLib.operations.volumes.new_nodes import place_beside
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

LABELMAP = "vtkMRMLLabelMapVolumeNode"
MOST_VOXELS = 1 << 31
Count = Annotated[int, Field(ge=1, le=1 << 16)]
Row = tuple[float, float, float, float]


class Threshold(Arguments):
    """Which voxels become the first segment."""

    minimum: float = Field(description="Least value that belongs to the segment, in the volume's own unit.")
    maximum: float = Field(description="Largest value that belongs to the segment, in the volume's own unit.")
    segment_name: Name = Field(default="Segment_1", description="Name of the segment.")
    color: ColorRgb = Field(default=(0.5, 0.68, 0.5), description="Red, green, blue from 0 to 1.")


class Geometry(Arguments):
    """A voxel grid."""

    dimensions_ijk: tuple[Count, Count, Count] = Field(description="Number of voxels along i, j, k.")
    spacing_mm: SpacingMm | None = Field(
        default=None, description="Distance of voxel centers in mm; axes along R, A, S. Without: 1, 1, 1."
    )
    origin_ras: PlacedRas | None = Field(
        default=None, description="Center of voxel (0, 0, 0), RAS, mm. Without: 0, 0, 0."
    )
    ijk_to_ras: tuple[Row, Row, Row, Row] | None = Field(
        default=None, description="4 by 4 matrix, row by row, in place of spacing and origin."
    )


class CreateArguments(Conditional):
    """What to make; exactly one of `source_volume_id`, `labelmap_id` and `geometry`."""

    conditions = (
        OneOf(("source_volume_id", "labelmap_id", "geometry")),
        Needs("threshold", "source_volume_id"),
    )
    model_config = example(
        source_volume_id="vtkMRMLScalarVolumeNode1", threshold={"minimum": 120, "maximum": 255}
    )

    name: Name | None = Field(default=None, description="Name of the node; made unique.")
    source_volume_id: VolumeId | None = Field(
        default=None, description="The volume whose voxel grid the segments get."
    )
    labelmap_id: VolumeId | None = Field(
        default=None, description="A labelmap volume: each of its labels but 0 becomes a segment."
    )
    geometry: Geometry | None = Field(
        default=None, description="A voxel grid for a segmentation without a source volume."
    )
    threshold: Threshold | None = Field(
        default=None,
        description="Makes a first segment of all voxels of the source volume in a range; without, there is no "
        "segment yet.",
    )
    show_3d: bool = Field(
        default=False,
        description="Whether to make the closed surface and show it in 3D, in a process beside Slicer.",
    )


@operation(
    name="segmentations.create",
    capability="scene.edit",
    route="POST /segmentations",
    execution="process",
    status=201,
    keywords=(
        "segment contour delineate organ lung lungs bone tumor lesion mask label by threshold "
        "Hounsfield intensity range"
    ),
)
def create_segmentation(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress | Suspend, None, SegmentationDescription]:
    """Make a segmentation: on the grid of a volume, empty or by threshold; from a labelmap; or on a given grid.

    A voxel belongs to the segment if `minimum` ≤ value ≤ `maximum`, exactly, without smoothing. The voxels of a
    labelmap are taken over exactly; names and colors come from its color table. The segmentation gets the parent
    transform and the place in the subject hierarchy of the volume or labelmap.

    Returns
    -------
    SegmentationDescription
        The new node. A warning says so when no voxel is in the range, or a labelmap has no labels.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume with one component, has no voxels, or is no labelmap.
    ArgumentInvalidError
        `minimum` is above `maximum`; not exactly one source is given; the geometry is singular or too large.
    DataInvalidError
        The labelmap has labels that are no integers from 0 to 32767, or more than 1000.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::SetReferenceImageGeometryParameterFromVolumeNode`,
    `vtkSlicerSegmentationsModuleLogic::ImportLabelmapToSegmentationNode`.
    """
    warnings: tuple[str, ...] = ()
    if arguments.geometry is not None:
        grid = given_grid(arguments.geometry)
        node = new_segmentation(context, arguments.name or "Segmentation", None)
        set_reference(node, grid)
    elif arguments.labelmap_id is not None:
        node, warnings = yield from _from_labelmap(context, arguments.labelmap_id, arguments.name)
    else:
        node, warnings = yield from _from_volume(context, arguments)
    if arguments.show_3d and node.GetSegmentation().GetNumberOfSegments():
        node_id = node.GetID()
        surfaces = yield from make_surfaces(context, node)
        node = context.host.scene.node(node_id, SEGMENTATION)
        show_surfaces(node, surfaces)
    return description_of(node, warnings)


def new_segmentation(context: OperationContext, name: str, beside: Any) -> Any:
    """Add an empty segmentation; on the grid and in the place of a volume, if one is given."""
    scene = context.host.scene.scene
    node = scene.AddNewNodeByClass(SEGMENTATION, scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    if beside is not None:
        # First under the same transform: Slicer takes the geometry relative to where both nodes are.
        place_beside(node, beside)
        node.SetReferenceImageGeometryParameterFromVolumeNode(beside)
    context.mark_made([node])
    return node


def given_grid(geometry: Geometry) -> Grid:
    """Make a grid of arguments.

    Raises
    ------
    ArgumentInvalidError
        It is singular, too large, or says its spacing twice.
    """
    matrix = np.eye(4)
    if geometry.ijk_to_ras is not None:
        if geometry.spacing_mm is not None or geometry.origin_ras is not None:
            raise invalid("geometry/ijk_to_ras", "it says spacing and origin already; give either")
        matrix = np.array(geometry.ijk_to_ras, float)
    else:
        matrix[:3, :3] = np.diag(geometry.spacing_mm or (1.0, 1.0, 1.0))
        matrix[:3, 3] = geometry.origin_ras or (0.0, 0.0, 0.0)
    is_positive = geometry.spacing_mm is None or min(geometry.spacing_mm) > 0
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    if (
        not is_positive
        or tuple(matrix[3]) != (0, 0, 0, 1)
        or not 1e-6 < steps.min() <= steps.max() < 1e6
        or abs(np.linalg.det(matrix[:3, :3] / steps)) < 1e-6
    ):
        raise invalid(
            "geometry", "it is singular, a spacing is not above 0, or its last row is not 0, 0, 0, 1"
        )
    if np.abs(_normalized_product(matrix) - np.eye(3)).max() > 1e-4:
        raise invalid(
            "geometry/ijk_to_ras", "its axes are not perpendicular, which segmentations cannot have"
        )
    if math.prod(geometry.dimensions_ijk) > MOST_VOXELS:
        raise invalid("geometry/dimensions_ijk", f"there would be more than {MOST_VOXELS} voxels")
    return Grid(geometry.dimensions_ijk, matrix)


def _normalized_product(matrix: matrices.Matrix) -> matrices.Matrix:
    axes = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    return axes.T @ axes


def _from_labelmap(
    context: OperationContext, labelmap_id: str, name: str | None
) -> Generator[Progress, None, tuple[Any, tuple[str, ...]]]:
    source = context.host.scene.node(labelmap_id, LABELMAP)
    watch = InputWatch(context.host.scene, source)
    array = voxels.voxels_of(source)
    if array.ndim != 3:
        raise NodeTypeError(f"{labelmap_id} has several components in each voxel; a labelmap has one.")
    labels = yield from labels_in(array)
    voxels.require_memory(context.host.application, 2 * array.size, "The copy of the labelmap")
    source = watch.require_unchanged()
    node = new_segmentation(context, name or f"{source.GetName()} segmentation", source)
    if labels:
        add_segments(node, [array.copy()], Grid.of(source), colors_of(source, labels))
    return node, () if labels else ("The labelmap has no labels but 0: there is no segment.",)


def _from_volume(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress, None, tuple[Any, tuple[str, ...]]]:
    source = context.host.scene.node(arguments.source_volume_id or "", VOLUME)
    watch, threshold, mask = InputWatch(context.host.scene, source), arguments.threshold, None
    if threshold is not None:
        check_color(threshold.color, "threshold/color")
        mask = yield from _threshold(context, source, threshold)
    source = watch.require_unchanged()
    node = new_segmentation(context, arguments.name or f"{source.GetName()} segmentation", source)
    if mask is None or threshold is None:
        return node, ()
    image = oriented_image(mask, Grid.of(source).ijk_to_ras)
    node.AddSegmentFromBinaryLabelmapRepresentation(image, threshold.segment_name, threshold.color)
    return node, () if mask.any() else ("No voxel is in the range: the segment is empty.",)


def _threshold(
    context: OperationContext, node: Any, threshold: Threshold
) -> Generator[Progress, None, Array]:
    if threshold.minimum > threshold.maximum:
        raise invalid("threshold/minimum", f"{threshold.minimum} is above the maximum {threshold.maximum}")
    array = voxels.voxels_of(node)
    if array.ndim != 3:
        raise NodeTypeError(f"{node.GetID()} has several components in each voxel; a threshold needs one.")
    voxels.require_memory(context.host.application, array.size, "The segment")
    mask = np.empty(array.shape, np.uint8)
    for start, stop in slabs(array.shape[0], array.shape[1] * array.shape[2]):
        part = array[start:stop]
        np.logical_and(part >= threshold.minimum, part <= threshold.maximum, out=mask[start:stop].view(bool))
        yield Progress(0.8 * stop / array.shape[0], "Comparing voxels")
    return mask
