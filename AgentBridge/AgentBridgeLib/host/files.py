"""Reading and writing through Slicer's own readers and writers; implements `ports.FileHost`.

Traps this file knows (`slicer.util`, `qSlicerCoreIOManager`): default `properties={}` are shared between calls, so
every call gets a fresh dict; paths are text, not `Path`; failures are False, the words are in a message collection;
asking for the extensions of a node gives it a storage node.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FileUnreadableError,
    NodeTypeError,
    StorageFailedError,
)
from AgentBridgeLib.host.display_windows import automatic_windows_off, set_windows
from AgentBridgeLib.host.file_references import FileReferences, file_references
from AgentBridgeLib.host.scene_archive import write_bundle, write_scene_with_data
from AgentBridgeLib.host.scene_scrub import Scrubber
from AgentBridgeLib.host.staging import staged
from AgentBridgeLib.host.table_files import write_exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from AgentBridgeLib.host.file_checks import FileChecks
    from AgentBridgeLib.host.scene import SlicerScene

NO_FILE = "NoFile"  # qSlicerCoreIOManager::fileType of a file that nothing reads
SCENE_FILE = "SceneFile"
MOST_MESSAGE_CHARACTERS = 1000
_NEVER_WRITTEN = {vtk.VTK_SIGNED_CHAR, vtk.VTK_LONG_LONG, vtk.VTK_UNSIGNED_LONG_LONG}
_NOT_WRITTEN_AS_COLORS = {vtk.VTK_SHORT, vtk.VTK_INT, vtk.VTK_UNSIGNED_INT}


class SlicerFiles:
    """Files of nodes and scenes.

    Parameters
    ----------
    scene
        The scene that is read into and written from.
    checks
        Look at files before Slicer reads them.
    """

    def __init__(self, scene: SlicerScene, checks: FileChecks) -> None:
        self._scene = scene
        self._checks = checks

    def file_type(self, path: str) -> str:
        """Slicer's name for the type of the file, such as ``VolumeFile``; empty when nothing reads it."""
        found = str(slicer.app.coreIOManager().fileType(str(path)))
        return "" if found == NO_FILE else found

    def writer_extensions(self, node: Any) -> list[str]:
        """Endings (``.nrrd``) that Slicer can write this node to, the default first."""
        return list(self._writer_formats(node))

    def load(self, path: str, file_type: str, properties: Mapping[str, object]) -> list[Any]:
        """Read a file into the scene and give the nodes that were made.

        Raises
        ------
        FileMissingError
            There is no file.
        FileUnreadableError
            No reader could make a node of it; the message has what the reader said. The scene is unchanged.
        OutOfMemoryError
            Its image would not fit into memory; nothing was allocated.
        """
        if file_type == SCENE_FILE:
            self._checks.check_scene(Path(path))
        else:
            self._checks.check_file(Path(path))
        additions = self._scene.record_additions()
        loaded = vtk.vtkCollection()
        with automatic_windows_off(self._scene.scene):
            words = self._read(path, file_type, {**properties}, loaded)
        added = additions.stop()
        if words is None:
            words = next(filter(None, (_flaw(self._scene.node(node_id)) for node_id in added)), None)
        if words is not None or not (added or loaded.GetNumberOfItems()):
            self._remove(added)
            raise FileUnreadableError(
                f"{Path(path).name} could not be read as {file_type}. {words or ''}".strip()
            )
        if file_type == SCENE_FILE:
            return [self._scene.node(node_id) for node_id in added]
        set_windows(self._scene.scene, added)
        return [loaded.GetItemAsObject(index) for index in range(loaded.GetNumberOfItems())]

    def save(self, node: Any, path: str, properties: Mapping[str, object]) -> None:
        """Write a node to `path`, through files beside it that are renamed when complete.

        The node's own storage node keeps its file name. If `path` is that very file, the node counts as saved after
        this; any other file is an export, which leaves it as modified as it was.

        Parameters
        ----------
        node
            A storable node.
        path
            Absolute; its folder exists. The ending chooses the format.
        properties
            What Slicer's writer understands, such as ``useCompression``; ``world: True`` applies parent transforms
            before.

        Raises
        ------
        ArgumentInvalidError
            Slicer writes no such format for this node.
        NodeTypeError
            Slicer writes no voxels of this type.
        StorageFailedError
            Writing failed, for example because the disk is full. What was at `path` is still there.
        """
        target = Path(path)
        chosen = {**properties}
        is_world = bool(chosen.pop("world", False))
        chosen.setdefault("fileFormat", self._format_of(node, target.name))
        with staged(target) as staging:
            if self._is_own_file(node, target) and not is_world:
                words = self._save_own(node, staging.file, chosen)
            elif node.IsA("vtkMRMLTextNode"):
                words = self._export_text(node, staging.file, chosen)
            else:
                words = self._export(node, staging.file, chosen, is_world)
            if words is not None and _is_unwritable(node):
                raise NodeTypeError(
                    f"Slicer writes no file of the type of voxels that {node.GetID()} has. volumes.data gives them as "
                    "NRRD or NIfTI bytes with exactly their type; volumes.math makes float64 of them."
                )
            if words is not None:
                raise StorageFailedError(f"Slicer could not write {target.name}. {words}".strip())
            if node.IsA("vtkMRMLTableNode"):
                write_exactly(node, staging.file)
            staging.commit()

    def references(self, path: str) -> FileReferences:
        """Find out which other files, and web addresses, Slicer would read along with a file."""
        return file_references(Path(path))

    def check(self, path: str) -> None:
        """Look into a data file or scene without loading it; errors as `FileChecks`."""
        file = Path(path)
        is_scene = file.suffix.lower() in {".mrml", ".mrb"}
        self._checks.check_scene(file) if is_scene else self._checks.check_file(file)

    def own_files(self, node: Any) -> list[str]:
        """Absolute paths of the files that a node was read from or saved to; empty without any."""
        storage = node.GetStorageNode()
        if storage is None or not storage.GetFileName():
            return []
        names = [storage.GetFullNameFromFileName()]
        names += [
            storage.GetFullNameFromNthFileName(index) for index in range(storage.GetNumberOfFileNames())
        ]
        return list(dict.fromkeys(str(name) for name in names if name))

    def reload(self, node: Any) -> None:
        """Read a node's own files into it again.

        Raises
        ------
        FileMissingError
            A file is not there any more; the node is as it was.
        FileUnreadableError
            It could not be read; the node may have lost its content.
        OutOfMemoryError
            It would not fit into memory; the node is as it was.
        """
        for path in self.own_files(node):
            self._checks.check_file(Path(path))
        storage = node.GetStorageNode()
        name = node.GetName()
        with automatic_windows_off(self._scene.scene):
            is_read = storage.ReadData(node)
        node.SetName(name)
        if not is_read:
            words = storage.GetUserMessages().GetAllMessagesAsString().strip()[:MOST_MESSAGE_CHARACTERS]
            raise FileUnreadableError(
                f"{Path(storage.GetFileName()).name} could not be read. {words}".strip()
            )

    def save_scene(
        self, path: str, clean: Callable[[str], str] | None = None, forms: Sequence[str] = ()
    ) -> None:
        """Write the scene as ``.mrb`` or ``.mrml``, through files beside it; errors as in `save`.

        A ``.mrml`` gets its data in a folder ``<name>_Data`` beside it. The scene's own file name, the storage nodes
        and what counts as unsaved stay as they were.

        Parameters
        ----------
        path
            Absolute; its folder exists.
        clean
            Replaces identifying texts in what is written; the open scene keeps them.
        forms
            All forms of them: if one is left in the end, nothing is saved.
        """
        target = Path(path)
        writers = {".mrb": write_bundle, ".mrml": write_scene_with_data}
        write = writers.get(target.suffix.lower())
        if write is None:
            raise ArgumentInvalidError(f"A scene is saved as .mrb or .mrml, not as {target.name!r}.")
        with staged(target) as staging:
            with self._scene.held(), self._without_new_storage_nodes():
                write(self._scene.scene, staging, Scrubber(clean, forms) if clean else None)
            staging.commit()

    def load_scene(self, path: str, *, clear: bool) -> None:
        """Read an ``.mrb`` or ``.mrml``; into the present scene, or in its place when `clear`.

        Raises
        ------
        FileMissingError
            There is no file.
        FileUnreadableError
            It is no scene: nothing changed. Or parts of it could not be read: without `clear` the scene is unchanged,
            with `clear` it has what could be read.
        OutOfMemoryError
            Its images would not fit into memory; nothing was loaded.
        """
        self._checks.check_scene(Path(path))
        additions = self._scene.record_additions()
        words = self._read(path, SCENE_FILE, {"clear": clear}, None)
        added = additions.stop()
        if words is None:
            return
        if not clear:
            self._remove(added)
        state = "The scene now has what could be read." if clear else "The scene is as it was."
        raise FileUnreadableError(f"{Path(path).name} could not be read completely. {state} {words}".strip())

    def _read(self, path: str, file_type: str, properties: dict[str, object], loaded: Any) -> str | None:
        """Read; None on success, else what the reader said."""
        messages = slicer.vtkMRMLMessageCollection()
        properties["fileName"] = str(path)
        if slicer.app.coreIOManager().loadNodes(file_type, properties, loaded, messages):
            return None
        return _words(messages)

    def _remove(self, node_ids: list[str]) -> None:
        scene = self._scene.scene
        for node_id in reversed(node_ids):
            node = scene.GetNodeByID(node_id)
            if node is not None:
                scene.RemoveNode(node)

    def _format_of(self, node: Any, file_name: str) -> str:
        formats = self._writer_formats(node)
        endings = [ending for ending in formats if file_name.lower().endswith(ending.lower())]
        if not endings:
            known = ", ".join(formats) or "nothing"
            raise ArgumentInvalidError(
                f"Slicer writes a {node.GetClassName()} as {known}; not as {file_name!r}."
            )
        return formats[max(endings, key=len)]

    def _writer_formats(self, node: Any) -> dict[str, str]:
        """Ending to Slicer's name of the format (``NRRD (.nrrd)``), the default ending first."""
        with self._scene.held(), self._without_new_storage_nodes(), _short_text_in_files(node):
            names = [str(name) for name in slicer.app.coreIOManager().fileWriterExtensions(node)]
            storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
            default = f".{storage.GetDefaultWriteFileExtension()}" if storage is not None else ""
        ending_of = slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString
        formats: dict[str, str] = {}
        for name in names:
            formats.setdefault(str(ending_of(name)), name)
        endings = sorted(formats, key=lambda ending: ending != default)
        return {ending: formats[ending] for ending in endings if ending.startswith(".") and "*" not in ending}

    def _export(self, node: Any, file: Path, properties: dict[str, object], is_world: bool) -> str | None:
        """Write a copy of the node from a scene of its own; None on success, else what the writer said."""
        messages = slicer.vtkMRMLMessageCollection()
        with self._scene.held(), self._without_new_storage_nodes():
            manager = slicer.app.coreIOManager()
            is_written = manager.exportNodes([node.GetID()], [str(file)], properties, is_world, messages)
        return None if is_written else _words(messages)

    def _export_text(self, node: Any, file: Path, properties: dict[str, object]) -> str | None:
        """Write a text; a copy of it in another scene, as others are exported, would have no storage node."""
        was_modified = node.GetModifiedSinceRead()
        with self._scene.held(), self._without_new_storage_nodes(), _short_text_in_files(node):
            node.AddDefaultStorageNode()
            words = self._save_own(node, file, properties)
        if was_modified:
            node.StorableModified()
        return words

    def _save_own(self, node: Any, file: Path, properties: dict[str, object]) -> str | None:
        """Write through the node's own storage node, so that the node counts as saved, and keep its file name."""
        messages = slicer.vtkMRMLMessageCollection()
        storage = node.GetStorageNode()
        file_name, format_name = storage.GetFileName(), storage.GetWriteFileFormat()
        manager = slicer.app.coreIOManager()
        chosen = {**properties, "nodeID": node.GetID(), "fileName": str(file)}
        with self._scene.held():
            try:
                is_written = manager.saveNodes(manager.fileWriterFileType(node), chosen, messages)
            finally:
                storage.SetFileName(file_name or "")
                storage.SetWriteFileFormat(format_name)
        return None if is_written else _words(messages)

    def _is_own_file(self, node: Any, target: Path) -> bool:
        """Whether the node was read from or saved to `target`, as one file."""
        storage = node.GetStorageNode()
        if storage is None or not storage.GetFileName() or storage.GetNumberOfFileNames():
            return False
        own = Path(storage.GetFullNameFromFileName())
        return own.is_file() and target.is_file() and own.samefile(target)

    @contextmanager
    def _without_new_storage_nodes(self) -> Iterator[None]:
        """Take away the storage nodes that Slicer makes on the way."""
        additions = self._scene.record_additions()
        try:
            yield
        finally:
            for node_id in additions.stop():
                node = self._scene.scene.GetNodeByID(node_id)
                if node.IsA("vtkMRMLStorageNode"):
                    self._scene.scene.RemoveNode(node)


