"""Draw markups: point lists, lines, angles, curves, planes and ROIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.model.fields import NodeName, TransformId
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.markups import CurveType, MarkupsDescription, MarkupsTypeName, PlacedRas
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.arguments import BoxArguments, Label, check_color, paint
from AgentBridgeLib.operations.markups.description import MOST_POINTS, describe_markups
from AgentBridgeLib.operations.markups.shapes import BOXES, TYPES, place_box, put_under, set_curve_type
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


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
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    parent_transform_id: TransformId | None = Field(
        default=None, description="Transform to put it under; the positions given are those in the world."
    )


@operation(
    name="markups.create",
    capability="scene.edit",
    route="POST /markups",
    status=201,
    keywords=(
        "ruler distance measure caliper diameter RECIST annotate arrow landmark fiducial place points "
        "marker text label location box trajectory midline shift vessel aorta width"
    ),
)
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
    paint(node.GetDisplayNode(), arguments.color)
    context.mark_made([node])
    return describe_markups(node, "ras")


def _check(arguments: CreateArguments) -> None:
    kind, name = TYPES[arguments.type], arguments.type
    count, is_box = len(arguments.points_ras), arguments.box.is_given
    if is_box:
        if name not in BOXES:
            raise invalid("center_ras", f"type {name} is made of points_ras")
        if count:
            raise invalid("points_ras", "give points, or center, axes and size, not both")
        if arguments.center_ras is None or (name == "roi" and arguments.size_mm is None):
            raise invalid("center_ras", f"type {name} needs center_ras{' and size_mm' * (name == 'roi')}")
        arguments.box.check(name)
    elif name == "roi":
        raise invalid("center_ras", "a roi needs center_ras and size_mm")
    elif not kind.least_points <= count <= kind.most_points:
        wanted = (
            f"{kind.least_points}"
            if kind.least_points == kind.most_points
            else f"{kind.least_points} to {kind.most_points}"
        )
        raise invalid("points_ras", f"type {name} has {wanted} points, not {count}")
    if arguments.labels is not None and len(arguments.labels) != count:
        raise invalid("labels", f"there are {count} points and {len(arguments.labels)} labels")
    if arguments.curve_type is not None and "curve" not in name:
        raise invalid("curve_type", f"type {name} is no curve")
    check_color(arguments.color)


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
