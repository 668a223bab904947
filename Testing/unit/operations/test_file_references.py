"""Files that would make Slicer read others: none outside the allowed folders."""

from __future__ import annotations

import dataclasses
import zipfile
from types import SimpleNamespace

import pytest
import slicer

from AgentBridgeLib.errors import AddressNotAllowedError, PathOutsideRootsError
from AgentBridgeLib.operations.scene import files
from AgentBridgeLib.operations.scene import scene as scene_operations

NRRD = "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
META = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = "
SCENE = '<MRML version="5.12"><Volume id="vtkMRMLScalarVolumeNode1" name="v" /><VolumeArchetypeStorage {} /></MRML>'


@pytest.fixture
def allowed(tmp_path):
    folder = tmp_path / "allowed"
    folder.mkdir()
    (tmp_path / "secret.raw").write_bytes(b"secret!!")
    (folder / "mine.raw").write_bytes(bytes(range(8)))
    return folder


@pytest.fixture
def allowing(context, allowed):
    return dataclasses.replace(context, settings=SimpleNamespace(allowed_folders=(str(allowed),)))


def load(run, context, path, **arguments):
    return run(files.load_file(context, files.LoadArguments(path=str(path), **arguments)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.nhdr", NRRD + "data file: {outside}\n\n"),
        ("a.nhdr", NRRD + "data file: ../secret.raw\n\n"),
        ("a.nhdr", NRRD + "datafile: LIST\nmine.raw\n{outside}\n"),
        ("a.nhdr", NRRD + "data file: ../secret%d.raw 1 2 1\n\n"),
        ("a.txt", NRRD + "data file: {outside}\n\n"),
        ("a.mhd", META + "{outside}\n"),
        ("a.mhd", META + "LIST\n{outside}\n"),
    ],
)
def test_header_cannot_name_voxels_outside_the_allowed_folders(
    run, allowing, allowed, tmp_path, scene, name, text
):
    """issue:#2: reads stay inside; what a header names is read as voxels, whatever it is."""
    (allowed / name).write_text(text.format(outside=tmp_path / "secret.raw"))
    count = scene.GetNumberOfNodes()
    with pytest.raises(PathOutsideRootsError):
        load(run, allowing, allowed / name, type="volume")
    assert scene.GetNumberOfNodes() == count


def test_header_with_voxels_beside_it_is_loaded(run, allowing, allowed, scene):
    """issue:#3."""
    (allowed / "a.nhdr").write_text(NRRD + "data file: mine.raw\n\n")
    made = load(run, allowing, allowed / "a.nhdr")
    voxels = slicer.util.arrayFromVolume(scene.GetNodeByID(made.nodes[0].id))
    assert sorted(voxels.ravel()) == list(range(8))


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ('fileName="{outside}"', PathOutsideRootsError),
        ('fileName="../secret.raw"', PathOutsideRootsError),
        ('fileName="..%2Fsecret.raw"', PathOutsideRootsError),
        ('fileListMember0="{outside}"', PathOutsideRootsError),
        ('uri="file://{outside}"', PathOutsideRootsError),
        ('uri="https://data.example/x.nrrd"', AddressNotAllowedError),
    ],
)
@pytest.mark.parametrize("ending", [".mrml", ".mrb"])
def test_scene_cannot_name_data_outside_nor_on_the_web(
    allowing, allowed, tmp_path, scene, reference, error, ending
):
    """issue:#2 and issue:#3: neither other files nor the network by way of a scene."""
    text = SCENE.format(reference.format(outside=tmp_path / "secret.raw"))
    path = allowed / f"s{ending}"
    if ending == ".mrb":
        with zipfile.ZipFile(path, "w") as bundle:
            bundle.writestr("s/s.mrml", text)
    else:
        path.write_text(text)
    count = scene.GetNumberOfNodes()
    with pytest.raises(error):
        scene_operations.load_scene(allowing, scene_operations.LoadArguments(path=str(path), clear=True))
    assert scene.GetNumberOfNodes() == count


@pytest.mark.parametrize("ending", [".mrml", ".mrb"])
def test_saved_scene_is_loaded_with_its_data(allowing, allowed, a_volume, scene, ending):
    """issue:#3: what Slicer itself writes stays inside."""
    path = str(allowed / f"s{ending}")
    scene_operations.save_scene(allowing, scene_operations.SaveArguments(path=path))
    loaded = scene_operations.load_scene(allowing, scene_operations.LoadArguments(path=path, clear=True))
    assert "vtkMRMLScalarVolumeNode" in {node.class_name for node in loaded.nodes}
