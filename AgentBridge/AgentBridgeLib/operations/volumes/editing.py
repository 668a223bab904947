"""Change how a volume is named, shown and placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.fields import NodeId, NodeName, VolumeId
from AgentBridgeLib.model.geometry import Matrix4, PositionRas, SpacingMm
from AgentBridgeLib.model.volumes import VolumeDescription
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.volumes import geometry
from AgentBridgeLib.operations.volumes.new_nodes import set_grid
from AgentBridgeLib.operations.volumes.volumes import VOLUME, VolumeArguments, get_volume
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

Finite = Annotated[float, Field(allow_inf_nan=False)]


class UpdateArguments(Arguments):
    """What to change; what is not given stays."""

    model_config = example(volume_id="vtkMRMLScalarVolumeNode1", window_width=1500, window_level=-600)

    volume_id: VolumeId = Field(description="The volume.")
    name: NodeName | None = Field(default=None, description="New name.")
    window_width: Annotated[Finite, Field(gt=0)] | None = Field(
        default=None, description="Width of the displayed range, in the volume's own unit."
    )
    window_level: Finite | None = Field(
        default=None, description="Center of the displayed range, in the volume's own unit."
    )
    color_node_id: NodeId | None = Field(default=None, description="Color table to show the values with.")
    spacing_mm: SpacingMm | None = Field(
        default=None, description="Distance of voxel centers along i, j, k in mm; above 0."
    )
    origin_ras: PositionRas | None = Field(default=None, description="Center of voxel (0, 0, 0) in RAS, mm.")
    axes_ras: (
        tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] | None
    ) = Field(default=None, description="Directions of i, j, k in RAS, one in each row; made unit vectors.")
    ijk_to_ras: Matrix4 | None = Field(
        default=None, description="From indices to RAS, mm; in place of spacing, origin and axes."
    )


@operation(
    name="volumes.update",
    capability="scene.edit",
    route="PATCH /volumes/{volume_id}",
    idempotent=True,
    revision_scope="node",
    keywords=(
        "window level brightness contrast lung bone soft tissue abdomen brain preset HU color map "
        "lookup colormap PET"
    ),
)
def update_volume(context: OperationContext, arguments: UpdateArguments) -> VolumeDescription:
    """Change the name, window, color table or geometry of a volume; voxels stay.

    A window that is given is no longer automatic. Geometry is the volume's own, without parent transforms.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume, has no window to set, or `color_node_id` is no color node.
    ArgumentInvalidError
        A spacing is not above 0, or the axes do not span space.

    Notes
    -----
    Source: `vtkMRMLVolumeNode::SetIJKToRASMatrix`, `vtkMRMLScalarVolumeDisplayNode::SetWindowLevel`.
    """
    scene = context.host.scene
    node = scene.node(arguments.volume_id, VOLUME)
    grid = _changed_grid(Grid.of(node), arguments)
    color = scene.node(arguments.color_node_id, "vtkMRMLColorNode") if arguments.color_node_id else None
    has_window = arguments.window_width is not None or arguments.window_level is not None
    display = node.GetDisplayNode()
    if has_window and (display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode")):
        raise NodeTypeError(f"{node.GetID()} has no window: it is a labelmap or has no display node.")
    if color is not None and display is None:
        raise NodeTypeError(f"{node.GetID()} has no display node that could have a color table.")
    if arguments.name is not None:
        node.SetName(arguments.name)
    if grid is not None:
        set_grid(node, grid)
    if has_window:
        _set_window(display, arguments)
    if color is not None:
        display.SetAndObserveColorNodeID(color.GetID())
    context.mark_made([node])
    return get_volume(context, VolumeArguments(volume_id=arguments.volume_id))


def _set_window(display: Any, arguments: UpdateArguments) -> None:
    width, level = arguments.window_width, arguments.window_level
    display.SetAutoWindowLevel(0)
    display.SetWindowLevel(
        display.GetWindow() if width is None else width, display.GetLevel() if level is None else level
    )


def _changed_grid(now: Grid, arguments: UpdateArguments) -> Grid | None:
    parts = (arguments.spacing_mm, arguments.origin_ras, arguments.axes_ras)
    if arguments.ijk_to_ras is not None:
        if any(part is not None for part in parts):
            raise invalid("ijk_to_ras", "it says spacing, origin and axes already; give either")
        return geometry.placed_by_matrix(now.dimensions_ijk, np.array(arguments.ijk_to_ras))
    if all(part is None for part in parts):
        return None
    return geometry.placed(
        now.dimensions_ijk,
        arguments.spacing_mm or now.spacing_mm,
        now.origin_ras if arguments.origin_ras is None else arguments.origin_ras,
        np.array(arguments.axes_ras) if arguments.axes_ras is not None else now.axes_ras,
    )
