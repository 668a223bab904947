"""Positions and sizes with frame and unit, the same in documents, JSON Schema and MCP.

Frames: RAS is Slicer's world, mm, x to the patient's right, y anterior, z superior. IJK are zero-based voxel
indices at voxel centers, `i` fastest in memory; NumPy arrays of voxels have shape (k, j, i).
Source: Slicer user guide, "Coordinate systems".
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Vector = tuple[float, float, float]

PositionRas = Annotated[
    Vector, Field(description="Position in RAS, mm.", json_schema_extra={"x-frame": "RAS", "x-unit": "mm"})
]
DirectionRas = Annotated[
    Vector, Field(description="Unit vector in RAS.", json_schema_extra={"x-frame": "RAS"})
]
SpacingMm = Annotated[
    Vector,
    Field(description="Distance of voxel centers along i, j, k in mm.", json_schema_extra={"x-unit": "mm"}),
]
IndexIjk = Annotated[
    tuple[int, int, int],
    Field(description="Zero-based voxel index (i, j, k).", json_schema_extra={"x-frame": "IJK"}),
]
DimensionsIjk = Annotated[
    tuple[int, int, int],
    Field(description="Number of voxels along i, j, k.", json_schema_extra={"x-frame": "IJK"}),
]
BoundsRas = Annotated[
    tuple[float, float, float, float, float, float],
    Field(
        description="Bounds in RAS, mm: (R min, R max, A min, A max, S min, S max).",
        json_schema_extra={"x-frame": "RAS", "x-unit": "mm"},
    ),
]
Matrix4 = Annotated[
    tuple[
        tuple[float, float, float, float],
        tuple[float, float, float, float],
        tuple[float, float, float, float],
        tuple[float, float, float, float],
    ],
    Field(description="4 by 4 matrix, row by row; applies to column vectors."),
]
PositionLps = Annotated[
    Vector, Field(description="Position in LPS, mm.", json_schema_extra={"x-frame": "LPS", "x-unit": "mm"})
]
DirectionLps = Annotated[
    Vector, Field(description="Unit vector in LPS.", json_schema_extra={"x-frame": "LPS"})
]
BoundsLps = Annotated[
    tuple[float, float, float, float, float, float],
    Field(
        description="Bounds in LPS, mm: (L min, L max, P min, P max, S min, S max).",
        json_schema_extra={"x-frame": "LPS", "x-unit": "mm"},
    ),
]
ColorRgb = Annotated[Vector, Field(description="Red, green, blue from 0 to 1.")]
