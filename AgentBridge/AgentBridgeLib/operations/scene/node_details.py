"""Describe one node, typed by its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.nodes import (
    MarkupsDetails,
    ModelDetails,
    NodeDescription,
    NodeDetails,
    NodeDisplay,
    NodeProvenance,
    NodeStorage,
    NodeSummary,
    OtherDetails,
    SegmentationDetails,
    TableDetails,
    TextDetails,
    TransformDetails,
    VolumeDetails,
)
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.scene.folders import FolderReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.scene import SceneHost

MOST_ATTRIBUTES = 200
MOST_ATTRIBUTE_CHARACTERS = 1000
MOST_REFERENCES = 100
PROVENANCE = "AgentBridge."
STORAGE_ROLE = "storage"  # vtkMRMLStorableNode::StorageNodeReferenceRole


def summarize(node: Any) -> NodeSummary:
    """Give the line of a node in a list."""
    return NodeSummary(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        is_hidden=bool(node.GetHideFromEditors()),
    )


def describe(scene: SceneHost, node: Any) -> NodeDescription:
    """Describe a node."""
    attributes = _attributes(node)
    return NodeDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        class_name=node.GetClassName(),
        is_hidden=bool(node.GetHideFromEditors()),
        node_revision=scene.node_revision(node.GetID()),
        details=_details(node),
        parent_transform_id=parent_transform_id(node),
        folder=FolderReader(scene.scene).folder_of(node),
        display=_display(node),
        storage=_storage(node),
        references=_references(node),
        attributes=attributes,
        provenance=_provenance(attributes),
    )


def parent_transform_id(node: Any) -> str | None:
    """Give the id of the transform that is applied to the node, as `GetTransformNodeID`, which modifies the node."""
    if not node.IsA("vtkMRMLTransformableNode"):
        return None
    return node.GetNodeReferenceID(matrices.TRANSFORM_ROLE) or None


def _details(node: Any) -> NodeDetails:
    for class_name, describe_kind in _KINDS:
        if node.IsA(class_name):
            return describe_kind(node)
    return OtherDetails()


def _volume(node: Any) -> NodeDetails:
    image = node.GetImageData()
    return VolumeDetails(
        dimensions_ijk=image.GetDimensions() if image is not None else None,
        spacing_mm=node.GetSpacing(),
        scalar_type=voxels.scalar_type(node),
        component_count=image.GetNumberOfScalarComponents() if image is not None else 0,
        is_labelmap=bool(node.IsA("vtkMRMLLabelMapVolumeNode")),
    )


def _segmentation(node: Any) -> NodeDetails:
    segmentation = node.GetSegmentation()
    return SegmentationDetails(
        segment_count=segmentation.GetNumberOfSegments(),
        source_representation=segmentation.GetSourceRepresentationName(),
        source_volume_id=node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole()),
    )


def _markups(node: Any) -> NodeDetails:
    return MarkupsDetails(
        type=node.GetMarkupType().lower(),
        control_point_count=node.GetNumberOfControlPoints(),
        is_locked=bool(node.GetLocked()),
    )


def _transform(node: Any) -> NodeDetails:
    is_linear = bool(node.IsLinear())
    return TransformDetails(
        is_linear=is_linear,
        matrix_to_parent_ras=matrices.rows(matrices.to_parent(node)) if is_linear else None,
    )


def _model(node: Any) -> NodeDetails:
    mesh = node.GetMesh()
    return ModelDetails(
        point_count=mesh.GetNumberOfPoints() if mesh is not None else 0,
        cell_count=mesh.GetNumberOfCells() if mesh is not None else 0,
    )


def _table(node: Any) -> NodeDetails:
    column_count = node.GetNumberOfColumns()
    names = tuple(node.GetColumnName(column) for column in range(min(column_count, 100)))
    return TableDetails(row_count=node.GetNumberOfRows(), column_names=names, column_count=column_count)


def _text(node: Any) -> NodeDetails:
    return TextDetails(length_characters=len(node.GetText() or ""))


_KINDS: tuple[tuple[str, Callable[[Any], NodeDetails]], ...] = (
    ("vtkMRMLVolumeNode", _volume),
    ("vtkMRMLSegmentationNode", _segmentation),
    ("vtkMRMLMarkupsNode", _markups),
    ("vtkMRMLTransformNode", _transform),
    ("vtkMRMLModelNode", _model),
    ("vtkMRMLTableNode", _table),
    ("vtkMRMLTextNode", _text),
)


def _display(node: Any) -> NodeDisplay | None:
    display = node.GetDisplayNode() if node.IsA("vtkMRMLDisplayableNode") else None
    if display is None:
        return None
    # Control points that are not selected, the exception, have the color of GetColor().
    color = display.GetSelectedColor() if display.IsA("vtkMRMLMarkupsDisplayNode") else display.GetColor()
    return NodeDisplay(
        id=display.GetID(),
        class_name=display.GetClassName(),
        visibility=bool(display.GetVisibility()),
        color=color,
        opacity=display.GetOpacity(),
    )


def _storage(node: Any) -> NodeStorage | None:
    # Not `GetStorageNode`, which modifies a node whose reference was not resolved yet, as of built-in color tables.
    storage_id = node.GetNodeReferenceID(STORAGE_ROLE) if node.IsA("vtkMRMLStorableNode") else None
    storage = node.GetScene().GetNodeByID(storage_id) if storage_id else None
    if storage is None:
        return None
    return NodeStorage(
        id=storage.GetID(),
        file_name=storage.GetFileName() or None,
        file_extension="." + (storage.GetDefaultWriteFileExtension() or ""),
        has_unsaved_changes=bool(node.GetModifiedSinceRead()),
    )


def _references(node: Any) -> dict[str, tuple[str, ...]]:
    roles: list[str] = []
    node.GetNodeReferenceRoles(roles)
    found: dict[str, tuple[str, ...]] = {}
    for role in roles:
        count = min(node.GetNumberOfNodeReferences(role), MOST_REFERENCES)
        ids = tuple(filter(None, (node.GetNthNodeReferenceID(role, index) for index in range(count))))
        if ids:
            found[role] = ids
    return found


def _attributes(node: Any) -> dict[str, str]:
    names = list(node.GetAttributeNames())[:MOST_ATTRIBUTES]
    return {name: _cut(node.GetAttribute(name) or "") for name in names}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_ATTRIBUTE_CHARACTERS else text[: MOST_ATTRIBUTE_CHARACTERS - 1] + "…"


def _provenance(attributes: dict[str, str]) -> NodeProvenance | None:
    operation = attributes.get(f"{PROVENANCE}operation")
    if operation is None:
        return None
    return NodeProvenance(
        operation=operation,
        client=attributes.get(f"{PROVENANCE}client", ""),
        time=attributes.get(f"{PROVENANCE}time", ""),
        job_id=attributes.get(f"{PROVENANCE}job"),
    )
