"""Reading and writing files through the embedded host's real readers and writers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FileExistsAlreadyError,
    FileMissingError,
    FileUnreadableError,
    OutOfMemoryError,
    StorageFailedError,
)
from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles


@pytest.fixture
def files(host_scene):
    return SlicerFiles(host_scene, FileChecks())


def node_ids(scene):
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}


def affine(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


@pytest.mark.parametrize("name", ["v.nrrd", "v.nii.gz", "v.nii", "v.mha", "v.nhdr", "v.mhd"])
def test_a_volume_comes_back_with_its_voxels_and_geometry(files, a_volume, tmp_path, name):
    """slicer: all formats keep spacing, origin and directions, two-file formats included."""
    path = tmp_path / name
    files.save(a_volume, str(path), {})
    (loaded,) = files.load(str(path), files.file_type(str(path)), {"name": "again", "singleFile": True})
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(a_volume))
    np.testing.assert_allclose(affine(loaded), affine(a_volume), atol=1e-4)
    assert loaded.GetName().startswith("again")
    assert not [part for part in tmp_path.iterdir() if part.name.startswith(".")]


def test_saving_elsewhere_leaves_scene_storage_and_revision_alone(files, host_scene, a_volume, tmp_path):
    """house: an export; the node's own storage node keeps its file name."""
    own = tmp_path / "own.nrrd"
    files.save(a_volume, str(own), {})
    (loaded,) = files.load(str(own), "VolumeFile", {})
    loaded.GetImageData().Modified()
    slicer.util.arrayFromVolumeModified(loaded)
    storage = loaded.GetStorageNode()
    before = (
        host_scene.revision,
        node_ids(host_scene.scene),
        storage.GetFileName(),
        loaded.GetModifiedSinceRead(),
    )
    assert before[3]

    files.save(loaded, str(tmp_path / "export.nii.gz"), {})

    after = (
        host_scene.revision,
        node_ids(host_scene.scene),
        storage.GetFileName(),
        loaded.GetModifiedSinceRead(),
    )
    assert after == before


def test_saving_to_its_own_file_marks_the_node_as_saved(files, a_volume, tmp_path):
    """slicer: what Save does; the file name stays, not that of the file that was renamed."""
    own = tmp_path / "own.nrrd"
    files.save(a_volume, str(own), {})
    (loaded,) = files.load(str(own), "VolumeFile", {})
    slicer.util.arrayFromVolume(loaded)[0, 0, 0] = 77
    slicer.util.arrayFromVolumeModified(loaded)
    assert loaded.GetModifiedSinceRead()

    files.save(loaded, str(own), {})

    assert not loaded.GetModifiedSinceRead()
    assert Path(loaded.GetStorageNode().GetFileName()) == own
    (again,) = files.load(str(own), "VolumeFile", {})
    assert slicer.util.arrayFromVolume(again)[0, 0, 0] == 77


def test_a_node_without_storage_has_none_after_saving(files, host_scene, a_model, tmp_path):
    """slicer: asking for extensions adds a storage node; it is taken away again."""
    files.save(a_model, str(tmp_path / "m.vtk"), {})
    assert files.writer_extensions(a_model)
    assert a_model.GetStorageNode() is None
    assert not host_scene.scene.GetNumberOfNodesByClass("vtkMRMLModelStorageNode")


def test_each_file_gets_the_format_of_its_own_ending(files, a_model, tmp_path):
    """slicer: exportNode's shared default dictionary would keep the first format."""
    files.save(a_model, str(tmp_path / "m.stl"), {})
    files.save(a_model, str(tmp_path / "m.ply"), {})
    assert (tmp_path / "m.ply").read_bytes().startswith(b"ply")


def test_writer_extensions_begin_with_the_default(files, a_volume, scene):
    """house: the default first."""
    assert files.writer_extensions(a_volume)[0] == ".nrrd"
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert files.writer_extensions(segmentation)[0] == ".seg.nrrd"


def test_an_ending_that_slicer_does_not_write_is_refused_with_those_it_does(files, a_volume, tmp_path):
    """house: the message says what to do."""
    with pytest.raises(ArgumentInvalidError, match=r"\.nrrd"):
        files.save(a_volume, str(tmp_path / "v.stl"), {})
    assert not list(tmp_path.iterdir())


