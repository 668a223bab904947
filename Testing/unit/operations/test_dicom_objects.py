"""Multi-frame images, segmentation objects and Slicer's DICOM plugins."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import slicer

import dicom_data
from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.dicom import database, loading, segmentations

IDENTITY = {
    "Manufacturer": "M",
    "ManufacturerModelName": "S",
    "SoftwareVersions": "1",
    "DeviceSerialNumber": "7",
}
SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture
def add(context, run_jobs):
    """Write files below a folder into the application's DICOM database, which is emptied afterwards."""
    yield lambda folder: run_jobs(database.import_files(context, database.ImportArguments(path=str(folder))))
    base = slicer.app.dicomDatabase()
    for patient in base.patients():
        base.removePatient(patient)


@pytest.fixture
def load(context, run_jobs):
    """Load by study, series or instance UID."""
    return lambda **arguments: run_jobs(loading.load(context, loading.LoadArguments(**arguments)))


def node_of(loaded):
    return slicer.mrmlScene.GetNodeByID(loaded.node_ids[0])


def enhanced(folder, count=6):
    """Write an enhanced CT whose frames are not in slice order; give its series."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage
    from pydicom.uid import generate_uid

    slices = [dicom_data.ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.3", k, **IDENTITY) for k in range(count)]
    made = LegacyConvertedEnhancedCTImage(
        [slices[place] for place in np.random.default_rng(3).permutation(count)],
        series_instance_uid="1.2.3.4",
        series_number=4,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )
    folder.mkdir(parents=True, exist_ok=True)
    made.save_as(folder / "enhanced.dcm")
    return made


def test_enhanced_multi_frame_image_is_loaded_with_its_geometry(add, load, tmp_path):
    """issue:#6; PS3.3 C.7.6.16: rotated, anisotropic, off the origin, frames not in slice order."""
    enhanced(tmp_path / "in")
    add(tmp_path / "in")
    loaded = load(series_instance_uid="1.2.3.4")
    assert loaded.loaded[0].reader == "multi-frame"
    node = node_of(loaded)
    assert np.allclose(node.GetSpacing(), (0.9, 0.7, 2.5))
    assert np.allclose(np.array(node.GetOrigin()) * (-1, -1, 1), dicom_data.FIRST_POSITION)
    voxels = slicer.util.arrayFromVolume(node)
    assert voxels.dtype == np.int32  # 16 signed bits and an intercept of -1024
    for k in range(6):
        assert np.array_equal(voxels[k], dicom_data.slice_voxels(k) - 1024)
    assert (node.GetDisplayNode().GetLevel(), node.GetDisplayNode().GetWindow()) == (-500, 1000)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
    assert hierarchy.GetItemUID(study, "DICOM") == "1.2.3.1"


def test_segmentation_on_a_multi_frame_image_is_saved_on_its_frames(context, add, load, run_jobs, tmp_path):
    """issue:#6: each mask refers to its frame, wherever that stands in the file; highdicom is the oracle."""
    from highdicom.seg import segread

    made = enhanced(tmp_path / "in")
    add(tmp_path / "in")
    volume = node_of(load(series_instance_uid="1.2.3.4"))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    masks = two_masks()
    for name, mask in zip(("nodule", "lobe"), masks, strict=True):
        segmentation.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, name, volume)
    wanted = segmentations.SaveSegmentationArguments(
        segmentation_id=segmentation.GetID(), volume_id=volume.GetID()
    )
    saved = run_jobs(segmentations.save_segmentation(context, wanted))
    read = segread(context.host.dicom.index.instance(saved.sop_instance_uid).path)
    frames = read.get_pixels_by_source_frame(
        made.SOPInstanceUID, range(1, 7), assert_missing_frames_are_empty=True
    )
    for frame, group in enumerate(made.PerFrameFunctionalGroupsSequence):
        z = group.PlanePositionSequence[0].ImagePositionPatient[2]
        k = round((z - dicom_data.FIRST_POSITION[2]) / dicom_data.SPACING_MM)
        for segment in (0, 1):
            assert np.array_equal(frames[frame, ..., segment], masks[segment][k])
    assert (read.StudyInstanceUID, read.PatientID) == ("1.2.3.1", "P-17")
    again = node_of(load(series_instance_uid=saved.series_instance_uid))
    for name, mask in zip(again.GetSegmentation().GetSegmentIDs(), masks, strict=True):
        assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(again, name, volume), mask)


