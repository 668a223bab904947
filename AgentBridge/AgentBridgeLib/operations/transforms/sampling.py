"""Turn any transform into a grid transform, by taking it at the points of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import NodeTypeError, OperationFailedError
from AgentBridgeLib.model.base import example
from AgentBridgeLib.model.conditions import Conditional, Needs, OneOf
from AgentBridgeLib.model.fields import MarkupsId, NodeName, VolumeId
from AgentBridgeLib.model.transforms import Direction, SampledTransform
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.boxes import ROI, Box
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import STEP_S, Pace
from AgentBridgeLib.operations.transforms.fields import grid_transform, put_transform
from AgentBridgeLib.operations.transforms.new_nodes import (
    TRANSFORM,
    TransformArguments,
    describe_transform,
)
from AgentBridgeLib.operations.volumes.regridding import covering
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

FIRST_POINTS = 100
MOST_CHECKED = 1000
MOST_POINTS = 64_000_000
Distance = Annotated[float, Field(ge=0.05, le=1000)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Bounds = tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]


class SampleArguments(TransformArguments, Conditional):
    """Where to take the transform, and how densely: over a volume, a ROI, or bounds."""

    conditions = (
        OneOf(("reference_id", "roi_id", "bounds_ras")),
        Needs("roi_id", "spacing_mm"),
        Needs("bounds_ras", "spacing_mm"),
    )
    model_config = example(
        transform_id="vtkMRMLBSplineTransformNode1", reference_id="vtkMRMLScalarVolumeNode1"
    )

    reference_id: VolumeId | None = Field(
        default=None, description="Volume whose extent the grid has; without `spacing_mm` its voxels too."
    )
    roi_id: MarkupsId | None = Field(
        default=None, description="A ROI whose box the grid covers; may be turned."
    )
    bounds_ras: Bounds | None = Field(
        default=None,
        description="Box that the grid covers: R min, R max, A min, A max, S min, S max, in mm.",
        json_schema_extra={"x-frame": "RAS", "x-unit": "mm"},
    )
    spacing_mm: tuple[Distance, Distance, Distance] | None = Field(
        default=None,
        description="Distance of grid points along the edges of the box in mm.",
        json_schema_extra={"x-unit": "mm"},
    )
    direction: Direction = Field(
        default="from_parent",
        description="Which way is taken exactly: `from_parent` from the world inwards, as images are resampled and "
        "files store it; `to_parent` outwards, as points move. The other way is found by iteration.",
    )
    name: NodeName | None = Field(default=None, description="Name of the new transform; made unique.")


@operation(
    name="transforms.to_grid",
    capability="scene.edit",
    route="POST /transforms/{transform_id}/grid",
    execution="steps",
    long=True,
    status=201,
    revision_scope="scene",
    keywords="deformation field displacement convert",
)
def sample_to_grid(
    context: OperationContext, arguments: SampleArguments
) -> Generator[Progress, None, SampledTransform]:
    """Take a transform of any kind, with its parents, at the points of a grid, and make a grid transform of that.

    B-splines, chains and inverses become something that every program can read (transforms.data gives the bytes).

    Returns
    -------
    SampledTransform
        The new transform, to the world and so without a parent. Errors are the distances, in mm, from the transform as
        it was, at up to 1,000 places between grid points; a finer grid makes them smaller.

    Raises
    ------
    ArgumentInvalidError
        The box has no extent, or the spacing makes too many points.
    NodeTypeError
        A node is none of what was asked for; the reference has no voxels, or is under a transform that is not linear.
    OutOfMemoryError
        The field would not fit into memory.
    OperationFailedError
        The transform gives no finite position somewhere in the box.

    Notes
    -----
    Beyond the box the vectors at its faces go on. Between grid points vectors are interpolated cubically. It can be
    canceled between steps of a few milliseconds. Source: `vtkSlicerTransformLogic::ConvertToGridTransform`,
    `vtkOrientedGridTransform`.
    """
    node = context.host.scene.node(arguments.transform_id, TRANSFORM)
    grid = _grid(context, arguments)
    count = int(np.prod(grid.dimensions_ijk, dtype=np.int64))
    if count > MOST_POINTS:
        raise invalid("spacing_mm", f"it makes {count} grid points; {MOST_POINTS} are the most")
    voxels.require_memory(context.host.application, 2 * 3 * 8 * count, "The displacement field")
    exact = _frozen(node, arguments.direction)
    vectors = yield from _sampled(exact, grid)
    made = grid_transform(vectors, grid)
    errors = _errors(exact, made, grid)
    scene = context.host.scene.scene
    name = arguments.name or f"{node.GetName()} grid"
    result = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", scene.GenerateUniqueName(name))
    put_transform(result, made, arguments.direction)
    context.mark_made([result])
    return SampledTransform(
        **dict(describe_transform(result, arguments.frame)),
        rms_error_mm=float(np.sqrt((errors**2).mean())),
        maximum_error_mm=float(errors.max()),
        checked_point_count=len(errors),
    )


def _grid(context: OperationContext, arguments: SampleArguments) -> Grid:
    if arguments.reference_id is None:
        if arguments.bounds_ras is not None:
            name, box = "bounds_ras", Box.of_bounds(arguments.bounds_ras)
        else:
            name, box = "roi_id", Box.of_roi(context.host.scene.node(arguments.roi_id or "", ROI))
        if not (box.size_mm > 0).all():
            raise invalid(name, f"its extents are {box.size_mm.tolist()} mm; all must be above 0")
        return covering(box, arguments.spacing_mm or (1.0, 1.0, 1.0))
    reference = context.host.scene.node(arguments.reference_id, "vtkMRMLScalarVolumeNode")
    own = Grid.of(reference)
    if min(own.dimensions_ijk) < 1 or not matrices.is_linear_to_world(reference):
        raise NodeTypeError(
            f"{reference.GetID()} has no voxels, or is under a transform that is not linear. Use another volume."
        )
    grid = Grid(own.dimensions_ijk, matrices.node_to_world(reference) @ own.ijk_to_ras)
    if arguments.spacing_mm is None:
        return grid
    return covering(Box.of_grid(grid), arguments.spacing_mm)


def _frozen(node: Any, direction: Direction) -> Any:
    """Copy the transform between the node and the world, so that later changes do not matter."""
    live, copy = vtkGeneralTransform(), vtkGeneralTransform()
    if direction == "from_parent":
        node.GetTransformFromWorld(live)
    else:
        node.GetTransformToWorld(live)
    type(node).DeepCopyTransform(copy, live)
    return copy


def _sampled(transform: Any, grid: Grid) -> Generator[Progress, None, Array]:
    """Give the displacements at all points of a grid, (k, j, i, 3), RAS mm."""
    i, j, k = grid.dimensions_ijk
    vectors = np.empty((k * j * i, 3))
    done, pace = 0, Pace(FIRST_POINTS, STEP_S)
    while done < len(vectors):
        stop = min(len(vectors), done + pace.size)
        with pace.measured(stop - done):
            index = np.arange(done, stop)
            places = matrices.apply(
                grid.ijk_to_ras, np.stack([index % i, index // i % j, index // (i * j)], axis=1).astype(float)
            )
            vectors[done:stop] = _moved(transform, places) - places
        done = stop
        yield Progress(done / len(vectors), "Taking the transform at grid points")
    if not np.isfinite(vectors).all():
        raise OperationFailedError("The transform gives no finite position for some of the grid points.")
    return vectors.reshape(k, j, i, 3)


def _errors(exact: Any, made: Any, grid: Grid) -> Matrix:
    """Give the distances between two transforms in the middle of cells spread over the grid; shape (n,), mm."""
    per_axis = int(np.cbrt(MOST_CHECKED))
    ends = [
        np.unique(np.linspace(0, max(0, count - 2), per_axis).astype(int)) for count in grid.dimensions_ijk
    ]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    halves = np.where(np.array(grid.dimensions_ijk) > 1, 0.5, 0.0)
    places = matrices.apply(grid.ijk_to_ras, corners + halves)
    return np.linalg.norm(_moved(exact, places) - _moved(made, places), axis=1)


def _moved(transform: Any, places: Matrix) -> Matrix:
    given, moved = vtkPoints(), vtkPoints()
    moved.SetDataTypeToDouble()
    given.SetData(numpy_to_vtk(np.ascontiguousarray(places), deep=1))
    transform.TransformPoints(given, moved)
    return vtk_to_numpy(moved.GetData()).copy()