def test_a_transformed_node_is_written_in_world_coordinates_when_asked(files, scene, a_model, tmp_path):
    """slicer: exportNodes(hardenTransforms=True) works on a copy."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[0, 3] = 100
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    a_model.SetAndObserveTransformNodeID(transform.GetID())
    files.save(a_model, str(tmp_path / "m.vtk"), {"world": True})
    (loaded,) = files.load(str(tmp_path / "m.vtk"), "ModelFile", {})
    bounds = [0.0] * 6
    loaded.GetBounds(bounds)
    assert bounds[:2] == pytest.approx([110, 150], abs=1)
    assert a_model.GetParentTransformNode() is transform


def test_permissions_of_a_replaced_file_stay(files, a_model, tmp_path):
    """house: a private file does not become readable for others."""
    path = tmp_path / "m.vtk"
    path.write_text("old")
    path.chmod(0o600)
    files.save(a_model, str(path), {})
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_does_not_exist_is_named(files, a_model, tmp_path):
    """house: the writer would make the folder; where files go is decided before."""
    with pytest.raises(StorageFailedError, match=r"m\.vtk"):
        files.save(a_model, str(tmp_path / "none" / "m.vtk"), {})
    assert not (tmp_path / "none").exists()


def limited(function, *arguments, file_bytes=20_000):
    """Call while no file of this process may grow beyond some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        function(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _volume(scene):
    values = np.random.default_rng(1).integers(0, 30000, (30, 40, 50)).astype(np.int16)
    return slicer.util.addVolumeFromArray(values)


def _segmentation(scene):
    volume = _volume(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("a", "a")
    mask = (np.random.default_rng(2).random((30, 40, 50)) > 0.5).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "a", volume)
    return node


def _markups(scene, count=500):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for index in range(count):
        node.AddControlPoint(index, index, index)
    return node


def _table(scene):
    node = scene.AddNewNodeByClass("vtkMRMLTableNode")
    slicer.util.updateTableFromArray(node, np.random.default_rng(3).random((5000, 3)))
    return node


def _text(scene):
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    node.SetText("hello " * 10_000)
    return node


def _model(scene):
    import vtk

    source = vtk.vtkSphereSource()
    source.SetThetaResolution(100)
    source.SetPhiResolution(100)
    source.Update()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode")
    node.SetAndObserveMesh(source.GetOutput())
    return node


CASES = [
    (_volume, ".nrrd"),
    (_volume, ".nii"),
    (_volume, ".nii.gz"),
    (_volume, ".mha"),
    (_volume, ".nhdr"),
    (_segmentation, ".seg.nrrd"),
    (_markups, ".mrk.json"),
    (_markups, ".fcsv"),
    (_table, ".tsv"),
    (_table, ".csv"),
    (_text, ".txt"),
    (_model, ".vtk"),
    (_model, ".vtp"),
    (_model, ".stl"),
    (_model, ".ply"),
    (_model, ".obj"),
]


@pytest.mark.parametrize(
    ("make", "ending"), CASES, ids=[f"{make.__name__}{ending}" for make, ending in CASES]
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(files, scene, tmp_path, make, ending):
    """issue:#2 a full disk while saving (old file intact); many writers report success on a cut file."""
    node = make(scene)
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"what was here before")
    with pytest.raises(StorageFailedError):
        limited(files.save, node, str(path), {})
    assert path.read_bytes() == b"what was here before"
    assert [part.name for part in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".mrb", ".mrml"])
@pytest.mark.parametrize("make", [_volume, _markups, _table])
def test_a_full_disk_leaves_the_old_scene_file_and_nothing_else(files, host_scene, tmp_path, make, ending):
    """issue:#2 a full disk while saving a scene."""
    make(host_scene.scene)
    path = tmp_path / f"scene{ending}"
    path.write_bytes(b"what was here before")
    revision = host_scene.revision
    with pytest.raises(StorageFailedError):
        limited(files.save_scene, str(path))
    assert path.read_bytes() == b"what was here before"
    assert [part.name for part in tmp_path.iterdir()] == [path.name]
    assert host_scene.revision == revision


