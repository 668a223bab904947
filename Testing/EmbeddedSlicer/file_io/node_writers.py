"""Writers of nodes.

Follow `Base/QTGUI/qSlicerNodeWriter.cxx`, `Modules/Loadable/Markups/qSlicerMarkupsWriter.cxx` and
`Segmentations/qSlicerSegmentationsNodeWriter.cxx`.
"""

from __future__ import annotations

from typing import Any

import slicer


class NodeWriter:
    """qSlicerNodeWriter: writes nodes of one class through their own storage node."""

    def __init__(self, description: str, file_type: str, class_name: str) -> None:
        self.description = description
        self.file_type = file_type
        self._class_name = class_name
        self.messages = slicer.vtkMRMLMessageCollection()

    def confidence(self, node: Any) -> float:
        """Say how well the writer suits a node."""
        return 0.5 if node is not None and node.IsA(self._class_name) else 0.0

    def extensions(self, node: Any) -> list[str]:
        """Name the formats as "NRRD (.nrrd)"; gives the node a storage node if it has none, as in Slicer."""
        if node is None or not node.IsA("vtkMRMLStorableNode") or not node.AddDefaultStorageNode():
            return []
        storage = node.GetStorageNode()
        return [] if storage is None else write_formats(storage)

    def write(self, node: Any, properties: dict[str, Any]) -> bool:
        """Write a node; False if that failed."""
        if self.confidence(node) <= 0 or not node.AddDefaultStorageNode() or node.GetStorageNode() is None:
            return False
        storage = node.GetStorageNode()
        storage.SetFileName(str(properties["fileName"]))
        if properties.get("fileFormat"):
            storage.SetWriteFileFormat(str(properties["fileFormat"]))
        storage.SetURI(None)
        if "useCompression" in properties:
            storage.SetUseCompression(int(properties["useCompression"]))
            if "compressionParameter" in properties:
                storage.SetCompressionParameter(str(properties["compressionParameter"]))
        succeeded = bool(storage.WriteData(node))
        self.messages.AddMessages(storage.GetUserMessages())
        return succeeded


class SegmentationWriter(NodeWriter):
    """qSlicerSegmentationsNodeWriter."""

    def write(self, node: Any, properties: dict[str, Any]) -> bool:
        """Write a segmentation, cropped if `cropToMinimumExtent` says so."""
        if self.confidence(node) > 0 and node.AddDefaultStorageNode():
            node.GetStorageNode().SetCropToMinimumExtent(bool(properties.get("cropToMinimumExtent", False)))
        return super().write(node, properties)


class MarkupsWriter(NodeWriter):
    """qSlicerMarkupsWriter: .fcsv needs a storage node of another class."""

    def extensions(self, node: Any) -> list[str]:
        """Name the formats of both storage nodes."""
        storages = (slicer.vtkMRMLMarkupsJsonStorageNode(), slicer.vtkMRMLMarkupsFiducialStorageNode())
        return [name for storage in storages for name in write_formats(storage)]

    def write(self, node: Any, properties: dict[str, Any]) -> bool:
        """Write markups; the extension chooses the storage node."""
        if self.confidence(node) > 0:
            is_fcsv = str(properties["fileName"]).lower().endswith(".fcsv")
            fcsv, default = "vtkMRMLMarkupsFiducialStorageNode", node.GetDefaultStorageNodeClassName()
            _set_storage_class(node, fcsv if is_fcsv else default)
        return super().write(node, properties)


def make_writers() -> tuple[NodeWriter, ...]:
    """Make all node writers; the order is the order in which Slicer's modules register them."""
    return (
        NodeWriter("Colors", "ColorTableFile", "vtkMRMLColorNode"),
        NodeWriter("Volumes", "VolumeFile", "vtkMRMLVolumeNode"),
        MarkupsWriter("Markups", "MarkupsFile", "vtkMRMLMarkupsNode"),
        NodeWriter("Models", "ModelFile", "vtkMRMLModelNode"),
        NodeWriter("Sequences", "SequenceFile", "vtkMRMLSequenceNode"),
        NodeWriter("Sequences", "VolumeSequenceFile", "vtkMRMLSequenceNode"),
        NodeWriter("SceneViews", "SceneViewFile", "vtkMRMLSceneViewNode"),
        SegmentationWriter("Segmentations", "SegmentationFile", "vtkMRMLSegmentationNode"),
        NodeWriter("Table", "TableFile", "vtkMRMLTableNode"),
        NodeWriter("TextFileImporter", "TextFile", "vtkMRMLTextNode"),
        NodeWriter("Transforms", "TransformFile", "vtkMRMLTransformNode"),
        NodeWriter("Transfer Function", "TransferFunctionFile", "vtkMRMLVolumePropertyNode"),
    )


def write_formats(storage: Any) -> list[str]:
    """List the formats that a storage node can write."""
    formats = storage.GetSupportedWriteFileTypes()
    return [formats.GetValue(index) for index in range(formats.GetNumberOfValues())]


def _set_storage_class(node: Any, class_name: str) -> None:
    current = node.GetStorageNode()
    if current is not None and current.IsA(class_name):
        return
    scene = node.GetScene()
    node.SetAndObserveStorageNodeID(scene.AddNewNodeByClass(class_name).GetID())
    if current is not None:
        scene.RemoveNode(current)
