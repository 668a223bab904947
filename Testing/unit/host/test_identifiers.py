"""Patient-identifying texts of the scene."""

from __future__ import annotations

import pytest
import slicer

UID = "1.2.826.0.1.3680043.8.498.1"


@pytest.fixture
def hierarchy(scene):
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


@pytest.fixture
def a_study(hierarchy):
    """A patient with a study, as the DICOM plugins make them."""
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe^Jane (P-4711)")
    hierarchy.SetItemUID(patient, "DICOM", "P-4711")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientName", "Doe^Jane")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientID", "P-4711")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientSex", "F")
    study = hierarchy.CreateStudyItem(patient, "Head (20240229)")
    hierarchy.SetItemUID(study, "DICOM", UID)
    hierarchy.SetItemAttribute(study, "DICOM.StudyDate", "20240229")
    return study


def test_patient_and_study_items_give_names_attributes_and_uids(host_scene, a_study):
    """dicom: PS3.15 table E.1-1; kinds are DICOM keywords."""
    found = host_scene.identifiers()
    assert found["Doe^Jane"] == "PatientName"
    assert found["Doe^Jane (P-4711)"] == "PatientName"
    assert found["P-4711"] == "PatientID"
    assert found[UID] == "StudyInstanceUID"
    assert found["20240229"] == "StudyDate"
    assert "F" not in found


def test_series_below_a_study_give_their_uids(host_scene, hierarchy, a_study, a_volume):
    """slicer: the DICOM plugins put the series UID on the item of the data node."""
    item = hierarchy.GetItemByDataNode(a_volume)
    hierarchy.SetItemParent(item, a_study)
    hierarchy.SetItemUID(item, "DICOM", UID + ".5")
    hierarchy.SetItemUID(item, "DICOMInstanceUID", f"{UID}.5.1 {UID}.5.2")
    found = host_scene.identifiers()
    assert found[UID + ".5"] == "SeriesInstanceUID"
    assert found[UID + ".5.2"] == "SOPInstanceUID"


def test_node_attributes_give_only_what_identifies(host_scene, a_volume):
    """slicer: DICOM.Modality stays readable, the list of instance UIDs is taken apart."""
    a_volume.SetAttribute("DICOM.PatientID", " P-9 ")
    a_volume.SetAttribute("DICOM.Modality", "MR")
    a_volume.SetAttribute("DICOM.instanceUIDs", f"{UID}.1 {UID}.2")
    a_volume.SetAttribute("PatientName", "not from DICOM")
    found = host_scene.identifiers()
    assert found["P-9"] == "PatientID"
    assert found[f"{UID}.2"] == "SOPInstanceUID"
    assert "MR" not in found
    assert "not from DICOM" not in found


def test_identifiers_follow_changes_and_removals(host_scene, hierarchy, a_study, a_volume):
    """house: nothing stale, nothing missed."""
    a_volume.SetAttribute("DICOM.PatientID", "before")
    assert "before" in host_scene.identifiers()
    a_volume.SetAttribute("DICOM.PatientID", "after")
    found = host_scene.identifiers()
    assert "after" in found
    assert "before" not in found
    host_scene.scene.RemoveNode(a_volume)
    assert "after" not in host_scene.identifiers()
    assert "Doe^Jane" in host_scene.identifiers()
    hierarchy.RemoveItem(hierarchy.GetItemParent(a_study))
    assert "Doe^Jane" not in host_scene.identifiers()


def test_a_patient_that_comes_later_or_is_renamed_is_found(host_scene, hierarchy, a_study):
    """house: nothing missed after the hierarchy was walked through once."""
    host_scene.identifiers()
    late = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Roe^Richard")
    assert host_scene.identifiers()["Roe^Richard"] == "PatientName"
    hierarchy.SetItemName(late, "Poe^Edgar")
    found = host_scene.identifiers()
    assert found["Poe^Edgar"] == "PatientName"
    assert "Roe^Richard" not in found
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Kafka^Franz")
    assert "Kafka^Franz" not in host_scene.identifiers()
    hierarchy.SetItemLevel(folder, "Patient")
    assert host_scene.identifiers()["Kafka^Franz"] == "PatientName"


def test_an_unchanged_scene_is_not_looked_at_again(host_scene, a_volume, monkeypatch):
    """house: cached by revision; 10,000 nodes would take long."""
    a_volume.SetAttribute("DICOM.PatientID", "P-1")
    first = host_scene.identifiers()
    from AgentBridgeLib.host import identifiers

    def fail(_):
        raise AssertionError

    monkeypatch.setattr(identifiers, "attribute_identifiers", fail)
    assert host_scene.identifiers() is first


def test_a_change_of_one_node_does_not_look_at_others(host_scene, a_volume, a_model, monkeypatch):
    """house: costs as much as changed; the hierarchy node says that it changed, too."""
    host_scene.identifiers()
    from AgentBridgeLib.host import identifiers

    seen = []
    real = identifiers.attribute_identifiers
    monkeypatch.setattr(
        identifiers, "attribute_identifiers", lambda node: (seen.append(node.GetID()), real(node))[1]
    )
    a_model.SetAttribute("DICOM.PatientName", "Doe^John")
    assert host_scene.identifiers()["Doe^John"] == "PatientName"
    assert a_model.GetID() in seen
    assert a_volume.GetID() not in seen
