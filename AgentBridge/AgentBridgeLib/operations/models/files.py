"""Give and take models as STL, PLY, OBJ, VTK or VTP bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import DataInvalidError, FileUnreadableError, NodeTypeError, StorageFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes, ModelId, NodeName
from AgentBridgeLib.model.frames import Frame
from AgentBridgeLib.model.models import MeshFormat, ModelDescription
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.models.new_nodes import MODEL, describe_model, moved, surface_of
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MEDIA_TYPES: dict[MeshFormat, str] = {
    "stl": "model/stl",
    "ply": "application/octet-stream",
    "obj": "model/obj",
    "vtk": "application/octet-stream",
    "vtp": "application/xml",
}
# vtkMRMLStorageNode::CoordinateSystemType
_RAS, _LPS = 0, 1
_SAID_IN_FILE = "The file says itself that it is in {said}; that counts, not the frame asked for."


class DataArguments(Arguments):
    """Which model, and as what."""

    model_id: ModelId = Field(description="The model.")
    format: MeshFormat = Field(default="stl", description="Format of the bytes.")
    is_world: bool = Field(default=True, description="Whether to apply the parent transforms before.")


class ImportArguments(Arguments):
    """What to import, and how to understand it."""

    content: Bytes = Field(description="The file.")
    format: MeshFormat = Field(default="stl", description="Format of the bytes.")
    frame: Frame = Field(
        default="lps",
        description="Frame of its positions unless the file says so itself, as Slicer's files do.",
    )
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")


@operation(
    name="models.data",
    capability="scene.read",
    route="GET /models/{model_id}/data",
    read_only=True,
    revision_scope="scene",
    keywords="export STL OBJ mesh download",
)
def read_data(context: OperationContext, arguments: DataArguments) -> Content:
    """Read a model as STL, PLY, OBJ, VTK or VTP, as Slicer writes it, with parent transforms applied.

    Returns
    -------
    Content
        Positions in LPS, mm, and the file says so (`SPACE=LPS`).

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no model, or has no surface.
    StorageFailedError
        Slicer could not write it.

    Notes
    -----
    Source: `vtkMRMLModelStorageNode::WriteDataInternal`.
    """
    node = context.host.scene.node(arguments.model_id, MODEL)
    surface = surface_of(node)
    path = Path(context.work_folder()) / f"model.{arguments.format}"
    if arguments.is_world and _is_mirrored(node):
        _write(moved(surface, matrices.node_to_world(node)), path)
    else:
        context.host.files.save(node, str(path), {"world": arguments.is_world, "useCompression": 1})
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise StorageFailedError(f"The model could not be written: {fault.strerror}.") from None
    facts: dict[str, object] = {
        "model_id": node.GetID(),
        "format": arguments.format,
        "frame": "lps",
        "unit": "mm",
        "is_world": arguments.is_world,
        "parent_transform_id": None if arguments.is_world else parent_transform_id(node),
    }
    return Content(MEDIA_TYPES[arguments.format], [data], f"{node.GetID()}.{arguments.format}", facts)


def _is_mirrored(node: Any) -> bool:
    is_linear = matrices.is_linear_to_world(node)
    return is_linear and bool(np.linalg.det(matrices.node_to_world(node)[:3, :3]) < 0)


def _write(surface: Any, path: Path) -> None:
    """Write a surface as Slicer writes one in the world; Slicer's own way there leaves mirrored ones inside out."""
    from slicer import vtkMRMLModelNode, vtkMRMLModelStorageNode, vtkMRMLScene

    scene, model, storage = vtkMRMLScene(), vtkMRMLModelNode(), vtkMRMLModelStorageNode()
    scene.AddNode(model)
    scene.AddNode(storage)
    model.SetAndObserveMesh(surface)
    storage.SetFileName(str(path))
    storage.UseCompressionOn()
    storage.WriteData(model)


@operation(
    name="models.import",
    capability="scene.edit",
    route="POST /models/import",
    binary_body=True,
    status=201,
    keywords="read STL OBJ mesh upload",
)
def import_model(context: OperationContext, arguments: ImportArguments) -> ModelDescription:
    """Make a model of the bytes of an STL, PLY, OBJ, VTK or VTP file.

    Returns
    -------
    ModelDescription
        The new node; bounds in RAS, mm. A warning says so when the file names another frame than was asked for.

    Raises
    ------
    DataInvalidError
        No surface could be made of the bytes; the scene is unchanged.

    Notes
    -----
    STL, PLY and OBJ know no unit: numbers are taken as mm. Source: `vtkMRMLModelStorageNode::ReadDataInternal`.
    """
    path = Path(context.work_folder()) / f"model.{arguments.format}"
    path.write_bytes(arguments.content.view)
    wanted = _RAS if arguments.frame == "ras" else _LPS
    try:
        nodes = context.host.files.load(str(path), "ModelFile", {"coordinateSystem": wanted})
    except FileUnreadableError:
        raise DataInvalidError(
            f"The body is no {arguments.format.upper()} file that Slicer can read. Check `format`."
        ) from None
    node, scene = nodes[0], context.host.scene
    try:
        surface_of(node)
    except NodeTypeError:
        scene.forget_node(node)
        raise DataInvalidError(f"The {arguments.format.upper()} file holds no polygons.") from None
    storage = node.GetStorageNode()
    warnings: tuple[str, ...] = ()
    if storage is not None:
        said = storage.GetCoordinateSystem()
        if said != wanted:
            warnings = (_SAID_IN_FILE.format(said="RAS" if said == _RAS else "LPS"),)
        # The file lies in a private folder that goes with this call.
        scene.scene.RemoveNode(storage)
    node.SetName(scene.scene.GenerateUniqueName(arguments.name or "Model"))
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility2D(True)
    context.mark_made([node])
    return describe_model(node, "ras", warnings)
