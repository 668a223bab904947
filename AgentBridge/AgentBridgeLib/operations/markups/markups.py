"""List, read and change markups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.model.base import Page, PageArguments
from AgentBridgeLib.model.fields import MarkupsId, NodeName
from AgentBridgeLib.model.frames import FrameArguments
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.markups import (
    CurveType,
    MarkupsDescription,
    MarkupsSummary,
)
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.arguments import BoxArguments, Label, check_color, paint
from AgentBridgeLib.operations.markups.description import (
    MARKUPS,
    describe_markups,
    measurement_names,
    summarize_markups,
    type_of,
)
from AgentBridgeLib.operations.markups.shapes import (
    BOXES,
    in_world,
    place_box,
    set_curve_type,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


class MarkupsArguments(FrameArguments):
    """Which markup."""

    markups_id: MarkupsId = Field(description="The markup.")


class UpdateArguments(BoxArguments):
    """What to change. What is not given stays as it is."""

    markups_id: MarkupsId = Field(description="The markup.")
    name: NodeName | None = Field(default=None, description="New name.")
    is_locked: bool | None = Field(
        default=None, description="Whether a person cannot move points with the mouse."
    )
    is_visible: bool | None = Field(default=None, description="Whether it is shown in the views.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    opacity: float | None = Field(default=None, ge=0, le=1, description="From 0 (invisible) to 1 (opaque).")
    point_labels_visible: bool | None = Field(default=None, description="Whether labels stand at the points.")
    glyph_scale_percent: float | None = Field(
        default=None, gt=0, le=100, description="Size of the points in percent of the view."
    )
    curve_type: CurveType | None = Field(
        default=None, description="How a curve runs between its control points."
    )
    enabled_measurements: tuple[Label, ...] | None = Field(
        default=None,
        max_length=20,
        description="Names (`available_measurements`) of what Slicer measures and shows; others are switched off.",
    )


@operation(
    name="markups.list",
    capability="scene.read",
    route="GET /markups",
    read_only=True,
    keywords="annotations landmarks fiducials measurements",
)
def list_markups(context: OperationContext, arguments: PageArguments) -> Page[MarkupsSummary]:
    """List the markups of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, MARKUPS, Page[MarkupsSummary], summarize_markups)


@operation(
    name="markups.get",
    capability="scene.read",
    route="GET /markups/{markups_id}",
    read_only=True,
    revision_scope="scene",
    keywords="read length distance angle measurement result diameter",
)
def get_markups(context: OperationContext, arguments: MarkupsArguments) -> MarkupsDescription:
    """Read one markup: control points in the world and measurements with their units.

    Returns
    -------
    MarkupsDescription
        Positions in RAS (`frame=lps`: LPS), mm: in the world, parent transforms applied, and in the markup's own
        coordinates (`position_local_…`). Lengths in mm, areas in mm², volumes in mm³ and ml, angles in degrees,
        whatever Slicer is set to display. `length_mm`, `angle_deg`, `area_mm2` and `volume_ml` are given whether or
        not Slicer shows the measurement.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no markup.

    Notes
    -----
    The length of a curve depends on its type (linear, spline, …); the area of a closed curve is that of the minimal
    surface in it. Source: `vtkMRMLMarkupsNode`, `vtkMRMLMeasurement`.
    """
    return describe_markups(context.host.scene.node(arguments.markups_id, MARKUPS), arguments.frame)


@operation(
    name="markups.update",
    capability="scene.edit",
    route="PATCH /markups/{markups_id}",
    idempotent=True,
    revision_scope="node",
)
def update_markups(context: OperationContext, arguments: UpdateArguments) -> MarkupsDescription:
    """Change a markup: name, lock, visibility, color, curve type, measurements, place of a plane or ROI.

    Returns
    -------
    MarkupsDescription
        The node as it is now; positions in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        The markup has no such measurement, is no curve, or is neither a plane nor a ROI; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    Center, axes and size are those in the world; parent transforms stay. Source: `vtkMRMLMarkupsNode`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    _check_update(node, arguments)
    was_modifying = node.StartModify()
    try:
        _change(node, arguments)
    finally:
        node.EndModify(was_modifying)
    _change_display(node, arguments)
    context.mark_made([node])
    return describe_markups(node, "ras")


def _check_update(node: Any, arguments: UpdateArguments) -> None:
    kind = type_of(node)
    if arguments.box.is_given:
        if kind not in BOXES:
            raise invalid("center_ras", f"type {kind} is changed by its control points")
        arguments.box.check(kind)
    if arguments.curve_type is not None and not node.IsA("vtkMRMLMarkupsCurveNode"):
        raise invalid("curve_type", f"type {kind} is no curve")
    known = measurement_names(node)
    for name in arguments.enabled_measurements or ():
        if name not in known:
            raise invalid("enabled_measurements", f"'{name}' is none of {', '.join(known) or 'none'}")
    check_color(arguments.color)


def _change(node: Any, arguments: UpdateArguments) -> None:
    if arguments.name is not None:
        node.SetName(arguments.name)
    if arguments.is_locked is not None:
        node.SetLocked(arguments.is_locked)
    if arguments.curve_type is not None:
        set_curve_type(node, arguments.curve_type)
    if arguments.box.is_given:
        with in_world(node):
            place_box(node, type_of(node), arguments.box)
    if arguments.enabled_measurements is not None:
        for index in range(node.GetNumberOfMeasurements()):
            measurement = node.GetNthMeasurement(index)
            measurement.SetEnabled(measurement.GetName() in arguments.enabled_measurements)
        node.UpdateAllMeasurements()


def _change_display(node: Any, arguments: UpdateArguments) -> None:
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    paint(display, arguments.color)
    if arguments.is_visible is not None:
        display.SetVisibility(arguments.is_visible)
    if arguments.opacity is not None:
        display.SetOpacity(arguments.opacity)
    if arguments.point_labels_visible is not None:
        display.SetPointLabelsVisibility(arguments.point_labels_visible)
    if arguments.glyph_scale_percent is not None:
        display.SetGlyphScale(arguments.glyph_scale_percent)
