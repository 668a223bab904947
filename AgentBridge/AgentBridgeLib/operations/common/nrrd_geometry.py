"""Where the voxels of an NRRD header lie.

Headers without `space` are taken as LPS, as ITK and therefore Slicer's own reader take them.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from AgentBridgeLib.operations.common.nrrd_fields import listed, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Vector = tuple[float, float, float]

_SPACES: dict[str, Vector] = {
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
}  # signs that lead to LPS
_COMPONENT_KINDS = {
    "vector", "covariant-vector", "list", "point", "normal", "stub", "scalar", "complex", "2-vector", "3-color",
    "rgb-color", "hsv-color", "xyz-color", "4-color", "rgba-color", "3-vector", "3-gradient", "3-normal",
    "4-vector", "quaternion",
}  # fmt: skip


def domain_axes(fields: Mapping[str, str], dimension: int) -> tuple[int, int, int]:
    """Find the three axes that are space; a fourth one holds components and must be the fastest."""
    if dimension == 3:
        return 0, 1, 2
    if dimension != 4:
        refuse(f"it has {dimension} axes", "three axes of space, and components as a fastest fourth")
    kinds = fields.get("kinds", "").lower().split()
    directions = fields.get("space directions", "").split()
    is_component = (kinds and kinds[0] in _COMPONENT_KINDS) or (directions and directions[0] == "none")
    if not is_component:
        refuse("of four axes the fastest (first) must hold the components of a voxel")
    return 1, 2, 3


def geometry(
    fields: Mapping[str, str], dimension: int, domain: Sequence[int]
) -> tuple[tuple[Vector, Vector, Vector], Vector, tuple[str, ...]]:
    """Give the steps along i, j, k and the center of the first voxel, in LPS and mm, and what was assumed."""
    warnings: list[str] = []
    signs: Vector = (1.0, 1.0, 1.0)
    space = fields.get("space", "").lower()
    if space:
        if space not in _SPACES:
            refuse(
                f"the space '{space}' is not supported", "right-anterior-superior or left-posterior-superior"
            )
        signs = _SPACES[space]
    else:
        warnings.append(
            "The header names no space: positions were taken as LPS, as Slicer's own reader does."
        )
    _check_unit(fields)
    if "space directions" in fields:
        texts = re.findall(r"none|\([^)]*\)", fields["space directions"].lower())
        if len(texts) != dimension:
            refuse(f"`space directions` has {len(texts)} entries for {dimension} axes")
        vectors = [_vector(texts[axis], signs, "space directions") for axis in domain]
    else:
        spacings = listed(fields, "spacings", float) if "spacings" in fields else [1.0] * dimension
        if len(spacings) != dimension:
            refuse(f"`spacings` has {len(spacings)} entries for {dimension} axes")
        steps = [spacings[axis] if math.isfinite(spacings[axis]) else 1.0 for axis in domain]
        vectors = [(steps[0], 0.0, 0.0), (0.0, steps[1], 0.0), (0.0, 0.0, steps[2])]
        warnings.append("The header gives no directions: the axes were taken as parallel to L, P and S.")
    origin = (
        _vector(fields["space origin"], signs, "space origin")
        if "space origin" in fields
        else (0.0, 0.0, 0.0)
    )
    i, j, k = vectors
    _check_axes(i, j, k)
    return (i, j, k), origin, tuple(warnings)


def _check_unit(fields: Mapping[str, str]) -> None:
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    if units - {"mm", "", "millimeter", "millimeters"}:
        refuse(f"space units are {', '.join(sorted(units))}", "mm")


def _check_axes(i: Vector, j: Vector, k: Vector) -> None:
    normal = (i[1] * j[2] - i[2] * j[1], i[2] * j[0] - i[0] * j[2], i[0] * j[1] - i[1] * j[0])
    volume = abs(sum(a * b for a, b in zip(normal, k, strict=True)))
    lengths = math.prod(math.hypot(*axis) for axis in (i, j, k))
    if lengths == 0 or volume < 1e-6 * lengths:
        refuse("the axes do not span space: one of them is zero, or they lie in a plane")


def _vector(text: str, signs: Vector, field: str) -> Vector:
    parts = text.strip().strip("()").split(",")
    try:
        x, y, z = (sign * float(part) + 0.0 for sign, part in zip(signs, parts, strict=True))
    except ValueError:
        refuse(f"`{field}` has {text[:60]!r} where three numbers belong")
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        refuse(f"`{field}` has a number that is not finite")
    return x, y, z
