"""Load files into the scene and save nodes to files, through Slicer's own readers and writers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FieldProblem,
    FileMissingError,
    FileUnreadableError,
    NodeTypeError,
)
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.conditions import Conditional, OneOf
from AgentBridgeLib.model.fields import NodeId, ReadPath, WebAddress, WritePath
from AgentBridgeLib.model.nodes import FileSaved, NodeDescription, NodesLoaded
from AgentBridgeLib.operations.scene.downloads import fetch
from AgentBridgeLib.operations.scene.file_warnings import file_warnings
from AgentBridgeLib.operations.scene.node_details import describe, parent_transform_id, summarize
from AgentBridgeLib.operations.scene.scene import check_references, check_target
from AgentBridgeLib.policy.paths import resolve_inside
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext, Suspend

FileType = Literal[
    "volume",
    "labelmap",
    "segmentation",
    "model",
    "markups",
    "transform",
    "table",
    "text",
    "sequence",
    "color_table",
]

# Names that Slicer's readers register with, see the `fileType` of each `qSlicerFileReader`.
SLICER_TYPES: dict[FileType, str] = {
    "volume": "VolumeFile",
    "labelmap": "VolumeFile",
    "segmentation": "SegmentationFile",
    "model": "ModelFile",
    "markups": "MarkupsFile",
    "transform": "TransformFile",
    "table": "TableFile",
    "text": "TextFile",
    "sequence": "SequenceFile",
    "color_table": "ColorTableFile",
}


_ELSEWHERE = {
    "SceneFile": "scene; load it with scene.load",
    # Its reader would take the whole folder into the database and show Slicer's DICOM module.
    "DICOMFileImport": "DICOM file; take it in with dicom.import_files and load the series, or give `type` to load "
    "the file alone",
}


class LoadArguments(Conditional):
    """Which file, and as what: either a path or an address."""

    conditions = (OneOf(("path", "url")),)
    model_config = example(path="/data/scan.nrrd")

    path: ReadPath | None = Field(default=None, description="The file, on the computer that Slicer runs on.")
    url: WebAddress | None = Field(
        default=None,
        description="The file on a web server that the person has named in the settings; needs `network` too.",
    )
    type: FileType | None = Field(
        default=None, description="What to make of it; without, Slicer decides by name and content."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="Name of the node; else from the file."
    )

    def also_requires(self) -> tuple[str, ...]:
        """Name network when the file comes from a web server."""
        return ("network",) if self.url else ()


class ReloadArguments(Arguments):
    """Which node."""

    node_id: NodeId = Field(description="The node to read again.")


class SaveArguments(Arguments):
    """Which node, and where to."""

    node_id: NodeId = Field(description="The node to save.")
    path: WritePath = Field(description="File to write; its ending chooses the format.")
    overwrite: bool = Field(default=False, description="Whether a file that is there may be replaced.")
    use_compression: bool = Field(default=True, description="Whether to compress, where the format can.")


@operation(
    name="files.load",
    capability="files.read",
    route="POST /files/load",
    status=201,
    execution="process",
    keywords="open read import disk NIfTI NRRD STL CSV MHA image mesh scan",
)
def load_file(
    context: OperationContext, arguments: LoadArguments
) -> Generator[Progress | Suspend, None, NodesLoaded]:
    """Load a file: volume, segmentation, model, markups, transform, table, text, sequence or color table.

    Returns
    -------
    NodesLoaded
        The nodes that were made, and warnings about what the reader did.

    Raises
    ------
    FileMissingError
        There is no such file.
    FileUnreadableError
        No reader of this Slicer could make a node of it; the scene is unchanged.
    PathOutsideRootsError
        The file, or one with its voxels that its header names, lies outside the allowed folders.
    ArgumentInvalidError
        It is a scene, which scene.load takes, or a DICOM file, which dicom.import_files takes.
    AddressNotAllowedError
        The settings do not name the web server, or one that it redirects to.
    OperationFailedError
        The web server cannot be reached or is not trusted, or the file did not come completely.

    Warnings
    --------
    Of an image whose axes are left-handed Slicer's reader reverses the k axis: positions stay, voxel indices are other
    than in the file. Of integers of 64 bits it makes float32, which holds whole numbers up to 16 million exactly.
    Warnings say so.
    """
    if arguments.path is not None:
        yield Progress(None, "Slicer reads the file")
        return _load(context, arguments.path, arguments)
    servers = context.settings.download_servers
    path = yield from fetch(context, arguments.url or "", servers, context.work_folder())
    loaded = _load(context, str(path), arguments)
    for summary in loaded.nodes:
        _detach(context, summary.id, arguments.url or "")
    return loaded


@operation(
    name="nodes.save",
    capability="files.write",
    route="POST /nodes/{node_id}/save",
    revision_scope="none",
    keywords="export write file NIfTI NRRD STL CSV TSV mrk.json h5 disk download",
)
def save_node(context: OperationContext, arguments: SaveArguments) -> FileSaved:
    """Save a node to a file, in its own coordinates; the ending of the path chooses the format.

    Returns
    -------
    FileSaved
        Its warnings name a parent transform, which is not in the file.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        A node of this class is never saved to a file.
    ArgumentInvalidError
        Slicer cannot write this node with this ending; the message lists the endings it can.
    FileExistsAlreadyError
        A file is there and `overwrite` is not true.
    StorageFailedError
        Writing failed; what was there before still is.
    """
    node = context.host.scene.node(arguments.node_id)
    if not node.IsA("vtkMRMLStorableNode"):
        raise NodeTypeError(f"{node.GetID()} is a {node.GetClassName()}, which has no file of its own.")
    _check_ending(arguments.path, node, context.host.files.writer_extensions(node))
    check_target(arguments.path, overwrite=arguments.overwrite)
    context.host.files.save(node, arguments.path, {"useCompression": int(arguments.use_compression)})
    return FileSaved(
        path=arguments.path, size_bytes=Path(arguments.path).stat().st_size, warnings=_place_warnings(node)
    )


@operation(
    name="nodes.reload",
    capability="files.read",
    route="POST /nodes/{node_id}/reload",
    destructive=True,
    revision_scope="node",
)
def reload_node(context: OperationContext, arguments: ReloadArguments) -> NodeDescription:
    """Read a node again from the file that it came from; changes that were not saved are lost.

    Name, display, transform and id of the node stay.

    Returns
    -------
    NodeDescription
        The node as it is now.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node has never been in a file.
    PathOutsideRootsError
        Its file lies outside the allowed folders.
    FileMissingError
        The file is not there any more.
    FileUnreadableError
        It cannot be read any more; the node is as it was.

    Notes
    -----
    Source: `vtkMRMLStorageNode::ReadData`.
    """
    scene, files = context.host.scene, context.host.files
    node = scene.node(arguments.node_id)
    paths = files.own_files(node) if node.IsA("vtkMRMLStorableNode") else ()
    if not paths:
        raise NodeTypeError(f"{node.GetID()} has never been in a file, so it cannot be read from one again.")
    for path in paths:
        resolve_inside(path, "/node_id", context.settings.allowed_folders, os.path.realpath)
        check_references(context, path)
    before = context.host.copier.copy_nodes([node.GetID()], sys.maxsize)
    try:
        files.reload(node)
    except BaseException:
        if before is not None:
            context.host.copier.restore(before)
        raise
    return describe(scene, node)


def _load(context: OperationContext, path: str, arguments: LoadArguments) -> NodesLoaded:
    if not Path(path).exists():
        raise FileMissingError(f"There is no file at {path}.")
    check_references(context, path)
    file_type = SLICER_TYPES[arguments.type] if arguments.type else _slicer_type(context, path)
    properties: dict[str, object] = {"name": arguments.name} if arguments.name else {}
    if arguments.type == "labelmap":
        properties["labelmap"] = True
    return load_nodes(context, path, file_type, properties)


def load_nodes(
    context: OperationContext, path: str, file_type: str, properties: Mapping[str, object]
) -> NodesLoaded:
    """Read a file with Slicer's reader for its type, and say what became of it.

    Raises
    ------
    FileUnreadableError
        The reader could not make a node of it; the scene is unchanged.
    """
    nodes = list(context.host.files.load(path, file_type, properties))
    name = properties.get("name")
    if name and nodes:
        nodes[0].SetName(str(name))
    context.mark_made(nodes)
    return NodesLoaded(nodes=tuple(summarize(node) for node in nodes), warnings=file_warnings(path, nodes))


def _detach(context: OperationContext, node_id: str, url: str) -> None:
    """Let a node forget the file that goes with this call, and note where it came from."""
    scene = context.host.scene
    node = scene.node(node_id)
    storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
    if storage is not None:
        scene.scene.RemoveNode(storage)
    node.SetAttribute("AgentBridge.source", url.partition("?")[0].partition("#")[0])


def _slicer_type(context: OperationContext, path: str) -> str:
    found = context.host.files.file_type(path)
    name = Path(path).name
    if not found:
        hint = "If the ending misleads, give `type`."
        if Path(path).is_dir():
            hint = "It is a folder: files.list tells what lies in it, dicom.import_files takes DICOM files."
        raise FileUnreadableError(f"No reader of this Slicer takes {name}. {hint}")
    if found in _ELSEWHERE:
        problem = f"{name} is a {_ELSEWHERE[found]}"
        raise ArgumentInvalidError(
            f"`path` cannot be used: {problem}.", errors=[FieldProblem("/path", problem)]
        )
    return found


def _place_warnings(node: Any) -> tuple[str, ...]:
    above = parent_transform_id(node)
    if above is None:
        return ()
    place = f"The file has {node.GetID()} as it lies without its parent transform {above}."
    return (f"{place} transforms.harden writes that into the node.",)


def _check_ending(path: str, node: Any, endings: Sequence[str]) -> None:
    if any(path.lower().endswith(ending.lower()) for ending in endings):
        return
    known = ", ".join(endings) or "none"
    surfaces = " For STL, PLY or OBJ make models with segmentations.export and save those."
    hint = surfaces if node.IsA("vtkMRMLSegmentationNode") else ""
    raise ArgumentInvalidError(
        f"`path` cannot be used: Slicer writes this node with one of these endings: {known}.{hint}",
        errors=[FieldProblem("/path", f"{Path(path).name} has another ending", known)],
    )
