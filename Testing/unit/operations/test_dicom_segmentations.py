import numpy as np
import pydicom
import pytest
import slicer

import dicom_data
from AgentBridgeLib.errors import DataInvalidError, GeometryMismatchError
from AgentBridgeLib.operations.dicom import database as dicom_database
from AgentBridgeLib.operations.dicom import loading as dicom_loading
from AgentBridgeLib.operations.dicom import segmentations as dicom_segmentations


@pytest.fixture
def load_ct(context, run, run_jobs, tmp_path):
    """Load a CT of six slices with some attributes of its own from the DICOM database, which is emptied afterwards."""

    def load(**values):
        _, series = dicom_data.write_ct(tmp_path / "in", 6, **values)
        wanted = dicom_database.ImportArguments(path=str(tmp_path / "in"))
        run_jobs(dicom_database.import_files(context, wanted))
        loaded = run(dicom_loading.load(context, dicom_loading.LoadArguments(series_instance_uid=series)))
        return slicer.mrmlScene.GetNodeByID(loaded.node_ids[0])

    yield load
    database = slicer.app.dicomDatabase()
    for patient in database.patients():
        database.removePatient(patient)


@pytest.fixture
def a_ct(load_ct):
    """A volume loaded from the DICOM database, rotated, anisotropic, off the origin."""
    return load_ct()


