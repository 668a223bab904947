from pathlib import Path

import numpy as np
import pydicom
import pynetdicom
import pytest
import slicer

import dicom_data
from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, FileMissingError
from AgentBridgeLib.operations.dicom import database as dicom_database
from AgentBridgeLib.operations.dicom import loading as dicom_loading


@pytest.fixture
def add(context, run_jobs):
    """Write files below a folder into the application's DICOM database, which is emptied afterwards."""
    yield lambda folder: run_jobs(
        dicom_database.import_files(context, dicom_database.ImportArguments(path=str(folder)))
    )
    database = slicer.app.dicomDatabase()
    for patient in database.patients():
        database.removePatient(patient)


def load(context, run, **arguments):
    return run(dicom_loading.load(context, dicom_loading.LoadArguments(**arguments)))


def test_series_in_shuffled_files_is_loaded_in_slice_order(context, run, add, tmp_path):
    """issue:#6: voxels and geometry exact, rotated, anisotropic, off the origin."""
    _, series = dicom_data.write_ct(tmp_path / "in", 8)
    add(tmp_path / "in")
    loaded = load(context, run, series_instance_uid=series)
    assert loaded.skipped == []
    node = slicer.mrmlScene.GetNodeByID(loaded.node_ids[0])
    assert np.allclose(node.GetSpacing(), (0.9, 0.7, 2.5))
    voxels = slicer.util.arrayFromVolume(node)
    for k in range(8):
        assert np.array_equal(voxels[k], dicom_data.slice_voxels(k) - 1024)
    corner = np.array(node.GetOrigin()) * (-1, -1, 1)
    assert np.allclose(corner, dicom_data.FIRST_POSITION)


def test_loaded_node_stands_under_its_patient_and_study(context, run, add, tmp_path):
    """issue:#6; slicer: DICOMPlugin.addSeriesInSubjectHierarchy."""
    study, series = dicom_data.write_ct(tmp_path / "in", 3)
    add(tmp_path / "in")
    loaded = load(context, run, study_instance_uid=study)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    node = slicer.mrmlScene.GetNodeByID(loaded.node_ids[0])
    item = hierarchy.GetItemByDataNode(node)
    assert hierarchy.GetItemUID(item, "DICOM") == series
    parent = hierarchy.GetItemParent(item)
    assert hierarchy.GetItemUID(parent, "DICOM") == study
    patient = hierarchy.GetItemParent(parent)
    assert hierarchy.GetItemUID(patient, "DICOM") == "P-17"
    assert hierarchy.GetItemAttribute(patient, "DICOM.PatientName") == dicom_data.PATIENT_NAME
    assert "PatientName" in context.host.scene.identifiers().values()
    assert node.GetAttribute("AgentBridge.operation") == "tested.operation"
    assert len(node.GetAttribute("DICOM.instanceUIDs").split()) == 3


def test_series_with_a_missing_slice_is_refused_and_nothing_is_loaded(context, run, add, tmp_path):
    """issue:#6: reported, never loaded with wrong spacing."""
    _, series = dicom_data.write_ct(tmp_path / "in", 8, skipped=(4,))
    add(tmp_path / "in")
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    with pytest.raises(DataInvalidError, match=r"2\.500 to 5\.000 mm"):
        load(context, run, series_instance_uid=series)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before


def test_study_is_loaded_as_far_as_it_has_stacks(context, run, add, tmp_path):
    """issue:#6: partial results are named."""
    study, _ = dicom_data.write_ct(tmp_path / "in", 4)
    dicom_data.write(dicom_data.report(study), tmp_path / "in" / "report.dcm")
    add(tmp_path / "in")
    loaded = load(context, run, study_instance_uid=study)
    assert len(loaded.node_ids) == 1
    assert [one.reason for one in loaded.skipped] == ["SR: it has no images"]


def test_one_instance_is_loaded_alone(context, run, add, tmp_path):
    """issue:#6."""
    _, series = dicom_data.write_ct(tmp_path / "in", 4)
    add(tmp_path / "in")
    instance = context.host.dicom.index.instances(series)[2]
    loaded = load(context, run, sop_instance_uid=instance.uid)
    node = slicer.mrmlScene.GetNodeByID(loaded.node_ids[0])
    assert node.GetImageData().GetDimensions() == (32, 24, 1)
    k = int(instance.values["InstanceNumber"]) - 1
    assert np.array_equal(slicer.util.arrayFromVolume(node)[0], dicom_data.slice_voxels(k) - 1024)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ImagePositionPatient": [0, 0, 0]}, "same position"),
        ({"PixelSpacing": []}, "spacing"),
        ({"NumberOfFrames": 2, "PixelData": bytes(2 * 2 * 24 * 32)}, "multi-frame"),
    ],
)
def test_what_is_no_stack_is_named(context, run, add, tmp_path, values, words):
    """issue:#6."""
    _, series = dicom_data.write_ct(tmp_path / "in", 3, **values)
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match=words):
        load(context, run, series_instance_uid=series)


