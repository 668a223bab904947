"""The SampleData module: which samples there are. Here they are files of this computer, the scans of the tests.

Follows `Modules/Scripted/SampleData/SampleData.py` (SampleData, SampleDataSource, SampleDataLogic); its downloads and
its panel are not emulated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

FOLDER = Path(__file__).resolve().parents[3] / ".dev" / "data"

#: Sample, file, node: what Slicer has of the same kind is MRHead, CTChest and MRBrainTumor1.
SAMPLES = (
    ("MNI152", "MNI152_T1_1mm.nii.gz", "MNI152", None),
    ("LungCT", "lung1_image.nrrd", "LungCT", None),
    ("LungTumor", "lung1_label.nrrd", "LungTumor", {"labelmap": True}),
    ("BrainMR", "brain1_image.nrrd", "BrainMR", None),
    ("BrainTumor", "brain1_label.nrrd", "BrainTumor", {"labelmap": True}),
)


class SampleData(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Sample Data"
        parent.categories = ["Informatics"]
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}


class SampleDataSource:
    """One sample: addresses, file names and node names, as lists of the same length."""

    def __init__(  # noqa: PLR0917 - Slicer's signature
        self,
        sampleName: str | None = None,
        sampleDescription: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        checksums: Any = None,
        loadFiles: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFileProperties: Any = None,
    ) -> None:
        count = len(uris) if isinstance(uris, (list, tuple)) else 1
        self.sampleName = sampleName
        self.sampleDescription = sampleDescription or sampleName
        self.uris = _as_list(uris, count)
        self.fileNames = _as_list(fileNames, count)
        self.nodeNames = _as_list(nodeNames, count)
        self.checksums = _as_list(checksums, count)
        self.loadFiles = _as_list(loadFiles, count)
        self.loadFileTypes = _as_list(loadFileTypes, count)
        self.loadFileProperties = loadFileProperties or {}
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName


class SampleDataLogic:
    """Keeps `slicer.modules.sampleDataSources`."""

    builtInCategoryName = "BuiltIn"

    def __init__(self, logMessage: Any = None) -> None:
        self.logMessage = logMessage
        self.registerBuiltInSampleDataSources()

    def registerBuiltInSampleDataSources(self) -> None:
        """Fill the list of the samples that come with Slicer."""
        known = {
            source.sampleName for source in slicer.modules.sampleDataSources.get(self.builtInCategoryName, ())
        }
        for name, file_name, node_name, properties in SAMPLES:
            path = FOLDER / file_name
            if name not in known and path.is_file():
                self.registerCustomSampleDataSource(
                    self.builtInCategoryName,
                    name,
                    path.as_uri(),
                    file_name,
                    node_name,
                    loadFileProperties=properties or {},
                )

    @staticmethod
    def registerCustomSampleDataSource(  # noqa: PLR0917 - Slicer's signature
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
    ) -> None:
        """Add a sample to a category."""
        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            loadFiles=loadFiles,
            customDownloader=customDownloader,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes,
            loadFileProperties=loadFileProperties,
        )
        slicer.modules.sampleDataSources.setdefault(category, []).append(source)


def _as_list(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] * count
