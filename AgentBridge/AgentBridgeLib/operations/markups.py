"""List, read and make markups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import MarkupsId
from AgentBridgeLib.model.frames import Frame, FrameArguments, position_in
from AgentBridgeLib.model.geometry import ColorRgb, PositionRas
from AgentBridgeLib.model.markups import ControlPoint, MarkupsDescription, MarkupsSummary, Measurement
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.operations.node_details import parent_transform_id
from AgentBridgeLib.operations.node_index import node_index
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.context import OperationContext

MARKUPS = "vtkMRMLMarkupsNode"
MOST_POINTS = 1000


@dataclass(frozen=True, slots=True)
class MarkupsType:
    """A type of markup that can be made: class, and how many control points it takes."""

    class_name: str
    least_points: int
    most_points: int


TYPES = {"line": MarkupsType("vtkMRMLMarkupsLineNode", 2, 2)}

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


class MarkupsArguments(FrameArguments):
    """Which markup."""

    markups_id: MarkupsId = Field(description="The markup.")


class CreateArguments(Arguments):
    """What to draw."""

    type: Literal["line"] = Field(default="line", description="Type of markup; a line has two points.")
    points_ras: tuple[PositionRas, ...] = Field(
        min_length=1, max_length=MOST_POINTS, description="Control points in the world, RAS, mm."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="Name of the node; made unique."
    )
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")


@operation(name="markups.list", capability="scene.read", route="GET /markups", read_only=True)
def list_markups(context: OperationContext, arguments: PageArguments) -> Page[MarkupsSummary]:
    """List the markups of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    scene = context.host.scene
    entries = node_index(scene).of_class(MARKUPS)
    bounds = page_bounds(
        len(entries),
        lambda position: entries[position].id,
        limit=arguments.limit,
        cursor=arguments.cursor,
        question="markups.list",
    )
    nodes = [scene.node(entry.id) for entry in entries[bounds.start : bounds.stop]]
    items = [
        MarkupsSummary(
            id=node.GetID(),
            name=node.GetName() or "",
            type=_type(node),
            control_point_count=node.GetNumberOfControlPoints(),
        )
        for node in nodes
    ]
    return Page[MarkupsSummary](items=items, next_cursor=bounds.next_cursor, total=len(entries))


@operation(
    name="markups.get",
    capability="scene.read",
    route="GET /markups/{markups_id}",
    read_only=True,
    revision_scope="scene",
)
def get_markups(context: OperationContext, arguments: MarkupsArguments) -> MarkupsDescription:
    """Read one markup: control points in the world and measurements with their units.

    Returns
    -------
    MarkupsDescription
        Positions in RAS (`frame=lps`: LPS), mm, parent transforms applied. Lengths in mm, areas in mm², volumes in
        mm³, angles in degrees, whatever Slicer is set to display.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no markup.

    Notes
    -----
    The length of a curve depends on its type (linear, spline, …). Source: `vtkMRMLMarkupsNode`, `vtkMRMLMeasurement`.
    """
    return _describe(context.host.scene.node(arguments.markups_id, MARKUPS), arguments.frame)


@operation(name="markups.create", capability="scene.edit", route="POST /markups", status=201)
def create_markups(context: OperationContext, arguments: CreateArguments) -> MarkupsDescription:
    """Draw a line between two points in the world; its length in mm is measured.

    Returns
    -------
    MarkupsDescription
        The new node, with `length_mm`.

    Raises
    ------
    ArgumentInvalidError
        The number of points does not fit the type, or a color is not within 0 to 1.

    Notes
    -----
    Source: `vtkMRMLMarkupsLineNode`.
    """
    kind = TYPES[arguments.type]
    _check(arguments, kind)
    scene = context.host.scene.scene
    name = scene.GenerateUniqueName(arguments.name or arguments.type.capitalize())
    node = scene.AddNewNodeByClass(kind.class_name, name)
    node.CreateDefaultDisplayNodes()
    for point in arguments.points_ras:
        node.AddControlPointWorld(*point)
    if arguments.color is not None:
        node.GetDisplayNode().SetSelectedColor(*arguments.color)
        node.GetDisplayNode().SetColor(*arguments.color)
    context.mark_made([node])
    return _describe(node, "ras")


def _check(arguments: CreateArguments, kind: MarkupsType) -> None:
    count = len(arguments.points_ras)
    if not kind.least_points <= count <= kind.most_points:
        raise _invalid("points_ras", f"a {arguments.type} has {kind.least_points} points, not {count}")
    if arguments.color is not None and not all(0 <= part <= 1 for part in arguments.color):
        raise _invalid("color", "red, green and blue go from 0 to 1")


def _describe(node: Any, frame: Frame) -> MarkupsDescription:
    count, display = node.GetNumberOfControlPoints(), node.GetDisplayNode()
    return MarkupsDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        type=_type(node),
        color=display.GetSelectedColor() if display is not None else None,
        is_locked=bool(node.GetLocked()),
        control_points=tuple(_point(node, index, frame) for index in range(min(count, MOST_POINTS))),
        control_point_count=count,
        measurements=tuple(_measurements(node)),
        length_mm=_length(node),
        parent_transform_id=parent_transform_id(node),
    )


def _type(node: Any) -> str:
    return node.GetMarkupType().lower()


def _point(node: Any, index: int, frame: Frame) -> ControlPoint:
    position = None
    if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, position)
    return ControlPoint(
        id=node.GetNthControlPointID(index),
        label=node.GetNthControlPointLabel(index) or "",
        **position_in(frame, "position", position),
    )


def _measurements(node: Any) -> list[Measurement]:
    found = []
    for index in range(node.GetNumberOfMeasurements()):
        measurement = node.GetNthMeasurement(index)
        if measurement.GetEnabled() and measurement.GetValueDefined():
            found.append(_measurement(measurement))
    return found


def _measurement(measurement: Any) -> Measurement:
    unit, value = _UNITS.get(measurement.GetClassName()), measurement.GetValue()
    if unit is None:
        # Others, such as those of extensions: the value as displayed, in the unit that is displayed.
        value, unit = value * measurement.GetDisplayCoefficient(), measurement.GetUnits()
    return Measurement(name=measurement.GetName(), value=value, unit=unit)


def _length(node: Any) -> float | None:
    if node.GetNumberOfDefinedControlPoints() < TYPES["line"].least_points:
        return None
    return next((length(node) for class_name, length in _LENGTHS if node.IsA(class_name)), None)


def _invalid(name: str, problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{name}` cannot be used: {problem}.", errors=[FieldProblem(f"/{name}", problem)]
    )
