"""Read transform nodes: what kind they are, their grid, their matrices."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.model.fields import TransformId
from AgentBridgeLib.model.frames import Frame, FrameArguments, matrix_in
from AgentBridgeLib.model.transforms import (
    Direction,
    TransformDescription,
    TransformGrid,
    TransformKind,
    TransformSummary,
)
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.scene.node_details import parent_transform_id

TRANSFORM = "vtkMRMLTransformNode"
MOST_CHILDREN = 1000
GRID_CLASS = "vtkOrientedGridTransform"
BSPLINE_CLASS = "vtkOrientedBSplineTransform"
THIN_PLATE_CLASS = "vtkThinPlateSplineTransform"
_KINDS: tuple[tuple[str, TransformKind], ...] = (
    (GRID_CLASS, "grid"),
    (BSPLINE_CLASS, "bspline"),
    (THIN_PLATE_CLASS, "thin_plate"),
)


class TransformArguments(FrameArguments):
    """Which transform."""

    transform_id: TransformId = Field(description="The transform.")


def kind_of(node: Any) -> TransformKind:
    """Say what a transform is made of."""
    if node.IsLinear():
        return "linear"
    for class_name, kind in _KINDS:
        if stored(node, class_name) is not None:
            return kind
    return "composite" if node.GetTransformToParent().IsA("vtkGeneralTransform") else "other"


def stored(node: Any, class_name: str) -> tuple[Any, Direction] | None:
    """Give the one transform of this class that the node holds, and which way it leads; None for anything else."""
    for direction, read in (
        ("from_parent", node.GetTransformFromParentAs),
        ("to_parent", node.GetTransformToParentAs),
    ):
        found = read(class_name, False)
        if found is not None and not node.IsAbstractTransformComputedFromInverse(found):
            return found, cast(Direction, direction)
    return None


def grid_of(transform: Any) -> tuple[Any, Grid]:
    """Give the image of vectors (RAS, mm) of a grid or B-spline transform, and where it lies."""
    is_spline = transform.IsA(BSPLINE_CLASS)
    image = transform.GetCoefficientData() if is_spline else transform.GetDisplacementGrid()
    matrix = np.eye(4)
    direction = transform.GetGridDirectionMatrix()
    axes = matrices.from_vtk(direction)[:3, :3] if direction is not None else np.eye(3)
    matrix[:3, :3] = axes @ np.diag(image.GetSpacing())
    start = [image.GetExtent()[2 * axis] for axis in range(3)]
    # The direction turns the grid around its origin; an extent that begins elsewhere is part of it.
    matrix[:3, 3] = np.array(image.GetOrigin()) + matrix[:3, :3] @ start
    return image, Grid(image.GetDimensions(), matrix)


def summarize_transform(node: Any) -> TransformSummary:
    """Give the line of a transform in a list."""
    return TransformSummary(id=node.GetID(), name=node.GetName() or "", kind=kind_of(node))


def describe_transform(node: Any, frame: Frame) -> TransformDescription:
    """Describe a transform; the geometry of its grid in `frame`."""
    is_linear = bool(node.IsLinear())
    to_world = None
    if node.IsTransformToWorldLinear():
        matrix = vtkMatrix4x4()
        node.GetMatrixTransformToWorld(matrix)
        to_world = matrices.rows(matrices.from_vtk(matrix))
    return TransformDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        kind=kind_of(node),
        is_linear=is_linear,
        matrix_to_parent_ras=matrices.rows(matrices.to_parent(node)) if is_linear else None,
        matrix_to_world_ras=to_world,
        grid=_grid(node, frame),
        transformed_ids=_children(node),
        parent_transform_id=parent_transform_id(node),
    )


def _grid(node: Any, frame: Frame) -> TransformGrid | None:
    if node.IsLinear():
        return None
    found = stored(node, GRID_CLASS) or stored(node, BSPLINE_CLASS)
    if found is None:
        return None
    _, grid = grid_of(found[0])
    return TransformGrid(
        dimensions_ijk=grid.dimensions_ijk,
        spacing_mm=grid.spacing_mm,
        direction=found[1],
        **matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras)),
    )


def _children(node: Any) -> tuple[str, ...]:
    others = node.GetScene().GetNodesByClass("vtkMRMLTransformableNode")
    found = (others.GetItemAsObject(index) for index in range(others.GetNumberOfItems()))
    ids = [other.GetID() for other in found if parent_transform_id(other) == node.GetID()]
    return tuple(ids[:MOST_CHILDREN])
