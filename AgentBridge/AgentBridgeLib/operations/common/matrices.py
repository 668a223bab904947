"""4 by 4 matrices between VTK, NumPy and the wire. They apply to column vectors (x, y, z, 1)."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from vtkmodules.vtkCommonMath import vtkMatrix4x4

TRANSFORM_ROLE = (
    "transform"  # vtkMRMLTransformableNode::TransformNodeReferenceRole, which Python does not see
)

Rows = tuple[
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
]
Matrix = np.ndarray[Any, np.dtype[Any]]


def from_vtk(matrix: Any) -> Matrix:
    """Copy a `vtkMatrix4x4`."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_vtk(matrix: Matrix) -> Any:
    """Make a `vtkMatrix4x4`."""
    made = vtkMatrix4x4()
    made.DeepCopy([float(value) for value in matrix.ravel()])
    return made


def rows(matrix: Matrix) -> Rows:
    """Give the rows as tuples. Adding zero turns -0.0 into 0.0."""
    return cast(Rows, tuple(tuple(float(value) + 0.0 for value in row) for row in matrix))


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    """Apply to points of shape (n, 3)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def to_parent(transform_node: Any) -> Matrix:
    """Give the matrix of a linear transform node to its parent's coordinates, RAS mm."""
    matrix = vtkMatrix4x4()
    transform_node.GetMatrixTransformToParent(matrix)
    return from_vtk(matrix)


def is_linear_to_world(node: Any) -> bool:
    """Whether all parent transforms of the node are linear."""
    parent = node.GetParentTransformNode()
    return parent is None or bool(parent.IsTransformToWorldLinear())


def node_to_world(node: Any) -> Matrix:
    """Give the matrix from the node's own coordinates to the world, RAS mm; needs linear parent transforms."""
    parent = node.GetParentTransformNode()
    matrix = vtkMatrix4x4()
    if parent is not None:
        parent.GetMatrixTransformToWorld(matrix)
    return from_vtk(matrix)
