"""Decimate and smooth surfaces, in a process beside Slicer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.models import ModelDescription
from AgentBridgeLib.operations.models.mesh_work import FilterArguments, MeshWork
from AgentBridgeLib.operations.models.new_nodes import MODEL, world_bounds
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

LEAST_SHARE = 0.9
"""Smoothing that leaves less of the diameter is worth a word."""


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
        The new model, with parent transform and color of the first. A warning says so when it is much smaller: a
        surface of few triangles, such as a cube of twelve, shrinks to nothing.

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
    node = context.host.scene.node(arguments.model_id, MODEL)
    before_mm = _diagonal_mm(node)
    made = yield from MeshWork(context, arguments, "smoothed").run(job)
    after_mm = _diagonal_mm(context.host.scene.node(made.id, MODEL))
    if after_mm > LEAST_SHARE * before_mm:
        return made
    warning = (
        f"The surface shrank from {before_mm:.3g} to {after_mm:.3g} mm across: it has too few triangles for this pass "
        "band. Take a larger one."
    )
    return made.model_copy(update={"warnings": (*made.warnings, warning)})


def _diagonal_mm(node: Any) -> float:
    bounds = np.array(world_bounds(node) or [0.0] * 6)
    return float(np.linalg.norm(bounds[1::2] - bounds[::2]))
