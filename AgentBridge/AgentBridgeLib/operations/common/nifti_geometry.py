"""Where the voxels of a NIfTI header lie, in RAS and mm.

Sources: nifti1.h; nifti_mat44_to_quatern of nifti1_io.c.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.operations.common.nifti_fields import refuse

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.nifti_fields import Fields

LARGEST_NUMBER = 1e9
SAME_PLACE_MM = 0.01
"""qform and sform that differ by less say the same; both are float32."""

_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: unknown, meter, mm, micron


def matrix_to_ras(fields: Fields) -> tuple[Matrix, list[str]]:
    """Give the matrix to RAS: sform if there is one, else qform, else spacing only (nifti1.h, methods 3, 2, 1)."""
    warnings: list[str] = []
    unit = _UNITS_MM.get(fields.xyzt_units & 7)
    if unit is None:
        refuse(f"its unit of length is unknown ({fields.xyzt_units & 7})")
    if unit != 1.0:
        warnings.append(f"Lengths in the header are not in mm; they were multiplied by {unit:g}.")
    used = [
        *(fields.srow if fields.sform_code > 0 else ()),
        *((*fields.quatern, *fields.qoffset) if fields.qform_code > 0 else ()),
        *fields.pixdim[:4],
    ]
    if not all(abs(value) <= LARGEST_NUMBER for value in used):  # not-a-number is not either
        refuse("a number of its geometry is not finite, or beyond any length")
    by_qform = _by_qform(fields) if fields.qform_code > 0 else None
    by_sform = np.vstack([np.reshape(fields.srow, (3, 4)), (0, 0, 0, 1)]) if fields.sform_code > 0 else None
    if by_sform is not None:
        matrix = by_sform
        if by_qform is not None and _apart_mm(by_sform, by_qform, fields) * unit > SAME_PLACE_MM:
            warnings.append(
                "qform and sform of the header place the voxels differently; sform was taken. Slicer may take qform."
            )
    elif by_qform is not None:
        matrix = by_qform
    else:
        matrix = np.diag([*(abs(size) or 1.0 for size in fields.pixdim[1:4]), 1.0])
        warnings.append(
            "The header gives no orientation (neither qform nor sform): axes were taken as R, A, S."
        )
    matrix = np.diag([unit, unit, unit, 1.0]) @ matrix
    if not _spans_space(matrix[:3, :3]):
        refuse("its axes do not span space: one of them is zero, or they lie in a plane")
    return matrix, warnings


def _by_qform(fields: Fields) -> Matrix:
    b, c, d = fields.quatern
    a = math.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    matrix = np.eye(4)
    steps = np.abs(fields.pixdim[1:4]) * (1, 1, -1 if fields.pixdim[0] < 0 else 1)
    matrix[:3, :3] = turn * steps
    matrix[:3, 3] = fields.qoffset
    return matrix


def _apart_mm(one: Matrix, other: Matrix, fields: Fields) -> float:
    last = np.array(fields.dim[1:4]) - 1
    corners = np.array([[i, j, k, 1.0] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])])
    return float(np.abs(corners @ (one - other).T).max())


def _spans_space(axes: Matrix) -> bool:
    lengths = np.linalg.norm(axes, axis=0)
    return bool(lengths.min() > 0 and abs(np.linalg.det(axes / lengths)) > 1e-6)


def quaternion(axes: Matrix) -> tuple[tuple[float, float, float] | None, float]:
    """Give (b, c, d) of a rotation and the sign of the k axis; None when the axes are oblique to each other."""
    qfac = 1.0 if np.linalg.det(axes) > 0 else -1.0
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-5):
        return None, qfac
    turn = axes * (1, 1, qfac)
    # The largest of the four is found from the diagonal, the others from it (Shepperd 1978): no small divisors.
    squares = np.array([turn.trace(), *np.diag(turn)])
    largest = int(squares.argmax())
    if largest == 0:
        values = [
            1 + turn.trace(), turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1],
        ]  # fmt: skip
    else:
        x = largest - 1
        y, z = (x + 1) % 3, (x + 2) % 3
        values = [turn[z, y] - turn[y, z], 0.0, 0.0, 0.0]
        values[1 + x] = 1 + turn[x, x] - turn[y, y] - turn[z, z]
        values[1 + y] = turn[y, x] + turn[x, y]
        values[1 + z] = turn[z, x] + turn[x, z]
    unit = np.array(values) / np.linalg.norm(values)
    b, c, d = (float(value) for value in (unit if unit[0] >= 0 else -unit)[1:])
    return (b, c, d), qfac