def test_measurement_on_a_multi_frame_image_refers_to_its_frame(context, add, load, run_jobs, tmp_path):
    """issue:#6; PS3.16 TID 1501: the frame number is that of the file."""
    import vtk
    from highdicom.sr import srread

    from AgentBridgeLib.operations.dicom import measurements

    made = enhanced(tmp_path / "in")
    add(tmp_path / "in")
    volume = node_of(load(series_instance_uid="1.2.3.4"))
    line, matrix = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode"), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    for point in ((3, 3, 4, 1), (20, 9, 4, 1)):
        line.AddControlPoint(*matrix.MultiplyPoint(point)[:3])
    wanted = measurements.SaveMeasurementsArguments(markups_ids=[line.GetID()], volume_id=volume.GetID())
    saved = run_jobs(measurements.save_measurements(context, wanted))
    report = srread(context.host.dicom.index.instance(saved.sop_instance_uid).path)
    (group,) = report.content.get_image_measurement_groups()
    (image,) = group.source_images
    (frame,) = image.referenced_frame_numbers
    place = made.PerFrameFunctionalGroupsSequence[frame - 1].PlanePositionSequence[0].ImagePositionPatient
    assert image.referenced_sop_instance_uid == made.SOPInstanceUID
    assert place[2] == pytest.approx(dicom_data.FIRST_POSITION[2] + 4 * dicom_data.SPACING_MM)


def test_two_volumes_in_one_multi_frame_image_are_refused_with_the_reason(add, load, tmp_path):
    """issue:#6: never mixed."""
    made = enhanced(tmp_path / "in")
    groups = made.PerFrameFunctionalGroupsSequence
    groups[0].PlanePositionSequence = groups[1].PlanePositionSequence
    made.save_as(tmp_path / "in" / "enhanced.dcm")
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match="6 frames at 5 positions"):
        load(series_instance_uid="1.2.3.4")


def test_missing_frame_is_reported_and_not_loaded(add, load, tmp_path):
    """issue:#6: never wrong spacing."""
    made = enhanced(tmp_path / "in")
    places = [
        one.PlanePositionSequence[0].ImagePositionPatient[2] for one in made.PerFrameFunctionalGroupsSequence
    ]
    lost = int(np.argsort(places)[3])
    frames = made.pixel_array
    made.PixelData = np.delete(frames, lost, 0).tobytes()
    made.NumberOfFrames = 5
    del made.PerFrameFunctionalGroupsSequence[lost]
    made.save_as(tmp_path / "in" / "enhanced.dcm")
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match="not evenly spaced"):
        load(series_instance_uid="1.2.3.4")


def two_masks():
    first, second = np.zeros((2, 6, 24, 32), np.uint8)
    first[[1, 3], 5:12, 8:20] = 1  # a slice between is empty, and not in the file
    second[3:5, 10:15, 12:30] = 1
    return first, second


def test_saved_segmentation_is_loaded_again_voxel_by_voxel(context, add, load, run_jobs, tmp_path):
    """issue:#6: who pushed a SEG loads it: overlapping segments, names, colors, empty slices, rotated grid."""
    study, series = dicom_data.write_ct(tmp_path / "in", 6)
    add(tmp_path / "in")
    volume = node_of(load(series_instance_uid=series))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    masks = dict(zip(("nodule", "lobe"), two_masks(), strict=True))
    for name, mask in masks.items():
        segment_id = node.GetSegmentation().AddEmptySegment(name, name, (0.2, 0.4, 0.8))
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment_id, volume)
    wanted = segmentations.SaveSegmentationArguments(segmentation_id=node.GetID(), volume_id=volume.GetID())
    made = run_jobs(segmentations.save_segmentation(context, wanted))
    loaded = load(series_instance_uid=made.series_instance_uid)
    assert (loaded.loaded[0].reader, loaded.loaded[0].warnings) == ("segmentation", [])
    again = node_of(loaded)
    ids = again.GetSegmentation().GetSegmentIDs()
    assert [again.GetSegmentation().GetSegment(one).GetName() for one in ids] == list(masks)
    for segment_id, mask in zip(ids, masks.values(), strict=True):
        assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(again, segment_id, volume), mask)
        color = again.GetSegmentation().GetSegment(segment_id).GetColor()
        assert np.allclose(color, (0.2, 0.4, 0.8), atol=0.01)
    role = again.GetReferenceImageGeometryReferenceRole()
    assert again.GetNodeReference(role) is volume
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(again))
    assert hierarchy.GetItemUID(parent, "DICOM") == study
    slicer.mrmlScene.Clear(0)
    whole = load(study_instance_uid=study)
    assert [one.reader for one in whole.loaded] == ["stack", "segmentation"]
    volume, again = (slicer.mrmlScene.GetNodeByID(one) for one in whole.node_ids)
    assert again.GetNodeReference(role) is volume


