"""List, read, make and change markups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import MarkupsId, TransformId
from AgentBridgeLib.model.frames import FrameArguments
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.markups import (
    CurveType,
    MarkupsDescription,
    MarkupsSummary,
    MarkupsTypeName,
    PlacedRas,
)
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.markups.description import (
    MARKUPS,
    MOST_POINTS,
    describe_markups,
    measurement_names,
    summarize_markups,
    type_of,
)
from AgentBridgeLib.operations.markups.shapes import (
    BOXES,
    TYPES,
    Box,
    in_world,
    invalid,
    place_box,
    put_under,
    set_curve_type,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MOST_MM = 1e6
Label = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class MarkupsArguments(FrameArguments):
    """Which markup."""

    markups_id: MarkupsId = Field(description="The markup.")


class BoxArguments(Arguments):
    """Where a plane or a ROI lies, in the world."""

    center_ras: PlacedRas | None = Field(default=None, description="Center of a plane or ROI, RAS, mm.")
    normal_ras: PlacedRas | None = Field(
        default=None, description="Direction of the normal of a plane, RAS; need not have unit length."
    )
    axes_ras: tuple[PlacedRas, PlacedRas, PlacedRas] | None = Field(
        default=None,
        description="Axes x, y, z of a plane or ROI: unit vectors at right angles in RAS, right-handed.",
    )
    size_mm: tuple[Annotated[float, Field(gt=0, le=MOST_MM)], ...] | None = Field(
        default=None,
        min_length=2,
        max_length=3,
        description="Edge lengths along x, y (plane) or x, y, z (ROI) in mm.",
    )

    @property
    def box(self) -> Box:
        """The same as a value."""
        return Box(self.center_ras, self.normal_ras, self.axes_ras, self.size_mm)


class CreateArguments(BoxArguments):
    """What to draw."""

    type: MarkupsTypeName = Field(
        default="line",
        description="fiducial (a list of points), line (2 points), angle (3, the vertex in the middle), curve (from 2 "
        "on), closedcurve (from 3 on), plane (3 points, or center and normal), roi (center and size).",
    )
    points_ras: tuple[PlacedRas, ...] = Field(
        default=(), max_length=MOST_POINTS, description="Control points in the world, RAS, mm."
    )
    labels: tuple[Label, ...] | None = Field(
        default=None, max_length=MOST_POINTS, description="Labels of the points; as many as there are points."
    )
    curve_type: CurveType | None = Field(
        default=None, description="How a curve runs between its points; without, a cardinal spline."
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Name of the node; made unique.",
    )
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    parent_transform_id: TransformId | None = Field(
        default=None, description="Transform to put it under; the positions given are those in the world."
    )


class UpdateArguments(BoxArguments):
    """What to change. What is not given stays as it is."""

    markups_id: MarkupsId = Field(description="The markup.")
    name: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="New name."
    )
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


@operation(name="markups.list", capability="scene.read", route="GET /markups", read_only=True)
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


@operation(name="markups.create", capability="scene.edit", route="POST /markups", status=201)
def create_markups(context: OperationContext, arguments: CreateArguments) -> MarkupsDescription:
    """Draw a point list, line, angle, curve, closed curve, plane or ROI in the world, and measure it.

    Returns
    -------
    MarkupsDescription
        The new node with its measurements; positions in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        The number of points does not fit the type, axes are no rotation, or a color is not within 0 to 1.
    NodeNotFoundError, NodeTypeError
        The parent is no transform.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode` and its seven classes; Slicer user guide, "Markups".
    """
    kind = TYPES[arguments.type]
    _check(arguments)
    host = context.host.scene
    parent = (
        host.node(arguments.parent_transform_id, "vtkMRMLTransformNode")
        if arguments.parent_transform_id
        else None
    )
    name = host.scene.GenerateUniqueName(arguments.name or arguments.type.capitalize())
    node = host.scene.AddNewNodeByClass(kind.class_name, name)
    node.CreateDefaultDisplayNodes()
    if arguments.curve_type is not None:
        set_curve_type(node, arguments.curve_type)
    _draw(node, arguments)
    if parent is not None:
        put_under(node, parent)
    _paint(node.GetDisplayNode(), arguments.color)
    context.mark_made([node])
    return describe_markups(node, "ras")


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


def _check(arguments: CreateArguments) -> None:
    kind, name = TYPES[arguments.type], arguments.type
    count, is_box = len(arguments.points_ras), arguments.box.is_given
    if is_box:
        if name not in BOXES:
            raise invalid("center_ras", f"a {name} is made of points_ras")
        if count:
            raise invalid("points_ras", "give points, or center, axes and size, not both")
        if arguments.center_ras is None or (name == "roi" and arguments.size_mm is None):
            raise invalid("center_ras", f"a {name} needs center_ras{' and size_mm' * (name == 'roi')}")
        arguments.box.check(name)
    elif name == "roi":
        raise invalid("center_ras", "a roi needs center_ras and size_mm")
    elif not kind.least_points <= count <= kind.most_points:
        wanted = (
            f"{kind.least_points}"
            if kind.least_points == kind.most_points
            else f"{kind.least_points} to {kind.most_points}"
        )
        raise invalid("points_ras", f"a {name} has {wanted} points, not {count}")
    if arguments.labels is not None and len(arguments.labels) != count:
        raise invalid("labels", f"there are {count} points and {len(arguments.labels)} labels")
    if arguments.curve_type is not None and "curve" not in name:
        raise invalid("curve_type", f"a {name} is no curve")
    check_color(arguments.color)


def check_color(color: ColorRgb | None) -> None:
    """Refuse a color whose parts are not from 0 to 1."""
    if color is not None and not all(0 <= part <= 1 for part in color):
        raise invalid("color", "red, green and blue go from 0 to 1")


def _draw(node: Any, arguments: CreateArguments) -> None:
    if arguments.box.is_given:
        place_box(node, arguments.type, arguments.box)
        return
    if arguments.type == "plane":
        node.SetPlaneType(node.PlaneType3Points)
    was_modifying = node.StartModify()
    for index, point in enumerate(arguments.points_ras):
        if arguments.labels is None:
            node.AddControlPointWorld(*point)
        else:
            node.AddControlPointWorld(list(point), arguments.labels[index])
    node.EndModify(was_modifying)


def _paint(display: Any, color: ColorRgb | None) -> None:
    if color is not None and display is not None:
        display.SetSelectedColor(*color)
        display.SetColor(*color)


def _check_update(node: Any, arguments: UpdateArguments) -> None:
    kind = type_of(node)
    if arguments.box.is_given:
        if kind not in BOXES:
            raise invalid("center_ras", f"a {kind} is changed by its control points")
        arguments.box.check(kind)
    if arguments.curve_type is not None and not node.IsA("vtkMRMLMarkupsCurveNode"):
        raise invalid("curve_type", f"a {kind} is no curve")
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
    _paint(display, arguments.color)
    if arguments.is_visible is not None:
        display.SetVisibility(arguments.is_visible)
    if arguments.opacity is not None:
        display.SetOpacity(arguments.opacity)
    if arguments.point_labels_visible is not None:
        display.SetPointLabelsVisibility(arguments.point_labels_visible)
    if arguments.glyph_scale_percent is not None:
        display.SetGlyphScale(arguments.glyph_scale_percent)
