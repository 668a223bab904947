"""Delete nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import NodeId
from AgentBridgeLib.model.nodes import NodesDeleted
from AgentBridgeLib.operations.common.node_index import node_index
from AgentBridgeLib.operations.scene import node_details
from AgentBridgeLib.operations.scene.nodes import NodeArguments
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

MOST_NAMED = 10


class DeleteManyArguments(Arguments):
    """Which nodes."""

    ids: tuple[NodeId, ...] = Field(
        min_length=1,
        max_length=1000,
        description="Ids of the nodes; at least one: nothing never means everything.",
    )


@operation(
    name="nodes.delete",
    capability="scene.delete",
    route="DELETE /nodes/{node_id}",
    destructive=True,
    revision_scope="node",
    keywords="remove erase discard",
)
def delete_node(context: OperationContext, arguments: NodeArguments) -> NodesDeleted:
    """Delete one node, with the display and storage nodes that only it uses; references to it are cleared.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        Slicer needs the node: a view, a singleton, a color table, or a node that belongs to another one.
    """
    return _delete(context, [arguments.node_id])


@operation(name="nodes.delete_many", capability="scene.delete", route="POST /nodes/delete", destructive=True)
def delete_nodes(context: OperationContext, arguments: DeleteManyArguments) -> NodesDeleted:
    """Delete the named nodes, all or none, with the display and storage nodes that only they use.

    Raises
    ------
    NodeNotFoundError
        One of the ids is not in the scene; nothing was deleted.
    NodeTypeError
        Slicer needs one of the nodes; nothing was deleted.
    """
    return _delete(context, list(dict.fromkeys(arguments.ids)))


def _delete(context: OperationContext, ids: Sequence[str]) -> NodesDeleted:
    scene = context.host.scene
    nodes = [scene.node(node_id) for node_id in ids]
    for node in nodes:
        reason = _why_needed(node, ids)
        if reason:
            raise NodeTypeError(f"{node.GetID()} cannot be deleted: {reason} Nothing was deleted.")
    freed = _under(context, ids)
    companions = [node_id for node in nodes for node_id in _companions(node) if node_id not in ids]
    for node in nodes:
        if scene.scene.IsNodePresent(node):
            scene.forget_node(node)
    gone = [node_id for node_id in dict.fromkeys(companions) if scene.scene.GetNodeByID(node_id) is None]
    return NodesDeleted(deleted_ids=(*ids, *gone), warnings=freed)


def _under(context: OperationContext, ids: Sequence[str]) -> tuple[str, ...]:
    """Tell which nodes move because a transform above them goes."""
    scene = context.host.scene.scene
    if not any(scene.GetNodeByID(node_id).IsA("vtkMRMLTransformNode") for node_id in ids):
        return ()
    found: dict[str, list[str]] = {}
    for entry in node_index(context.host.scene).of_class("vtkMRMLTransformableNode", with_hidden=True):
        above = node_details.parent_transform_id(scene.GetNodeByID(entry.id))
        if above is not None and above in ids and entry.id not in ids:
            found.setdefault(above, []).append(entry.id)
    return tuple(
        f"{above} was applied to {', '.join(under[:MOST_NAMED])}"
        f"{f' and {len(under) - MOST_NAMED} more' if len(under) > MOST_NAMED else ''}: without it these nodes lie "
        "elsewhere in the world. scene.undo brings it back; transforms.harden keeps places."
        for above, under in found.items()
    )


def _companions(node: Any) -> list[str]:
    """Give the ids of the display and storage nodes of a node."""
    found: list[str] = []
    if node.IsA("vtkMRMLDisplayableNode"):
        found += [node.GetNthDisplayNodeID(index) for index in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        found += [node.GetNthStorageNodeID(index) for index in range(node.GetNumberOfStorageNodes())]
    return [node_id for node_id in found if node_id]


_NEEDED = (
    ("vtkMRMLAbstractViewNode", "it is a view."),
    ("vtkMRMLSliceCompositeNode", "it says what a slice view shows."),
    ("vtkMRMLSliceDisplayNode", "it belongs to a slice view."),
    ("vtkMRMLAbstractLayoutNode", "it arranges the views."),
    ("vtkMRMLCameraNode", "it is the camera of a 3D view."),
    ("vtkMRMLSubjectHierarchyNode", "it holds the subject hierarchy."),
    ("vtkMRMLUnitNode", "it says in which unit Slicer shows a quantity."),
)


def _why_needed(node: Any, ids: Sequence[str]) -> str:
    """Say why Slicer would break without the node; empty when it would not."""
    for class_name, reason in _NEEDED:
        if node.IsA(class_name):
            return reason
    if node.GetSingletonTag():
        return "Slicer keeps exactly one of its kind."
    owner = _owner(node)
    if owner is not None and owner.GetID() not in ids:
        return f"it belongs to {owner.GetID()}. Delete that node instead."
    return ""


def _owner(node: Any) -> Any:
    if node.IsA("vtkMRMLDisplayNode"):
        return node.GetDisplayableNode()
    if node.IsA("vtkMRMLStorageNode"):
        return node.GetStorableNode()
    return None
