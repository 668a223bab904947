"""Readers of volumes, sequences and segmentations.

Follow `Modules/Loadable/Volumes/qSlicerVolumesReader.cxx`, `Sequences/qSlicerSequencesReader.cxx` and
`Segmentations/qSlicerSegmentationsReader.cxx`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import slicer
import vtk

from EmbeddedSlicer.file_io.file_reader import FileReader, base_name, head

_NRRD = (".nrrd", ".nhdr")
#: Bits of `vtkSlicerVolumesLogic::LoadingOptions` by property.
_OPTIONS = {"labelmap": 1, "center": 2, "singleFile": 4, "autoWindowLevel": 8, "discardOrientation": 16}


class VolumeReader(FileReader):
    """qSlicerVolumesReader. The wheel lacks the PNG, TIFF and MINC readers; such files fail to load."""

    file_type = "VolumeFile"
    description = "Volume"
    extensions = (
        *(
            ".hdr",
            ".nhdr",
            ".nrrd",
            ".mhd",
            ".mha",
            ".mnc",
            ".nii",
            ".nii.gz",
            ".mgh",
            ".mgz",
            ".mgh.gz",
            ".img",
        ),
        *(".img.gz", ".pic", ".dcm", ".ima", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ""),
    )

    def inspect(self, path: str, confidence: float) -> float:
        """Prefer a diffusion volume to the sequence reader's opinion."""
        if path.lower().endswith(_NRRD) and re.search("modality:.*dwmri", _nrrd_header(path), re.IGNORECASE):
            return 0.7
        return confidence

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load one volume; `fileNames` names the files of a series in their order."""
        options = sum(bit for name, bit in _OPTIONS.items() if properties.get(name))
        name = properties.get("name", base_name(path))
        files = _string_array(properties["fileNames"]) if "fileNames" in properties else None
        node = self._logic.AddArchetypeVolume(path, name, options, files, self.messages)
        if node is None:
            return None
        if properties.get("colorNodeID") and node.GetVolumeDisplayNode():
            node.GetVolumeDisplayNode().SetAndObserveColorNodeID(properties["colorNodeID"])
        if properties.get("show", True):
            self.show_volume(node)
        return [node]


class SequenceReader(FileReader):
    """qSlicerSequencesReader."""

    file_type = "SequenceFile"
    description = "Sequence"
    extensions = (".seq.mrb", ".mrb", ".seq.nrrd", ".seq.nhdr", ".nrrd", ".nhdr")

    def inspect(self, path: str, confidence: float) -> float:
        """Look whether a plain NRRD file has a time or list axis."""
        if not 0 < confidence < 0.56 or not path.lower().endswith(_NRRD):
            return confidence
        return 0.58 if _looks_like_sequence(head(path, 800)) else 0.4

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load a sequence, and with `show` (default) a browser with proxy nodes."""
        node = self._logic.AddSequence(path, self.messages)
        if node is None:
            return None
        if "name" in properties:
            node.SetName(self._scene.GetUniqueNameByString(properties["name"]))
        if not properties.get("show", True):
            return [node]
        name = f"{node.GetName()} browser"
        browser = self._scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", name)
        browser.SetAndObserveMasterSequenceNodeID(node.GetID())
        self._logic.UpdateProxyNodesFromSequences(browser)
        self._show(browser.GetProxyNode(node), properties)
        return [node, browser]

    def _show(self, proxy: Any, properties: dict[str, Any]) -> None:
        if proxy is None:
            return
        if "colorNodeID" in properties and proxy.IsA("vtkMRMLDisplayableNode") and proxy.GetDisplayNode():
            proxy.GetDisplayNode().SetAndObserveColorNodeID(properties["colorNodeID"])
        if proxy.IsA("vtkMRMLVolumeNode"):
            self.show_volume(proxy)


class SegmentationReader(FileReader):
    """qSlicerSegmentationsReader."""

    file_type = "SegmentationFile"
    description = "Segmentation"
    extensions = (
        *(
            ".seg.nrrd",
            ".seg.nhdr",
            ".seg.vtm",
            ".nrrd",
            ".nhdr",
            ".vtm",
            ".nii.gz",
            ".nii",
            ".hdr",
            ".stl",
            ".obj",
        ),
    )

    def inspect(self, path: str, confidence: float) -> float:
        """Look whether a plain NRRD file has the fields of a segmentation."""
        if not 0 < confidence < 0.56 or not path.lower().endswith(_NRRD):
            return confidence
        text = head(path, 800)
        return 0.6 if "Segment0_ID:=" in text or "Segmentation_" in text else 0.4

    def load(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        """Load a segmentation, or a surface as a segmentation with one segment."""
        name = properties.get("name", "")
        if path.lower().endswith((".stl", ".obj")):
            return self._load_surface(path, name or Path(path).stem)
        colors = self._scene.GetNodeByID(properties["colorNodeID"]) if "colorNodeID" in properties else None
        opacities = bool(properties.get("autoOpacities", True))
        node = self._logic.LoadSegmentationFromFile(path, opacities, name, colors, self.messages)
        return None if node is None else [node]

    def _load_surface(self, path: str, name: str) -> list[Any] | None:
        storage = slicer.vtkMRMLModelStorageNode()
        storage.SetFileName(path)
        model = slicer.vtkMRMLModelNode()
        if not storage.ReadData(model) or model.GetPolyData() is None:
            return None
        surface = model.GetPolyData()
        while surface.GetPointData().GetNumberOfArrays() > 0:
            surface.GetPointData().RemoveArray(0)
        representation = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation(representation, surface)
        unique = self._scene.GetUniqueNameByString(name)
        node = self._scene.AddNewNodeByClass("vtkMRMLSegmentationNode", unique)
        node.SetSourceRepresentationToClosedSurface()
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetPreferredDisplayRepresentationName2D(representation)
        node.GetSegmentation().AddSegment(segment)
        return [node]


def _string_array(values: Any) -> Any:
    array = vtk.vtkStringArray()
    for value in values:
        array.InsertNextValue(str(value))
    return array


def _nrrd_header(path: str) -> str:
    """Read the header, which ends with an empty line; diffusion headers are long."""
    with Path(path).open("rb") as file:
        data = file.read(1 << 20)
    end = min(
        (place for place in (data.find(b"\n\n"), data.find(b"\r\n\r\n")) if place >= 0), default=len(data)
    )
    return data[:end].decode("utf-8", errors="replace") if data.startswith(b"NRRD") else ""


def _looks_like_sequence(text: str) -> bool:
    dimension = re.search(r"dimension:\s*(\d+)", text)
    kinds = re.search(r"kinds:([^\n]+)", text)
    if dimension is None:
        return False
    if dimension.group(1) == "5":
        return True
    return dimension.group(1) == "4" and kinds is not None and bool(re.search("list|time", kinds.group(1)))
