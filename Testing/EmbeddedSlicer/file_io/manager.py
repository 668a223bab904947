"""`slicer.app.coreIOManager()`: which file is what, loading, saving, exporting.

Follows `Base/QTCore/qSlicerCoreIOManager.h` and `.cxx`. Saving returns False where it fails and logs; it does
not raise.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from EmbeddedSlicer.application.signals import Emitter, Signal
from EmbeddedSlicer.file_io import export, node_readers, node_writers, scene_files, volume_readers

if TYPE_CHECKING:
    from EmbeddedSlicer.file_io.file_reader import FileReader

_log = logging.getLogger(__name__)

#: Readers and the module whose logic they use. The order is the one in which Slicer's modules register them (by name,
#: after their dependencies); among equally sure readers the first one wins.
_READERS: tuple[tuple[type[FileReader], str], ...] = (
    (node_readers.ColorTableReader, "Colors"),
    (volume_readers.VolumeReader, "Volumes"),
    (scene_files.SceneReader, "Data"),
    (scene_files.SceneBundleReader, "Data"),
    (node_readers.MarkupsReader, "Markups"),
    (node_readers.ModelReader, "Models"),
    (volume_readers.SequenceReader, "Sequences"),
    (volume_readers.SegmentationReader, "Segmentations"),
    (node_readers.TableReader, "Tables"),
    (node_readers.TextReader, "Texts"),
    (node_readers.TransformReader, "Transforms"),
    (node_readers.VolumePropertyReader, "VolumeRendering"),
)
NO_FILE = "NoFile"


class CoreIOManager(Emitter):
    """qSlicerCoreIOManager."""

    stands_for = "qSlicerCoreIOManager"

    newFileLoaded: Signal = None  # type: ignore[assignment]
    fileSaved: Signal = None  # type: ignore[assignment]
    defaultSceneFileType = "Medical Reality Bundle (.mrb)"
    defaultMaximumFileNameLength = 1000

    def __init__(self, scene: Any, application_logic: Any, logics: dict[str, Any]) -> None:
        self._scene = scene
        self._application_logic = application_logic
        self._readers = [make(scene, logics[module], application_logic) for make, module in _READERS]
        self._writers = node_writers.make_writers()
        self.newFileLoaded = Signal()
        self.fileSaved = Signal()

    def setDefaultSceneFileType(self, file_type: str, /) -> None:
        """Choose the format that is offered first when a scene is saved."""
        self.defaultSceneFileType = file_type

    def fileTypes(self, path: str, /) -> tuple[str, ...]:
        """Name the types that a file can be read as, the surest first; the file must exist."""
        sure = [(reader.confidence(str(path)), reader.file_type) for reader in self._readers]
        ordered = sorted((pair for pair in sure if pair[0] > 0), key=lambda pair: -pair[0])
        return tuple(file_type for _, file_type in ordered)

    def fileType(self, path: str, /) -> str:
        """Name the type that a file most likely is, e.g. VolumeFile; "NoFile" if no reader takes it."""
        return next(iter(self.fileTypes(path)), NO_FILE)

    def fileDescriptions(self, path: str, /) -> tuple[str, ...]:
        """Describe the readers that take a file, the surest first."""
        sure = [(reader.confidence(str(path)), reader.description) for reader in self._readers]
        return tuple(text for number, text in sorted(sure, key=lambda pair: -pair[0]) if number > 0)

    def fileWriterFileType(self, node: Any, file_format: str = "", /) -> str:
        """Name the type that a node is written as; "NoFile" if there is no writer for it."""
        if node is not None and node.IsA("vtkMRMLScene"):
            return scene_files.SCENE_FILE_TYPE
        able = [writer for writer in self._writers if writer.confidence(node) > 0]
        fitting = [writer for writer in able if file_format and file_format in writer.extensions(node)]
        return (fitting or able)[0].file_type if able else NO_FILE

    def fileWriterExtensions(self, node: Any, /) -> tuple[str, ...]:
        """Name the formats that a node can be written in, e.g. "NRRD (.nrrd)"."""
        if node.IsA("vtkMRMLScene"):
            return scene_files.WRITER_EXTENSIONS
        able = [writer for writer in self._writers if writer.confidence(node) > 0]
        return tuple(dict.fromkeys(name for writer in able for name in writer.extensions(node)))

    def fileWriterDescriptions(self, file_type: str, /) -> tuple[str, ...]:
        """Describe the writers of a type."""
        return tuple(writer.description for writer in self._writers if writer.file_type == file_type)

    def extractKnownExtension(self, path: str, node: Any, /) -> str:
        """Give the longest extension of a file name that the node can be written with, or ""."""
        known = [_extension(name) for name in self.fileWriterExtensions(node)]
        return max(
            (known_one for known_one in known if known_one and str(path).endswith(known_one)),
            key=len,
            default="",
        )

    def stripKnownExtension(self, path: str, node: Any, /) -> str:
        """Give a file name without its known extension, repeated ones included."""
        extension = self.extractKnownExtension(path, node)
        return str(path) if not extension else self.stripKnownExtension(str(path)[: -len(extension)], node)

    def registeredFileReaderCount(self, file_type: str, /) -> int:
        """Count the readers of a type."""
        return sum(reader.file_type == file_type for reader in self._readers)

    def registeredFileWriterCount(self, file_type: str, /) -> int:
        """Count the writers of a type."""
        if file_type == scene_files.SCENE_FILE_TYPE:
            return 1
        return sum(writer.file_type == file_type for writer in self._writers)

    def loadNodes(
        self, file_type: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None, /
    ) -> bool:
        """Load a file, or several if `fileName` is a list; its nodes go into the vtkCollection `loaded`."""
        if isinstance(properties["fileName"], (list, tuple)):
            results = [self.loadNodes(file_type, one, loaded, messages) for one in _one_by_one(properties)]
            return all(results)
        path = str(properties["fileName"])
        nodes = self._load(file_type, path, dict(properties), messages)
        loaded_properties = {
            **properties,
            "fileType": file_type,
            "nodeIDs": [node.GetID() for node in nodes or ()],
        }
        self.newFileLoaded.emit(loaded_properties)
        for node in nodes or ():
            if loaded is not None and self._scene.GetNodeByID(node.GetID()) is not None:
                loaded.AddItem(node)
        return nodes is not None

    def _load(self, file_type: str, path: str, properties: dict[str, Any], messages: Any) -> list[Any] | None:
        before = messages.GetNumberOfMessages() if messages is not None else 0
        prefix = f"Loading {path} - "
        for reader in self._readers:
            if reader.file_type != file_type or reader.confidence(path) <= 0:
                continue
            reader.messages.ClearMessages()
            nodes = reader.load(path, properties)
            if messages is not None:
                messages.AddMessages(reader.messages, prefix)
            if nodes is not None:
                return nodes
        if messages is not None and messages.GetNumberOfMessages() == before:
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"{prefix} load failed.")
        return None

    def loadScene(self, path: str, clear: bool = True, messages: Any = None, /) -> bool:
        """Load a scene; with `clear` it replaces the present one."""
        return self.loadNodes(scene_files.SCENE_FILE_TYPE, {"fileName": path, "clear": clear}, None, messages)

    def loadFile(self, path: str, messages: Any = None, /) -> bool:
        """Load a file as what it most likely is."""
        return self.loadNodes(self.fileType(path), {"fileName": path}, None, messages)

    def saveNodes(
        self, file_type: str, properties: dict[str, Any], messages: Any = None, scene: Any = None, /
    ) -> bool:
        """Save the node `nodeID`, or for a SceneFile the scene, as `fileName`; makes missing folders."""
        path = str(properties.get("fileName") or "")
        if not path:
            _log.error('saveNodes failed: "fileName" must be included as a string parameter.')
            return False
        if not self._make_folder(path, messages):
            return False
        if file_type == scene_files.SCENE_FILE_TYPE:
            succeeded = self._save_scene({**properties, "fileName": path}, messages)
        else:
            succeeded = self._save_node(file_type, properties, messages, scene or self._scene)
        if not succeeded:
            return self._fail(
                messages, f"Saving failed with all writers found for file '{path}' of type '{file_type}'."
            )
        self.fileSaved.emit(dict(properties))
        return True

    def _save_scene(self, properties: dict[str, Any], messages: Any) -> bool:
        writer = scene_files.SceneWriter(self._scene, self._application_logic)
        succeeded = writer.write(properties)
        if messages is not None:
            messages.AddMessages(writer.messages)
        return succeeded

    def _save_node(self, file_type: str, properties: dict[str, Any], messages: Any, scene: Any) -> bool:
        path = str(properties["fileName"])
        node = scene.GetNodeByID(str(properties.get("nodeID", "")))
        writers = [
            writer for writer in self._writers if writer.file_type == file_type and _suits(writer, node, path)
        ]
        if not writers:
            return self._fail(messages, f"No writer found to write file {path} of type {file_type}.")
        for writer in writers:
            writer.messages.ClearMessages()
            succeeded = writer.write(node, properties)
            if messages is not None:
                messages.AddMessages(writer.messages)
            if succeeded:
                return True
        return False

    def _make_folder(self, path: str, messages: Any) -> bool:
        folder = Path(path).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return self._fail(messages, f"Unable to create directory '{folder}'")
        return True

    def exportNodes(
        self,
        identifiers: Any,
        paths: Any,
        properties: dict[str, Any],
        harden: bool,
        messages: Any = None,
        /,
    ) -> bool:
        """Write nodes in the format `fileFormat`; their storage nodes stay as they are."""
        if len(identifiers) != len(paths):
            _log.error("exportNodes failed: Mismatch in number of nodeIDs and filenames")
            return False
        if not isinstance(properties.get("fileFormat"), str):
            _log.error("exportNodes failed: fileFormat must be included as a string parameter.")
            return False
        copies = export.TemporaryScene(self._scene)
        maps = [
            {**properties, "nodeID": identifier, "fileName": path}
            for identifier, path in zip(identifiers, paths, strict=True)
        ]
        results = [self._export(copies, one, harden, messages) for one in maps]
        return all(results)

    def _export(
        self, copies: export.TemporaryScene, properties: dict[str, Any], harden: bool, messages: Any
    ) -> bool:
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node is None or not node.IsA("vtkMRMLStorableNode"):
            return self._fail(messages, f"Unable to find a storable node with ID {properties['nodeID']}")
        copy = copies.copy(node, harden)
        file_type = self.fileWriterFileType(node, properties["fileFormat"])
        if self.saveNodes(file_type, {**properties, "nodeID": copy.GetID()}, messages, copies.scene):
            return True
        return self._fail(messages, f"Error encountered while exporting {node.GetName()}.")

    def addDefaultStorageNodes(self) -> None:
        """Give every node that is saved with the scene a storage node."""
        for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
            if node.GetSaveWithScene() and node.GetStorageNode() is None:
                node.AddDefaultStorageNode()

    def _fail(self, messages: Any, text: str) -> bool:
        _log.error("%s", text)
        if messages is not None:
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
        return False


def _extension(file_format: str) -> str:
    return str(slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString(file_format))


def _suits(writer: Any, node: Any, path: str) -> bool:
    name = Path(path).name.lower()
    extensions = [_extension(file_format).lower() for file_format in writer.extensions(node)]
    return any(name.endswith(extension) or extension in {".*", "*"} for extension in extensions)


def _one_by_one(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a list of files; the last of too few names serves for the rest."""
    paths = properties["fileName"]
    given = properties.get("name", ())
    names = [given] if isinstance(given, str) else list(given)
    split = []
    for index, path in enumerate(paths):
        name = {"name": names[min(index, len(names) - 1)]} if names else {}
        split.append({**properties, "fileName": path, **name})
    return split
