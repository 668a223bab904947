"""Unite, intersect and subtract surfaces, in a process beside Slicer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import ArgumentInvalidError, OperationFailedError
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.fields import ModelId
from AgentBridgeLib.model.models import ModelDescription
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.models.mesh_work import FilterArguments, MeshWork, to_world
from AgentBridgeLib.operations.models.new_nodes import MODEL, moved, surface_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

LIMIT_S = 20
"""How long the exact filters may take; some never end."""
MOST_CRASHES = 2
GRID_VOXELS = 100
MOST_GRID_VOXELS = 160


class BooleanArguments(FilterArguments):
    """What to combine with what."""

    model_config = example(model_id="vtkMRMLModelNode1", other_id="vtkMRMLModelNode2", mode="union")

    other_id: ModelId = Field(description="The other model; it stays as it is.")
    mode: Literal["union", "intersection", "difference"] = Field(
        description="`difference` takes the other model away from the first."
    )
    method: Literal["auto", "exact", "grid"] = Field(
        default="auto",
        description="`exact` keeps the triangles, and fails on many surfaces; `grid` fills both with voxels, and "
        "always has a result, with edges rounded to them; `auto` tries the first, then the second.",
    )
    grid_mm: float | None = Field(
        default=None,
        ge=0.01,
        le=100,
        description="Size of the voxels of `grid`; without, a 100th of the longest edge of the box around both.",
    )


@operation(
    name="models.boolean",
    capability="scene.edit",
    route="POST /models/{model_id}/boolean",
    execution="process",
    long=True,
    status=201,
    keywords="union difference intersection merge meshes subtract mesh CSG",
)
def boolean(
    context: OperationContext, arguments: BooleanArguments
) -> Generator[Progress | Suspend, None, ModelDescription]:
    """Unite two closed surfaces, intersect them, or take one away from the other, into a new model.

    Returns
    -------
    ModelDescription
        The new model, with parent transform and color of the first.

    Raises
    ------
    ArgumentInvalidError
        A surface is open, nothing is left, or (with `exact`) VTK finds no closed result; the message says which.
    NodeTypeError
        A node is no model, has no surface, or is under a transform that is not linear.
    OperationFailedError, RevisionConflictError, StorageFailedError
        The process failed; the model changed meanwhile; no room for exchange files. The scene is as it was.

    Notes
    -----
    An exact result is given only if it is closed and volumes of union, intersection and difference add up; else
    surfaces are divided more finely and it is tried again. VTK's filters crash on some surfaces and do not end on
    others, and fail where faces lie in each other: then voxels help, and a warning says so. Source:
    `vtkLoopBooleanPolyDataFilter`, `vtkPolyDataToImageStencil`, `vtkFlyingEdges3D`.
    """
    scene = context.host.scene
    if arguments.model_id == arguments.other_id:
        raise invalid("other_id", "it is the same model")
    node, other = scene.node(arguments.model_id, MODEL), scene.node(arguments.other_id, MODEL)
    work = MeshWork(context, arguments, arguments.mode)
    there = moved(surface_of(other), np.linalg.inv(to_world(node)) @ to_world(other))
    job = {"work": "combine", "operation": arguments.mode, "other": work.add_file("other", there)}
    if arguments.method == "grid":
        return (yield from work.run({**job, "grid_mm": _grid_mm(arguments, node, there)}))
    failure = yield from _try_exactly(work, job)
    if failure is None:
        return work.finish()
    if arguments.method == "exact":
        raise ArgumentInvalidError(
            f"The models cannot be combined exactly: {failure}. Use method=grid, or move one of them a little."
        )
    grid_mm = _grid_mm(arguments, node, there)
    warning = (
        f"The surfaces could not be combined exactly ({failure}); this was done on voxels of {grid_mm:.3g} mm, so "
        "edges and details smaller than that are rounded. A smaller `grid_mm` is more precise."
    )
    return (yield from work.run({**job, "grid_mm": grid_mm}, (warning,)))


def _try_exactly(work: MeshWork, job: dict[str, Any]) -> Generator[Progress | Suspend, None, str | None]:
    """Let the worker try; give why there is no result. After a crash it goes on with the next attempt."""
    first_attempt = 0
    for _ in range(MOST_CRASHES):
        exact = {**job, "grid_mm": None, "first_attempt": first_attempt, "limit_s": LIMIT_S}
        try:
            answer = yield from work.call(exact)
        except OperationFailedError as fault:
            if int(str((fault.facts or {}).get("exit_code", 0))) > 0:
                return f"VTK's filters failed, or did not end within {LIMIT_S} s"
            last = work.last_attempt()
            if last is None or last < first_attempt:
                break
            first_attempt = last + 1
        else:
            return answer.get("failed")
    return "VTK's filters crash on them"


def _grid_mm(arguments: BooleanArguments, node: Any, other: Any) -> float:
    bounds = np.array([surface_of(node).GetBounds(), other.GetBounds()])
    longest = float((bounds[:, 1::2].max(axis=0) - bounds[:, ::2].min(axis=0)).max())
    if arguments.grid_mm is not None and longest / arguments.grid_mm > MOST_GRID_VOXELS:
        raise invalid("grid_mm", f"it makes more than {MOST_GRID_VOXELS} voxels along the longest edge")
    return arguments.grid_mm or max(longest / GRID_VOXELS, 1e-6)
