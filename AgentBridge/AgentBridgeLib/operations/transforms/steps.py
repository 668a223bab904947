"""Linear transforms as clients say them: a matrix, or a rotation and a translation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.geometry import Matrix4
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.operations.common.problems import invalid

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix

LEAST_DETERMINANT = 1e-9
MOST_ELEMENT = 1e7


class Rotation(Arguments):
    """A turn around an axis."""

    axis_ras: PlacedRas = Field(description="Axis; need not have unit length.")
    angle_deg: float = Field(ge=-36000, le=36000, description="Angle; right-handed around the axis.")
    center_ras: PlacedRas = Field(
        default=(0.0, 0.0, 0.0), description="A point of the axis in the parent's coordinates, mm."
    )


class StepArguments(Arguments):
    """A linear transform: a matrix, or a rotation and then a translation."""

    matrix_to_parent_ras: Matrix4 | None = Field(
        default=None, description="The whole matrix, RAS, mm; in place of rotation and translation."
    )
    rotation: Rotation | None = Field(default=None, description="Comes first.")
    translation_ras_mm: PlacedRas | None = Field(default=None, description="Comes after the rotation.")


def given_matrix(arguments: StepArguments) -> Matrix | None:
    """Give the matrix that the arguments describe; None when they say nothing."""
    has_steps = arguments.rotation is not None or arguments.translation_ras_mm is not None
    if arguments.matrix_to_parent_ras is not None:
        if has_steps:
            raise invalid("matrix_to_parent_ras", "give a matrix, or rotation and translation, not both")
        matrix = np.array(arguments.matrix_to_parent_ras)
        check_affine(matrix, "matrix_to_parent_ras")
        return matrix
    if not has_steps:
        return None
    matrix = _rotation(arguments.rotation) if arguments.rotation is not None else np.eye(4)
    if arguments.translation_ras_mm is not None:
        matrix[:3, 3] += arguments.translation_ras_mm
    return matrix


def check_affine(matrix: Matrix, name: str) -> None:
    """Refuse a matrix that is singular or whose last row is not 0, 0, 0, 1."""
    if np.abs(matrix).max() > MOST_ELEMENT:
        raise invalid(name, f"an element is beyond {MOST_ELEMENT:g}")
    if tuple(matrix[3]) != (0, 0, 0, 1) or abs(np.linalg.det(matrix[:3, :3])) < LEAST_DETERMINANT:
        raise invalid(name, "it is singular, or its last row is not 0, 0, 0, 1")


def _rotation(rotation: Rotation) -> Matrix:
    """Rodrigues' formula, around a point."""
    length = np.linalg.norm(rotation.axis_ras)
    if length == 0:
        raise invalid("rotation", "the axis has no length")
    x, y, z = np.array(rotation.axis_ras) / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(rotation.angle_deg)
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = rotation.center_ras - matrix[:3, :3] @ np.array(rotation.center_ras)
    return matrix