def segment(volume, masks):
    """Make a segmentation with one segment per mask."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name, mask in masks.items():
        segment_id = node.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment_id, volume)
    return node


def save(context, run_jobs, segmentation, volume, **arguments):
    wanted = dicom_segmentations.SaveSegmentationArguments(
        segmentation_id=segmentation.GetID(), volume_id=volume.GetID(), **arguments
    )
    return run_jobs(dicom_segmentations.save_segmentation(context, wanted))


def two_masks():
    first, second = np.zeros((2, 6, 24, 32), bool)
    first[1:4, 5:12, 8:20] = True
    second[3:5, 10:15, 12:30] = True  # overlaps the first
    return first, second


def test_saved_segmentation_has_the_same_voxels_patient_and_images(context, run_jobs, a_ct):
    """issue:#6: pattern D; overlapping segments."""
    first, second = two_masks()
    made = save(context, run_jobs, segment(a_ct, {"nodule": first, "lobe": second}), a_ct, series_number=77)
    instance = context.host.dicom.index.instance(made.sop_instance_uid)
    assert instance.series.values["Modality"] == "SEG"
    assert instance.series.values["SeriesNumber"] == "77"
    assert instance.series.study.values["PatientName"] == dicom_data.PATIENT_NAME
    read = pydicom.dcmread(instance.path)
    assert [one.SegmentLabel for one in read.SegmentSequence] == ["nodule", "lobe"]
    uids = a_ct.GetAttribute("DICOM.instanceUIDs").split()
    found = np.zeros((2, 6, 24, 32), bool)
    for pixels, frame in zip(read.pixel_array, read.PerFrameFunctionalGroupsSequence, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        found[number - 1, uids.index(source)] = pixels
    assert np.array_equal(found[0], first)
    assert np.array_equal(found[1], second)


def test_volume_that_is_not_from_the_database_is_refused(context, run_jobs, make_volume):
    """issue:#6: never a guessed patient."""
    volume = make_volume(np.zeros((4, 5, 6), np.int16))
    with pytest.raises(DataInvalidError):
        save(context, run_jobs, segment(volume, {"a": np.ones((4, 5, 6))}), volume)


def test_moved_volume_and_empty_segments_are_refused(context, run_jobs, a_ct):
    """issue:#6."""
    first, _ = two_masks()
    with pytest.raises(DataInvalidError):
        save(context, run_jobs, segment(a_ct, {"empty": np.zeros_like(first)}), a_ct)
    full = segment(a_ct, {"a": first})
    a_ct.SetOrigin(1, 2, 3)
    with pytest.raises(GeometryMismatchError):
        save(context, run_jobs, full, a_ct)


def test_volume_that_was_turned_about_its_first_corners_is_refused(context, run_jobs, a_ct):
    """issue:#6: the first voxel of each slice is where it was, all others are not."""
    import vtk

    first, _ = two_masks()
    full = segment(a_ct, {"a": first})
    matrix = vtk.vtkMatrix4x4()
    a_ct.GetIJKToRASMatrix(matrix)
    for row in range(3):
        matrix.SetElement(row, 0, -matrix.GetElement(row, 0))
    a_ct.SetIJKToRASMatrix(matrix)
    with pytest.raises(GeometryMismatchError, match="turned"):
        save(context, run_jobs, full, a_ct)


def a_line(positions, name="diameter"):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    for position in positions:
        node.AddControlPoint(*position)
    return node


def in_ras(volume, index_ijk):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix.MultiplyPoint((*index_ijk, 1))[:3]


def measure(context, run_jobs, markups, volume):
    from AgentBridgeLib.operations.dicom import measurements as dicom_measurements

    wanted = dicom_measurements.SaveMeasurementsArguments(
        markups_ids=[one.GetID() for one in markups], volume_id=volume.GetID()
    )
    return run_jobs(dicom_measurements.save_measurements(context, wanted))


def test_saved_measurements_are_a_report_on_the_right_images(context, run_jobs, a_ct):
    """issue:#6: TID 1500; 10 columns of 0.9 mm are 9 mm."""
    line = a_line([in_ras(a_ct, (5, 7, 2)), in_ras(a_ct, (15, 7, 2))])
    made = measure(context, run_jobs, [line], a_ct)
    instance = context.host.dicom.index.instance(made.sop_instance_uid)
    assert instance.series.values["Modality"] == "SR"
    assert instance.series.study.values["PatientID"] == "P-17"
    read = pydicom.dcmread(instance.path)
    assert read.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    from AgentBridgeLib.operations.dicom import report_tree as dicom_report_tree

    shown = list(dicom_report_tree.lines(read, hides_names=False))
    (length,) = [one.strip() for one in shown if one.strip().startswith("Length")]
    assert float(length.split()[1]) == pytest.approx(9.0)
    assert "mm" in length
    assert [one for one in shown if "diameter" in one]
    assert [one for one in shown if a_ct.GetAttribute("DICOM.instanceUIDs").split()[2] in one]


def test_measurement_outside_the_volume_is_refused(context, run_jobs, a_ct):
    """issue:#6."""
    with pytest.raises(GeometryMismatchError):
        measure(context, run_jobs, [a_line([(900, 900, 900), (910, 900, 900)])], a_ct)
    with pytest.raises(DataInvalidError):
        measure(context, run_jobs, [a_line([in_ras(a_ct, (5, 7, 2))])], a_ct)


def equipment(context, made):
    read = pydicom.dcmread(context.host.dicom.index.instance(made.sop_instance_uid).path)
    (item,) = read.ContributingEquipmentSequence
    assert (item.Manufacturer, item.PurposeOfReferenceCodeSequence[0].CodeValue) == ("AgentBridge", "109102")
    return item.ContributionDescription


def test_new_objects_say_who_made_them_for_whom(context, run_jobs, a_ct):
    """issue:#6: provenance, in SEG and SR."""
    first, _ = two_masks()
    line = a_line([in_ras(a_ct, (5, 7, 2)), in_ras(a_ct, (15, 7, 2))])
    expected = "tested.operation at 2026-07-01T12:00:00Z for pytest, job job7"
    assert equipment(context, save(context, run_jobs, segment(a_ct, {"a": first}), a_ct)) == expected
    assert equipment(context, measure(context, run_jobs, [line], a_ct)) == expected


def put_under_another_patient(node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Somebody Else")
    hierarchy.SetItemUID(patient, "DICOM", "P-99")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), patient)


def test_nothing_gets_into_the_study_of_another_patient(context, run_jobs, a_ct):
    """issue:#6: the right patient, in SEG, SR and pictures; also a volume that was put under another patient."""
    first, _ = two_masks()
    segmentation = segment(a_ct, {"a": first})
    line = a_line([in_ras(a_ct, (5, 7, 2)), in_ras(a_ct, (15, 7, 2))])
    for node in (segmentation, line):
        put_under_another_patient(node)
    count = slicer.app.dicomDatabase().seriesCount()
    with pytest.raises(DataInvalidError, match="another patient"):
        save(context, run_jobs, segmentation, a_ct)
    with pytest.raises(DataInvalidError, match="another patient"):
        measure(context, run_jobs, [line], a_ct)
    with pytest.raises(DataInvalidError, match="another patient"):
        picture(context, run_jobs, a_ct)
    slicer.mrmlScene.RemoveNode(segmentation)
    slicer.mrmlScene.RemoveNode(line)
    put_under_another_patient(a_ct)
    with pytest.raises(DataInvalidError, match="another patient"):
        save(context, run_jobs, segment(a_ct, {"a": first}), a_ct)
    assert slicer.app.dicomDatabase().seriesCount() == count


