"""Read, add, change and remove the control points of markups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.base import Arguments, Page
from AgentBridgeLib.model.fields import MarkupsId
from AgentBridgeLib.model.frames import Frame
from AgentBridgeLib.model.markups import ControlPoint, MarkupsDescription, PlacedRas
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.arguments import Label
from AgentBridgeLib.operations.markups.description import (
    MARKUPS,
    MOST_POINTS,
    describe_markups,
    describe_point,
    type_of,
)
from AgentBridgeLib.operations.markups.shapes import TYPES
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

POINT_TYPES = frozenset({"fiducial", "curve", "closedcurve"})
"""Types whose number of points is free; the points of the others can be moved only."""


class ListArguments(Arguments):
    """Which points."""

    markups_id: MarkupsId = Field(description="The markup.")
    limit: int = Field(default=100, ge=1, le=1000, description="How many items at the most.")
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="`next_cursor` of the page before; without it the first page.",
    )
    frame: Frame = Field(default="ras", description="Frame of positions in the answer: `ras` or `lps`.")


class NewPoint(Arguments):
    """One point to add."""

    position_ras: PlacedRas | None = Field(default=None, description="In the world, RAS, mm.")
    position_local_ras: PlacedRas | None = Field(
        default=None, description="In the markup's own coordinates, RAS, mm; in place of position_ras."
    )
    label: Label | None = Field(default=None, description="Without, Slicer numbers it.")
    description: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Details for a person."
    )


class AddArguments(Arguments):
    """Which points to add, and where in the order."""

    markups_id: MarkupsId = Field(description="A point list, curve or closed curve.")
    points: tuple[NewPoint, ...] = Field(
        min_length=1, max_length=MOST_POINTS, description="In their order; each with one position."
    )
    index: int | None = Field(
        default=None,
        ge=0,
        description="Zero-based place of the first new point; without, they go to the end.",
    )


class PointArguments(Arguments):
    """Which point of which markup."""

    markups_id: MarkupsId = Field(description="The markup.")
    point_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = Field(
        description="Id of the point inside its markup.", examples=["1"]
    )


class UpdateArguments(PointArguments):
    """What to change of a point. What is not given stays as it is."""

    position_ras: PlacedRas | None = Field(default=None, description="In the world, RAS, mm.")
    position_local_ras: PlacedRas | None = Field(
        default=None, description="In the markup's own coordinates, RAS, mm; in place of position_ras."
    )
    label: Label | None = Field(default=None, description="Text beside the point.")
    description: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="Details for a person."
    )
    is_selected: bool | None = Field(default=None, description="Whether the point is selected.")
    is_locked: bool | None = Field(default=None, description="Whether a person cannot move it.")
    is_visible: bool | None = Field(default=None, description="Whether it is shown.")


@operation(
    name="markups.list_points",
    capability="scene.read",
    route="GET /markups/{markups_id}/points",
    read_only=True,
    revision_scope="scene",
)
def list_points(context: OperationContext, arguments: ListArguments) -> Page[ControlPoint]:
    """List the control points of a markup, page by page, in the world and in its own coordinates.

    Returns
    -------
    Page[ControlPoint]
        In their order; positions in RAS (`frame=lps`: LPS), mm.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such markup.
    ArgumentInvalidError
        The cursor is none of this list.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode::GetNthControlPointPositionWorld`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    count = node.GetNumberOfControlPoints()
    bounds = page_bounds(
        count,
        node.GetNthControlPointID,
        limit=arguments.limit,
        cursor=arguments.cursor,
        question=f"markups.list_points {node.GetID()}",
    )
    items = [describe_point(node, index, arguments.frame) for index in range(bounds.start, bounds.stop)]
    return Page[ControlPoint](items=items, next_cursor=bounds.next_cursor, total=count)


@operation(
    name="markups.add_points",
    capability="scene.edit",
    route="POST /markups/{markups_id}/points",
    revision_scope="node",
    status=201,
    keywords="place landmark fiducial add marker",
)
def add_points(context: OperationContext, arguments: AddArguments) -> MarkupsDescription:
    """Add control points to a point list or curve, at the end or in between.

    Returns
    -------
    MarkupsDescription
        The markup with its new points; positions in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        A point has no position or two, `index` is beyond the end, or the type has a fixed number of points.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode::InsertControlPoint`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    _require_free_count(node, len(arguments.points))
    start = arguments.index if arguments.index is not None else node.GetNumberOfControlPoints()
    if start > node.GetNumberOfControlPoints():
        raise invalid("index", f"there are {node.GetNumberOfControlPoints()} points")
    for index, point in enumerate(arguments.points):
        _check_position(point.position_ras, point.position_local_ras, f"/points/{index}", is_required=True)
    was_modifying = node.StartModify()
    try:
        for offset, point in enumerate(arguments.points):
            _insert(node, start + offset, point)
    finally:
        node.EndModify(was_modifying)
    context.mark_made([node])
    return describe_markups(node, "ras")


