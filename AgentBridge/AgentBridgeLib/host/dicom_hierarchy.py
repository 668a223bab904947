"""Place loaded DICOM data under its patient and study in the subject hierarchy.

Follows `Modules/Scripted/DICOMLib/DICOMPlugin.py`, addSeriesInSubjectHierarchy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

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


def _set(
    hierarchy: Any, item: int, prefix: str, keywords: tuple[str, ...], values: Mapping[str, str]
) -> None:
    if item:
        for keyword in keywords:
            hierarchy.SetItemAttribute(item, prefix + keyword, values.get(keyword, ""))
