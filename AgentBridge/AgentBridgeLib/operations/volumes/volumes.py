"""List and describe volumes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.model.base import Page, PageArguments
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.frames import FrameArguments, bounds_in, matrix_in, position_in
from AgentBridgeLib.model.volumes import VolumeDescription, VolumeDisplay, VolumeSubject, VolumeSummary
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.volumes import new_nodes as volume_nodes
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

VOLUME = "vtkMRMLScalarVolumeNode"
DEEPEST = 32


class VolumeArguments(FrameArguments):
    """Which volume."""

    volume_id: VolumeId = Field(description="The volume.")


@operation(
    name="volumes.list",
    capability="scene.read",
    route="GET /volumes",
    read_only=True,
    keywords="scans images CT MR PET series loaded",
)
def list_volumes(context: OperationContext, arguments: PageArguments) -> Page[VolumeSummary]:
    """List the volumes of the scene, labelmaps included, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(context, arguments, VOLUME, Page[VolumeSummary], _summarize)


@operation(
    name="volumes.get",
    capability="scene.read",
    route="GET /volumes/{volume_id}",
    read_only=True,
    revision_scope="node",
    keywords="image geometry orientation resolution slice thickness voxel size matrix field of view",
)
def get_volume(context: OperationContext, arguments: VolumeArguments) -> VolumeDescription:
    """Describe one volume: dimensions, spacing, origin, axes, type, range of values, window, bounds in the world.

    Returns
    -------
    VolumeDescription
        Positions in RAS (`frame=lps`: in LPS, and the names say so), in mm. Origin, axes and matrix are the volume's
        own, without parent transforms; the bounds are in the world. Window and range have the volume's own unit.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no scalar volume.

    Warnings
    --------
    Indices are zero-based (i, j, k) at voxel centers; NumPy order is `array[k, j, i]`. Slicer's reader reverses the k
    axis of left-handed files: positions stay, indices are other than in the file.

    Notes
    -----
    Source: Slicer user guide, "Coordinate systems".
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    grid, frame = Grid.of(node), arguments.frame
    axes = grid.axes_ras
    low, high = _scalar_range(node)
    summary = _summarize(node)
    return VolumeDescription(
        **summary.model_dump(),
        **position_in(frame, "origin", grid.origin_ras),
        **position_in(frame, "i_axis", axes[0]),
        **position_in(frame, "j_axis", axes[1]),
        **position_in(frame, "k_axis", axes[2]),
        **matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras)),
        **bounds_in(frame, "bounds", _world_bounds(node)),
        is_left_handed=grid.is_left_handed,
        scalar_minimum=low,
        scalar_maximum=high,
        value_unit=_value_unit(node),
        display=_display(node),
        parent_transform_id=parent_transform_id(node),
        subject=_subject(node),
        warnings=volume_nodes.type_warnings(summary.scalar_type or "", summary.component_count),
    )


def _summarize(node: Any) -> VolumeSummary:
    image = node.GetImageData()
    return VolumeSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        dimensions_ijk=image.GetDimensions() if image is not None else None,
        spacing_mm=node.GetSpacing(),
        scalar_type=voxels.scalar_type(node),
        component_count=image.GetNumberOfScalarComponents() if image is not None else 0,
        is_labelmap=bool(node.IsA("vtkMRMLLabelMapVolumeNode")),
    )


def _scalar_range(node: Any) -> tuple[float | None, float | None]:
    if voxels.scalar_type(node) is None:
        return None, None
    low, high = node.GetImageData().GetPointData().GetScalars().GetFiniteRange(0)
    return (low, high) if low <= high and math.isfinite(low) and math.isfinite(high) else (None, None)


def _value_unit(node: Any) -> str | None:
    unit = node.GetVoxelValueUnits()
    return (unit.GetCodeMeaning() or unit.GetCodeValue() or None) if unit is not None else None


def _display(node: Any) -> VolumeDisplay | None:
    display = node.GetDisplayNode()
    if display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return None
    return VolumeDisplay(
        window_width=display.GetWindow(),
        window_level=display.GetLevel(),
        is_window_automatic=bool(display.GetAutoWindowLevel()),
        color_node_id=display.GetColorNodeID() or None,
    )


def _subject(node: Any) -> VolumeSubject | None:
    hierarchy = node.GetScene().GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    item = 0 if hierarchy is None else hierarchy.GetItemByDataNode(node)
    above: dict[str, int] = {}
    for _ in range(DEEPEST):
        if not item:
            break
        above.setdefault(hierarchy.GetItemLevel(item), item)
        item = hierarchy.GetItemParent(item)
    patient, study = above.get("Patient"), above.get("Study")
    if patient is None and study is None:
        return None
    return VolumeSubject(
        patient_item_id=patient,
        patient_name=hierarchy.GetItemName(patient) or None if patient else None,
        study_item_id=study,
        study_description=hierarchy.GetItemName(study) or None if study else None,
    )


def _world_bounds(node: Any) -> Sequence[float] | None:
    if node.GetImageData() is None:
        return None
    if matrices.is_linear_to_world(node):
        grid = Grid.of(node)
        corners = matrices.apply(matrices.node_to_world(node) @ grid.ijk_to_ras, grid.corners_ijk())
        return [value for axis in range(3) for value in (corners[:, axis].min(), corners[:, axis].max())]
    bounds = [1.0, -1.0] * 3
    node.GetRASBounds(bounds)
    return bounds
