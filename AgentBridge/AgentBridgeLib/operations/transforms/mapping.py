"""Take points through transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

from AgentBridgeLib.errors import OperationFailedError
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.transforms import (
    MappedPoints,
)
from AgentBridgeLib.operations.transforms.new_nodes import (
    TRANSFORM,
    TransformArguments,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MOST_POINTS = 100_000


class MapArguments(TransformArguments):
    """Which points, and which way."""

    points_ras: tuple[PlacedRas, ...] = Field(
        min_length=1, max_length=MOST_POINTS, description="Points, RAS, mm."
    )
    direction: Literal["to_world", "from_world", "to_parent", "from_parent"] = Field(
        default="to_world", description="From the coordinates inside the transform outwards, or back."
    )


@operation(
    name="transforms.map_points",
    capability="scene.read",
    route="POST /transforms/{transform_id}/points",
    read_only=True,
    revision_scope="scene",
)
def map_points(context: OperationContext, arguments: MapArguments) -> MappedPoints:
    """Take points through a transform of any kind, or back.

    Returns
    -------
    MappedPoints
        As many points, in the same order, in RAS (`frame=lps`: LPS), mm.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such transform.
    OperationFailedError
        The transform gives no finite position for a point.

    Notes
    -----
    Against the direction in which a grid or B-spline is stored, positions are found by iteration and so approximate.
    Source: `vtkMRMLTransformNode::GetTransformToWorld`, `vtkWarpTransform`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    transform = vtkGeneralTransform()
    if arguments.direction == "to_world":
        node.GetTransformToWorld(transform)
    elif arguments.direction == "from_world":
        node.GetTransformFromWorld(transform)
    else:
        is_outwards = arguments.direction == "to_parent"
        transform = node.GetTransformToParent() if is_outwards else node.GetTransformFromParent()
    mapped = np.array([transform.TransformPoint(point) for point in arguments.points_ras])
    if not np.isfinite(mapped).all():
        raise OperationFailedError(f"{node.GetID()} gives no finite position for some of the points.")
    signs = np.array([1.0, 1.0, 1.0] if arguments.frame == "ras" else [-1.0, -1.0, 1.0])
    return MappedPoints.model_validate({f"points_{arguments.frame}": (mapped * signs).tolist()})
