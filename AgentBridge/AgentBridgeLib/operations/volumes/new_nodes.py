"""Make volume nodes, give them voxels, and place what was computed beside its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import NodeName, VolumeId
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.scene.node_details import parent_transform_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

MOST_DISPLAY_SAMPLES = 200_000
UNWRITABLE_TYPES = {"int8", "uint64", "int64"}
UNWRITABLE_COLORS = {"int16", "int32", "uint32"}
"""Of three or four components."""
NO_FILES = "Slicer writes no files of this type, nor a scene with it; volumes.data gives NRRD or NIfTI bytes."


class NamedArguments(Arguments):
    """Which volume, and the name of the new one."""

    volume_id: VolumeId = Field(description="The volume; it stays as it is.")
    name: NodeName | None = Field(default=None, description="Name of the new volume; made unique.")


def new_volume(scene: Any, name: str, array: Array, grid: Grid, *, is_labelmap: bool) -> Any:
    """Add a volume node around an array, without copying it.

    Parameters
    ----------
    array
        Shape (k, j, i) or (k, j, i, component); C-contiguous, native byte order. The node keeps it.
    grid
        Where the voxels lie; its dimensions are those of the array.
    """
    kind = "LabelMap" if is_labelmap else "Scalar" if array.ndim == 3 else "Vector"
    node = scene.CreateNodeByClass(f"vtkMRML{kind}VolumeNode")
    node.UnRegister(None)
    node.SetName(scene.GenerateUniqueName(name))
    set_grid(node, grid)
    image = voxels.image_of(array)
    if not is_labelmap:
        # Slicer's automatic window takes 1.5 s for 200 MiB, and for 64-bit integers it does not come back.
        display = new_display(scene, node, array)
        node.SetAndObserveImageData(image)
        scene.AddNode(node)
        node.SetAndObserveDisplayNodeID(display.GetID())
    else:
        node.SetAndObserveImageData(image)
        scene.AddNode(node)
        node.CreateDefaultDisplayNodes()
    return node


def add_result(
    context: OperationContext,
    source: Any,
    name: str | None,
    suffix: str,
    array: Array,
    *,
    is_labelmap: bool = False,
) -> VolumeMade:
    """Add what was computed from a volume as a new one with the same geometry and color, beside it."""
    node = new_volume(
        context.host.scene.scene,
        name or f"{source.GetName()} {suffix}",
        array,
        Grid.of(source),
        is_labelmap=is_labelmap,
    )
    place_beside(node, source)
    _copy_color(source, node)
    context.mark_made([node])
    return describe_made(node, ())


def add_copy(
    context: OperationContext,
    source: Any,
    name: str,
    array: Array,
    grid: Grid,
    parent_id: str | None,
    warnings: Sequence[str],
) -> VolumeMade:
    """Add a volume of the kind and with the display of its source: with values of it at other places."""
    is_labelmap = bool(source.IsA("vtkMRMLLabelMapVolumeNode"))
    made = new_volume(context.host.scene.scene, name, array, grid, is_labelmap=is_labelmap)
    place_beside(made, source)
    made.SetAndObserveTransformNodeID(parent_id)
    _copy_color(source, made)
    display = source.GetDisplayNode()
    if display is not None and display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        made.GetDisplayNode().SetWindowLevel(display.GetWindow(), display.GetLevel())
    context.mark_made([made])
    return describe_made(made, warnings)


def _copy_color(source: Any, made: Any) -> None:
    display, copy = source.GetDisplayNode(), made.GetDisplayNode()
    is_same_kind = display is not None and copy is not None and display.GetClassName() == copy.GetClassName()
    if is_same_kind and display.GetColorNodeID():
        copy.SetAndObserveColorNodeID(display.GetColorNodeID())


def describe_made(node: Any, warnings: Sequence[str]) -> VolumeMade:
    """Describe a volume that has just been made."""
    scalar_type = voxels.scalar_type(node) or ""
    image = node.GetImageData()
    return VolumeMade(
        id=node.GetID(),
        name=node.GetName(),
        class_name=node.GetClassName(),
        dimensions_ijk=image.GetDimensions(),
        spacing_mm=node.GetSpacing(),
        scalar_type=scalar_type,
        component_count=image.GetNumberOfScalarComponents(),
        warnings=(*warnings, *type_warnings(scalar_type, image.GetNumberOfScalarComponents())),
    )


def new_display(scene: Any, node: Any, array: Array) -> Any:
    """Add a display node whose window is chosen already."""
    display = scene.CreateNodeByClass(f"{node.GetClassName().removesuffix('Node')}DisplayNode")
    display.UnRegister(None)
    display.SetAutoWindowLevel(0)
    low, high = display_range(array)
    display.SetWindowLevelMinMax(low, high)
    display.SetDefaultColorMap()
    scene.AddNode(display)
    return display


def set_grid(node: Any, grid: Grid) -> None:
    """Put the voxels of a node where a grid says."""
    node.SetIJKToRASMatrix(matrices.to_vtk(grid.ijk_to_ras))


def display_range(array: Array) -> tuple[float, float]:
    """Choose what to show: the values without the outer 0.1 % on each side, from evenly spread voxels."""
    flat = array.reshape(-1)
    sample = flat[:: max(1, flat.size // MOST_DISPLAY_SAMPLES)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(sample, (0.1, 99.9)))
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def type_warnings(scalar_type: str, component_count: int) -> tuple[str, ...]:
    """Say what Slicer cannot do with voxels of this type."""
    is_color = component_count in {3, 4}
    if scalar_type not in UNWRITABLE_TYPES and not (is_color and scalar_type in UNWRITABLE_COLORS):
        return ()
    is_long = scalar_type.endswith("int64")
    hang = " With 64-bit integers its automatic window must stay off, or it hangs." if is_long else ""
    return (f"Voxels are kept as {scalar_type} exactly. {NO_FILES}{hang}",)


def place_beside(node: Any, neighbor: Any) -> None:
    """Give a node the parent transform and the patient and study (subject hierarchy) of its source."""
    from slicer import vtkMRMLSubjectHierarchyNode

    node.SetAndObserveTransformNodeID(parent_transform_id(neighbor))
    hierarchy = vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(neighbor.GetScene())
    if hierarchy is None:
        return
    item, sibling = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(neighbor)
    if item and sibling:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(sibling))