def write_segmentation(folder, series, masks, kind, **keywords):
    """Write a segmentation object of a CT series with highdicom; masks have shape (segment, k, j, i)."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    sources = sorted(
        (pydicom.dcmread(path) for path in slicer.app.dicomDatabase().filesForSeries(series)),
        key=lambda one: one.ImagePositionPatient[2],
    )
    algorithm = AlgorithmIdentificationSequence("maker", codes.cid7162.ArtificialIntelligence, "1")
    described = [
        SegmentDescription(number, f"s{number}", codes.SCT.Tissue, codes.SCT.Liver, "AUTOMATIC", algorithm)
        for number in range(1, len(masks) + 1)
    ]
    made = Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(np.moveaxis(masks, 0, -1)),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid="1.2.3.9",
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="maker",
        manufacturer_model_name="maker",
        software_versions="1",
        device_serial_number="1",
        **keywords,
    )
    folder.mkdir(parents=True)
    made.save_as(folder / "seg.dcm")


@pytest.mark.parametrize("says_no_spacing", [False, True])
@pytest.mark.parametrize(
    ("kind", "keywords", "factor", "warnings"),
    [
        ("BINARY", {}, 1, []),
        ("BINARY", {"omit_empty_frames": False}, 1, []),
        ("LABELMAP", {}, 1, []),
        ("FRACTIONAL", {"max_fractional_value": 100}, 0.6, ["It has fractions"]),
    ],
)
def test_segmentation_object_of_each_kind_is_loaded(
    add, load, tmp_path, kind, keywords, factor, warnings, says_no_spacing
):
    """issue:#6; PS3.3 C.8.20.2: every other slice is left out, so the gaps of its frames are not its spacing."""
    _, series = dicom_data.write_ct(tmp_path / "in", 7, **{**IDENTITY, "SliceThickness": 1.0})
    add(tmp_path / "in")
    masks = np.zeros((2, 7, 24, 32), np.float32 if kind == "FRACTIONAL" else np.uint8)
    masks[0, [1, 3, 5], 5:12, 8:20] = factor
    masks[1, [1, 5], 15:20, 3:9] = factor
    if kind == "FRACTIONAL":
        masks[0, 3, 20:22] = 0.4  # less than one half
    write_segmentation(tmp_path / "seg", series, masks, kind, **keywords)
    if says_no_spacing:
        made = pydicom.dcmread(tmp_path / "seg" / "seg.dcm")
        del made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
        made.save_as(tmp_path / "seg" / "seg.dcm")
    add(tmp_path / "seg")
    volume = node_of(load(series_instance_uid=series))
    loaded = load(series_instance_uid="1.2.3.9")
    assert [one.partition(";")[0] for one in loaded.loaded[0].warnings] == warnings
    node = node_of(loaded)
    for number, mask in enumerate(masks):
        segment_id = node.GetSegmentation().GetNthSegmentID(number)
        found = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume)
        assert np.array_equal(found > 0, mask > 0.5)
        own = node.GetBinaryLabelmapInternalRepresentation(segment_id)
        assert np.allclose(own.GetSpacing(), (0.9, 0.7, 2.5))


def test_segmentation_object_that_contradicts_itself_is_refused(add, load, tmp_path):
    """issue:#6; pydicom's sample liver_1frame.dcm has one frame and describes three."""
    (tmp_path / "in").mkdir()
    shutil.copy(SAMPLES / "liver_1frame.dcm", tmp_path / "in")
    add(tmp_path / "in")
    truth = pydicom.dcmread(SAMPLES / "liver_1frame.dcm")
    with pytest.raises(DataInvalidError, match="1 frames but describes 3"):
        load(series_instance_uid=str(truth.SeriesInstanceUID))


