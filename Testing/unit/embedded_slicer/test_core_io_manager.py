"""Reading and writing single files as Slicer's readers and writers do."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import slicer
import vtk


def load(io_manager, path, file_type=None, **properties):
    loaded, messages = vtk.vtkCollection(), slicer.vtkMRMLMessageCollection()
    file_type = file_type or io_manager.fileType(str(path))
    succeeded = io_manager.loadNodes(file_type, {"fileName": str(path), **properties}, loaded, messages)
    return succeeded, [loaded.GetItemAsObject(index) for index in range(loaded.GetNumberOfItems())], messages


def ijk_to_ras(volume):
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"])
def test_a_volume_comes_back_voxel_exact_and_in_place(io_manager, a_volume, tmp_path, suffix):
    """slicer: Volumes/qSlicerVolumesReader.cxx."""
    path = tmp_path / f"saved{suffix}"
    assert slicer.util.saveNode(a_volume, str(path), {})
    assert io_manager.fileType(str(path)) == "VolumeFile"
    succeeded, (again,), _ = load(io_manager, path)
    assert succeeded
    assert again.GetName() == "saved"
    # The archetype reader may turn the k axis of a left-handed file: positions decide.
    same = np.allclose(ijk_to_ras(again), ijk_to_ras(a_volume))
    voxels, expected = slicer.util.arrayFromVolume(again), slicer.util.arrayFromVolume(a_volume)
    assert np.array_equal(voxels if same else voxels[::-1], expected)


def test_a_loaded_volume_is_shown_unless_told_otherwise(io_manager, a_volume, tmp_path):
    """slicer: the property `show` of qSlicerVolumesReader."""
    path = tmp_path / "v.nrrd"
    slicer.util.saveNode(a_volume, str(path), {})
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    load(io_manager, path, show=False)
    assert red.GetBackgroundVolumeID() is None
    _, (shown,), _ = load(io_manager, path)
    assert red.GetBackgroundVolumeID() == shown.GetID()


def test_a_volume_loads_as_a_label_map(io_manager, a_volume, tmp_path):
    """slicer: the property `labelmap`."""
    path = tmp_path / "v.nrrd"
    slicer.util.saveNode(a_volume, str(path), {})
    _, (node,), _ = load(io_manager, path, labelmap=True)
    assert node.IsA("vtkMRMLLabelMapVolumeNode")


def test_a_segmentation_comes_back_voxel_exact(io_manager, a_volume, a_segmentation, tmp_path):
    """slicer: Segmentations/qSlicerSegmentationsReader.cxx."""
    path = tmp_path / "s.seg.nrrd"
    assert slicer.util.saveNode(a_segmentation, str(path), {})
    assert io_manager.fileType(str(path)) == "SegmentationFile"
    succeeded, (again,), _ = load(io_manager, path)
    assert succeeded
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(again, "bright", a_volume)
    assert np.array_equal(inside, slicer.util.arrayFromVolume(a_volume) > 0)


def test_a_segmentation_without_its_double_extension_is_known_by_its_header(
    io_manager, a_segmentation, tmp_path
):
    """slicer: canLoadFileConfidence looks for Segment0_ID."""
    slicer.util.saveNode(a_segmentation, str(tmp_path / "s.seg.nrrd"), {})
    plain = (tmp_path / "s.seg.nrrd").rename(tmp_path / "plain.nrrd")
    assert io_manager.fileType(str(plain)) == "SegmentationFile"


@pytest.mark.parametrize("suffix", [".vtk", ".vtp", ".stl", ".ply", ".obj"])
def test_a_model_comes_back_in_place(io_manager, a_model, tmp_path, suffix):
    """slicer: Models/qSlicerModelsReader.cxx."""
    path = tmp_path / f"m{suffix}"
    assert slicer.util.saveNode(a_model, str(path), {})
    succeeded, (again,), _ = load(io_manager, path, "ModelFile")
    bounds, expected = [0.0] * 6, [0.0] * 6
    again.GetRASBounds(bounds)
    a_model.GetRASBounds(expected)
    assert succeeded
    assert np.allclose(bounds, expected, atol=1e-3)


@pytest.mark.parametrize("suffix", [".mrk.json", ".json", ".fcsv"])
def test_markups_come_back_with_their_points(io_manager, scene, tmp_path, suffix):
    """slicer: Markups/qSlicerMarkupsReader.cxx, qSlicerMarkupsWriter.cxx."""
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    points.AddControlPoint(1, 2, 3)
    path = tmp_path / f"p{suffix}"
    assert slicer.util.saveNode(points, str(path), {})
    assert io_manager.fileType(str(path)) == "MarkupsFile"
    _, (again,), _ = load(io_manager, path)
    assert np.allclose(slicer.util.arrayFromMarkupsControlPoints(again), [[1, 2, 3]])


def test_a_transform_comes_back(io_manager, scene, tmp_path):
    """slicer: Transforms/qSlicerTransformsReader.cxx."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "T")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7.5)
    transform.SetMatrixTransformToParent(matrix)
    path = tmp_path / "t.h5"
    assert slicer.util.saveNode(transform, str(path), {})
    _, (again,), _ = load(io_manager, path)
    assert np.allclose(slicer.util.arrayFromTransformMatrix(again)[:3, 3], [7.5, 0, 0])


