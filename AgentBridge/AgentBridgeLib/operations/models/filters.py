"""Decimate, smooth, clip and combine surfaces, in a process beside Slicer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    NodeTypeError,
    OperationFailedError,
    RevisionConflictError,
    StorageFailedError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import MarkupsId, ModelId
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.models import ModelDescription
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.markups.shapes import invalid
from AgentBridgeLib.operations.models.new_nodes import MODEL, add_model, describe_model, surface_of
from AgentBridgeLib.operations.volumes.new_nodes import place_beside
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "mesh.py"


class FilterArguments(Arguments):
    """Which model, and what to call the result."""

    model_id: ModelId = Field(description="The model; it stays as it is.")
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Name of the new model.",
    )


class DecimateArguments(FilterArguments):
    """How much to remove."""

    reduction: float = Field(gt=0, lt=1, description="Share of the triangles to remove: 0.9 keeps a tenth.")


class SmoothArguments(FilterArguments):
    """How strongly to smooth."""

    iterations: int = Field(
        default=30, ge=1, le=500, description="More iterations follow the pass band better."
    )
    pass_band: float = Field(default=0.1, gt=0, le=2, description="Smaller values smooth more.")


class ClipArguments(FilterArguments):
    """Where to cut: a plane or ROI markup, or a plane given here."""

    markups_id: MarkupsId | None = Field(default=None, description="A plane or a ROI.")
    origin_ras: PlacedRas | None = Field(default=None, description="A point of the plane, world, RAS, mm.")
    normal_ras: PlacedRas | None = Field(default=None, description="Normal of the plane, world, RAS.")
    keep: Literal["inside", "outside"] = Field(
        default="inside", description="Inside of a plane is the side its normal points to."
    )
    is_capped: bool = Field(
        default=True, description="Whether to close the cut; not for what lies outside of a ROI."
    )


class BooleanArguments(FilterArguments):
    """What to combine with what."""

    other_id: ModelId = Field(description="The other model; it stays as it is.")
    mode: Literal["union", "intersection", "difference"] = Field(
        description="`difference` takes the other model away from the first."
    )


@operation(
    name="models.decimate",
    capability="scene.edit",
    route="POST /models/{model_id}/decimate",
    execution="process",
    long=True,
    status=201,
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
    return (
        yield from _run(
            context, arguments, "decimated", {"work": "decimate", "reduction": arguments.reduction}
        )
    )


@operation(
    name="models.smooth",
    capability="scene.edit",
    route="POST /models/{model_id}/smooth",
    execution="process",
    long=True,
    status=201,
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
    return (yield from _run(context, arguments, "smoothed", job))


@operation(
    name="models.clip",
    capability="scene.edit",
    route="POST /models/{model_id}/clip",
    execution="process",
    long=True,
    status=201,
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
    return (yield from _run(context, arguments, "clipped", job))


@operation(
    name="models.boolean",
    capability="scene.edit",
    route="POST /models/{model_id}/boolean",
    execution="process",
    long=True,
    status=201,
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
        A surface is open, nothing is left, or VTK finds no closed result; the message says which.
    NodeTypeError
        A node is no model, has no surface, or is under a transform that is not linear.
    OperationFailedError, RevisionConflictError, StorageFailedError
        The process failed; the model changed meanwhile; no room for exchange files. The scene is as it was.

    Warnings
    --------
    Surfaces that touch in faces or edges, as two cubes side by side, cannot be combined: move one a little.

    Notes
    -----
    A result is given only if it is closed and volumes of union, intersection and difference add up; else surfaces are
    divided more finely and it is tried again. Source: `vtkLoopBooleanPolyDataFilter`.
    """
    scene = context.host.scene
    if arguments.model_id == arguments.other_id:
        raise invalid("other_id", "it is the same model")
    node, other = scene.node(arguments.model_id, MODEL), scene.node(arguments.other_id, MODEL)
    path = str(Path(context.work_folder()) / "other.vtp")
    _write(_moved(surface_of(other), _between(other, node)), path)
    job = {"work": "combine", "operation": arguments.mode, "other": path}
    return (yield from _run(context, arguments, arguments.mode, job))


