"""Give and take markups as Markups JSON, the bytes of a `.mrk.json` file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.errors import (
    DataInvalidError,
    FileUnreadableError,
    OperationFailedError,
    StorageFailedError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes, MarkupsId
from AgentBridgeLib.model.markups import MarkupsDescription, MarkupsImported
from AgentBridgeLib.operations.markups.description import (
    MARKUPS,
    describe_markups,
    summarize_markups,
    type_of,
)
from AgentBridgeLib.operations.markups.schema import check_markups_json
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MEDIA_TYPE = "application/json"
ENDING = ".mrk.json"


class DataArguments(Arguments):
    """Which markup, and in which coordinates."""

    markups_id: MarkupsId = Field(description="The markup.")
    coordinates: Literal["local", "world"] = Field(
        default="local",
        description="`local`: as Slicer saves it, without parent transforms; `world`: with them applied.",
    )


class ImportArguments(Arguments):
    """What to import."""

    content: Bytes = Field(description="A Markups JSON file, 1.0.x.")


class ReplaceArguments(ImportArguments):
    """Which markup gets new content."""

    markups_id: MarkupsId = Field(description="The markup; it must have the type of the one in the file.")


@operation(
    name="markups.data",
    capability="scene.read",
    route="GET /markups/{markups_id}/data",
    read_only=True,
    revision_scope="scene",
)
def read_data(context: OperationContext, arguments: DataArguments) -> Content:
    """Read a markup as Markups JSON, the bytes that Slicer writes into a `.mrk.json` file.

    Returns
    -------
    Content
        JSON; positions in LPS unless `coordinateSystem` in it says otherwise, mm. The facts name the parent transform
        that is not applied with `coordinates=local`.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such markup.
    StorageFailedError
        Slicer could not write it.

    Notes
    -----
    Source: `vtkMRMLMarkupsJsonStorageNode`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    is_world = arguments.coordinates == "world"
    path = Path(context.work_folder()) / f"markups{ENDING}"
    context.host.files.save(node, str(path), {"world": is_world})
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise StorageFailedError(f"The markup could not be written: {fault.strerror}.") from None
    facts: dict[str, object] = {
        "markups_id": node.GetID(),
        "coordinates": arguments.coordinates,
        "parent_transform_id": None if is_world else parent_transform_id(node),
    }
    return Content(MEDIA_TYPE, [data], f"{node.GetID()}{ENDING}", facts)


@operation(
    name="markups.import",
    capability="scene.edit",
    route="POST /markups/import",
    binary_body=True,
    status=201,
)
def import_markups(context: OperationContext, arguments: ImportArguments) -> MarkupsImported:
    """Make markups of a Markups JSON file; every markup in it becomes a node.

    Returns
    -------
    MarkupsImported
        The new nodes, in the order of the file.

    Raises
    ------
    DataInvalidError
        The bytes are no Markups JSON; each problem has its place (JSON pointer). The scene is unchanged.

    Notes
    -----
    Checked against the format 1.0.3; members that it does not know are handed to Slicer. Source:
    `vtkMRMLMarkupsJsonStorageNode`.
    """
    nodes = _load(context, bytes(arguments.content.view))
    context.mark_made(nodes)
    return MarkupsImported(markups=tuple(summarize_markups(node) for node in nodes))


@operation(
    name="markups.replace_data",
    capability="scene.edit",
    route="PUT /markups/{markups_id}/data",
    binary_body=True,
    idempotent=True,
    destructive=True,
    revision_scope="node",
)
def replace_data(context: OperationContext, arguments: ReplaceArguments) -> MarkupsDescription:
    """Replace the content of a markup by that of a Markups JSON file; id, name, display and parent transform stay.

    Returns
    -------
    MarkupsDescription
        The markup as it is now; positions in RAS, mm. Positions of the file are taken as local coordinates.

    Raises
    ------
    DataInvalidError
        The bytes are no Markups JSON with exactly one markup of the same type; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    Source: `vtkMRMLMarkupsNode::CopyContent`.
    """
    node = context.host.scene.node(arguments.markups_id, MARKUPS)
    data = bytes(arguments.content.view)
    types = [entry["type"].lower() for entry in check_markups_json(data)["markups"]]
    if types != [type_of(node)]:
        raise DataInvalidError(f"The file has {', '.join(types)}; {node.GetID()} takes one {type_of(node)}.")
    made = _load(context, data)[0]
    name = node.GetName()
    last_number = made.GetLastUsedControlPointNumber()
    node.CopyContent(made)
    # `CopyContent` forgets it, and new points would get labels that are there already.
    node.SetLastUsedControlPointNumber(last_number)
    node.SetName(name)
    context.host.scene.forget_node(made)
    context.mark_made([node])
    return describe_markups(node, "ras")


def _load(context: OperationContext, data: bytes) -> list[Any]:
    document = check_markups_json(data)
    path = Path(context.work_folder()) / f"markups{ENDING}"
    for entry in document["markups"]:
        if entry["type"] == "ROI":
            _prepare_roi(entry)
    path.write_text(json.dumps(document), encoding="utf-8")
    scene = context.host.scene
    # Slicer's reader makes a node of every markup, and tells of the first only.
    additions = scene.record_additions()
    try:
        context.host.files.load(str(path), "MarkupsFile", {})
    except FileUnreadableError as fault:
        raise DataInvalidError(f"Slicer could not make markups of the file: {fault.message}") from None
    finally:
        added = [scene.node(node_id) for node_id in additions.stop()]
    nodes = [node for node in added if node.IsA(MARKUPS)]
    if len(nodes) != len(document["markups"]):
        raise OperationFailedError(
            f"Slicer made {len(nodes)} nodes of {len(document['markups'])} markups; the scene is as it was."
        )
    for node, entry in zip(nodes, document["markups"], strict=True):
        # The file lies in a private folder that goes with this call.
        storage = node.GetStorageNode()
        if storage is not None:
            scene.scene.RemoveNode(storage)
        node.SetName(scene.scene.GenerateUniqueName(entry.get("name") or entry["type"]))
    return nodes


def _prepare_roi(entry: dict[str, Any]) -> None:
    """Say everything about a ROI in LPS.

    Slicer's reader takes center and orientation as LPS, whatever `coordinateSystem` says; a ROI without orientation
    gets axes of no length, and one without control points counts as not placed.
    """
    entry.setdefault("orientation", [1, 0, 0, 0, 1, 0, 0, 0, 1])
    if "center" in entry:
        entry.setdefault("controlPoints", [{"position": entry["center"]}])
    if entry.get("coordinateSystem") != "RAS":
        return
    entry["coordinateSystem"] = "LPS"
    for holder in (entry, *entry.get("controlPoints", ())):
        for name, reversed_count in (("center", 2), ("position", 2), ("orientation", 6)):
            if name in holder:
                holder[name] = [
                    -value if index < reversed_count else value for index, value in enumerate(holder[name])
                ]