def test_a_table_comes_back(io_manager, scene, tmp_path):
    """slicer: Tables/qSlicerTablesReader.cxx."""
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    slicer.util.updateTableFromArray(table, np.array([1.5, 2.5]), "a")
    path = tmp_path / "t.tsv"
    assert slicer.util.saveNode(table, str(path), {})
    _, (again,), _ = load(io_manager, path, "TableFile")
    assert again.GetNumberOfRows() == 2


def test_color_tables_claim_tsv_before_tables_do(io_manager, tmp_path):
    """slicer: equal confidence, and the Colors module registers first."""
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\n1\t2\n", encoding="utf-8")
    assert io_manager.fileTypes(str(path))[:2] == ("ColorTableFile", "TableFile")


def test_a_text_comes_back_with_its_storage_node(io_manager, tmp_path):
    """slicer: Texts/qSlicerTextsReader.cxx."""
    path = tmp_path / "note.txt"
    path.write_text("hello", encoding="utf-8")
    assert io_manager.fileType(str(path)) == "TextFile"
    _, (node,), _ = load(io_manager, path)
    assert node.GetText() == "hello"
    assert node.GetStorageNode().GetFileName() == str(path)


def test_a_sequence_comes_back_with_a_browser(io_manager, scene, a_volume, tmp_path):
    """slicer: Sequences/qSlicerSequencesReader.cxx."""
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "S")
    for index in range(3):
        sequence.SetDataNodeAtValue(a_volume, str(index))
    path = tmp_path / "s.seq.nrrd"
    assert slicer.util.saveNode(sequence, str(path), {})
    assert io_manager.fileType(str(path)) == "SequenceFile"
    _, nodes, _ = load(io_manager, path)
    assert [node.GetClassName() for node in nodes] == ["vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode"]
    assert nodes[0].GetNumberOfDataNodes() == 3


