"""Make model nodes and describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.frames import Frame, bounds_in
from AgentBridgeLib.model.models import ModelDescription, ModelSummary, Representation
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.scene.node_details import parent_transform_id

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.model.geometry import ColorRgb
    from AgentBridgeLib.operations.common.matrices import Matrix

MODEL = "vtkMRMLModelNode"
REPRESENTATIONS: tuple[Representation, ...] = ("points", "wireframe", "surface")
"""In the order of `vtkMRMLDisplayNode`'s numbers."""


def summarize_model(node: Any) -> ModelSummary:
    """Give the line of a model in a list."""
    mesh = node.GetMesh()
    return ModelSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        point_count=mesh.GetNumberOfPoints() if mesh is not None else 0,
        cell_count=mesh.GetNumberOfCells() if mesh is not None else 0,
    )


def describe_model(node: Any, frame: Frame, warnings: tuple[str, ...] = ()) -> ModelDescription:
    """Describe a model; bounds in `frame`."""
    display, summary = node.GetDisplayNode(), summarize_model(node)
    number = display.GetRepresentation() if display is not None else -1
    return ModelDescription(
        **summary.model_dump(),
        class_name=node.GetClassName(),
        **bounds_in(frame, "bounds", world_bounds(node)),
        color=display.GetColor() if display is not None else None,
        opacity=display.GetOpacity() if display is not None else None,
        is_visible=bool(display.GetVisibility()) if display is not None else None,
        is_visible_in_slices=bool(display.GetVisibility2D()) if display is not None else None,
        representation=REPRESENTATIONS[number] if 0 <= number < len(REPRESENTATIONS) else None,
        parent_transform_id=parent_transform_id(node),
        warnings=warnings,
    )


def world_bounds(node: Any) -> list[float] | None:
    """Give the bounds of a node in the world, RAS mm; None when it is empty."""
    bounds = [1.0, -1.0] * 3
    node.GetRASBounds(bounds)
    return bounds if bounds[0] <= bounds[1] else None


def surface_of(node: Any) -> Any:
    """Give the surface of a model in its own coordinates, as `vtkPolyData` with at least one cell.

    Raises
    ------
    NodeTypeError
        The model has no surface.
    """
    surface = node.GetPolyData()
    if surface is None and node.GetMesh() is not None:
        from vtkmodules.vtkFiltersGeometry import vtkDataSetSurfaceFilter

        outer = vtkDataSetSurfaceFilter()
        outer.SetInputData(node.GetMesh())
        outer.Update()
        surface = outer.GetOutput()
    if surface is None or surface.GetNumberOfPolys() + surface.GetNumberOfStrips() == 0:
        raise NodeTypeError(f"{node.GetID()} has no surface: no polygons are in it. Use another model.")
    return surface


def moved(surface: Any, matrix: Matrix) -> Any:
    """Give a copy of a surface, moved; its triangles look outwards whatever the handedness of the matrix."""
    from vtkmodules.vtkCommonTransforms import vtkTransform
    from vtkmodules.vtkFiltersCore import vtkReverseSense, vtkTriangleFilter
    from vtkmodules.vtkFiltersGeneral import vtkTransformPolyDataFilter

    transform, mover, triangles = vtkTransform(), vtkTransformPolyDataFilter(), vtkTriangleFilter()
    transform.SetMatrix(matrices.to_vtk(matrix))
    mover.SetTransform(transform)
    mover.SetInputData(surface)
    last = mover
    if np.linalg.det(matrix[:3, :3]) < 0:
        last = vtkReverseSense()
        last.SetInputConnection(mover.GetOutputPort())
    triangles.SetInputConnection(last.GetOutputPort())
    triangles.Update()
    return triangles.GetOutput()


def add_model(
    context: OperationContext, surface: Any, name: str, color: ColorRgb | None = None, opacity: float = 1.0
) -> Any:
    """Add a model node around a surface and show it in 3D and in the slices."""
    scene = context.host.scene.scene
    node = scene.CreateNodeByClass(MODEL)
    node.UnRegister(None)
    node.SetName(scene.GenerateUniqueName(name))
    node.SetAndObservePolyData(surface)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility2D(True)
    display.SetOpacity(opacity)
    if color is not None:
        display.SetColor(*color)
    context.mark_made([node])
    return node
