"""Compute new volumes voxel by voxel: threshold, and arithmetic with a number or another volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import GeometryMismatchError, NodeTypeError
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.conditions import Conditional, OneOf
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch, slabs
from AgentBridgeLib.operations.volumes.new_nodes import NamedArguments, add_result
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

Finite = Annotated[float, Field(allow_inf_nan=False)]
Operator = Literal["add", "subtract", "multiply", "divide", "minimum", "maximum"]
OPERATORS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


class ThresholdArguments(NamedArguments):
    """Which values to keep."""

    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", minimum=-1024, maximum=-400, type="labelmap")

    minimum: Finite = Field(description="Least value that is inside, in the volume's own unit.")
    maximum: Finite = Field(description="Largest value that is inside, in the volume's own unit.")
    inside_value: Finite | None = Field(default=None, description="Value of voxels inside; kept without.")
    outside_value: Finite | None = Field(default=0, description="Value of voxels outside; kept with null.")
    type: Literal["scalar", "labelmap"] | None = Field(
        default=None,
        description="Kind of the new volume; without, that of the volume. `labelmap` makes uint8 labels of a scalar "
        "volume: `inside_value` (1 without) and `outside_value`.",
    )


class MathArguments(NamedArguments, Conditional):
    """Two operands: the volume, and another volume or a number."""

    conditions = (OneOf(("other_volume_id", "value")),)
    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", operator="multiply", value=0.5)

    operator: Operator = Field(description="What to compute, voxel by voxel: volume operator other.")
    other_volume_id: VolumeId | None = Field(default=None, description="Volume with the same voxel grid.")
    value: Finite | None = Field(default=None, description="A number, in place of another volume.")


@operation(
    name="volumes.threshold",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/threshold",
    execution="steps",
    status=201,
    keywords="mask image background zero clamp binarize binary cutoff",
)
def threshold_volume(
    context: OperationContext, arguments: ThresholdArguments
) -> Generator[Progress, None, VolumeMade]:
    """Replace the values inside or outside a range, into a new volume of the same scalar type, or into a labelmap.

    A value is inside if `minimum` ≤ value ≤ `maximum`; not-a-number is outside. Components of a volume with several
    are compared one by one.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, has no voxels, or has several components and a labelmap was asked for.
    ArgumentInvalidError
        `minimum` is above `maximum`, or the scalar type cannot hold a replacement; a labelmap has no kept values.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.
    """
    if arguments.minimum > arguments.maximum:
        raise invalid("minimum", "it is above the maximum")
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    was_labelmap = bool(node.IsA("vtkMRMLLabelMapVolumeNode"))
    is_labelmap = arguments.type == "labelmap" or (arguments.type is None and was_labelmap)
    makes_labels = is_labelmap and not was_labelmap
    if makes_labels and source.ndim != 3:
        raise NodeTypeError(
            f"{node.GetID()} has {source.shape[3]} components in each voxel; a labelmap has one."
        )
    if makes_labels and arguments.outside_value is None:
        raise invalid("outside_value", "a labelmap has labels only; give one")
    dtype = np.dtype(np.uint8) if makes_labels else source.dtype
    inside = 1.0 if makes_labels and arguments.inside_value is None else arguments.inside_value
    inside_value = None if inside is None else voxels.held(inside, dtype, "inside_value")
    outside = arguments.outside_value
    outside_value = None if outside is None else voxels.held(outside, dtype, "outside_value")
    voxels.require_memory(context.host.application, source.size * dtype.itemsize, "The result")
    watch, result = InputWatch(context.host.scene, node), np.empty(source.shape, dtype)
    for start, stop in slabs(source.shape[0], source[0].size):
        part = source[start:stop]
        is_inside = (part >= arguments.minimum) & (part <= arguments.maximum)
        if_inside = part if inside_value is None else inside_value
        result[start:stop] = np.where(is_inside, if_inside, part if outside_value is None else outside_value)
        yield Progress(stop / source.shape[0], "Comparing voxels")
    return add_result(
        context, watch.require_unchanged(), arguments.name, "thresholded", result, is_labelmap=is_labelmap
    )


@operation(
    name="volumes.math",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/math",
    execution="steps",
    status=201,
    keywords=(
        "difference subtract subtraction compare two images add ratio mask arithmetic average change "
        "follow-up baseline overlap Dice normalize"
    ),
)
def combine_volumes(
    context: OperationContext, arguments: MathArguments
) -> Generator[Progress, None, VolumeMade]:
    """Add, subtract, multiply, divide or compare a volume with another one or with a number, voxel by voxel.

    Components of a volume with several are computed one by one, with the same component of the other volume. The
    result is float64, so that integers neither overflow nor lose their fraction (above 2^53 they are rounded).
    Division by zero gives infinity, and 0 / 0 not-a-number.

    Raises
    ------
    GeometryMismatchError
        The volumes have other voxels or other places; the answer has both geometries.
    ArgumentInvalidError
        Not exactly one of `other_volume_id` and `value` was given.
    RevisionConflictError
        A volume changed meanwhile; nothing was made.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    watches, operand = [InputWatch(context.host.scene, node)], None
    if arguments.other_volume_id is not None:
        other = context.host.scene.node(arguments.other_volume_id, VOLUME)
        operand = voxels.voxels_of(other)
        require_same_grid(node, other)
        if operand.shape != source.shape:
            raise GeometryMismatchError(
                f"{node.GetID()} has {_components(source)} in each voxel, {other.GetID()} {_components(operand)}. "
                "Give volumes with the same number of components."
            )
        watches.append(InputWatch(context.host.scene, other))
    voxels.require_memory(context.host.application, source.size * 8, "The result")
    result, compute = np.empty(source.shape, np.float64), OPERATORS[arguments.operator]
    for start, stop in slabs(source.shape[0], source[0].size):
        right = (
            np.float64(arguments.value or 0) if operand is None else operand[start:stop].astype(np.float64)
        )
        with np.errstate(all="ignore"):
            compute(source[start:stop].astype(np.float64), right, out=result[start:stop])
        yield Progress(stop / source.shape[0], "Computing")
    for watch in watches[1:]:
        watch.require_unchanged()
    return add_result(context, watches[0].require_unchanged(), arguments.name, arguments.operator, result)


