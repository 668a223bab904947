"""Copy volumes, or boxes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import GeometryMismatchError, NodeTypeError
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.conditions import Choice, Conditional, OneOf, takes
from AgentBridgeLib.model.fields import MarkupsId
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.boxes import ROI, Box
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch, slabs
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.volumes.new_nodes import NamedArguments, add_copy
from AgentBridgeLib.operations.volumes.regridding import (
    Regridding,
    chosen_kernel,
    covering,
    regrid,
    spacing_along,
)
from AgentBridgeLib.operations.volumes.resampling import InterpolationArguments, Spacing
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

Region = tuple[int, int, int, int, int, int]
FACE_VOXELS = 1e-6
"""A box whose face lies on the face of a voxel does not touch that voxel, give or take rounding."""


class CropArguments(InterpolationArguments, Conditional):
    """Which part of a volume: `region`, `roi_id` or `bounds_ras`."""

    conditions = (
        OneOf(("region", "roi_id", "bounds_ras")),
        Choice(
            "mode",
            {"voxels": takes(may="region"), "interpolated": takes(may="spacing_mm interpolation")},
        ),
    )
    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", bounds_ras=[-50, 50, -50, 50, -20, 20])

    region: Region | None = Field(
        default=None, description="i0,i1,j0,j1,k0,k1: zero-based, the upper ends do not belong to it."
    )
    roi_id: MarkupsId | None = Field(default=None, description="A ROI; it may be turned.")
    bounds_ras: (
        tuple[
            Annotated[float, Field(ge=-1e6, le=1e6)],
            Annotated[float, Field(ge=-1e6, le=1e6)],
            Annotated[float, Field(ge=-1e6, le=1e6)],
            Annotated[float, Field(ge=-1e6, le=1e6)],
            Annotated[float, Field(ge=-1e6, le=1e6)],
            Annotated[float, Field(ge=-1e6, le=1e6)],
        ]
        | None
    ) = Field(
        default=None,
        description="Box in the world: R min, R max, A min, A max, S min, S max, in mm.",
        json_schema_extra={"x-frame": "RAS", "x-unit": "mm"},
    )
    mode: Literal["voxels", "interpolated"] = Field(
        default="voxels",
        description="`voxels` copies every voxel that the box touches, each where it is; `interpolated` makes new "
        "voxels along the edges of the box.",
    )
    spacing_mm: Spacing | None = Field(
        default=None,
        description="Along the edges of the box; without, that of the volume's nearest axes.",
    )


@operation(
    name="volumes.clone",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/clone",
    execution="steps",
    status=201,
    keywords="duplicate image copy scan",
)
def clone_volume(
    context: OperationContext, arguments: NamedArguments
) -> Generator[Progress, None, VolumeMade]:
    """Copy a volume with its voxels, geometry, parent transform and display.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    OutOfMemoryError
        The copy would not fit into memory.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    whole = (0, source.shape[2], 0, source.shape[1], 0, source.shape[0])
    return (yield from _copy_part(context, node, whole, arguments.name or f"{node.GetName()} copy"))


