"""Take a volume to voxels of another size, or to the voxels of another volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.conditions import Conditional, OneOf
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.reslicing import Kernel
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.volumes.new_nodes import NamedArguments, add_copy
from AgentBridgeLib.operations.volumes.regridding import Regridding, chosen_kernel, regrid, respaced
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

SmallLength = Annotated[float, Field(ge=0.001, le=1000)]
Spacing = Annotated[tuple[SmallLength, SmallLength, SmallLength], Field(json_schema_extra={"x-unit": "mm"})]


class InterpolationArguments(NamedArguments):
    """How to find values between voxels."""

    interpolation: Kernel | None = Field(
        default=None,
        description="`nearest` gives values that occur; `linear` (the default), `cubic` and `sinc` are smoother and "
        "costlier in this order. `sinc` averages where voxels get larger; on turned axes that takes minutes. "
        "Labelmaps: `nearest` only.",
    )
    fill_value: Annotated[float, Field(allow_inf_nan=False)] = Field(
        default=0.0, description="Value beyond the outer faces of the volume, in its own unit."
    )


class ResampleArguments(InterpolationArguments, Conditional):
    """Which voxels the result shall have; either `spacing_mm` or `reference_id`."""

    conditions = (OneOf(("spacing_mm", "reference_id")),)
    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", spacing_mm=[1, 1, 1])

    spacing_mm: Spacing | None = Field(
        default=None, description="Distance of voxel centers along i, j, k in mm; the axes stay."
    )
    reference_id: VolumeId | None = Field(
        default=None,
        description="Volume whose voxels the result shall have, at the same places in the world.",
    )


@operation(
    name="volumes.resample",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/resample",
    execution="steps",
    long=True,
    status=201,
    keywords=(
        "isotropic voxel size spacing resolution interpolate reslice match grid reference space "
        "register 1 mm downsample upsample"
    ),
)
def resample_volume(
    context: OperationContext, arguments: ResampleArguments
) -> Generator[Progress, None, VolumeMade]:
    """Resample a volume to another spacing, or to the voxels of a reference volume, into a new volume of its type.

    To a spacing: axes, center and parent transform stay, and the result covers the volume to its outer faces. To a
    reference: parent transforms of both are applied, those that are not linear too; the result lies in the world where
    the reference lies, has its grid, and is put under its parent transform.

    Returns
    -------
    VolumeMade
        The new volume. Warnings say how much of it lies outside of the volume, and whether voxels were skipped.

    Raises
    ------
    NodeTypeError
        A node is no volume or has no voxels; a labelmap would be averaged.
    ArgumentInvalidError
        The spacing makes too many voxels, or the scalar type cannot hold `fill_value`.
    GeometryMismatchError
        Volume and reference do not overlap.
    OutOfMemoryError
        The result would not fit into memory.
    RevisionConflictError
        The volume or the reference changed meanwhile; nothing was made.

    Notes
    -----
    Integers are rounded to the nearest, and limited to what their type holds. It can be canceled between steps of
    a few milliseconds; then nothing was made. Source: `vtkImageReslice`, `vtkImageSincInterpolator`.
    """
    scene = context.host.scene
    node = scene.node(arguments.volume_id, VOLUME)
    source, kernel = voxels.voxels_of(node), chosen_kernel(node, arguments.interpolation)
    watches = [InputWatch(scene, node)]
    if arguments.reference_id is not None:
        reference = scene.node(arguments.reference_id, VOLUME)
        if reference.GetImageData() is None:
            raise invalid("reference_id", "the volume has no voxels, so it has no grid")
        watches.append(InputWatch(scene, reference))
        parent = parent_transform_id(reference)
        work = Regridding(Grid.of(reference), _between(reference, node))
    else:
        parent, own = parent_transform_id(node), Grid.of(node)
        grid = respaced(own, arguments.spacing_mm or own.spacing_mm)
        work = Regridding(grid, np.linalg.inv(own.ijk_to_ras) @ grid.ijk_to_ras)
    array, warnings = yield from regrid(context, source, work, kernel, arguments.fill_value)
    for watch in watches[1:]:
        watch.require_unchanged()
    node = watches[0].require_unchanged()
    name = arguments.name or f"{node.GetName()} resampled"
    return add_copy(context, node, name, array, work.grid, parent, warnings)


def _between(target: Any, source: Any) -> Any:
    """Give what leads from indices of one volume over the world to those of another, parent transforms applied."""
    to_ras, from_ras = Grid.of(target).ijk_to_ras, np.linalg.inv(Grid.of(source).ijk_to_ras)
    if matrices.is_linear_to_world(target) and matrices.is_linear_to_world(source):
        from_world = np.linalg.inv(matrices.node_to_world(source))
        return from_ras @ from_world @ matrices.node_to_world(target) @ to_ras
    from slicer import vtkMRMLTransformNode
    from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

    between, live, copy = vtkGeneralTransform(), vtkGeneralTransform(), vtkGeneralTransform()
    vtkMRMLTransformNode.GetTransformBetweenNodes(
        target.GetParentTransformNode(), source.GetParentTransformNode(), between
    )
    live.PostMultiply()
    live.Concatenate(matrices.to_vtk(to_ras))
    live.Concatenate(between)
    live.Concatenate(matrices.to_vtk(from_ras))
    # A copy, so that a change of a transform meanwhile does not bend half of the result.
    vtkMRMLTransformNode.DeepCopyTransform(copy, live)
    return copy
