"""Primitive shapes as surfaces: along +S, around their center, in mm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.operations.common import matrices

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.operations.common.matrices import Matrix

Length = Annotated[float, Field(ge=0.001, le=10_000)]
Resolution = Annotated[int, Field(ge=3, le=512)]
_TIP_RADII = 2.5
_TIP_SHARE = 0.3


class Sphere(Arguments):
    """A sphere; its facets lie inside, so that its volume is a little too small."""

    kind: Literal["sphere"]
    radius_mm: Length = Field(description="Radius.")
    resolution: Resolution = Field(default=48, description="Facets around; 48 miss about 1 % of the volume.")


class Cube(Arguments):
    """A cube, or a box with three edge lengths."""

    kind: Literal["cube"]
    size_mm: Length | tuple[Length, Length, Length] = Field(
        description="Edge length, or edge lengths along the three axes.", json_schema_extra={"x-unit": "mm"}
    )


class Cylinder(Arguments):
    """A closed cylinder."""

    kind: Literal["cylinder"]
    radius_mm: Length = Field(description="Radius.")
    height_mm: Length = Field(description="Length of the axis.")
    resolution: Resolution = Field(default=64, description="Facets around.")


class Cone(Arguments):
    """A closed cone; its tip points along the direction."""

    kind: Literal["cone"]
    radius_mm: Length = Field(description="Radius of the base.")
    height_mm: Length = Field(description="From base to tip.")
    resolution: Resolution = Field(default=64, description="Facets around.")


class Arrow(Arguments):
    """An arrow that begins at the center and points along the direction."""

    kind: Literal["arrow"]
    length_mm: Length = Field(description="From its beginning to its tip.")
    radius_mm: Length | None = Field(
        default=None,
        description="Radius of the shaft; without, 3 % of the length. The tip has 2.5 times that.",
    )
    resolution: Resolution = Field(default=32, description="Facets around.")


class Plane(Arguments):
    """A rectangle; the direction is its normal."""

    kind: Literal["plane"]
    size_mm: tuple[Length, Length] = Field(description="Edge lengths.", json_schema_extra={"x-unit": "mm"})


Shape = Annotated[Sphere | Cube | Cylinder | Cone | Arrow | Plane, Field(discriminator="kind")]


def make_surface(shape: Sphere | Cube | Cylinder | Cone | Arrow | Plane, pose: Matrix) -> Any:
    """Make the surface of a shape.

    Parameters
    ----------
    shape
        What.
    pose
        4 by 4 rotation and shift from the coordinates of the shape (axis along z) to those of the result, mm.
    """
    source, to_axis = _SOURCES[shape.kind](shape)
    if shape.kind != "arrow":  # vtkArrowSource knows single precision only
        source.SetOutputPointsPrecision(vtkAlgorithm.DOUBLE_PRECISION)
    return _transformed(source, pose @ to_axis)


def _sphere(shape: Sphere) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkSphereSource

    source = vtkSphereSource()
    source.SetRadius(shape.radius_mm)
    source.SetThetaResolution(shape.resolution)
    source.SetPhiResolution(shape.resolution)
    return source, np.eye(4)


def _cube(shape: Cube) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkCubeSource

    size = shape.size_mm if isinstance(shape.size_mm, tuple) else (shape.size_mm,) * 3
    source = vtkCubeSource()
    source.SetXLength(size[0])
    source.SetYLength(size[1])
    source.SetZLength(size[2])
    return source, np.eye(4)


def _cylinder(shape: Cylinder) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkCylinderSource

    source = vtkCylinderSource()
    source.SetRadius(shape.radius_mm)
    source.SetHeight(shape.height_mm)
    source.SetResolution(shape.resolution)
    return source, _axis_to_z(1)


def _cone(shape: Cone) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkConeSource

    source = vtkConeSource()
    source.SetRadius(shape.radius_mm)
    source.SetHeight(shape.height_mm)
    source.SetResolution(shape.resolution)
    return source, _axis_to_z(0)


def _arrow(shape: Arrow) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkArrowSource

    radius = (shape.radius_mm or 0.03 * shape.length_mm) / shape.length_mm
    source = vtkArrowSource()
    source.SetShaftRadius(radius)
    source.SetTipRadius(_TIP_RADII * radius)
    source.SetTipLength(_TIP_SHARE)
    source.SetShaftResolution(shape.resolution)
    source.SetTipResolution(shape.resolution)
    return source, _axis_to_z(0) @ np.diag([shape.length_mm] * 3 + [1.0])


def _plane(shape: Plane) -> tuple[Any, Matrix]:
    from vtkmodules.vtkFiltersSources import vtkPlaneSource

    width, height = shape.size_mm
    source = vtkPlaneSource()
    source.SetOrigin(-width / 2, -height / 2, 0)
    source.SetPoint1(width / 2, -height / 2, 0)
    source.SetPoint2(-width / 2, height / 2, 0)
    return source, np.eye(4)


_SOURCES: dict[str, Callable[[Any], tuple[Any, Matrix]]] = {
    "sphere": _sphere,
    "cube": _cube,
    "cylinder": _cylinder,
    "cone": _cone,
    "arrow": _arrow,
    "plane": _plane,
}


def _axis_to_z(axis: int) -> Matrix:
    """Turn by a cyclic exchange of the axes, so that this one becomes z."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.roll(np.eye(3), 2 - axis, axis=0)
    return matrix


def _transformed(source: Any, matrix: Matrix) -> Any:
    from vtkmodules.vtkCommonTransforms import vtkTransform
    from vtkmodules.vtkFiltersGeneral import vtkTransformPolyDataFilter

    transform = vtkTransform()
    transform.SetMatrix(matrices.to_vtk(matrix))
    mapped = vtkTransformPolyDataFilter()
    mapped.SetInputConnection(source.GetOutputPort())
    mapped.SetTransform(transform)
    mapped.SetOutputPointsPrecision(vtkAlgorithm.DOUBLE_PRECISION)
    mapped.Update()
    return mapped.GetOutput()
