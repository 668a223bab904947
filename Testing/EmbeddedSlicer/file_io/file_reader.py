"""Base of file readers: which files a reader takes, and how sure it is.

Follows `Base/QTCore/qSlicerFileReader.cxx` (canLoadFileConfidence, supportedNameFilters): 0.5 plus 0.01 per
character of the longest extension that matches, so `.seg.nrrd` beats `.nrrd`. The file must exist.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import slicer


class FileReader:
    """qSlicerFileReader. A subclass says what it reads and how."""

    file_type = ""
    description = ""
    #: Extensions with their dot; "" takes any file.
    extensions: tuple[str, ...] = ()

    def __init__(self, scene: Any, logic: Any = None, application_logic: Any = None) -> None:
        self._scene = scene
        self._logic = logic
        self._application_logic = application_logic
        self.messages = slicer.vtkMRMLMessageCollection()

    def confidence(self, path: str) -> float:
        """Say how sure the reader is, 0 to 1; 0 for a file that it cannot take."""
        if not (Path(path).is_file() and os.access(path, os.R_OK)) or "~" in Path(path).suffix:
            return 0.0
        lower = Path(path).name.lower()
        matching = [len(extension) for extension in self.extensions if lower.endswith(extension)]
        return self.inspect(path, 0.5 + 0.01 * max(matching)) if matching else 0.0

    def inspect(self, _path: str, confidence: float) -> float:
        """Change the confidence after a look into the file."""
        return confidence

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load the nodes of a file; None if that failed."""
        raise NotImplementedError

    def show_volume(self, node: Any) -> None:
        """Make a volume the active one and show it in all slice views."""
        selection = self._application_logic.GetSelectionNode()
        if selection is None:
            return
        if node.IsA("vtkMRMLLabelMapVolumeNode"):
            selection.SetActiveLabelVolumeID(node.GetID())
        else:
            selection.SetActiveVolumeID(node.GetID())
        self._application_logic.PropagateVolumeSelection()


def head(path: str, count: int) -> str:
    """Read the first characters of a file; undecodable bytes become replacement characters."""
    with Path(path).open("rb") as file:
        return file.read(count).decode("utf-8", errors="replace")


def base_name(path: str) -> str:
    """Give the file name up to its first dot, as QFileInfo::baseName."""
    return Path(path).name.partition(".")[0]
