"""Measure surfaces: area, volume, bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.frames import bounds_in, position_in
from AgentBridgeLib.model.models import ModelMeasurements
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.models.models import ModelArguments
from AgentBridgeLib.operations.models.new_nodes import MODEL, surface_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

STEP_TRIANGLES = 50_000
SAME_POINT_MM = 1e-4
"""Points nearer than this are one: formats such as STL write the corners of each triangle anew, as float32."""
SAME_POINT_SHARE = 1e-6
"""And in relation to the size of the surface: where many points lie so near, merging them takes for ever."""
MM3_PER_ML = 1000.0


@dataclass(frozen=True, eq=False)
class Triangles:
    """A surface of triangles: points of shape (n, 3) in mm, corners of shape (m, 3)."""

    points: Array
    corners: Array


@operation(
    name="models.measure",
    capability="scene.read",
    route="GET /models/{model_id}/measurements",
    read_only=True,
    execution="steps",
    revision_scope="scene",
    keywords="mesh surface area volume watertight closed",
)
def measure_model(
    context: OperationContext, arguments: ModelArguments
) -> Generator[Progress, None, ModelMeasurements]:
    """Measure the surface of a model in the world: area in mm², volume in ml, bounds in mm.

    Returns
    -------
    ModelMeasurements
        Parent transforms are applied. A volume only for a closed surface. Positions in RAS (`frame=lps`: LPS).

    Raises
    ------
    NodeTypeError
        The node is no model, or has no surface.
    NodeNotFoundError
        No node has this id.

    Notes
    -----
    Cutting polygons into triangles and merging points are steps that cannot be interrupted: about 0.3 s for a million
    triangles. Volume by the divergence theorem, as `vtkMassProperties`.
    """
    node = context.host.scene.node(arguments.model_id, MODEL)
    triangles = triangles_of(surface_of(node), node.GetParentTransformNode())
    yield Progress(0.3, "Measuring triangles")
    is_closed = _is_closed(triangles)
    yield Progress(0.6, "Measuring triangles")
    area, volume, centroid = 0.0, 0.0, np.zeros(3)
    middle = triangles.points.mean(axis=0)
    count = len(triangles.corners)
    for start, stop in slabs(count, 1, STEP_TRIANGLES):
        a, b, c = (triangles.points[triangles.corners[start:stop, corner]] - middle for corner in range(3))
        doubled = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        area += float(doubled.sum()) / 2
        volume += float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
        centroid += ((a + b + c) * doubled[:, None]).sum(axis=0) / 6
        yield Progress(0.6 + 0.4 * stop / count, "Measuring triangles")
    low, high = triangles.points.min(axis=0), triangles.points.max(axis=0)
    enclosed = abs(volume) if is_closed else None
    return ModelMeasurements(
        id=node.GetID(),
        area_mm2=area,
        volume_mm3=enclosed,
        volume_ml=enclosed / MM3_PER_ML if enclosed is not None else None,
        is_closed=is_closed,
        triangle_count=count,
        **bounds_in(
            arguments.frame,
            "bounds",
            [float(value) for pair in zip(low, high, strict=True) for value in pair],
        ),
        **position_in(arguments.frame, "area_centroid", centroid / area + middle if area else None),
    )


def triangles_of(surface: Any, parent: Any) -> Triangles:
    """Cut a surface into triangles, merge points at the same place, and take it to the world."""
    from vtkmodules.vtkFiltersCore import vtkStaticCleanPolyData, vtkTriangleFilter

    cut = vtkTriangleFilter()
    cut.PassVertsOff()
    cut.PassLinesOff()
    cut.SetInputData(surface)
    clean = vtkStaticCleanPolyData()
    clean.ToleranceIsAbsoluteOn()
    clean.SetAbsoluteTolerance(min(SAME_POINT_MM, SAME_POINT_SHARE * surface.GetLength()))
    clean.ConvertPolysToLinesOff()
    clean.SetInputConnection(cut.GetOutputPort())
    clean.Update()
    mesh = clean.GetOutput()
    corners = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return Triangles(_world_points(mesh.GetPoints(), parent), corners)


def _world_points(points: Any, parent: Any) -> Array:
    own = vtk_to_numpy(points.GetData()).astype(np.float64)
    if parent is None:
        return own
    if parent.IsTransformToWorldLinear():
        from vtkmodules.vtkCommonMath import vtkMatrix4x4

        matrix = vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(matrix)
        return matrices.apply(matrices.from_vtk(matrix), own)
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

    to_world, moved = vtkGeneralTransform(), vtkPoints()
    moved.SetDataTypeToDouble()
    parent.GetTransformToWorld(to_world)
    to_world.TransformPoints(points, moved)
    return vtk_to_numpy(moved.GetData()).copy()


def _is_closed(triangles: Triangles) -> bool:
    """Whether each directed edge has an opposite; where the surface touches itself, as many as there are of it."""
    corners, count = triangles.corners.astype(np.int64), len(triangles.points)
    if len(corners) == 0:
        return False
    start = corners.ravel()
    end = corners[:, [1, 2, 0]].ravel()
    forth = np.sort(start * count + end)
    back = np.sort(end * count + start)
    return bool((forth == back).all())