@operation(
    name="markups.update_point",
    capability="scene.edit",
    route="PATCH /markups/{markups_id}/points/{point_id}",
    idempotent=True,
    revision_scope="node",
    keywords="move drag landmark fiducial position correct",
)
def update_point(context: OperationContext, arguments: UpdateArguments) -> ControlPoint:
    """Move a control point, or change its label, description, selection, lock or visibility.

    Returns
    -------
    ControlPoint
        The point as it is now; positions in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        The markup has no such point, or two positions are given.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode::SetNthControlPointPositionWorld`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    index = _index(node, arguments.point_id)
    _check_position(arguments.position_ras, arguments.position_local_ras, "", is_required=False)
    was_modifying = node.StartModify()
    try:
        _change(node, index, arguments)
    finally:
        node.EndModify(was_modifying)
    context.mark_made([node])
    return describe_point(node, index, "ras")


@operation(
    name="markups.delete_point",
    capability="scene.edit",
    route="DELETE /markups/{markups_id}/points/{point_id}",
    destructive=True,
    revision_scope="node",
)
def delete_point(context: OperationContext, arguments: PointArguments) -> MarkupsDescription:
    """Remove one control point of a point list or curve.

    Returns
    -------
    MarkupsDescription
        The markup without it; positions in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        The markup has no such point, or its type has a fixed number of points.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode::RemoveNthControlPoint`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    index = _index(node, arguments.point_id)
    _require_free_count(node, -1)
    node.RemoveNthControlPoint(index)
    context.mark_made([node])
    return describe_markups(node, "ras")


def _require_free_count(node: Any, change: int) -> None:
    kind = type_of(node)
    if kind not in POINT_TYPES or node.GetFixedNumberOfControlPoints():
        raise invalid("markups_id", f"the number of points of this {kind} is fixed; move them instead")
    if change > 0 and node.GetNumberOfControlPoints() + change > TYPES[kind].most_points * 100:
        raise invalid("points", f"a markup takes at most {TYPES[kind].most_points * 100} points")


def _check_position(
    world: PlacedRas | None, local: PlacedRas | None, pointer: str, *, is_required: bool
) -> None:
    count = (world is not None) + (local is not None)
    if count > 1 or (is_required and count == 0):
        problem = "needs either position_ras or position_local_ras"
        raise ArgumentInvalidError(
            f"`{(pointer or '/position_ras')[1:]}` cannot be used: it {problem}.",
            errors=[FieldProblem(pointer or "/position_ras", problem)],
        )


def _insert(node: Any, index: int, point: NewPoint) -> None:
    label = point.label or _next_label(node)
    if point.position_ras is not None:
        node.InsertControlPointWorld(index, list(point.position_ras), label)
    else:
        node.InsertControlPoint(index, list(point.position_local_ras or ()), label)
    if point.description:
        node.SetNthControlPointDescription(index, point.description)


def _next_label(node: Any) -> str:
    """Give the label that Slicer would give to a point at the end; the node forgets that it was asked."""
    last = node.AddControlPoint(0.0, 0.0, 0.0)
    label = node.GetNthControlPointLabel(last)
    node.RemoveNthControlPoint(last)
    return str(label)


def _change(node: Any, index: int, arguments: UpdateArguments) -> None:
    if arguments.position_ras is not None:
        node.SetNthControlPointPositionWorld(index, *arguments.position_ras)
    if arguments.position_local_ras is not None:
        node.SetNthControlPointPosition(index, *arguments.position_local_ras)
    if arguments.label is not None:
        node.SetNthControlPointLabel(index, arguments.label)
    if arguments.description is not None:
        node.SetNthControlPointDescription(index, arguments.description)
    if arguments.is_selected is not None:
        node.SetNthControlPointSelected(index, arguments.is_selected)
    if arguments.is_locked is not None:
        node.SetNthControlPointLocked(index, arguments.is_locked)
    if arguments.is_visible is not None:
        node.SetNthControlPointVisibility(index, arguments.is_visible)


def _index(node: Any, point_id: str) -> int:
    index = node.GetNthControlPointIndexByID(point_id)
    if index < 0:
        raise invalid("point_id", f"{node.GetID()} has no point with the id '{point_id}'")
    return int(index)