@pytest.mark.parametrize("sample", ["rtdose.dcm", "rtplan.dcm"])
def test_radiotherapy_without_a_plugin_is_refused_with_the_reason(add, load, tmp_path, sample):
    """issue:#6."""
    (tmp_path / "in").mkdir()
    made = pydicom.dcmread(SAMPLES / sample)
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.9.1", "1.2.9.2"
    made.save_as(tmp_path / "in" / sample)
    add(tmp_path / "in")
    with pytest.raises(DataInvalidError, match="SlicerRT"):
        load(series_instance_uid="1.2.9.2")


class Plugin:
    """A DICOM plugin as Slicer and its extensions have them: two methods, found in `slicer.modules.dicomPlugins`."""

    offers: tuple = ()

    def examineForImport(self, fileLists):  # noqa: N803 - Slicer's seam
        return [SimpleNamespace(files=list(files), **one) for files in fileLists for one in self.offers]

    def load(self, loadable):
        return loadable.make(loadable.files)


@pytest.fixture
def plugins(monkeypatch):
    """Register plugins: ``plugins(A=[offer, ...])`` with confidence, warning and a function that loads."""

    def register(**classes):
        made = {name: type(name, (Plugin,), {"offers": offers}) for name, offers in classes.items()}
        monkeypatch.setattr(slicer.modules, "dicomPlugins", made, raising=False)

    return register


def by_slicer(files, *, is_sorted=True, shift_mm=0.0):
    """Read slices as Slicer's scalar volume plugin does."""
    heads = {one: pydicom.dcmread(one, stop_before_pixels=True) for one in files}
    ordered = sorted(files, key=lambda one: heads[one].ImagePositionPatient[2]) if is_sorted else files
    node = slicer.util.loadVolume(ordered[0], {"fileNames": ordered, "singleFile": False})
    node.SetAttribute("DICOM.instanceUIDs", " ".join(heads[one].SOPInstanceUID for one in ordered))
    if shift_mm:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = slicer.util.arrayFromTransformMatrix(transform)
        matrix[2, 3] = shift_mm
        slicer.util.updateTransformMatrixFromArray(transform, matrix)
        node.SetAndObserveTransformNodeID(transform.GetID())
    return node


def test_most_confident_plugin_loads_and_its_warning_is_told(add, load, plugins, tmp_path):
    """slicer: DICOMUtils.selectHighestConfidenceLoadables."""
    _, series = dicom_data.write_ct(tmp_path / "in", 4)
    add(tmp_path / "in")
    plugins(
        Unsure=[{"confidence": 0.3, "make": lambda files: pytest.fail("is less confident")}],
        Volumes=[{"confidence": 0.5, "warning": "Use with caution.", "make": by_slicer}],
    )
    loaded = load(series_instance_uid=series)
    assert (loaded.loaded[0].reader, loaded.loaded[0].warnings) == ("Volumes", ["Use with caution."])
    assert len(loaded.node_ids) == 1
    assert node_of(loaded).GetAttribute("AgentBridge.operation") == "tested.operation"


@pytest.mark.parametrize("how", [{"is_sorted": False}, {"shift_mm": 3.0}])
def test_what_a_plugin_puts_in_the_wrong_place_is_taken_back(add, load, plugins, tmp_path, how):
    """issue:#6: never loaded with wrong geometry; the bridge's own reader takes over and says so."""
    _, series = dicom_data.write_ct(tmp_path / "in", 8)
    add(tmp_path / "in")
    plugins(Wrong=[{"confidence": 1.0, "make": lambda files: by_slicer(files, **how)}])
    loaded = load(series_instance_uid=series)
    assert loaded.loaded[0].reader == "stack"
    assert "not where the files say" in loaded.loaded[0].warnings[0]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert np.allclose(node_of(loaded).GetSpacing(), (0.9, 0.7, 2.5))


def test_plugin_that_fails_leaves_nothing_and_the_reason_is_told(add, load, plugins, tmp_path):
    """slicer: plugins raise, and loadLoadables only logs it."""
    _, series = dicom_data.write_ct(tmp_path / "in", 4, skipped=(2,))
    add(tmp_path / "in")

    def fail(files):
        by_slicer(files)
        raise KeyError("broken plugin")

    plugins(Broken=[{"confidence": 1.0, "make": fail}])
    with pytest.raises(DataInvalidError, match=r"Broken failed: it raised KeyError.*not evenly spaced"):
        load(series_instance_uid=series)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