def _components(array: Array) -> str:
    return "one value" if array.ndim == 3 else f"{array.shape[3]} values"


def require_same_grid(one: Any, other: Any) -> None:
    """Check that two volumes have the same voxels at the same places in the world.

    Raises
    ------
    GeometryMismatchError
        They have not, or a parent transform is not linear; the facts have both geometries.
    """
    grids = [_world_grid(node) for node in (one, other)]
    if not grids[0].is_same(grids[1]):
        names = ("first", "second")
        facts = {
            f"{name}_geometry": {
                "dimensions_ijk": list(grid.dimensions_ijk),
                "spacing_mm": list(grid.spacing_mm),
                "ijk_to_ras": [list(row) for row in matrices.rows(grid.ijk_to_ras)],
            }
            for name, grid in zip(names, grids, strict=True)
        }
        raise GeometryMismatchError(
            f"{one.GetID()} has dimensions {grids[0].dimensions_ijk}, spacing {grids[0].spacing_mm} and origin "
            f"{grids[0].origin_ras}; {other.GetID()} has {grids[1].dimensions_ijk}, {grids[1].spacing_mm} and "
            f"{grids[1].origin_ras}. Both must have the same voxels at the same places: "
            "volumes.resample with `reference_id` puts one of them on the grid of the other.",
            facts=facts,
        )


def _world_grid(node: Any) -> Grid:
    if not matrices.is_linear_to_world(node):
        raise GeometryMismatchError(f"{node.GetID()} has a parent transform that is not linear: harden it.")
    grid = Grid.of(node)
    return Grid(grid.dimensions_ijk, matrices.node_to_world(node) @ grid.ijk_to_ras)
