"""The operations that the extension brings."""

from __future__ import annotations

import importlib

from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.registry.catalog import Catalog

MODULES = (
    "application",
    "scene",
    "checkpoints",
    "nodes",
    "files",
    "volumes",
    "volume_data",
    "volume_values",
    "volume_editing",
    "smoothing",
    "denoising",
    "segmentations",
    "segment_statistics",
    "segment_labelmap",
    "segment_editing",
    "markups",
    "markups_points",
    "markups_files",
    "models",
    "model_measures",
    "model_files",
    "model_filters",
    "transforms",
    "transform_fields",
    "landmarks",
    "tables",
    "texts",
    "sequences",
    "views",
    "view_control",
    "cli_modules",
    "dicom",
    "dicom_loading",
    "dicom_reports",
    "dicom_frames",
    "dicom_web",
    "dicom_storing",
    "dicom_exchange",
    "dicom_segmentations",
    "dicom_measurements",
    "person",
    "scripting",
)
"""Modules of `operations/` that declare operations, in the order of the catalogue."""


def make_catalog() -> Catalog:
    """Collect and verify them all; nothing in Slicer is touched."""
    catalog = Catalog(CAPABILITIES)
    for name in MODULES:
        catalog.collect(importlib.import_module(f"AgentBridgeLib.operations.{name}"))
    return catalog
