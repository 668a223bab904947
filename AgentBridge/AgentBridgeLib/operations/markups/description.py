"""Describe a markup: points, measurements with their units, and where a plane or a ROI lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.model.frames import Frame, position_in
from AgentBridgeLib.model.markups import (
    ControlPoint,
    MarkupsBox,
    MarkupsDescription,
    MarkupsSummary,
    Measurement,
)
from AgentBridgeLib.operations.scene.node_details import parent_transform_id

if TYPE_CHECKING:
    from collections.abc import Callable

MARKUPS = "vtkMRMLMarkupsNode"
MOST_POINTS = 1000
MM3_PER_ML = 1000.0
_LEAST_OF_LINE = 2
_LEAST_OF_AREA = 3

# `GetValue` has these units, whatever `GetUnits` says the display shows (cm2, cm3).
_UNITS = {
    "vtkMRMLMeasurementLength": "mm",
    "vtkMRMLMeasurementArea": "mm2",
    "vtkMRMLMeasurementVolume": "mm3",
    "vtkMRMLMeasurementAngle": "deg",
}

_LENGTHS: tuple[tuple[str, Callable[[Any], float]], ...] = (
    ("vtkMRMLMarkupsLineNode", lambda node: node.GetLineLengthWorld()),
    ("vtkMRMLMarkupsCurveNode", lambda node: node.GetCurveLengthWorld()),
)
CURVE_TYPES = ("linear", "cardinal_spline", "kochanek_spline", "polynomial", "shortest_distance_on_surface")
"""In the order of `vtkCurveGenerator`'s numbers."""


def type_of(node: Any) -> str:
    """Give the type as it is called on the wire: MRML's name in lower case."""
    return node.GetMarkupType().lower()


def summarize_markups(node: Any) -> MarkupsSummary:
    """Give the line of a markup in a list."""
    return MarkupsSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        type=type_of(node),
        control_point_count=node.GetNumberOfControlPoints(),
    )


def describe_markups(node: Any, frame: Frame) -> MarkupsDescription:
    """Describe one markup; positions in `frame`."""
    count, display = node.GetNumberOfControlPoints(), node.GetDisplayNode()
    volume = _volume(node)
    return MarkupsDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        type=type_of(node),
        color=display.GetSelectedColor() if display is not None else None,
        opacity=display.GetOpacity() if display is not None else None,
        is_visible=bool(display.GetVisibility()) if display is not None else None,
        is_locked=bool(node.GetLocked()),
        control_points=tuple(describe_point(node, index, frame) for index in range(min(count, MOST_POINTS))),
        control_point_count=count,
        measurements=tuple(_measurements(node)),
        available_measurements=measurement_names(node),
        length_mm=_length(node),
        angle_deg=_angle(node),
        area_mm2=_area(node),
        volume_mm3=volume,
        volume_ml=volume / MM3_PER_ML if volume is not None else None,
        box=_box(node, frame),
        curve_type=_curve_type(node),
        parent_transform_id=parent_transform_id(node),
    )


def describe_point(node: Any, index: int, frame: Frame) -> ControlPoint:
    """Describe one control point, in the world and in the markup's own coordinates."""
    world = local = None
    if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
        world, local = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, world)
        node.GetNthControlPointPosition(index, local)
    return ControlPoint(
        id=node.GetNthControlPointID(index),
        label=node.GetNthControlPointLabel(index) or "",
        description=node.GetNthControlPointDescription(index) or "",
        is_selected=bool(node.GetNthControlPointSelected(index)),
        is_locked=bool(node.GetNthControlPointLocked(index)),
        is_visible=bool(node.GetNthControlPointVisibility(index)),
        **position_in(frame, "position", world),
        **position_in(frame, "position_local", local),
    )


def measurement_names(node: Any) -> tuple[str, ...]:
    """Give the names of everything that Slicer can measure on this markup."""
    return tuple(node.GetNthMeasurement(index).GetName() for index in range(node.GetNumberOfMeasurements()))