def test_loading_names_exactly_one_thing_that_exists(context, run, add):
    """issue:#6."""
    with pytest.raises(ArgumentInvalidError):
        load(context, run)
    with pytest.raises(ArgumentInvalidError):
        load(context, run, study_instance_uid="1.2", series_instance_uid="1.3")
    with pytest.raises(FileMissingError):
        load(context, run, study_instance_uid="1.2")


def write_slices(folder, change):
    """Write a CT of six slices, each changed by a function of its number."""
    for k in range(6):
        dicom_data.write(
            dicom_data.ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.3", k, **change(k)), folder / f"{k}.dcm"
        )


def tilted(k):
    return {"ImagePositionPatient": [-30.5, 20.25 + 0.6 * k, 100.0 + 2.5 * k]}


def turned(k):
    return {} if k < 3 else {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}


def resized(k):
    return {} if k < 3 else {"PixelSpacing": [0.7, 0.8]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (tilted, "tilted gantry"),
        (turned, "differ in orientation"),
        (resized, "differ in size or pixel spacing"),
    ],
)
def test_mixed_and_tilted_slices_are_refused_with_the_reason(context, run, add, tmp_path, change, words):
    """issue:#6: without a plugin that corrects it, never loaded with a wrong geometry."""
    write_slices(tmp_path / "in", change)
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match=words):
        load(context, run, series_instance_uid="1.2.3.2")
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0


SAMPLES = [
    *(Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"),
    *(Path(pynetdicom.__file__).parent / "tests" / "dicom_files").glob("*.dcm"),
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A folder with every sample that pydicom reads, each in a series of its own, by series UID."""
    folder, found = tmp_path_factory.mktemp("samples"), {}
    for number, path in enumerate(sorted(SAMPLES), 1):
        try:
            made = pydicom.dcmread(path)
            made.StudyInstanceUID, made.SeriesInstanceUID = f"1.2.77.{number}", f"1.2.78.{number}"
            made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.79.{number}"
            made.PatientID = "sample"
            made.save_as(folder / path.name)
        except Exception:  # noqa: BLE001 - broken on purpose, in every way
            continue
        found[f"1.2.78.{number}"] = folder / path.name
    return found


@pytest.mark.filterwarnings("ignore")
def test_every_sample_is_loaded_as_pydicom_reads_it_or_refused_in_words(context, run, add, samples):
    """issue:#6: compressed and big-endian syntaxes; differential against pydicom on its and pynetdicom's samples."""
    add(next(iter(samples.values())).parent)
    loaded = []
    for series, path in samples.items():
        if series not in context.host.dicom.index.series():
            continue
        try:
            (node_id,) = load(context, run, series_instance_uid=series).node_ids
        except DataInvalidError:
            continue
        made = pydicom.dcmread(path)
        wanted = pydicom.pixels.apply_modality_lut(made.pixel_array, made)
        assert np.array_equal(
            slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(node_id))[0], wanted
        ), path
        loaded.append(path.name)
        slicer.mrmlScene.Clear(0)
    assert {
        "MR_small_RLE.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "693_J2KI.dcm",
        "MR_small_bigendian.dcm",
    } <= set(loaded)
    assert "MR_truncated.dcm" not in loaded


def test_file_that_ends_before_its_pixels_is_named(context, run, add, tmp_path):
    """issue:#6: broken files; readers would fill what is missing with nothing or anything."""
    _, series = dicom_data.write_ct(tmp_path / "in", 4)
    victim = sorted((tmp_path / "in").iterdir())[2]
    uid = pydicom.dcmread(victim).SOPInstanceUID
    victim.write_bytes(victim.read_bytes()[:-100])
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match=f"1 of its 4 files end before their pixels do, {uid} first"):
        load(context, run, series_instance_uid=series)


def test_color_image_that_ends_before_its_pixels_is_refused(context, run, add, tmp_path):
    """issue:#6: three samples are as much to miss as one."""
    rgb = bytes(range(256)) * 9
    values = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    values |= {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    _, series = dicom_data.write_ct(tmp_path / "in", 3, PixelData=rgb, **values)
    victim = min((tmp_path / "in").iterdir())
    victim.write_bytes(victim.read_bytes()[:-100])
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match="1 of its 3 files end before their pixels do"):
        load(context, run, series_instance_uid=series)


def test_progress_of_a_load_never_goes_back_and_reaches_its_end_last(context, add, tmp_path):
    """house: files, plugins, slices and frames have their shares of one fraction."""
    made = dicom_data.enhanced_ct("1.2.826.41", "1.2.826.42", 5)
    dicom_data.write(made, tmp_path / "in" / "enhanced.dcm")
    add(tmp_path / "in")
    arguments = dicom_loading.LoadArguments(series_instance_uid="1.2.826.42")
    told = [
        one for one in dicom_loading.load(context, arguments) if isinstance(one, Progress) and one.fraction
    ]
    fractions = [one.fraction for one in told]
    assert fractions == sorted(fractions)
    assert max(one.fraction for one in told if one.message != "Reading frames") < 0.4
    assert fractions[-1] == pytest.approx(1.0)