@contextmanager
def _short_text_in_files(node: Any) -> Iterator[None]:
    """Let a text of less than 256 characters have a storage node too; Slicer keeps those in the scene only."""
    if not node.IsA("vtkMRMLTextNode"):
        yield
        return
    mode = node.GetForceCreateStorageNode()
    node.SetForceCreateStorageNode(node.CreateStorageNodeAlways)
    try:
        yield
    finally:
        node.SetForceCreateStorageNode(mode)


def _is_unwritable(node: Any) -> bool:
    """Whether `vtkITKImageWriter` lacks the type of a volume's voxels."""
    image = node.GetImageData() if node.IsA("vtkMRMLVolumeNode") else None
    if image is None:
        return False
    kind, count = image.GetScalarType(), image.GetNumberOfScalarComponents()
    return kind in _NEVER_WRITTEN or (count in {3, 4} and kind in _NOT_WRITTEN_AS_COLORS)


def _flaw(node: Any) -> str:
    """Say why a node that a reader made cannot be kept, since views and filters trust it; empty if it can."""
    if node.IsA("vtkMRMLVolumeNode"):
        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        numbers = [matrix.GetElement(row, column) for row in range(3) for column in range(4)]
        return "" if all(map(math.isfinite, numbers)) else "The geometry in its header is not finite."
    if node.IsA("vtkMRMLMarkupsNode"):
        points = map(node.GetNthControlPointPosition, range(node.GetNumberOfControlPoints()))
        is_somewhere = all(math.isfinite(value) for point in points for value in point)
        return "" if is_somewhere else "The position of a control point in it is not finite."
    mesh = node.GetMesh() if node.IsA("vtkMRMLModelNode") else None
    if mesh is None or not mesh.IsA("vtkPolyData"):
        return ""
    for cells in (mesh.GetVerts(), mesh.GetLines(), mesh.GetPolys(), mesh.GetStrips()):
        first, last = cells.GetConnectivityArray().GetRange(0) if cells.GetNumberOfCells() else (0, -1)
        if first < 0 or last >= mesh.GetNumberOfPoints():
            return "A face of it names a point that is not there."
    return ""


def _words(messages: Any) -> str:
    return str(messages.GetAllMessagesAsString()).strip()[:MOST_MESSAGE_CHARACTERS]
