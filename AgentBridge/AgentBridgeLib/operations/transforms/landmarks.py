"""Register two lists of points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.fields import MarkupsId, NodeId, NodeName
from AgentBridgeLib.model.transforms import LandmarkError, LandmarkRegistration
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix

POINT_LIST = "vtkMRMLMarkupsFiducialNode"
LEAST_SPREAD = 1e-6
"""Share of the largest extent below which points count as lying on a line (or in a plane)."""
# How many directions the points must span.
_RANKS = {"rigid": 2, "similarity": 2, "affine": 3}


class LandmarkArguments(Arguments):
    """Which points, and what kind of transform."""

    model_config = example(moving_id="vtkMRMLMarkupsFiducialNode1", fixed_id="vtkMRMLMarkupsFiducialNode2")

    moving_id: MarkupsId = Field(description="Point list that is moved.")
    fixed_id: MarkupsId = Field(description="Point list that stays.")
    mode: Literal["rigid", "similarity", "affine"] = Field(
        default="rigid", description="Rotation and shift; these and one scale; or any linear transform."
    )
    pairing: Literal["order", "label"] = Field(
        default="order", description="What makes a pair: the same place in the lists, or the same label."
    )
    apply_to_ids: Annotated[tuple[NodeId, ...], Field(max_length=1000)] = Field(
        default=(),
        description="Nodes to put under the new transform; they must have no parent transform yet.",
    )
    name: NodeName | None = Field(default=None, description="Name of the transform; made unique.")


@operation(
    name="transforms.register_landmarks",
    capability="scene.edit",
    route="POST /transforms/register-landmarks",
    status=201,
    revision_scope="scene",
    keywords=(
        "registration align match two scans volumes fiducials landmarks rigid similarity RMS error "
        "FRE Procrustes superimpose"
    ),
)
def register_landmarks(context: OperationContext, arguments: LandmarkArguments) -> LandmarkRegistration:
    """Find the transform that takes one point list to another in the world, with its errors in mm.

    Returns
    -------
    LandmarkRegistration
        The new linear transform, RMS and maximal distance of the pairs after it (fiducial registration error), and the
        distance of each pair.

    Raises
    ------
    ArgumentInvalidError
        The lists have different numbers of points, labels do not pair, or the points span too few directions: it takes
        three that are not on a line for rigid and similarity, four that are not in a plane for affine.
    NodeTypeError
        A node is no point list, has points that are not placed, or a node to transform has a parent transform already.
    NodeNotFoundError
        No node has one of the ids.

    Notes
    -----
    Least squares of distances. A reflection is never the answer of rigid and similarity. Source:
    `vtkLandmarkTransform` (Horn 1987).
    """
    scene = context.host.scene
    moving = _points(scene.node(arguments.moving_id, POINT_LIST))
    fixed = _points(scene.node(arguments.fixed_id, POINT_LIST))
    pairs = _pairs(moving, fixed, arguments.pairing)
    source, target = (np.array([pair[side][2] for pair in pairs]) for side in (0, 1))
    for points, name in ((source, "moving_id"), (target, "fixed_id")):
        _check_span(points, _RANKS[arguments.mode], name)
    nodes = [_free(scene.node(node_id, "vtkMRMLTransformableNode")) for node_id in arguments.apply_to_ids]
    matrix = _fit(source, target, arguments.mode)
    node = _add(context, matrix, arguments.name, nodes)
    distances = np.linalg.norm(matrices.apply(matrix, source) - target, axis=1)
    before = np.linalg.norm(source - target, axis=1)
    return LandmarkRegistration(
        transform_id=node.GetID(),
        name=node.GetName(),
        matrix_ras=matrices.rows(matrix),
        rms_error_mm=_rms(distances),
        maximum_error_mm=float(distances.max()),
        rms_distance_before_mm=_rms(before),
        errors=tuple(
            LandmarkError(
                moving_point_id=pair[0][0],
                fixed_point_id=pair[1][0],
                label=pair[0][1],
                distance_mm=float(distance),
            )
            for pair, distance in zip(pairs, distances, strict=True)
        ),
        scale=float(np.cbrt(abs(np.linalg.det(matrix[:3, :3])))),
        transformed_ids=tuple(arguments.apply_to_ids),
    )


Point = tuple[str, str, tuple[float, float, float]]


def _points(node: Any) -> list[Point]:
    found: list[Point] = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) != node.PositionDefined:
            raise NodeTypeError(f"A point of {node.GetID()} is not placed. Place or delete it.")
        world = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, world)
        found.append(
            (
                node.GetNthControlPointID(index),
                node.GetNthControlPointLabel(index) or "",
                (world[0], world[1], world[2]),
            )
        )
    return found


def _pairs(moving: list[Point], fixed: list[Point], pairing: str) -> list[tuple[Point, Point]]:
    if len(moving) != len(fixed):
        raise invalid("fixed_id", f"it has {len(fixed)} points, the moving list {len(moving)}")
    if pairing == "order":
        return list(zip(moving, fixed, strict=True))
    by_label = {point[1]: point for point in fixed}
    labels = [point[1] for point in moving]
    if len(by_label) != len(fixed) or len(set(labels)) != len(labels) or set(labels) != set(by_label):
        raise invalid("pairing", "both lists must have the same labels, each once")
    return [(point, by_label[point[1]]) for point in moving]


def _check_span(points: Matrix, rank: int, name: str) -> None:
    needed = rank + 1
    if len(points) >= needed:
        extents = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if extents[0] > 0 and extents[rank - 1] > LEAST_SPREAD * extents[0]:
            return
    where = "on a line" if rank == 2 else "in a plane"
    raise invalid(name, f"it needs at least {needed} points that do not lie {where}")


def _free(node: Any) -> Any:
    if node.GetParentTransformNode() is not None:
        raise NodeTypeError(
            f"{node.GetID()} has a parent transform. Harden it (transforms.harden) or take it away first."
        )
    return node


def _fit(source: Matrix, target: Matrix, mode: str) -> Matrix:
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonTransforms import vtkLandmarkTransform

    transform = vtkLandmarkTransform()
    {
        "rigid": transform.SetModeToRigidBody,
        "similarity": transform.SetModeToSimilarity,
        "affine": transform.SetModeToAffine,
    }[mode]()
    for points, give in ((source, transform.SetSourceLandmarks), (target, transform.SetTargetLandmarks)):
        landmarks = vtkPoints()
        landmarks.SetDataTypeToDouble()
        for point in points:
            landmarks.InsertNextPoint(*point)
        give(landmarks)
    transform.Update()
    return matrices.from_vtk(transform.GetMatrix())


def _add(context: OperationContext, matrix: Matrix, name: str | None, nodes: list[Any]) -> Any:
    scene = context.host.scene.scene
    node = scene.AddNewNodeByClass(
        "vtkMRMLLinearTransformNode", scene.GenerateUniqueName(name or "Landmark registration")
    )
    node.SetMatrixTransformToParent(matrices.to_vtk(matrix))
    for child in nodes:
        child.SetAndObserveTransformNodeID(node.GetID())
    context.mark_made([node])
    return node


def _rms(distances: Matrix) -> float:
    return float(np.sqrt((distances**2).mean()))