@operation(
    name="volumes.crop",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/crop",
    execution="steps",
    status=201,
    keywords="cut out box region of interest ROI subvolume field of view trim",
)
def crop_volume(context: OperationContext, arguments: CropArguments) -> Generator[Progress, None, VolumeMade]:
    """Copy a box out of a volume into a new one: whole voxels where they are, or interpolated ones along the box.

    The box is a region of indices, a ROI of any orientation, or bounds in the world. Parent transforms of volume and
    ROI are applied. Whole voxels stay under the parent transform of the volume; interpolated ones lie in the world,
    under none, and cover the box around its center.

    Returns
    -------
    VolumeMade
        The new volume. Warnings say what part of the box lies outside of the volume.

    Raises
    ------
    NodeTypeError
        A node is no volume, or no ROI; the volume has no voxels or a parent transform that is not linear; a labelmap
        would be averaged.
    ArgumentInvalidError
        The region is empty or reaches beyond the image; the box has no extent, or too many voxels.
    GeometryMismatchError
        The box lies outside of the volume.
    OutOfMemoryError
        The result would not fit into memory.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.

    Notes
    -----
    Source: `vtkSlicerCropVolumeLogic`; `vtkImageReslice`.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    voxels.voxels_of(node)
    name = arguments.name or f"{node.GetName()} cropped"
    if arguments.region is not None:
        _check_region(node, arguments.region)
        return (yield from _copy_part(context, node, arguments.region, name))
    if not matrices.is_linear_to_world(node):
        raise NodeTypeError(
            f"{node.GetID()} has a parent transform that is not linear. Harden it first (transforms.harden), or use "
            "volumes.resample with a reference."
        )
    box = _box(context, arguments)
    if arguments.mode == "voxels":
        region, warnings = _touched(node, box)
        return (yield from _copy_part(context, node, region, name, warnings))
    return (yield from _interpolate(context, node, box, arguments, name))


def _check_region(node: Any, region: Region) -> None:
    counts = np.array(node.GetImageData().GetDimensions())
    ends = np.array(region).reshape(3, 2)
    if (ends[:, 0] < 0).any() or (ends[:, 1] > counts).any() or (ends[:, 0] >= ends[:, 1]).any():
        raise invalid("region", f"it is empty or not inside 0,{counts[0]},0,{counts[1]},0,{counts[2]}")


def _box(context: OperationContext, arguments: CropArguments) -> Box:
    if arguments.bounds_ras is not None:
        name, box = "bounds_ras", Box.of_bounds(arguments.bounds_ras)
    else:
        name, box = "roi_id", Box.of_roi(context.host.scene.node(arguments.roi_id or "", ROI))
    if not (box.size_mm > 0).all():
        raise invalid(name, f"its extents are {box.size_mm.tolist()} mm; all must be above 0")
    return box


def _touched(node: Any, box: Box) -> tuple[Region, tuple[str, ...]]:
    """Give the region of the voxels that a box touches, as far as there are any."""
    to_ijk = np.linalg.inv(matrices.node_to_world(node) @ Grid.of(node).ijk_to_ras)
    corners = matrices.apply(to_ijk, box.corners_ras())
    counts = np.array(node.GetImageData().GetDimensions())
    first = np.floor(corners.min(axis=0) + 0.5 + FACE_VOXELS).astype(int)
    last = np.ceil(corners.max(axis=0) - 0.5 - FACE_VOXELS).astype(int)
    low, high = np.maximum(first, 0), np.minimum(last, counts - 1)
    if (low > high).any():
        raise GeometryMismatchError(f"The box lies outside of {node.GetID()}.")
    is_cut = bool((first < 0).any() or (last >= counts).any())
    warnings = ("The box reaches beyond the volume; what is there was copied.",) if is_cut else ()
    (i0, j0, k0), (i1, j1, k1) = low.tolist(), (high + 1).tolist()
    return (i0, i1, j0, j1, k0, k1), warnings


def _copy_part(
    context: OperationContext, node: Any, region: Region, name: str, warnings: tuple[str, ...] = ()
) -> Generator[Progress, None, VolumeMade]:
    i0, i1, j0, j1, k0, k1 = region
    part = voxels.voxels_of(node)[k0:k1, j0:j1, i0:i1]
    voxels.require_memory(context.host.application, part.nbytes, "The copy")
    watch, result = InputWatch(context.host.scene, node), np.empty(part.shape, part.dtype)
    for start, stop in slabs(part.shape[0], part[0].size):
        result[start:stop] = part[start:stop]
        yield Progress(stop / part.shape[0], "Copying voxels")
    source = watch.require_unchanged()
    grid = Grid.of(source).part((i0, j0, k0), (i1 - i0, j1 - j0, k1 - k0), 1)
    return add_copy(context, source, name, result, grid, parent_transform_id(source), warnings)


def _interpolate(
    context: OperationContext, node: Any, box: Box, arguments: CropArguments, name: str
) -> Generator[Progress, None, VolumeMade]:
    own = Grid.of(node)
    in_world = Grid(own.dimensions_ijk, matrices.node_to_world(node) @ own.ijk_to_ras)
    grid = covering(box, arguments.spacing_mm or spacing_along(in_world, box.axes_ras))
    work = Regridding(grid, np.linalg.inv(in_world.ijk_to_ras) @ grid.ijk_to_ras)
    watch, kernel = InputWatch(context.host.scene, node), chosen_kernel(node, arguments.interpolation)
    array, warnings = yield from regrid(context, voxels.voxels_of(node), work, kernel, arguments.fill_value)
    return add_copy(context, watch.require_unchanged(), name, array, grid, None, warnings)