@pytest.mark.parametrize("ending", [".mrb", ".mrml"])
def test_a_data_file_that_was_cut_without_a_word_fails_the_scene(files, host_scene, tmp_path, ending):
    """slicer: the writer of markups reports success on a full disk; the archive itself would fit."""
    _markups(host_scene.scene, 1000)
    limit = 300_000
    files.save_scene(str(tmp_path / "whole.mrb"))
    with zipfile.ZipFile(tmp_path / "whole.mrb") as bundle:
        sizes = {member.filename: member.file_size for member in bundle.infolist()}
    assert [name for name, size in sizes.items() if size > limit] == ["whole/Data/F.mrk.json"]
    assert (tmp_path / "whole.mrb").stat().st_size < limit
    with pytest.raises(StorageFailedError):
        limited(files.save_scene, str(tmp_path / f"cut{ending}"), file_bytes=limit)


def test_saving_a_scene_leaves_what_counts_as_unsaved(files, host_scene, a_volume, a_model, tmp_path):
    """slicer: writing a bundle marks nodes as saved although their own files are not."""
    paths = [str(tmp_path / name) for name in ("v.nrrd", "m.vtk")]
    files.save(a_volume, paths[0], {})
    files.save(a_model, paths[1], {})
    (changed,) = files.load(paths[0], "VolumeFile", {})
    (unchanged,) = files.load(paths[1], "ModelFile", {})
    slicer.util.arrayFromVolume(changed)[0] = 9
    slicer.util.arrayFromVolumeModified(changed)
    files.save_scene(str(tmp_path / "s.mrb"))
    assert changed.GetModifiedSinceRead()
    assert not unchanged.GetModifiedSinceRead()
    assert [Path(node.GetStorageNode().GetFileName()) for node in (changed, unchanged)] == [
        Path(p) for p in paths
    ]


@pytest.mark.parametrize("ending", [".mrb", ".mrml"])
@pytest.mark.parametrize("clear", [True, False])
def test_a_scene_comes_back_exact(files, host_scene, a_volume, a_model, tmp_path, ending, clear):
    """issue:#2 voxel-exact after saving and loading; names with spaces and umlauts."""
    a_volume.SetName("Kopf, größer")
    voxels, matrix = slicer.util.arrayFromVolume(a_volume).copy(), affine(a_volume)
    path = tmp_path / f"my scene{ending}"
    revision, url = host_scene.revision, host_scene.scene.GetURL()

    files.save_scene(str(path))

    assert (host_scene.revision, host_scene.scene.GetURL()) == (revision, url)
    assert a_volume.GetStorageNode() is None
    assert a_volume.GetModifiedSinceRead()
    if not clear:
        host_scene.scene.Clear(0)
    files.load_scene(str(path), clear=clear)
    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert [volume.GetName() for volume in volumes] == ["Kopf, größer"]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volumes[0]), voxels)
    np.testing.assert_allclose(affine(volumes[0]), matrix, atol=1e-6)
    (model,) = [
        node for node in slicer.util.getNodesByClass("vtkMRMLModelNode") if node.GetName() == "sphere"
    ]
    assert model.GetPolyData().GetNumberOfPoints() > 10


def test_two_scenes_in_one_folder_keep_their_own_data(files, host_scene, a_volume, tmp_path):
    """house: the data folder has the scene's name."""
    files.save_scene(str(tmp_path / "one.mrml"))
    slicer.util.arrayFromVolume(a_volume)[:] = 3
    files.save_scene(str(tmp_path / "two.mrml"))
    assert {part.name for part in tmp_path.iterdir()} == {"one.mrml", "one_Data", "two.mrml", "two_Data"}
    files.load_scene(str(tmp_path / "one.mrml"), clear=True)
    assert slicer.util.arrayFromVolume(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0]).max() > 3
    files.save_scene(str(tmp_path / "two.mrml"))
    files.load_scene(str(tmp_path / "two.mrml"), clear=True)
    assert slicer.util.arrayFromVolume(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0]).max() > 3


