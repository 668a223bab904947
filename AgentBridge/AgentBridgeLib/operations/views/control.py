"""Arrange the views, aim them, and say what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.geometry import PositionRas
from AgentBridgeLib.model.views import CameraDescription, LayoutDescription, SliceViewState, ViewsChanged
from AgentBridgeLib.operations.views.views import ViewName, describe_slice, require_views
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

SMALLEST_DISTANCE_MM = 1e-6


class LayoutArguments(Arguments):
    """Which layout."""

    model_config = example(layout="FourUpView")

    layout: str = Field(min_length=1, max_length=100, description="Name, such as FourUpView or OneUp3DView.")


class ViewArguments(Arguments):
    """Which view."""

    model_config = example(name="1")

    name: ViewName


class CameraArguments(ViewArguments):
    """How to aim. What is not given stays as it is."""

    model_config = example(
        name="1", position_ras=[0, 500, 0], focal_point_ras=[0, 0, 0], view_up_ras=[0, 0, 1]
    )

    position_ras: PositionRas | None = Field(default=None, description="Where the camera is, RAS, mm.")
    focal_point_ras: PositionRas | None = Field(default=None, description="What it looks at, RAS, mm.")
    view_up_ras: PositionRas | None = Field(
        default=None, description="Direction that points up in the picture, RAS; any length but zero."
    )
    view_angle_deg: float | None = Field(
        default=None, gt=0, lt=180, description="Opening angle; makes the projection a perspective one."
    )
    parallel_scale_mm: float | None = Field(
        default=None, gt=0, le=1e6, description="Half the height shown; makes the projection parallel."
    )


class FitArguments(Arguments):
    """Which views."""

    names: tuple[ViewName, ...] | None = Field(
        default=None, min_length=1, max_length=50, description="Slice and 3D views; all without."
    )


class CenterArguments(Arguments):
    """Where to look."""

    position_ras: PositionRas = Field(description="Point that comes into the middle of the views, RAS, mm.")
    include_3d: bool = Field(
        default=False,
        description="Whether the cameras of the 3D views turn to it as well, keeping direction and distance.",
    )


class SliceArguments(ViewArguments):
    """What a slice view shows. What is not given stays as it is; null takes a volume away."""

    model_config = example(name="Red", orientation="Sagittal", offset_mm=-20)

    orientation: Literal["Axial", "Sagittal", "Coronal"] | None = Field(
        default=None, description="Slice plane."
    )
    offset_mm: float | None = Field(
        default=None,
        ge=-1e6,
        le=1e6,
        description="Position of the slice along its normal, mm: S (axial), A (coronal) or minus R (sagittal).",
    )
    field_of_view_mm: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="Width that it shows; the height follows from the shape of the view.",
    )
    background: VolumeId | None = Field(default=None, description="Volume to show.")
    foreground: VolumeId | None = Field(default=None, description="Volume to lay over it.")
    foreground_opacity: float | None = Field(default=None, ge=0, le=1, description="From 0 to 1.")
    label: VolumeId | None = Field(default=None, description="Labelmap volume to lay over both.")
    label_opacity: float | None = Field(default=None, ge=0, le=1, description="From 0 to 1.")
    visible_in_3d: bool | None = Field(default=None, description="Whether the 3D views show the slice too.")


@operation(
    name="views.set_layout",
    capability="views.control",
    route="PUT /views/layout",
    idempotent=True,
    keywords="four-up layout arrange windows side by side conventional only one single view maximize",
)
def set_layout(context: OperationContext, arguments: LayoutArguments) -> LayoutDescription:
    """Arrange the views on the screen.

    Raises
    ------
    ArgumentInvalidError
        There is no such layout; the message names those there are.
    RenderingUnavailableError
        There is no main window or no OpenGL.

    Notes
    -----
    Source: `vtkMRMLLayoutNode.h`, SlicerLayout.
    """
    context.host.views.set_layout(arguments.layout)
    layout = context.host.views.layout()
    return LayoutDescription(
        layout=layout.name, layout_number=layout.number, slices=layout.slices, threed=layout.threed
    )


@operation(name="views.camera", capability="scene.read", route="GET /views/3d/{name}/camera", read_only=True)
def get_camera(context: OperationContext, arguments: ViewArguments) -> CameraDescription:
    """Describe the camera of a 3D view.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    """
    return _describe_camera(context, arguments.name)


@operation(
    name="views.set_camera",
    capability="views.control",
    route="PUT /views/3d/{name}/camera",
    idempotent=True,
    keywords="rotate turn zoom 3D view angle look from",
)
def set_camera(context: OperationContext, arguments: CameraArguments) -> CameraDescription:
    """Aim the camera of a 3D view; all given changes or none.

    Returns
    -------
    CameraDescription
        The camera as it is now; `view_up_ras` is made perpendicular to the direction of view.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; or position and focal point coincide; or up points along the direction of view; or both
        an angle and a parallel scale are given.
    """
    node = context.host.views.camera_node(arguments.name)
    position = arguments.position_ras or node.GetPosition()
    focal_point = arguments.focal_point_ras or node.GetFocalPoint()
    up = arguments.view_up_ras or node.GetViewUp()
    _check_camera(position, focal_point, up, arguments)
    was_modifying = node.StartModify()
    try:
        node.SetPosition(position)
        node.SetFocalPoint(focal_point)
        node.SetViewUp(_perpendicular(up, np.subtract(focal_point, position)))
        if arguments.view_angle_deg is not None:
            node.SetParallelProjection(False)
            node.SetViewAngle(arguments.view_angle_deg)
        if arguments.parallel_scale_mm is not None:
            node.SetParallelProjection(True)
            node.SetParallelScale(arguments.parallel_scale_mm)
    finally:
        node.EndModify(was_modifying)
    node.ResetClippingRange()
    return _describe_camera(context, arguments.name)


@operation(
    name="views.fit",
    capability="views.control",
    route="POST /views/fit",
    idempotent=True,
    keywords="zoom to fit reset field of view",
)
def fit_views(context: OperationContext, arguments: FitArguments) -> ViewsChanged:
    """Let slice views show all of their volumes, and cameras all that their views show.

    Raises
    ------
    ArgumentInvalidError
        There is no view of one of the names; no view was changed.
    """
    require_views(context)
    views = context.host.views
    chosen = views.named_views()
    if arguments.names is not None:
        chosen = list(dict.fromkeys(views.find(name, argument="names") for name in arguments.names))
    slices = tuple(view.name for view in chosen if view.kind == "slice")
    threed = tuple(view.name for view in chosen if view.kind == "3D")
    for name in slices:
        views.fit_slice(name)
    for name in threed:
        views.fit_camera(name)
    return ViewsChanged(slices=slices, threed=threed)


@operation(
    name="views.center",
    capability="views.control",
    route="POST /views/center",
    idempotent=True,
    keywords="jump to point crosshair location navigate go to lesion",
)
def center_views(context: OperationContext, arguments: CenterArguments) -> ViewsChanged:
    """Move all slice views so that a point lies in their middle, and the cameras too if wanted.

    Raises
    ------
    RenderingUnavailableError
        There is no main window or no OpenGL.

    Notes
    -----
    Source: `vtkMRMLSliceNode::JumpSliceByCentering`.
    """
    require_views(context)
    views = context.host.views
    for name in views.slice_names():
        views.slice_node(name).JumpSliceByCentering(*arguments.position_ras)
    threed = tuple(views.threed_names()) if arguments.include_3d else ()
    for name in threed:
        node = views.camera_node(name)
        step = np.subtract(arguments.position_ras, node.GetFocalPoint())
        node.SetPosition(np.add(node.GetPosition(), step))
        node.SetFocalPoint(arguments.position_ras)
        node.ResetClippingRange()
    return ViewsChanged(slices=tuple(views.slice_names()), threed=threed)


@operation(
    name="views.set_slice",
    capability="views.control",
    route="PATCH /views/slices/{name}",
    idempotent=True,
    keywords=(
        "scroll to slice offset overlay fusion PET on CT foreground background opacity oblique show volume"
    ),
)
def set_slice(context: OperationContext, arguments: SliceArguments) -> SliceViewState:
    """Choose plane, position, width and volumes of a slice view; all given changes or none.

    Returns
    -------
    SliceViewState
        The view as it is now.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    NodeNotFoundError, NodeTypeError
        One of the ids is not one of a volume in the scene; nothing was changed.
    """
    scene = context.host.scene
    name = context.host.views.find(arguments.name, "slice").name
    logic = context.host.views.slice_logic(name)
    for volume_id in filter(None, (arguments.background, arguments.foreground)):
        scene.node(volume_id, "vtkMRMLVolumeNode")
    if arguments.label:
        scene.node(arguments.label, "vtkMRMLLabelMapVolumeNode")
    _set_layers(logic.GetSliceCompositeNode(), arguments)
    _set_geometry(logic, arguments)
    node = logic.GetSliceNode()
    width, height = node.GetFieldOfView()[:2]
    described = describe_slice(context, name).model_dump()
    return SliceViewState(
        **described, field_of_view_mm=(width, height), is_visible_in_3d=bool(node.GetSliceVisible())
    )


def _set_layers(composite: Any, arguments: SliceArguments) -> None:
    was_modifying = composite.StartModify()
    try:
        given = arguments.model_fields_set
        if "background" in given:
            composite.SetBackgroundVolumeID(arguments.background)
        if "foreground" in given:
            composite.SetForegroundVolumeID(arguments.foreground)
        if "label" in given:
            composite.SetLabelVolumeID(arguments.label)
        if arguments.foreground_opacity is not None:
            composite.SetForegroundOpacity(arguments.foreground_opacity)
        if arguments.label_opacity is not None:
            composite.SetLabelOpacity(arguments.label_opacity)
    finally:
        composite.EndModify(was_modifying)


def _set_geometry(logic: Any, arguments: SliceArguments) -> None:
    node = logic.GetSliceNode()
    was_modifying = node.StartModify()
    try:
        if arguments.orientation is not None:
            node.SetOrientation(arguments.orientation)
        if arguments.field_of_view_mm is not None:
            width_px, height_px = node.GetDimensions()[:2]
            height_mm = arguments.field_of_view_mm * height_px / max(width_px, 1)
            node.SetFieldOfView(arguments.field_of_view_mm, height_mm, node.GetFieldOfView()[2])
        if arguments.offset_mm is not None:
            logic.SetSliceOffset(arguments.offset_mm)
        if arguments.visible_in_3d is not None:
            node.SetSliceVisible(arguments.visible_in_3d)
    finally:
        node.EndModify(was_modifying)


def _check_camera(
    position: Sequence[float], focal_point: Sequence[float], up: Sequence[float], arguments: CameraArguments
) -> None:
    direction = np.subtract(focal_point, position)
    if np.linalg.norm(direction) < SMALLEST_DISTANCE_MM:
        raise _invalid("/position_ras", "the camera would stand where it looks", "a distance above zero")
    if np.linalg.norm(np.cross(up, direction)) < SMALLEST_DISTANCE_MM * np.linalg.norm(direction):
        raise _invalid(
            "/view_up_ras", "up points along the direction of view, or is zero", "another direction"
        )
    if arguments.view_angle_deg is not None and arguments.parallel_scale_mm is not None:
        raise _invalid(
            "/parallel_scale_mm", "a projection has an angle or a parallel scale", "one of the two"
        )


def _perpendicular(up: Sequence[float], direction: Any) -> Any:
    along = direction / np.linalg.norm(direction)
    upright = np.asarray(up, float) - np.dot(up, along) * along
    return upright / np.linalg.norm(upright)


def _describe_camera(context: OperationContext, said: str) -> CameraDescription:
    name = context.host.views.find(said, "3D").name
    node = context.host.views.camera_node(name)
    return CameraDescription(
        name=name,
        node_id=node.GetID(),
        position_ras=node.GetPosition(),
        focal_point_ras=node.GetFocalPoint(),
        view_up_ras=node.GetViewUp(),
        is_parallel=bool(node.GetParallelProjection()),
        view_angle_deg=node.GetViewAngle(),
        parallel_scale_mm=node.GetParallelScale(),
    )


def _invalid(pointer: str, problem: str, expected: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{pointer[1:]}` cannot be used: {problem}. Expected: {expected}.",
        errors=[FieldProblem(pointer, problem, expected)],
    )
