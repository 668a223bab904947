"""A saved scene without the patient: every file of the archive is looked into."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import StorageFailedError
from AgentBridgeLib.host.scene_scrub import Scrubber, scrub_folder
from AgentBridgeLib.operations.scene import scene as operations

PLANTED = re.compile(
    rb"doe|jane|1\.2\.840\.99|19700131|1970-01-31|20200102|secretphys|4711(?!\d)|049Y", re.IGNORECASE
)


@pytest.fixture
def a_patient(scene, make_volume):
    """A scene in which a patient's name, id, dates and UIDs stand wherever a scene has text."""
    volume = make_volume(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), "DOE^JANE CT")
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.840.99.4 1.2.840.99.5")
    volume.SetAttribute("DICOM.PatientAge", "049Y")
    volume.SetDescription("CT of Jane Doe, 4711")
    hierarchy = scene.GetSubjectHierarchyNode()
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "DOE^JANE (4711)")
    hierarchy.SetItemUID(patient, "DICOM", "4711")
    for keyword, value in (
        ("PatientName", "DOE^JANE"),
        ("PatientID", "4711"),
        ("PatientBirthDate", "19700131"),
        ("ReferringPhysicianName", "SECRETPHYS"),
        ("PatientAge", "049Y"),
    ):
        hierarchy.SetItemAttribute(patient, f"DICOM.{keyword}", value)
    study = hierarchy.CreateStudyItem(patient, "Head 20200102")
    hierarchy.SetItemUID(study, "DICOM", "1.2.840.99.1")
    hierarchy.SetItemAttribute(study, "DICOM.StudyDate", "20200102")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Jane's points")
    points.AddControlPoint(4711, -4711.5, 2, "DOE JANE left")
    text = scene.AddNewNodeByClass("vtkMRMLTextNode", "note of 1970-01-31")
    text.SetText("SECRETPHYS has seen DOE, JANE. " * 40)
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "4711")
    table.AddColumn().SetName("JANE DOE")
    table.AddEmptyRow()
    table.SetCellText(0, 0, "4711")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Seg DOE_JANE")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segmentation.GetSegmentation().AddEmptySegment("", "Tumor of DOE JANE")
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "Doe_Jane")
    model.SetAndObserveMesh(_a_sphere())
    return volume


def _a_sphere():
    import vtk

    source = vtk.vtkSphereSource()
    source.Update()
    return source.GetOutput()


def save(context, path, **arguments):
    return operations.save_scene(context, operations.SaveArguments(path=str(path), **arguments))


def snapshot(scene):
    return {
        node.GetID(): (node.GetName(), dict.fromkeys(node.GetAttributeNames()), node.GetDescription())
        for node in scene.GetNodes()
        if not node.IsA("vtkMRMLSubjectHierarchyNode")  # Slicer notes its version in it when it writes
    }


@pytest.mark.parametrize("ending", [".mrb", ".mrml"])
def test_nothing_of_the_patient_is_in_the_files(context, a_patient, scene, tmp_path, ending):
    """issue:#3 and users-ask 25: patient names scrubbed from a shared scene on request."""
    before, revision = snapshot(scene), context.host.scene.revision
    out = tmp_path / "out"
    out.mkdir()
    saved = save(context, out / f"shared{ending}", remove_identifiers=True)
    assert saved.warnings == ()
    assert snapshot(scene) == before
    assert context.host.scene.revision == revision
    if ending == ".mrb":
        with zipfile.ZipFile(out / "shared.mrb") as bundle:
            bundle.extractall(tmp_path / "unpacked")
        out = tmp_path / "unpacked"
    names = [path.relative_to(out).as_posix() for path in out.rglob("*")]
    assert len(names) > 6
    for name in names:
        assert not PLANTED.search(name.encode()), name
    for path in (path for path in out.rglob("*") if path.is_file()):
        found = {match[0] for match in PLANTED.finditer(path.read_bytes())}
        # The coordinates of the point have the digits of the patient id, and must stay.
        allowed = {b"4711"} if path.name.endswith((".mrk.json", ".mrml")) else set()
        assert found <= allowed, (path.name, found)


def test_shared_scene_can_be_loaded_with_all_its_data(context, a_patient, scene, tmp_path):
    """issue:#3: references to renamed files are right."""
    voxels = slicer.util.arrayFromVolume(a_patient).copy()
    save(context, tmp_path / "shared.mrb", remove_identifiers=True)
    scene.Clear(0)
    operations.load_scene(context, operations.LoadArguments(path=str(tmp_path / "shared.mrb")))
    volume = scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    assert np.array_equal(slicer.util.arrayFromVolume(volume), voxels)
    assert "PatientName-" in volume.GetName()
    points = scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode")
    assert points.GetNthControlPointPosition(0) == (4711, -4711.5, 2)
    assert scene.GetFirstNodeByClass("vtkMRMLModelNode").GetPolyData().GetNumberOfPoints() > 0
    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode").GetSegmentation()
    assert segmentation.GetNthSegment(0).GetName().startswith("Tumor of PatientName-")
    assert context.host.scene.identifiers().keys().isdisjoint({"DOE^JANE", "4711", "19700131"})


def test_ordinary_save_tells_what_is_in_the_file(context, a_patient, tmp_path):
    """users-ask 25: report identifying attributes before a file is shared."""
    (warning,) = save(context, tmp_path / "mine.mrb").warnings
    assert "PatientName" in warning
    assert "PatientBirthDate" in warning
    assert "Doe" not in warning


def test_two_shared_files_have_different_pseudonyms(context, a_patient, tmp_path):
    """house: files cannot be matched with each other."""
    names = []
    for name in ("a.mrb", "b.mrb"):
        save(context, tmp_path / name, remove_identifiers=True)
        with zipfile.ZipFile(tmp_path / name) as bundle:
            names.append(sorted(entry for entry in bundle.namelist() if entry.endswith(".vtk")))
    assert names[0]
    assert [name.split("/")[-1] for name in names[0]] != [name.split("/")[-1] for name in names[1]]


def test_what_cannot_be_taken_out_stops_the_saving(tmp_path):
    """house: fails closed."""
    (tmp_path / "a.mrml").write_text('<MRML x="DOE^JANE">')
    with pytest.raises(StorageFailedError):
        scrub_folder(tmp_path, Scrubber(lambda text: text, ["DOE^JANE"]))