def write_dicom(path, position_mm):
    """Write one CT slice of 4 x 3 pixels by hand: explicit VR little endian, no toolkit."""

    def element(group, number, vr, value):
        value = value if isinstance(value, bytes) else value.encode()
        value += (b"\0" if vr in {"UI", "OW", "OB"} else b" ") * (len(value) % 2)
        tag = struct.pack("<HH2s", group, number, vr.encode())
        is_long = vr in {"OW", "OB"}
        return tag + (struct.pack("<HI", 0, len(value)) if is_long else struct.pack("<H", len(value))) + value

    uid = f"1.2.826.0.1.3680043.2.1125.{position_mm}"
    short = struct.Struct("<H").pack
    meta = element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.2") + element(2, 3, "UI", uid)
    meta += element(2, 0x10, "UI", "1.2.840.10008.1.2.1")
    pixels = np.full((3, 4), position_mm, np.int16).tobytes()
    fields = [
        (0x08, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        (0x08, 0x18, "UI", uid),
        (0x08, 0x60, "CS", "CT"),
        (0x10, 0x10, "PN", "Nobody"),
        (0x18, 0x50, "DS", "2"),
        (0x20, 0x0D, "UI", "1.2.826.0.1.3680043.2.1125.1"),
        (0x20, 0x0E, "UI", "1.2.826.0.1.3680043.2.1125.2"),
        (0x20, 0x32, "DS", f"-10\\-20\\{position_mm}"),
        (0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0"),
        (0x28, 0x02, "US", short(1)),
        (0x28, 0x04, "CS", "MONOCHROME2"),
        (0x28, 0x10, "US", short(3)),
        (0x28, 0x11, "US", short(4)),
        (0x28, 0x30, "DS", "0.5\\0.5"),
        (0x28, 0x100, "US", short(16)),
        (0x28, 0x101, "US", short(16)),
        (0x28, 0x102, "US", short(15)),
        (0x28, 0x103, "US", short(1)),
        (0x7FE0, 0x10, "OW", pixels),
    ]
    data = b"".join(element(*field) for field in fields)
    length = element(2, 0, "UL", struct.pack("<I", len(meta)))
    path.write_bytes(bytes(128) + b"DICM" + length + meta + data)


def test_a_dicom_series_loads_in_the_given_order(io_manager, scene, tmp_path):
    """slicer: the property `fileNames`; DICOM is LPS, the scene is RAS."""
    paths = [tmp_path / f"{position}.dcm" for position in (30, 32, 34)]
    for path in paths:
        write_dicom(path, int(path.stem))
    assert io_manager.fileType(str(paths[0])) == "VolumeFile"
    names = [str(path) for path in paths]
    succeeded, (node,), messages = load(io_manager, names[0], fileNames=names)
    assert succeeded, messages.GetAllMessagesAsString()
    assert node.GetSpacing() == pytest.approx((0.5, 0.5, 2.0))
    assert [int(plane[0, 0]) for plane in slicer.util.arrayFromVolume(node)] == [30, 32, 34]
    assert node.GetOrigin() == pytest.approx((10, 20, 30))


def test_a_missing_file_is_no_file_and_its_loading_fails_with_a_message(io_manager, tmp_path):
    """slicer: loadNodes gives at least one message when it fails."""
    path = tmp_path / "none.nrrd"
    assert io_manager.fileType(str(path)) == "NoFile"
    succeeded, nodes, messages = load(io_manager, path, "VolumeFile")
    assert (succeeded, nodes) == (False, [])
    assert "load failed" in messages.GetAllMessagesAsString()


def test_a_broken_file_fails_and_leaves_no_node(io_manager, scene, tmp_path):
    """slicer: loadNodes returns False."""
    path = tmp_path / "broken.nrrd"
    path.write_bytes(b"NRRD0004\nnonsense\n\n")
    before = scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    assert load(io_manager, path)[0] is False
    assert scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before


def test_a_list_of_files_loads_each_with_its_name(io_manager, a_volume, tmp_path):
    """slicer: `fileName` may be a QStringList."""
    paths = [str(tmp_path / name) for name in ("a.nrrd", "b.nrrd")]
    for path in paths:
        slicer.util.saveNode(a_volume, path, {})
    loaded = vtk.vtkCollection()
    assert io_manager.loadNodes("VolumeFile", {"fileName": paths, "name": ["one", "two"]}, loaded)
    assert [loaded.GetItemAsObject(index).GetName() for index in range(2)] == ["one", "two"]


@pytest.mark.parametrize(
    ("properties", "file_type"),
    [({"fileName": ""}, "VolumeFile"), ({}, "VolumeFile"), ({"fileName": "x.stl"}, "ModelFile")],
)
def test_saving_what_cannot_be_saved_returns_false(io_manager, a_volume, properties, file_type):
    """slicer: saveNodes returns false instead of raising."""
    assert io_manager.saveNodes(file_type, {"nodeID": a_volume.GetID(), **properties}) is False


def test_saving_into_a_missing_folder_makes_it(a_volume, tmp_path):
    """slicer: saveNodes creates the directory."""
    assert slicer.util.saveNode(a_volume, str(tmp_path / "new" / "v.nrrd"), {})
    assert (tmp_path / "new" / "v.nrrd").is_file()


def test_saving_sets_the_storage_node_and_exporting_leaves_it_alone(a_volume, tmp_path):
    """slicer: exportNodes works on a temporary scene."""
    saved, exported = str(tmp_path / "saved.nrrd"), tmp_path / "exported.nii"
    assert slicer.util.saveNode(a_volume, saved, {})
    count = slicer.mrmlScene.GetNumberOfNodes()
    assert slicer.util.exportNode(a_volume, str(exported), {})
    assert exported.is_file()
    assert a_volume.GetStorageNode().GetFileName() == saved
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_exporting_to_the_world_applies_transforms_to_the_file_only(io_manager, scene, a_model, tmp_path):
    """slicer: exportNodes with hardenTransforms."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100)
    transform.SetMatrixTransformToParent(matrix)
    a_model.SetAndObserveTransformNodeID(transform.GetID())
    path = tmp_path / "world.vtk"
    assert slicer.util.exportNode(a_model, str(path), {}, world=True)
    _, (again,), _ = load(io_manager, path, "ModelFile")
    assert again.GetPolyData().GetCenter()[0] == pytest.approx(130, abs=0.5)
    assert a_model.GetPolyData().GetCenter()[0] == pytest.approx(30, abs=0.5)
    assert a_model.GetParentTransformNode() is transform


def test_exporting_without_a_format_returns_false(io_manager, a_volume, tmp_path):
    """slicer: fileFormat is required."""
    assert io_manager.exportNodes([a_volume.GetID()], [str(tmp_path / "v.nrrd")], {}, False) is False


def test_extensions_are_known_with_the_longest_winning(io_manager, a_volume, a_segmentation):
    """slicer: extractKnownExtension, stripKnownExtension."""
    assert io_manager.extractKnownExtension("a.nii.gz", a_volume) == ".nii.gz"
    assert io_manager.extractKnownExtension("a.seg.nrrd", a_segmentation) == ".seg.nrrd"
    assert io_manager.extractKnownExtension("a.xyz", a_volume) == ""
    assert io_manager.stripKnownExtension("a.nrrd.nrrd", a_volume) == "a"
    assert "NRRD (.nrrd)" in io_manager.fileWriterExtensions(a_volume)


def test_writers_are_found_by_node(io_manager, a_volume, a_segmentation, a_model):
    """slicer: fileWriterFileType."""
    types = [io_manager.fileWriterFileType(node) for node in (a_volume, a_segmentation, a_model)]
    assert types == ["VolumeFile", "SegmentationFile", "ModelFile"]
    assert io_manager.fileWriterFileType(slicer.vtkMRMLViewNode()) == "NoFile"
    assert io_manager.registeredFileReaderCount("SceneFile") == 2
    assert io_manager.registeredFileReaderCount("FiberBundleFile") == 0


def test_loading_and_saving_are_told(io_manager, a_volume, tmp_path):
    """slicer: signals newFileLoaded and fileSaved."""
    told = []
    io_manager.fileSaved.connect(told.append)
    io_manager.newFileLoaded.connect(told.append)
    path = str(tmp_path / "v.nrrd")
    slicer.util.saveNode(a_volume, path, {})
    _, (node,), _ = load(io_manager, path)
    io_manager.fileSaved.disconnect(told.append)
    io_manager.newFileLoaded.disconnect(told.append)
    assert told[0]["fileName"] == path
    assert told[1]["nodeIDs"] == [node.GetID()]


def test_keyword_arguments_are_refused(io_manager):
    """slicer: PythonQt takes positional arguments only."""
    with pytest.raises(TypeError):
        io_manager.fileType(path="x")