def _run(
    context: OperationContext, arguments: FilterArguments, suffix: str, job: Mapping[str, Any]
) -> Generator[Progress | Suspend, None, ModelDescription]:
    """Hand the surface to the worker and make a model of what comes back."""
    node = context.host.scene.node(arguments.model_id, MODEL)
    surface, state = surface_of(node), _state(node)
    folder = Path(context.work_folder())
    files = {name: str(folder / f"{name}.{ending}") for name, ending in _FILES}
    _write(surface, files["input"])
    Path(files["job"]).write_text(json.dumps({**job, **files}), encoding="utf-8")
    yield Progress(0.1, "Working on the surface")
    yield from run_worker(context.host.processes, str(WORKER), [files["job"]], "The mesh filter")
    answer = json.loads(Path(files["result"]).read_text(encoding="utf-8"))
    if "refused" in answer:
        raise ArgumentInvalidError(f"The models cannot be used like this: {answer['refused']}.")
    node = context.host.scene.scene.GetNodeByID(arguments.model_id)
    if node is None or _state(node) != state:
        raise RevisionConflictError(
            f"{arguments.model_id} was changed or removed meanwhile; nothing was made of it. Start again."
        )
    return _finish(context, node, arguments.name or f"{node.GetName()} {suffix}", files["output"])


_FILES = (("job", "json"), ("input", "vtp"), ("output", "vtp"), ("result", "json"))


def _finish(context: OperationContext, source: Any, name: str, path: str) -> ModelDescription:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    reader = vtkXMLPolyDataReader()
    reader.SetFileName(path)
    reader.Update()
    if reader.GetOutput().GetNumberOfPolys() == 0:
        raise OperationFailedError(
            "The mesh filter left no complete result; the scene is as it was. Repeat it."
        )
    display = source.GetDisplayNode()
    color, opacity = (display.GetColor(), display.GetOpacity()) if display is not None else (None, 1.0)
    made = add_model(context, reader.GetOutput(), name, color, opacity)
    place_beside(made, source)
    return describe_model(made, "ras")


def _write(surface: Any, path: str) -> None:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(path)
    writer.SetInputData(surface)
    writer.SetCompressorTypeToNone()
    if not writer.Write():
        raise StorageFailedError(
            "The exchange file could not be written. Free space in the temporary folder and repeat."
        )


def _state(node: Any) -> tuple[object, ...]:
    mesh = node.GetMesh()
    return mesh, mesh.GetMTime() if mesh is not None else 0, node.GetNodeReferenceID(matrices.TRANSFORM_ROLE)


def _to_world(node: Any) -> matrices.Matrix:
    if not matrices.is_linear_to_world(node):
        raise NodeTypeError(
            f"{node.GetID()} is under a transform that is not linear. Harden it first (transforms.harden)."
        )
    return matrices.node_to_world(node)


def _between(source: Any, target: Any) -> matrices.Matrix:
    return np.linalg.inv(_to_world(target)) @ _to_world(source)


def _moved(surface: Any, matrix: matrices.Matrix) -> Any:
    from vtkmodules.vtkCommonTransforms import vtkTransform
    from vtkmodules.vtkFiltersGeneral import vtkTransformPolyDataFilter

    transform, moved = vtkTransform(), vtkTransformPolyDataFilter()
    transform.SetMatrix(matrices.to_vtk(matrix))
    moved.SetTransform(transform)
    moved.SetInputData(surface)
    moved.Update()
    return moved.GetOutput()


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
    node = context.host.scene.node(arguments.markups_id, "vtkMRMLMarkupsPlaneNode", "vtkMRMLMarkupsROINode")
    if node.IsA("vtkMRMLMarkupsPlaneNode"):
        return [(np.array(node.GetOriginWorld()), np.array(node.GetNormalWorld()))]
    return _roi_planes(node)


def _roi_planes(roi: Any) -> list[tuple[matrices.Matrix, matrices.Matrix]]:
    center, size, axis = [0.0] * 3, [0.0] * 3, [0.0] * 3
    roi.GetCenterWorld(center)
    roi.GetSizeWorld(size)
    planes = []
    for index in range(3):
        roi.GetAxisWorld(index, axis)
        for side in (-1.0, 1.0):
            outwards = side * np.array(axis)
            planes.append((np.array(center) + outwards * size[index] / 2, -outwards))
    return planes


def _local_plane(node: Any, origin: matrices.Matrix, normal: matrices.Matrix) -> dict[str, list[float]]:
    to_world = _to_world(node)
    local = np.linalg.solve(to_world, [*origin, 1.0])[:3]
    turned = to_world[:3, :3].T @ normal
    return {"origin": list(local), "normal": list(turned / np.linalg.norm(turned))}