def test_segmentation_made_on_a_volume_of_another_patient_is_refused(context, run_jobs, a_ct, make_volume):
    """issue:#6: also when the segmentation itself stands nowhere in the subject hierarchy."""
    other = make_volume(np.zeros((6, 24, 32), np.int16))
    put_under_another_patient(other)
    node = segment(other, {"a": np.ones((6, 24, 32))})
    with pytest.raises(DataInvalidError, match="another patient"):
        save(context, run_jobs, node, a_ct)


def picture(context, run_jobs, volume, **arguments):
    from AgentBridgeLib.operations.dicom import pictures

    return run_jobs(
        pictures.save_picture(
            context, pictures.SavePictureArguments(volume_id=volume.GetID(), offset_mm=105, **arguments)
        )
    )


def test_picture_is_saved_in_the_study_of_its_volume(context, run_jobs, a_ct):
    """issue:#6: pattern D, PS3.3 A.8.1; the very pixels of the view, of a size that makes an odd number of bytes."""
    from AgentBridgeLib.host.ports.views import SliceRequest

    made = picture(context, run_jobs, a_ct, width_px=201, height_px=99, series_number=55)
    shown = context.host.views.slice_picture(
        "Red", SliceRequest(width_px=201, height_px=99, offset_mm=105, background_id=a_ct.GetID())
    )
    instance = context.host.dicom.index.instance(made.sop_instance_uid)
    read = pydicom.dcmread(instance.path)
    assert np.array_equal(read.pixel_array, shown.pixels)
    assert (read.PatientID, read.StudyDescription, read.SeriesNumber) == ("P-17", "Chest of Jane", 55)
    assert (read.BurnedInAnnotation, read.Modality, read.ConversionType) == ("NO", "OT", "WSD")
    sources = [one.ReferencedSOPInstanceUID for one in read.SourceImageSequence]
    assert sources == a_ct.GetAttribute("DICOM.instanceUIDs").split()
    equipment(context, made)


def test_picture_with_markups_is_flagged_and_an_unknown_view_named(context, run_jobs, a_ct):
    """issue:#6: labels of markups are text in the pixels."""
    from AgentBridgeLib.errors import ArgumentInvalidError

    a_line([in_ras(a_ct, (5, 7, 2)), in_ras(a_ct, (15, 7, 2))]).CreateDefaultDisplayNodes()
    made = picture(context, run_jobs, a_ct)
    read = pydicom.dcmread(context.host.dicom.index.instance(made.sop_instance_uid).path)
    assert read.BurnedInAnnotation == "YES"
    with pytest.raises(ArgumentInvalidError, match="Red"):
        picture(context, run_jobs, a_ct, view="Rde")


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        ("Wang^XiaoDong=王^小东", "GB18030"),
        ("Müller^Jörg", "ISO_IR 100"),
        ("Doe^Jane", None),
    ],
)
def test_new_objects_keep_the_patient_s_name_and_ours_in_every_script(
    context, run_jobs, load_ct, name, charset
):
    """issue:#6: the right patient: a PACS takes a name with question marks for another one."""
    volume = load_ct(PatientName=name, SpecificCharacterSet=charset)
    first, _ = two_masks()
    text = "Läsion 肝臓"
    line = a_line([in_ras(volume, (5, 7, 2)), in_ras(volume, (15, 7, 2))], text)
    saved = [
        save(context, run_jobs, segment(volume, {text: first}), volume, series_description=text),
        measure(context, run_jobs, [line], volume),
        picture(context, run_jobs, volume, series_description=text),
    ]
    read = [pydicom.dcmread(context.host.dicom.index.instance(one.sop_instance_uid).path) for one in saved]
    assert [str(one.PatientName) for one in read] == [name] * 3
    assert [one.SeriesDescription for one in read] == [text, "Measurements", text]
    assert read[0].SegmentSequence[0].SegmentLabel == text
    assert text in str(read[1])