def test_views_work_after_loading_in_place_of_the_scene(files, a_volume, tmp_path):
    """slicer: Clear(1) would remove the view nodes and orphan the views."""
    files.save_scene(str(tmp_path / "s.mrb"))
    files.load_scene(str(tmp_path / "s.mrb"), clear=True)
    widget = slicer.app.layoutManager().sliceWidget("Red")
    assert widget.mrmlSliceNode().GetScene() is slicer.mrmlScene
    assert widget.mrmlSliceCompositeNode().GetScene() is slicer.mrmlScene


def _cut_bundle(path):
    path.write_bytes(path.read_bytes()[:-200])


def _no_scene_inside(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/readme.txt", "hello")


def _leaves_the_folder(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/x.mrml", "<MRML></MRML>")
        bundle.writestr("../../evil.txt", "hello")


def _is_its_own_folder(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/x.mrml", "<MRML></MRML>")
        bundle.writestr(".", "hello")


def _cut_xml(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/x.mrml", "<MRML><Selection")


def _other_xml(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/x.mrml", "<html></html>")


def _bomb_inside(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("x/x.mrml", "<MRML></MRML>")
        bundle.writestr("x/Data/v.nrrd", NRRD.format(size=4_000_000))


NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: {size} 1000 1000\nencoding: raw\nendian: little\n\nabcdef"
BAD_BUNDLES = [
    _cut_bundle,
    _no_scene_inside,
    _leaves_the_folder,
    _is_its_own_folder,
    _cut_xml,
    _other_xml,
    _bomb_inside,
]


@pytest.mark.parametrize("spoil", BAD_BUNDLES)
def test_a_bad_bundle_does_not_cost_the_present_scene(files, host_scene, a_volume, tmp_path, spoil):
    """house: a failed mutation leaves the scene as it was; Slicer would clear before it parses."""
    path = tmp_path / "s.mrb"
    files.save_scene(str(path))
    spoil(path)
    before = (host_scene.revision, node_ids(host_scene.scene))
    with pytest.raises(FileUnreadableError):
        files.load_scene(str(path), clear=True)
    assert (host_scene.revision, node_ids(host_scene.scene)) == before


def test_a_header_that_claims_more_than_the_file_has_is_refused_before_any_allocation(files, scene, tmp_path):
    """issue:#2 a volume header that claims more voxels than bytes would kill the process."""
    path = tmp_path / "bomb.nrrd"
    path.write_text(NRRD.format(size=4_000_000))
    before = node_ids(scene)
    with pytest.raises(FileUnreadableError, match="claims 8000000000000 bytes") as caught:
        files.load(str(path), "VolumeFile", {})
    assert caught.value.facts["claimed_bytes"] == 8 * 10**12
    assert node_ids(scene) == before


def test_an_image_that_would_not_fit_into_memory_is_refused(host_scene, a_volume, tmp_path):
    """issue:#2 a compressed file may honestly be larger than memory."""
    files = SlicerFiles(host_scene, FileChecks(lambda: 20_000))
    path = tmp_path / "v.nii.gz"
    files.save(a_volume, str(path), {})
    with pytest.raises(OutOfMemoryError) as caught:
        files.load(str(path), "VolumeFile", {})
    assert caught.value.facts == {"needed_bytes": 20 * 24 * 16 * 2, "available_bytes": 20_000}


@pytest.mark.parametrize("name", ["x.nrrd", "x.vtk", "x.mrk.json", "x.nii.gz", "x.seg.nrrd", "x.h5"])
def test_rubbish_makes_no_nodes_and_says_so(files, scene, tmp_path, name):
    """house: a failed load removes half-made nodes."""
    path = tmp_path / name
    path.write_bytes(b"rubbish " * 100)
    before = node_ids(scene)
    kinds = {".vtk": "ModelFile", "json": "MarkupsFile", ".h5": "TransformFile"}
    kind = next((kind for ending, kind in kinds.items() if name.endswith(ending)), "VolumeFile")
    kind = "SegmentationFile" if "seg" in name else kind
    with pytest.raises(FileUnreadableError, match="could not be read"):
        files.load(str(path), kind, {})
    assert node_ids(scene) == before


def test_a_reader_that_fails_half_way_leaves_no_nodes(files, scene, a_volume, tmp_path, monkeypatch):
    """slicer: readers add the storage and display nodes before they read."""
    path = tmp_path / "v.nrrd"
    files.save(a_volume, str(path), {})
    before = node_ids(scene)

    def fail(_self, _kind, _properties, _loaded, messages):
        scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode").CreateDefaultDisplayNodes()
        messages.AddMessage(1, "the reason")
        return False

    monkeypatch.setattr(type(slicer.app.coreIOManager()), "loadNodes", fail)
    with pytest.raises(FileUnreadableError, match="the reason"):
        files.load(str(path), "VolumeFile", {})
    assert node_ids(scene) == before


def test_a_missing_file_is_named(files, tmp_path):
    """house: file.not_found."""
    with pytest.raises(FileMissingError, match=r"none\.nrrd"):
        files.load(str(tmp_path / "none.nrrd"), "VolumeFile", {})
    with pytest.raises(FileMissingError):
        files.load_scene(str(tmp_path / "none.mrb"), clear=True)


def test_a_type_that_nothing_reads_is_empty(files, tmp_path):
    """slicer: fileType says NoFile."""
    path = tmp_path / "x.unheard-of"
    path.write_text("x")
    assert files.file_type(str(path)) in {"", "VolumeFile"}
    (tmp_path / "x.mrk.json").write_text("{}")
    assert files.file_type(str(tmp_path / "x.mrk.json")) == "MarkupsFile"
    assert files.file_type(str(tmp_path / "none.nrrd")) == ""


def test_a_failed_rename_puts_back_what_was_there(files, a_volume, tmp_path, monkeypatch):
    """house: two-file formats change both files or none."""
    header, data = tmp_path / "v.nhdr", tmp_path / "v.raw.gz"
    files.save(a_volume, str(header), {})
    before = header.read_bytes(), data.read_bytes()
    slicer.util.arrayFromVolume(a_volume)[:] = 1
    real = Path.replace

    def refuse_header(self, target):
        if Path(target) == header:
            raise OSError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse_header)
    with pytest.raises(StorageFailedError, match="Permission denied"):
        files.save(a_volume, str(header), {})
    assert (header.read_bytes(), data.read_bytes()) == before
    assert {part.name for part in tmp_path.iterdir()} == {"v.nhdr", "v.raw.gz"}


def test_a_read_only_file_is_not_replaced(tmp_path):
    """house: renaming would get round the file's own permission; as another user than root."""
    code = (
        "import os, sys, pathlib\n"
        "from AgentBridgeLib.host.staging import staged\n"
        "from AgentBridgeLib.errors import StorageFailedError\n"
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        "target = pathlib.Path(sys.argv[1])\n"
        "try:\n"
        "    with staged(target) as staging:\n"
        "        staging.file.write_text('new'); staging.commit()\n"
        "except StorageFailedError as error: print('refused', error)\n"
    )
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    path = tmp_path / "x.txt"
    path.write_text("old")
    path.chmod(0o444)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, text=True, check=False
    )
    assert "refused" in done.stdout, done.stderr
    assert path.read_text() == "old"


@pytest.mark.parametrize(("name", "companion"), [("v.nhdr", "v.raw.gz"), ("v.hdr", "v.img")])
def test_what_goes_with_a_new_file_replaces_nothing(files, a_volume, tmp_path, name, companion):
    """issue:#4: existing files are not overwritten unless asked; nobody asked for this one."""
    (tmp_path / companion).write_bytes(b"precious")
    with pytest.raises(FileExistsAlreadyError, match=companion):
        files.save(a_volume, str(tmp_path / name), {"useCompression": int(name == "v.nhdr")})
    assert [part.read_bytes() for part in tmp_path.iterdir()] == [b"precious"]


def test_folder_of_a_new_scene_replaces_no_other(files, a_volume, tmp_path):
    """issue:#4"""
    (tmp_path / "s_Data").mkdir()
    (tmp_path / "s_Data" / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsAlreadyError, match="s_Data"):
        files.save_scene(str(tmp_path / "s.mrml"))
    assert [part.name for part in tmp_path.rglob("*")] == ["s_Data", "mine.txt"]
