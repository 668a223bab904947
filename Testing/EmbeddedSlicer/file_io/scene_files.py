"""Reading and writing whole scenes: .mrml, .mrb and folders.

Follows `Modules/Loadable/Data/qSlicerSceneReader.cxx`, `qSlicerSceneWriter.cxx` and
`Base/QTCore/qSlicerSceneBundleReader.cxx`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import slicer
import vtk

from EmbeddedSlicer.file_io.file_reader import FileReader

SCENE_FILE_TYPE = "SceneFile"
WRITER_EXTENSIONS = ("MRML Scene (.mrml)", "Medical Reality Bundle (.mrb)", "Slicer Data Bundle (*)")


class SceneReader(FileReader):
    """qSlicerSceneReader. With `clear` the scene is replaced, else the file is added to it."""

    file_type = SCENE_FILE_TYPE
    description = "MRML Scene"
    extensions = (".mrml",)

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load a scene; as in Slicer, it does not report which nodes came."""
        self._scene.SetURL(path)
        read = self._scene.Connect if properties.get("clear", False) else self._scene.Import
        return [] if read(self.messages) else None


class SceneBundleReader(FileReader):
    """qSlicerSceneBundleReader."""

    file_type = SCENE_FILE_TYPE
    description = "MRB Slicer Data Bundle"
    extensions = (".mrb", ".zip", ".xar")

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load a bundle; gives the nodes that were not there before."""
        before = set(self._nodes())
        if not self._scene.ReadFromMRB(
            str(Path(path).absolute()), bool(properties.get("clear", False)), self.messages
        ):
            return None
        return [node for node in self._nodes() if node not in before and node.GetID()]

    def _nodes(self) -> list[Any]:
        return [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())]


class SceneWriter:
    """qSlicerSceneWriter."""

    def __init__(self, scene: Any, application_logic: Any) -> None:
        self._scene = scene
        self._application_logic = application_logic
        self.messages = slicer.vtkMRMLMessageCollection()

    def write(self, properties: dict[str, Any]) -> bool:
        """Write to a file or, with another extension, into an empty folder."""
        path = Path(properties["fileName"]).absolute()
        if not os.access(path.parent, os.W_OK):
            return self._fail(f"Failed to save scene as {path} (path {path.parent} is not writeable)")
        if path.suffix == ".mrml":
            self._remember(path)
            return bool(self._scene.Commit()) or self._fail(f"Failed to save scene as {path}")
        if path.suffix == ".mrb":
            return self._write_bundle(path)
        return self._write_folder(path)

    def _write_bundle(self, path: Path) -> bool:
        self._remember(path)
        if not self._scene.WriteToMRB(str(path), None, self.messages):
            return self._fail(f"Failed to save scene as {path}")
        # Writing reset the flag, but the data now lies in the bundle only.
        self._scene.SetStorableNodesModifiedSinceRead()
        return True

    def _write_folder(self, path: Path) -> bool:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            # Slicer opens a modal message box here.
            return self._fail(f"Selected directory {path} is not empty. Please choose an empty directory.")
        return bool(
            self._application_logic.SaveSceneToSlicerDataBundleDirectory(str(path), None, self.messages)
        )

    def _remember(self, path: Path) -> None:
        self._scene.SetURL(str(path))
        self._scene.SetRootDirectory(str(path.parent))

    def _fail(self, message: str) -> bool:
        self.messages.AddMessage(vtk.vtkCommand.ErrorEvent, message)
        return False
