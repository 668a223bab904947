"""The operations that the extension brings."""

from __future__ import annotations

import importlib

from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.registry.catalog import Catalog

MODULES = (
    "scene.application",
    "scene.scene",
    "scene.checkpoints",
    "scene.nodes",
    "scene.deletion",
    "scene.files",
    "scene.file_listing",
    "scene.sample_data",
    "volumes.volumes",
    "volumes.uploads",
    "volumes.data",
    "volumes.values",
    "volumes.editing",
    "volumes.cropping",
    "volumes.resampling",
    "volumes.arithmetic",
    "volumes.smoothing",
    "volumes.denoising",
    "segmentations.segmentations",
    "segmentations.creating",
    "segmentations.segments",
    "segmentations.terminologies",
    "segmentations.statistics",
    "segmentations.labelmap_bytes",
    "segmentations.labelmap_uploads",
    "segmentations.editing",
    "segmentations.surfaces",
    "segmentations.voxelizing",
    "segmentations.exporting",
    "segmentations.engines",
    "markups.markups",
    "markups.drawing",
    "markups.points",
    "markups.fitting",
    "markups.files",
    "models.models",
    "models.measures",
    "models.files",
    "models.filters",
    "models.clipping",
    "models.combining",
    "transforms.transforms",
    "transforms.applying",
    "transforms.combining",
    "transforms.mapping",
    "transforms.sampling",
    "transforms.fields",
    "transforms.landmarks",
    "tables.tables",
    "tables.rows",
    "tables.texts",
    "sequences.sequences",
    "sequences.browsers",
    "views.views",
    "views.control",
    "views.rendering",
    "cli.modules",
    "dicom.finding",
    "dicom.attributes",
    "dicom.database",
    "dicom.loading",
    "dicom.reports",
    "dicom.frames",
    "dicom.web_search",
    "dicom.web_metadata",
    "dicom.web_files",
    "dicom.web_frames",
    "dicom.web_rendered",
    "dicom.web_thumbnails",
    "dicom.web_capabilities",
    "dicom.web_uri",
    "dicom.storing",
    "dicom.exchange",
    "dicom.listener",
    "dicom.segmentations",
    "dicom.measurements",
    "dicom.pictures",
    "scene.person",
    "scene.scripting",
)
"""Modules of `operations/` that declare operations, in the order of the catalogue."""


def make_catalog() -> Catalog:
    """Collect and verify them all; nothing in Slicer is touched."""
    catalog = Catalog(CAPABILITIES)
    for name in MODULES:
        catalog.collect(importlib.import_module(f"AgentBridgeLib.operations.{name}"))
    return catalog