def _measurements(node: Any) -> list[Measurement]:
    found = []
    for index in range(node.GetNumberOfMeasurements()):
        measurement = node.GetNthMeasurement(index)
        has_value = measurement.GetEnabled() and measurement.GetValueDefined()
        if has_value and math.isfinite(measurement.GetValue()):
            found.append(_measurement(measurement))
    return found


def _measurement(measurement: Any) -> Measurement:
    unit, value = _UNITS.get(measurement.GetClassName()), measurement.GetValue()
    if unit is None:
        # Others, such as those of extensions: the value as displayed, in the unit that is displayed.
        value, unit = value * measurement.GetDisplayCoefficient(), measurement.GetUnits() or ""
    return Measurement(name=measurement.GetName(), value=value, unit=unit)


def _length(node: Any) -> float | None:
    if node.GetNumberOfDefinedControlPoints() < _LEAST_OF_LINE:
        return None
    return next((length(node) for class_name, length in _LENGTHS if node.IsA(class_name)), None)


def _angle(node: Any) -> float | None:
    if not node.IsA("vtkMRMLMarkupsAngleNode") or node.GetNumberOfDefinedControlPoints() != 3:
        return None
    first, vertex, last = (np.array(node.GetNthControlPointPositionWorld(index)) for index in range(3))
    if np.array_equal(first, vertex) or np.array_equal(last, vertex):
        return None
    angle = float(node.GetAngleDegrees())
    # Slicer's arc cosine of a product that rounding has put beyond 1 is no number: the points lie on one line.
    return angle if math.isfinite(angle) else 180.0 * float((first - vertex) @ (last - vertex) < 0)


def _area(node: Any) -> float | None:
    if node.IsA("vtkMRMLMarkupsPlaneNode") and node.GetIsPlaneValid():
        width, height = node.GetSizeWorld()
        return float(width * height) if _box(node, "ras") is not None else None
    if not node.IsA("vtkMRMLMarkupsClosedCurveNode"):
        return None
    if node.GetNumberOfDefinedControlPoints() < _LEAST_OF_AREA:
        return None
    area = float(type(node).GetClosedCurveSurfaceArea(node))
    return area if math.isfinite(area) else None


def _volume(node: Any) -> float | None:
    if not node.IsA("vtkMRMLMarkupsROINode") or _box(node, "ras") is None:
        return None
    return math.prod(_roi_size(node))


def _roi_size(node: Any) -> tuple[float, ...]:
    size = [0.0, 0.0, 0.0]
    node.GetSizeWorld(size)
    return tuple(size)


def _box(node: Any, frame: Frame) -> MarkupsBox | None:
    axes: list[list[float]] = [[0.0, 0.0, 0.0] for _ in range(3)]
    center = [0.0, 0.0, 0.0]
    if node.GetNumberOfDefinedControlPoints() == 0:
        return None
    if node.IsA("vtkMRMLMarkupsROINode"):
        node.GetCenterWorld(center)
        for index, axis in enumerate(axes):
            node.GetAxisWorld(index, axis)
        size = _roi_size(node)
    elif node.IsA("vtkMRMLMarkupsPlaneNode") and node.GetIsPlaneValid():
        node.GetOriginWorld(center)
        node.GetAxesWorld(*axes)
        size = tuple(node.GetSizeWorld())
    else:
        return None
    if (
        not np.linalg.det(axes) > 0
    ):  # points on one line, or a file that gives no axes, leave zeros or no numbers
        return None
    return MarkupsBox(
        **position_in(frame, "center", center),
        **position_in(frame, "x_axis", axes[0]),
        **position_in(frame, "y_axis", axes[1]),
        **position_in(frame, "z_axis", axes[2]),
        size_mm=size,
    )


def _curve_type(node: Any) -> str | None:
    if not node.IsA("vtkMRMLMarkupsCurveNode"):
        return None
    number = node.GetCurveType()
    return CURVE_TYPES[number] if 0 <= number < len(CURVE_TYPES) else str(number)
