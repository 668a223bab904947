"""The samples that modules of Slicer have registered; implements `ports.SampleDataHost`.

`SampleData.SampleDataLogic` would download them on the main thread with a progress that spins the event loop, so it is
asked only what there is (`Modules/Scripted/SampleData/SampleData.py`).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.host.ports.files import SampleFile, SampleSource

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUM_PREFIX = "SHA256:"


class SlicerSampleData:
    """The registered samples, and where Slicer keeps what it has downloaded."""

    @property
    def cache_folder(self) -> str:
        """Slicer's folder of downloaded files."""
        folder = Path(str(slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def sources(self) -> list[SampleSource]:
        """List the samples, those that come with Slicer first.

        Raises
        ------
        FeatureMissingError
            This Slicer has no module SampleData.
        """
        try:
            module = importlib.import_module("SampleData")
        except ImportError:
            raise FeatureMissingError("This Slicer has no module SampleData.") from None
        logic = module.SampleDataLogic()  # fills in those that come with Slicer
        by_category = slicer.modules.sampleDataSources
        categories = sorted(by_category, key=lambda name: (name != logic.builtInCategoryName, name))
        rewrite = getattr(logic, "rewriteUrl", str)
        found = [_describe(source, name, rewrite) for name in categories for source in by_category[name]]
        return [source for source in found if source.name]


def _describe(source: Any, category: str, rewrite: Any) -> SampleSource:
    return SampleSource(
        name=str(source.sampleName or ""),
        title=str(source.sampleDescription or source.sampleName or ""),
        category=category,
        files=tuple(_files(source, rewrite)),
        properties=dict(source.loadFileProperties or {}),
        is_custom=source.customDownloader is not None,
    )


def _files(source: Any, rewrite: Any) -> Iterator[SampleFile]:
    columns = (source.uris, source.fileNames, source.nodeNames, source.loadFiles, source.loadFileTypes)
    # Where some files have a name for their node, those without are data of the others, such as voxels of a header.
    are_all_nodes = all(name is None for name in source.nodeNames)
    for uri, name, node_name, is_loaded, file_type, checksum in zip(*columns, source.checksums, strict=True):
        digest = str(checksum or "")
        yield SampleFile(
            uri=str(rewrite(uri)),
            name=Path(str(name or "")).name,
            node_name=str(node_name or ""),
            file_type=str(file_type or ""),
            sha256=digest[len(_SUM_PREFIX) :] if digest.upper().startswith(_SUM_PREFIX) else "",
            is_loaded=is_loaded is not False and (are_all_nodes or node_name is not None),
        )
