"""Cut surfaces with planes and boxes, in a process beside Slicer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.fields import MarkupsId
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.models import ModelDescription
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.boxes import ROI, Box
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.models.mesh_work import FilterArguments, MeshWork, to_world
from AgentBridgeLib.operations.models.new_nodes import MODEL
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext


class ClipArguments(FilterArguments):
    """Where to cut: a plane or ROI markup, or a plane given here."""

    model_config = example(model_id="vtkMRMLModelNode1", origin_ras=[0, 0, 0], normal_ras=[0, 0, 1])

    markups_id: MarkupsId | None = Field(default=None, description="A plane or a ROI.")
    origin_ras: PlacedRas | None = Field(default=None, description="A point of the plane, world, RAS, mm.")
    normal_ras: PlacedRas | None = Field(default=None, description="Normal of the plane, world, RAS.")
    keep: Literal["inside", "outside"] = Field(
        default="inside", description="Inside of a plane is the side its normal points to."
    )
    is_capped: bool = Field(
        default=True, description="Whether to close the cut; not for what lies outside of a ROI."
    )


@operation(
    name="models.clip",
    capability="scene.edit",
    route="POST /models/{model_id}/clip",
    execution="process",
    long=True,
    status=201,
    keywords="cut away half skull plane section open mesh resect osteotomy cutting",
)
def clip(
    context: OperationContext, arguments: ClipArguments
) -> Generator[Progress | Suspend, None, ModelDescription]:
    """Cut a surface with a plane or a ROI in the world, into a new model; the cut is closed.

    Returns
    -------
    ModelDescription
        The new model, with parent transform and color of the first.

    Raises
    ------
    ArgumentInvalidError
        Neither a plane nor a markup is given, or both; a cap was asked for outside of a ROI; nothing is left.
    NodeTypeError
        The model has no surface or is under a transform that is not linear; the markup is neither plane nor ROI.
    OperationFailedError, RevisionConflictError, StorageFailedError
        The process failed; the model changed meanwhile; no room for exchange files. The scene is as it was.

    Notes
    -----
    Source: `vtkClipClosedSurface`, `vtkClipPolyData`.
    """
    node = context.host.scene.node(arguments.model_id, MODEL)
    planes = _world_planes(context, arguments)
    is_outside = arguments.keep == "outside"
    if is_outside and len(planes) == 1:
        origin, normal = planes[0]
        planes, is_outside = [(origin, -normal)], False
    if is_outside and arguments.is_capped:
        raise invalid("is_capped", "what lies outside of a ROI has no cap; use models.boolean with a cube")
    job = {
        "work": "clip",
        "planes": [_local_plane(node, origin, normal) for origin, normal in planes],
        "keeps_inside": not is_outside,
        "is_capped": arguments.is_capped,
    }
    return (yield from MeshWork(context, arguments, "clipped").run(job))


def _world_planes(
    context: OperationContext, arguments: ClipArguments
) -> list[tuple[matrices.Matrix, matrices.Matrix]]:
    """Give the planes as origin and normal; normals point inwards."""
    is_plane = arguments.origin_ras is not None and arguments.normal_ras is not None
    if is_plane == (arguments.markups_id is not None):
        raise invalid("markups_id", "give a plane or ROI markup, or origin_ras and normal_ras")
    if arguments.markups_id is None:
        normal = np.array(arguments.normal_ras, float)
        if np.linalg.norm(normal) == 0:
            raise invalid("normal_ras", "it has no length")
        return [(np.array(arguments.origin_ras, float), normal / np.linalg.norm(normal))]
    node = context.host.scene.node(arguments.markups_id, "vtkMRMLMarkupsPlaneNode", ROI)
    if node.IsA("vtkMRMLMarkupsPlaneNode"):
        return [(np.array(node.GetOriginWorld()), np.array(node.GetNormalWorld()))]
    return _faces(Box.of_roi(node))


def _faces(box: Box) -> list[tuple[matrices.Matrix, matrices.Matrix]]:
    return [
        (box.center_ras + side * box.size_mm[index] / 2 * axis, -side * axis)
        for index, axis in enumerate(box.axes_ras)
        for side in (-1.0, 1.0)
    ]


def _local_plane(node: Any, origin: matrices.Matrix, normal: matrices.Matrix) -> dict[str, list[float]]:
    matrix = to_world(node)
    local = np.linalg.solve(matrix, [*origin, 1.0])[:3]
    turned = matrix[:3, :3].T @ normal
    return {"origin": list(local), "normal": list(turned / np.linalg.norm(turned))}