def test_warning_of_a_plugin_names_no_paths_and_what_it_left_out_is_told(add, load, plugins, tmp_path):
    """slicer: DICOMScalarVolumePlugin writes paths into warnings, and offers parts of a mixed series."""
    _, series = dicom_data.write_ct(tmp_path / "in", 6)
    add(tmp_path / "in")
    base = slicer.app.dicomDatabase()
    files = sorted(base.filesForSeries(series), key=lambda one: float(base.fileValue(one, "0020,0013")))

    class Parts(Plugin):
        def examineForImport(self, fileLists):  # noqa: N803 - Slicer's seam
            words = f"Spacing between {files[0]} and {files[1]}."
            return [SimpleNamespace(files=files[:4], warning=words, confidence=0.5, make=by_slicer)]

    plugins()
    slicer.modules.dicomPlugins["Parts"] = Parts
    (done,) = load(series_instance_uid=series).loaded
    uids = [base.instanceForFile(one) for one in files]
    assert done.warnings[0] == f"Spacing between {uids[0]} and {uids[1]}."
    assert done.warnings[1].startswith("2 of 6 instances")


def test_parts_of_a_mixed_series_are_loaded_when_the_whole_is_not_right(add, load, plugins, tmp_path):
    """slicer: of two orientations its plugin offers the whole first, of which its reader leaves half out."""
    for k in range(6):
        turned = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]} if k > 2 else {}
        one = dicom_data.ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.3", k, **turned)
        dicom_data.write(one, tmp_path / "in" / f"{k}.dcm")
    add(tmp_path / "in")
    base = slicer.app.dicomDatabase()
    files = sorted(base.filesForSeries("1.2.3.2"), key=lambda one: float(base.fileValue(one, "0020,0013")))

    def half(_):
        node = by_slicer(files[:3])
        node.SetAttribute("DICOM.instanceUIDs", " ".join(base.instanceForFile(one) for one in files))
        return node

    class Volumes(Plugin):
        def examineForImport(self, fileLists):  # noqa: N803 - Slicer's seam
            parts = [(files, 0.5, half), (files[:3], 0.45, by_slicer), (files[3:], 0.45, by_slicer)]
            return [SimpleNamespace(files=one, confidence=sure, make=make) for one, sure, make in parts]

    plugins()
    slicer.modules.dicomPlugins["Volumes"] = Volumes
    loaded = load(series_instance_uid="1.2.3.2")
    assert len(loaded.node_ids) == 2
    assert [one.split(":")[1].strip() for one in loaded.loaded[0].warnings] == [
        "it has 3 slices, made of 6 images."
    ]


def test_volume_of_a_tilted_gantry_comes_with_a_warning(add, load, plugins, tmp_path):
    """slicer: its reader shears the axes of such a volume, which is right, but its voxels are no boxes."""
    for k in range(6):
        position = [-30.5, 20.25 + 0.6 * k, 100.0 + 2.5 * k]
        one = dicom_data.ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.3", k, ImagePositionPatient=position)
        dicom_data.write(one, tmp_path / "in" / f"{k}.dcm")
    add(tmp_path / "in")

    def make(files):
        node = by_slicer(files)
        matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
        node.GetIJKToRASMatrix(matrix)
        for row, step in enumerate((0.0, -0.6, 2.5)):
            matrix.SetElement(row, 2, step)
        node.SetIJKToRASMatrix(matrix)
        return node

    plugins(Volumes=[{"confidence": 0.5, "make": make}])
    (done,) = load(series_instance_uid="1.2.3.2").loaded
    assert done.reader == "Volumes"
    assert "tilted gantry" in done.warnings[0]


def test_object_that_only_a_plugin_knows_is_loaded_by_it(add, load, plugins, tmp_path):
    """issue:#6: radiotherapy with SlicerRT."""
    (tmp_path / "in").mkdir()
    made = pydicom.dcmread(SAMPLES / "rtplan.dcm")
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.9.1", "1.2.9.2"
    made.save_as(tmp_path / "in" / "plan.dcm")
    add(tmp_path / "in")

    def make(files):
        return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "isocenter")

    plugins(DicomRtImportExportPlugin=[{"confidence": 1.0, "make": make}])
    loaded = load(series_instance_uid="1.2.9.2")
    assert node_of(loaded).GetName() == "isocenter"
