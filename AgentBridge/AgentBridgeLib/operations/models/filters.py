"""Decimate and smooth surfaces, in a process beside Slicer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.models import ModelDescription
from AgentBridgeLib.operations.models.mesh_work import FilterArguments, MeshWork
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext


class DecimateArguments(FilterArguments):
    """How much to remove."""

    reduction: float = Field(gt=0, lt=1, description="Share of the triangles to remove: 0.9 keeps a tenth.")


class SmoothArguments(FilterArguments):
    """How strongly to smooth."""

    iterations: int = Field(
        default=30, ge=1, le=500, description="More iterations follow the pass band better."
    )
    pass_band: float = Field(default=0.1, gt=0, le=2, description="Smaller values smooth more.")


@operation(
    name="models.decimate",
    capability="scene.edit",
    route="POST /models/{model_id}/decimate",
    execution="process",
    long=True,
    status=201,
    keywords="fewer polygons triangles simplify mesh smaller lighter file size",
)
def decimate(
    context: OperationContext, arguments: DecimateArguments
) -> Generator[Progress | Suspend, None, ModelDescription]:
    """Reduce the number of triangles of a surface, into a new model.

    Returns
    -------
    ModelDescription
        The new model, with parent transform and color of the first.

    Raises
    ------
    NodeTypeError
        The node is no model, or has no surface.
    OperationFailedError, RevisionConflictError, StorageFailedError
        The process failed; the model changed meanwhile; no room for exchange files. The scene is as it was.

    Notes
    -----
    Quadric error metric with preservation of volume. Source: `vtkQuadricDecimation`.
    """
    work = MeshWork(context, arguments, "decimated")
    return (yield from work.run({"work": "decimate", "reduction": arguments.reduction}))


@operation(
    name="models.smooth",
    capability="scene.edit",
    route="POST /models/{model_id}/smooth",
    execution="process",
    long=True,
    status=201,
    keywords="mesh surface smooth staircase artifacts Taubin",
)
def smooth(
    context: OperationContext, arguments: SmoothArguments
) -> Generator[Progress | Suspend, None, ModelDescription]:
    """Smooth a surface with hardly any shrinking, into a new model.

    Returns
    -------
    ModelDescription
        The new model, with parent transform and color of the first.

    Raises
    ------
    NodeTypeError
        The node is no model, or has no surface.
    OperationFailedError, RevisionConflictError, StorageFailedError
        The process failed; the model changed meanwhile; no room for exchange files. The scene is as it was.

    Notes
    -----
    Taubin's method. Source: `vtkWindowedSincPolyDataFilter`.
    """
    job = {"work": "smooth", "iterations": arguments.iterations, "pass_band": arguments.pass_band}
    return (yield from MeshWork(context, arguments, "smoothed").run(job))
