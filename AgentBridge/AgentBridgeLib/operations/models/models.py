"""List, describe, make and change models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import ModelId, NodeName, TransformId
from AgentBridgeLib.model.frames import FrameArguments
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.markups import PlacedRas
from AgentBridgeLib.model.models import ModelDescription, ModelSummary, Representation
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.arguments import check_color
from AgentBridgeLib.operations.markups.shapes import axes_for, check_axes, put_under
from AgentBridgeLib.operations.models.new_nodes import (
    MODEL,
    REPRESENTATIONS,
    add_model,
    describe_model,
    summarize_model,
)
from AgentBridgeLib.operations.models.shapes import Shape, make_surface
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix


class ModelArguments(FrameArguments):
    """Which model."""

    model_id: ModelId = Field(description="The model.")


class CreateArguments(Arguments):
    """What to make, and where."""

    shape: Shape = Field(description="Kind of shape and its sizes in mm.")
    center_ras: PlacedRas = Field(
        default=(0.0, 0.0, 0.0), description="Center, or beginning of an arrow; in the world, RAS, mm."
    )
    direction_ras: PlacedRas | None = Field(
        default=None,
        description="Where the shape's own z axis points (axis, tip, normal); without: superior.",
    )
    axes_ras: tuple[PlacedRas, PlacedRas, PlacedRas] | None = Field(
        default=None,
        description="All three axes of the shape, in place of direction_ras: unit vectors, right-handed.",
    )
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    opacity: float = Field(default=1.0, ge=0, le=1, description="From 0 (invisible) to 1 (opaque).")
    parent_transform_id: TransformId | None = Field(
        default=None, description="Transform to put it under; center and direction are those in the world."
    )


class UpdateArguments(Arguments):
    """What to change. What is not given stays as it is."""

    model_id: ModelId = Field(description="The model.")
    name: NodeName | None = Field(default=None, description="New name.")
    color: ColorRgb | None = Field(default=None, description="Red, green, blue from 0 to 1.")
    opacity: float | None = Field(default=None, ge=0, le=1, description="From 0 (invisible) to 1 (opaque).")
    is_visible: bool | None = Field(default=None, description="Whether it is shown in the views.")
    is_visible_in_slices: bool | None = Field(
        default=None, description="Whether slice views show its outline."
    )
    representation: Representation | None = Field(default=None, description="How 3D views draw it.")
    shows_edges: bool | None = Field(
        default=None, description="Whether 3D views draw the edges of its cells."
    )


@operation(name="models.list", capability="scene.read", route="GET /models", read_only=True)
def list_models(context: OperationContext, arguments: PageArguments) -> Page[ModelSummary]:
    """List the models of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, MODEL, Page[ModelSummary], summarize_model)


@operation(
    name="models.get",
    capability="scene.read",
    route="GET /models/{model_id}",
    read_only=True,
    revision_scope="scene",
)
def get_model(context: OperationContext, arguments: ModelArguments) -> ModelDescription:
    """Describe one model: points, cells, bounds in the world, display.

    Returns
    -------
    ModelDescription
        Bounds in RAS (`frame=lps`: LPS), mm, parent transforms applied.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such model.

    Notes
    -----
    Source: `vtkMRMLModelNode`.
    """
    return describe_model(context.host.scene.node(arguments.model_id, MODEL), arguments.frame)


@operation(
    name="models.create",
    capability="scene.edit",
    route="POST /models",
    status=201,
    keywords="sphere ball marker electrode needle tube shape",
)
def create_model(context: OperationContext, arguments: CreateArguments) -> ModelDescription:
    """Make a sphere, cube, cylinder, cone, arrow or plane of a given size at a given place, in mm.

    Returns
    -------
    ModelDescription
        The new node, shown in 3D and in the slices; bounds in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        Axes are no rotation, the direction has no length, or a color is not within 0 to 1.
    NodeNotFoundError, NodeTypeError
        The parent is no transform.

    Notes
    -----
    Round shapes are made of facets whose corners lie on the true surface. Source: VTK's sources (`vtkSphereSource` and
    others), Slicer's module "Create Models".
    """
    pose = _pose(arguments)
    check_color(arguments.color)
    parent = None
    if arguments.parent_transform_id is not None:
        parent = context.host.scene.node(arguments.parent_transform_id, "vtkMRMLTransformNode")
    surface = make_surface(arguments.shape, pose)
    name = arguments.name or arguments.shape.kind.capitalize()
    node = add_model(context, surface, name, arguments.color, arguments.opacity)
    if parent is not None:
        put_under(node, parent)
    return describe_model(node, "ras")


@operation(
    name="models.update",
    capability="scene.edit",
    route="PATCH /models/{model_id}",
    idempotent=True,
    revision_scope="node",
    keywords="mesh surface transparent color wireframe hide",
)
def update_model(context: OperationContext, arguments: UpdateArguments) -> ModelDescription:
    """Change name, color, opacity, visibility or representation of a model.

    Returns
    -------
    ModelDescription
        The node as it is now; bounds in RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        A color is not within 0 to 1; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such model.

    Notes
    -----
    Source: `vtkMRMLModelDisplayNode`.
    """
    node = context.host.scene.node(arguments.model_id, MODEL)
    check_color(arguments.color)
    if arguments.name is not None:
        node.SetName(arguments.name)
    node.CreateDefaultDisplayNodes()
    _change_display(node.GetDisplayNode(), arguments)
    context.mark_made([node])
    return describe_model(node, "ras")


def _pose(arguments: CreateArguments) -> Matrix:
    if arguments.direction_ras is not None and arguments.axes_ras is not None:
        raise invalid("direction_ras", "axes_ras says it already; give either")
    pose = np.eye(4)
    pose[:3, 3] = arguments.center_ras
    if arguments.axes_ras is not None:
        check_axes(arguments.axes_ras)
        pose[:3, :3] = np.array(arguments.axes_ras).T
    elif arguments.direction_ras is not None:
        if np.linalg.norm(arguments.direction_ras) == 0:
            raise invalid("direction_ras", "it has no length")
        pose[:3, :3] = axes_for(arguments.direction_ras)
    return pose


def _change_display(display: Any, arguments: UpdateArguments) -> None:
    if arguments.color is not None:
        display.SetColor(*arguments.color)
    if arguments.opacity is not None:
        display.SetOpacity(arguments.opacity)
    if arguments.is_visible is not None:
        display.SetVisibility(arguments.is_visible)
    if arguments.is_visible_in_slices is not None:
        display.SetVisibility2D(arguments.is_visible_in_slices)
    if arguments.representation is not None:
        display.SetRepresentation(REPRESENTATIONS.index(arguments.representation))
    if arguments.shows_edges is not None:
        display.SetEdgeVisibility(arguments.shows_edges)
