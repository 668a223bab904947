"""List, describe, change and delete nodes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, NodeTypeError
from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import NodeId
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.nodes import ListedNode, NodeDescription
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.operations.common.node_index import NodeEntry, NodeIndex, node_index
from AgentBridgeLib.operations.scene import folders, node_details
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext


class ListArguments(PageArguments):
    """Filters of a list of nodes; a node must pass all of them."""

    class_name: str | None = Field(
        default=None,
        alias="class",
        max_length=100,
        description="MRML class; nodes of derived classes count too. Such as vtkMRMLVolumeNode.",
    )
    name: str | None = Field(
        default=None,
        max_length=200,
        description="Part of the name, whatever the case; with * or ? a pattern for the whole name.",
    )
    attribute: str | None = Field(
        default=None, max_length=1000, description="MRML attribute that the node has: `key` or `key=value`."
    )
    folder: str | None = Field(
        default=None,
        max_length=1000,
        description="Whole path of a folder of the subject hierarchy, such as Case 1/Lungs, within any patient and "
        "study, upper and lower case as it is; what lies in folders below it counts too. The items tell theirs.",
    )
    hidden: bool = Field(
        default=False, description="Whether to list nodes too that Slicer hides from its lists."
    )


class NodeArguments(Arguments):
    """Which node."""

    node_id: NodeId = Field(description="The node's id, such as vtkMRMLScalarVolumeNode1.")


AttributeName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x20=]+$")]
AttributeValue = Annotated[str, Field(max_length=100_000)]
FolderPath = Annotated[
    str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f/]+(/[^\x00-\x1f/]+)*$")
]


class UpdateArguments(NodeArguments):
    """What to change. What is not given stays as it is."""

    name: str | None = Field(default=None, min_length=1, max_length=200, description="New name.")
    attributes: dict[AttributeName, AttributeValue | None] | None = Field(
        default=None, max_length=100, description="MRML attributes to set; null removes one."
    )
    visibility: bool | None = Field(default=None, description="Whether the node is shown in the views.")
    color: ColorRgb | None = Field(
        default=None, description="Color of a model or a markup: red, green, blue, 0 to 1."
    )
    opacity: float | None = Field(default=None, ge=0, le=1, description="From 0 (invisible) to 1 (opaque).")
    parent_transform_id: NodeId | None = Field(
        default=None, description="Transform to apply to the node; null takes the present one away."
    )
    folder: FolderPath | None = Field(
        default=None,
        description="Folder of the subject hierarchy to move the node to, such as Case 1/Lungs; made if necessary, "
        "within the node's patient and study. Null takes it out of all folders.",
    )


@operation(
    name="nodes.list",
    capability="scene.read",
    route="GET /nodes",
    read_only=True,
    keywords="objects loaded data find by name",
)
def list_nodes(context: OperationContext, arguments: ListArguments) -> Page[ListedNode]:
    """List the nodes of the scene, page by page, filtered by class, name, attribute or folder.

    Returns
    -------
    Page[ListedNode]
        In the order in which the nodes came into the scene. Hidden nodes (views, colors, display and storage nodes)
        are left out unless asked for.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.

    Notes
    -----
    Source: Slicer developer guide, "MRML overview".
    """
    index = node_index(context.host.scene)
    selected = _select(context, index, arguments)
    question = f"nodes.list {arguments.model_dump_json(exclude={'limit', 'cursor'})}"
    bounds = page_bounds(
        len(selected),
        lambda position: selected[position].id,
        limit=arguments.limit,
        cursor=arguments.cursor,
        question=question,
    )
    items = list(_listed(context.host.scene.scene, selected[bounds.start : bounds.stop]))
    return Page[ListedNode](items=items, next_cursor=bounds.next_cursor, total=len(selected))


@operation(
    name="nodes.get",
    capability="scene.read",
    route="GET /nodes/{node_id}",
    read_only=True,
    revision_scope="node",
)
def get_node(context: OperationContext, arguments: NodeArguments) -> NodeDescription:
    """Describe one node: what depends on its kind, references, display, storage, transform, attributes, provenance.

    Raises
    ------
    NodeNotFoundError
        No node has this id; names are no ids.

    Notes
    -----
    Source: Slicer developer guide, "MRML overview".
    """
    scene = context.host.scene
    return node_details.describe(scene, scene.node(arguments.node_id))


@operation(
    name="nodes.update",
    capability="scene.edit",
    route="PATCH /nodes/{node_id}",
    idempotent=True,
    revision_scope="node",
    keywords="rename hide show color opacity transparent visible folder",
)
def update_node(context: OperationContext, arguments: UpdateArguments) -> NodeDescription:
    """Change name, attributes, visibility, color, opacity, parent transform or folder of a node; all or none.

    Returns
    -------
    NodeDescription
        The node as it is now.

    Raises
    ------
    NodeNotFoundError
        The node or the transform is not in the scene.
    NodeTypeError
        A node of this class has no such property; the message says which.
    ArgumentInvalidError
        The transform would apply to itself, or an attribute is the bridge's own.

    Notes
    -----
    The color of a segment belongs to the segment, not to the segmentation node. Volumes are shown by choosing them in
    a view, so they have no visibility of their own here. Source: `vtkMRMLDisplayNode`, `vtkMRMLTransformableNode`.
    """
    scene = context.host.scene
    node = scene.node(arguments.node_id)
    _check_update(context, node, arguments)
    was_modifying = node.StartModify()
    try:
        _commit_update(node, arguments)
    finally:
        node.EndModify(was_modifying)
    if "folder" in arguments.model_fields_set:
        folders.move(scene.scene, node, arguments.folder)
    return node_details.describe(scene, node)


_IN_NO_FOLDER = frozenset(
    {
        "vtkMRMLSubjectHierarchyNode",
        "vtkMRMLViewNode",
        "vtkMRMLSliceNode",
        "vtkMRMLPlotViewNode",
        "vtkMRMLTableViewNode",
        "vtkMRMLCameraNode",
    }
)
"""Visible nodes that the subject hierarchy does not have; to search it in vain takes as long as there are nodes."""


def _listed(scene: Any, entries: Iterable[NodeEntry]) -> Iterable[ListedNode]:
    reader = folders.FolderReader(scene)
    for entry in entries:
        node = scene.GetNodeByID(entry.id)
        yield ListedNode.model_construct(
            **entry._asdict(),
            parent_transform_id=node_details.parent_transform_id(node),
            folder=None if entry.is_hidden or entry.class_name in _IN_NO_FOLDER else reader.folder_of(node),
        )


def _select(context: OperationContext, index: NodeIndex, arguments: ListArguments) -> Sequence[NodeEntry]:
    entries = index.of_class(arguments.class_name or "vtkMRMLNode", with_hidden=arguments.hidden)
    if not entries and arguments.class_name and not arguments.class_name.startswith("vtkMRML"):
        raise _no_class(index, arguments.class_name)
    if arguments.name:
        entries = [entry for entry in entries if _matches(entry.name, arguments.name)]
    if arguments.attribute:
        entries = list(_with_attribute(context.host.scene.scene, entries, arguments.attribute))
    if arguments.folder:
        inside = folders.nodes_in(context.host.scene.scene, arguments.folder)
        entries = [entry for entry in entries if entry.id in inside]
    return entries


def _no_class(index: NodeIndex, said: str) -> ArgumentInvalidError:
    there = sorted({entry.class_name for entry in index.entries if not entry.is_hidden})
    similar = [name for name in there if said.casefold() in name.casefold()]
    return _invalid(
        "/class",
        f"{said!r} is no MRML class; their names begin with vtkMRML. In the scene are: {', '.join(similar or there)}",
    )


def _matches(name: str, wanted: str) -> bool:
    if "*" in wanted or "?" in wanted:
        return fnmatchcase(name.casefold(), wanted.casefold())
    return wanted.casefold() in name.casefold()


def _with_attribute(scene: Any, entries: Iterable[NodeEntry], wanted: str) -> Iterable[NodeEntry]:
    key, has_value, value = wanted.partition("=")
    for entry in entries:
        found = scene.GetNodeByID(entry.id).GetAttribute(key)
        if found is not None and (not has_value or found == value):
            yield entry


def _check_update(context: OperationContext, node: Any, arguments: UpdateArguments) -> None:
    for name in arguments.attributes or {}:
        if name.startswith(node_details.PROVENANCE):
            raise _invalid(
                f"/attributes/{name}", "attributes that begin with AgentBridge. say who made the node"
            )
    if arguments.visibility is not None or arguments.color is not None or arguments.opacity is not None:
        _check_display(node, arguments)
    if "parent_transform_id" in arguments.model_fields_set:
        _check_transform(context, node, arguments.parent_transform_id)
    if "folder" in arguments.model_fields_set:
        folders.check_movable(context.host.scene.scene, node)


def _check_display(node: Any, arguments: UpdateArguments) -> None:
    if not node.IsA("vtkMRMLDisplayableNode") or node.IsA("vtkMRMLVolumeNode"):
        raise NodeTypeError(
            f"{node.GetID()} is a {node.GetClassName()}, which has no visibility, color or opacity of its own. "
            "A volume is shown by choosing it in a view."
        )
    if arguments.color is not None:
        if node.IsA("vtkMRMLSegmentationNode"):
            raise NodeTypeError(
                f"{node.GetID()} is a segmentation: each of its segments has a color of its own."
            )
        if not all(0 <= part <= 1 for part in arguments.color):
            raise _invalid("/color", "red, green and blue go from 0 to 1")


def _check_transform(context: OperationContext, node: Any, transform_id: str | None) -> None:
    if not node.IsA("vtkMRMLTransformableNode"):
        raise NodeTypeError(
            f"{node.GetID()} is a {node.GetClassName()}, to which no transform can be applied."
        )
    if transform_id is None:
        return
    ancestor = context.host.scene.node(transform_id, "vtkMRMLTransformNode")
    while ancestor is not None:
        if ancestor.GetID() == node.GetID():
            raise _invalid("/parent_transform_id", "the transform would apply to itself")
        ancestor = ancestor.GetParentTransformNode()


def _commit_update(node: Any, arguments: UpdateArguments) -> None:
    if arguments.name is not None:
        node.SetName(arguments.name)
    for name, value in (arguments.attributes or {}).items():
        if value is None:
            node.RemoveAttribute(name)
        else:
            node.SetAttribute(name, value)
    if arguments.visibility is not None or arguments.color is not None or arguments.opacity is not None:
        _commit_display(node, arguments)
    if "parent_transform_id" in arguments.model_fields_set:
        node.SetAndObserveTransformNodeID(arguments.parent_transform_id)


def _commit_display(node: Any, arguments: UpdateArguments) -> None:
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    for position in range(node.GetNumberOfDisplayNodes()):
        display = node.GetNthDisplayNode(position)
        if arguments.visibility is not None:
            display.SetVisibility(arguments.visibility)
        if arguments.opacity is not None:
            display.SetOpacity(arguments.opacity)
        if arguments.color is not None:
            display.SetColor(*arguments.color)
            if display.IsA("vtkMRMLMarkupsDisplayNode"):
                display.SetSelectedColor(*arguments.color)


def _invalid(pointer: str, problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`{pointer[1:]}` cannot be used: {problem}.", errors=[FieldProblem(pointer, problem)]
    )
