"""Readers of models, markups, transforms, tables, texts, color tables and volume properties.

Each follows the reader of the same name in Slicer's `Modules/Loadable/`.
"""

from __future__ import annotations

import gzip
import struct
from typing import Any

import slicer
import vtk

from EmbeddedSlicer.file_io.file_reader import FileReader, base_name, head

_DISPLACEMENT_VECTOR = 1006  # NIFTI_INTENT_DISPVECT
_INTENT_OFFSET = 68  # of `intent_code` in a NIfTI-1 header


class ModelReader(FileReader):
    """`Models/qSlicerModelsReader.cxx`."""

    file_type = "ModelFile"
    description = "Model"
    extensions = (".vtk", ".vtp", ".vtu", ".g", ".byu", ".stl", ".ply", ".obj", ".ucd")

    def inspect(self, path: str, confidence: float) -> float:
        """Leave .vtk files with an image to the volume reader."""
        if not path.lower().endswith(".vtk"):
            return confidence
        return 0.0 if "STRUCTURED_POINTS" in head(path, 200) else 0.6

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one model."""
        system = int(properties.get("coordinateSystem", slicer.vtkMRMLStorageNode.CoordinateSystemLPS))
        node = self._logic.AddModel(path, system, self.messages)
        if node is None:
            return None
        if "name" in properties:
            node.SetName(self._scene.GetUniqueNameByString(properties["name"]))
        self._show(node)
        return [node]

    def _show(self, node: Any) -> None:
        """Look at the model if it is the first thing that is displayed."""
        displays = slicer.util.getNodesByClass("vtkMRMLDisplayNode")
        shown = [display for display in displays if display.GetDisplayableNode() and display.GetVisibility()]
        views = slicer.app.layoutManager()
        if views is not None and all(display.GetDisplayableNode() is node for display in shown):
            views.resetThreeDViews()


class MarkupsReader(FileReader):
    """`Markups/qSlicerMarkupsReader.cxx`."""

    file_type = "MarkupsFile"
    description = "Markups"
    extensions = (".mrk.json", ".json", ".fcsv")

    def inspect(self, path: str, confidence: float) -> float:
        """Look for the schema of markups in a plain JSON file."""
        if confidence >= 0.56 or not path.lower().endswith("json"):
            return confidence
        return 0.6 if "/markups-schema-v1." in head(path, 300) else 0.4

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load all markups of a file."""
        identifiers = self._logic.LoadMarkups(path, properties.get("name", ""), self.messages)
        if not identifiers:
            return None
        return [self._scene.GetNodeByID(identifier) for identifier in identifiers.split(",") if identifier]


class TransformReader(FileReader):
    """`Transforms/qSlicerTransformsReader.cxx`."""

    file_type = "TransformFile"
    description = "Transform"
    extensions = (
        *(
            ".h5",
            ".tfm",
            ".mat",
            ".nrrd",
            ".nhdr",
            ".mha",
            ".mhd",
            ".nii",
            ".nii.gz",
            ".txt",
            ".hdf5",
            ".he5",
        ),
    )

    def inspect(self, path: str, confidence: float) -> float:
        """Take images only if their intent code says displacement field."""
        lower = path.lower()
        if lower.endswith((".nrrd", ".nhdr")):
            return 0.6 if f"intent_code:={_DISPLACEMENT_VECTOR}" in head(path, 4096) else 0.4
        if lower.endswith((".nii", ".nii.gz")):
            return 0.6 if _nifti_intent(path) == _DISPLACEMENT_VECTOR else 0.4
        return confidence

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one transform."""
        node = self._logic.AddTransform(path, self._scene, self.messages)
        return None if node is None else [node]


class TableReader(FileReader):
    """`Tables/qSlicerTablesReader.cxx`. A database with a password fails: nobody asks for it."""

    file_type = "TableFile"
    description = "Table"
    extensions = (".tsv", ".csv", ".txt", ".db", ".db3", ".sqlite", ".sqlite3")

    def inspect(self, path: str, confidence: float) -> float:
        """Take a .txt file rather for a text."""
        return 0.4 if path.lower().endswith("txt") else confidence

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one table and make it the active one."""
        is_database = path.lower().endswith((".db", ".db3", ".sqlite", ".sqlite3"))
        name = self._scene.GetUniqueNameByString(properties.get("name", base_name(path)))
        node = self._logic.AddTable(path, "" if is_database else name, True, "", self.messages)
        if node is None:
            self.messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Failed to read table from '{path}'")
            return None
        self._application_logic.GetSelectionNode().SetActiveTableID(node.GetID())
        self._application_logic.PropagateTableSelection()
        return [node]


class TextReader(FileReader):
    """`Texts/qSlicerTextsReader.cxx`."""

    file_type = "TextFile"
    description = "Text file"
    extensions = (".txt", ".xml", ".json")

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one text; the node keeps its storage node."""
        storage = self._scene.AddNewNodeByClass("vtkMRMLTextStorageNode")
        name = self._scene.GetUniqueNameByString(storage.GetFileNameWithoutExtension(path))
        node = self._scene.AddNewNodeByClass("vtkMRMLTextNode", name)
        node.SetAndObserveStorageNodeID(storage.GetID())
        storage.SetFileName(path)
        succeeded = storage.ReadData(node) == 1
        self.messages.AddMessages(storage.GetUserMessages())
        if succeeded:
            return [node]
        self._scene.RemoveNode(node)
        self._scene.RemoveNode(storage)
        return None


class ColorTableReader(FileReader):
    """`Colors/qSlicerColorsReader.cxx`. It also claims .csv and .tsv, and before the table reader."""

    file_type = "ColorTableFile"
    description = "Color"
    extensions = (".csv", ".tsv", ".txt", ".ctbl", ".cxml")

    def inspect(self, path: str, confidence: float) -> float:
        """Look for the first comment of a color table in a plain text."""
        if confidence >= 0.55 or not path.lower().endswith("txt"):
            return confidence
        return 0.6 if "# Color table file" in head(path, 100) else 0.4

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one color table that the user may edit."""
        node = self._logic.LoadColorFile(path, None, self.messages, True)
        return None if node is None else [node]


class VolumePropertyReader(FileReader):
    """`VolumeRendering/qSlicerVolumeRenderingReader.cxx`."""

    file_type = "TransferFunctionFile"
    description = "Transfer Function"
    extensions = (".vp", ".vp.json")

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load the volume properties of a file."""
        found = vtk.vtkCollection()
        if not self._logic.AddVolumePropertiesFromFile(path, found):
            return None
        return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]


def _nifti_intent(path: str) -> int:
    opener: Any = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            header = file.read(_INTENT_OFFSET + 2)
        little = struct.unpack_from("<i", header, 0)[0] == 348  # the size of the header tells the byte order
        return int(struct.unpack_from("<h" if little else ">h", header, _INTENT_OFFSET)[0])
    except (OSError, EOFError, struct.error):
        return 0
