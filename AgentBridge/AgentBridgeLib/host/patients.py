"""Whose data a node is: by the subject hierarchy, else by the node's own DICOM attributes."""

from __future__ import annotations

from typing import Any

from AgentBridgeLib.host.ports.scene import Patient

_IDS = ("DICOM.PatientID", "DICOM.PatientsID")
_NAMES = ("DICOM.PatientName", "DICOM.PatientsName")
_DEEPEST = 32


def patient_of(scene: Any, node: Any) -> Patient | None:
    """Find the patient of a node; None when nothing says whose it is."""
    hierarchy = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    return _by_hierarchy(hierarchy, node) or _by_attributes(node)


def _by_hierarchy(hierarchy: Any, node: Any) -> Patient | None:
    item = 0 if hierarchy is None else hierarchy.GetItemByDataNode(node)
    for _ in range(_DEEPEST):
        if not item:
            return None
        if hierarchy.GetItemLevel(item) == "Patient":
            name = hierarchy.GetItemName(item) or ""
            key = hierarchy.GetItemUID(item, "DICOM") or hierarchy.GetItemAttribute(item, "DICOM.PatientID")
            return Patient(key or name, name or key)
        item = hierarchy.GetItemParent(item)
    return None


def _by_attributes(node: Any) -> Patient | None:
    key, name = (_first(node, names) for names in (_IDS, _NAMES))
    return Patient(key or name, name or key) if key or name else None


def _first(node: Any, names: tuple[str, ...]) -> str:
    return next((value for value in map(node.GetAttribute, names) if value), "")
