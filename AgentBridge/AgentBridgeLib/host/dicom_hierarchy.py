"""Place loaded DICOM data under its patient and study in the subject hierarchy.

Follows `Modules/Scripted/DICOMLib/DICOMPlugin.py`, addSeriesInSubjectHierarchy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.host.ports.dicom import DicomOrigin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERIES = ("Modality", "SeriesNumber", "FrameOfReferenceUID", "SeriesDescription", "SeriesDate", "SeriesTime")
_STUDY = ("StudyInstanceUID", "StudyID", "StudyDescription", "StudyDate", "StudyTime")
_PATIENT = ("PatientName", "PatientID", "PatientSex", "PatientBirthDate", "PatientComments")


def place(scene: Any, node: Any, values: Mapping[str, str], instance_uids: Sequence[str]) -> None:
    """Give a node its series, study and patient.

    Parameters
    ----------
    scene
        The scene of the node.
    node
        Loaded from one series.
    values
        DICOM keyword to value.
    instance_uids
        The instances that it was made of, in the order of its slices.
    """
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    uid_name, prefix = constants.GetDICOMUIDName(), constants.GetDICOMAttributePrefix()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = values["StudyInstanceUID"]
    patient = values.get("PatientID") or f"Patient-{study}"  # an empty id must not collect all such patients
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    hierarchy.SetItemUID(item, uid_name, values["SeriesInstanceUID"])
    hierarchy.SetItemUID(item, constants.GetDICOMInstanceUIDName(), " ".join(instance_uids))
    _set(hierarchy, item, prefix, _SERIES, values)
    slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(
        hierarchy, patient, study, values["SeriesInstanceUID"]
    )
    patient_item = hierarchy.GetItemByUID(uid_name, patient)
    study_item = hierarchy.GetItemByUID(uid_name, study)
    _set(hierarchy, patient_item, prefix, _PATIENT, values)
    _set(hierarchy, study_item, prefix, _STUDY, values)
    name = values.get("PatientName") or "No name"
    hierarchy.SetItemName(patient_item, f"{name} ({values.get('PatientID') or 'no ID'})")
    described = [values.get(keyword) for keyword in ("StudyDescription", "StudyDate")]
    hierarchy.SetItemName(study_item, " ".join(part for part in described if part) or "Study")
    node.SetAttribute("DICOM.instanceUIDs", " ".join(instance_uids))  # as the scalar volume plugin does


def origins(scene: Any) -> dict[str, DicomOrigin]:
    """Find the nodes that were loaded from DICOM, by the UIDs of their items; node id to origin."""
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    found = {}
    for number in range(items.GetNumberOfIds()):
        item = items.GetId(number)
        node, series = (
            hierarchy.GetItemDataNode(item),
            hierarchy.GetItemUID(item, constants.GetDICOMUIDName()),
        )
        if node is None or not series:
            continue
        study = hierarchy.GetItemAncestorAtLevel(item, constants.GetDICOMLevelStudy())
        uids = hierarchy.GetItemUID(item, constants.GetDICOMInstanceUIDName()).split()
        found[node.GetID()] = DicomOrigin(
            hierarchy.GetItemUID(study, constants.GetDICOMUIDName()) if study else "",
            series,
            tuple(
                node.GetAttribute("DICOM.instanceUIDs").split()
                if node.GetAttribute("DICOM.instanceUIDs")
                else uids
            ),
        )
    return found


def _set(
    hierarchy: Any, item: int, prefix: str, keywords: tuple[str, ...], values: Mapping[str, str]
) -> None:
    if item:
        for keyword in keywords:
            hierarchy.SetItemAttribute(item, prefix + keyword, values.get(keyword, ""))
