"""Files that would make Slicer read others: none outside the allowed folders."""

from __future__ import annotations

import dataclasses
import stat
import struct
import tarfile
import zipfile
from types import SimpleNamespace

import pytest
import slicer

from AgentBridgeLib.errors import AddressNotAllowedError, FileUnreadableError, PathOutsideRootsError
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


def load_scene(context, path):
    return scene_operations.load_scene(context, scene_operations.LoadArguments(path=str(path)))


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
        ("a.mhd", META.replace("File = ", "File: ") + "{outside}\n"),
        ("a.mhd", META.replace("Element", "  Element") + "{outside}\n"),
        ("a.mhd", "NRRD0005 = 5\n" + META + "{outside}\n"),
        ("a.mhd", META + "LOCAL\nElementDataFile = {outside}\n"),
        ("a.nhdr", (NRRD + "data file: {outside}\n\n").replace("\n", "\r")),
        ("s.seq.mrml", SCENE.format("fileName='{outside}'")),
    ],
)
def test_header_cannot_name_voxels_outside_the_allowed_folders(
    run, allowing, allowed, tmp_path, scene, name, text
):
    """issue:#2: reads stay inside; what a header names is read as voxels, whatever it is."""
    (allowed / name).write_text(text.format(outside=tmp_path / "secret.raw"))
    count = scene.GetNumberOfNodes()
    with pytest.raises(PathOutsideRootsError):
        load(run, allowing, allowed / name, type="sequence" if ".seq" in name else "volume")
    assert scene.GetNumberOfNodes() == count


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.nhdr", NRRD + "# comment\n" * 120_000 + "data file: {outside}\n\n"),
        ("a.mhd", META.replace("Element", "Comment = x\n" * 100_000 + "Element", 1) + "{outside}\n"),
    ],
)
def test_header_without_an_end_is_not_read(run, allowing, allowed, tmp_path, name, text):
    """house: what is named after the first MiB would not be seen."""
    (allowed / name).write_text(text.replace("{outside}", str(tmp_path / "secret.raw")))
    with pytest.raises(FileUnreadableError, match="does not end"):
        load(run, allowing, allowed / name, type="volume")


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
        ("uri='http://data.example/x.nrrd'", AddressNotAllowedError),
        ("fileName='{outside}'", PathOutsideRootsError),
        ('fileName\n=\n"{outside}"', PathOutsideRootsError),
        ('fileName="&#46;./secret.raw"', PathOutsideRootsError),
        (r'fileName="..\secret.raw"', PathOutsideRootsError),
        ('fileName="~root/secret.raw"', PathOutsideRootsError),
        ('fileName="a%2Fb/../../secret.raw"', PathOutsideRootsError),
        ('fileListMember="{outside}"', PathOutsideRootsError),
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


def test_scene_in_another_encoding_is_read_as_slicer_reads_it(allowing, allowed, tmp_path):
    """issue:#4: the parser knows more encodings than one."""
    text = SCENE.format(f'fileName="{tmp_path / "secret.raw"}"')
    (allowed / "s.mrml").write_bytes(f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16"))
    with pytest.raises(PathOutsideRootsError):
        load_scene(allowing, allowed / "s.mrml")


def test_image_that_a_scene_names_cannot_name_others_outside(allowing, allowed, tmp_path):
    """issue:#4: a header beside the scene, and one in its archive."""
    header = NRRD + f"data file: {tmp_path / 'secret.raw'}\n\n"
    (allowed / "v.nhdr").write_text(header)
    (allowed / "s.mrml").write_text(SCENE.format('fileName="v.nhdr"'))
    with zipfile.ZipFile(allowed / "s.mrb", "w") as bundle:
        bundle.writestr("s/s.mrml", SCENE.format('fileName="Data/v.nhdr"'))
        bundle.writestr("s/Data/v.nhdr", header)
    for name in ("s.mrml", "s.mrb"):
        with pytest.raises(PathOutsideRootsError):
            load_scene(allowing, allowed / name)


def with_a_link(path, target):
    """Write an archive whose member is a link."""
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("s/s.mrml", SCENE.format('fileName="Data/d/v.raw"'))
        link = zipfile.ZipInfo("s/Data/d")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(link, str(target))
        bundle.writestr("s/Data/d/v.raw", "written")


def before_an_archive(path, target):
    """Write a tar archive before an archive: libarchive unpacks the first, which leads elsewhere."""
    with_a_link(path, target)
    with tarfile.open(path.with_suffix(".tar"), "w") as tar:
        tar.add(path, str(target / "v.raw"))
    path.write_bytes(path.with_suffix(".tar").read_bytes() + path.read_bytes())


def no_archive(path, _target):
    """Write what is no ZIP; libarchive would unpack it all the same."""
    with tarfile.open(path, "w:gz") as tar:
        tar.add(__file__, "s/s.mrml")


def also_a_tape(path, target):
    """Write an archive whose first bytes are the header of a tape archive as well, of a link to elsewhere."""
    scene = zipfile.ZipInfo("s/s.mrml")
    link = tarfile.TarInfo("x")
    link.type, link.linkname = tarfile.SYMTYPE, str(target)[:100]
    start = 30 + len(scene.filename) + 4
    header = bytearray(link.tobuf()[start:])
    scene.extra = struct.pack("<HH", 0xCAFE, len(header)) + header
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(scene, SCENE.format('fileName="v.raw"'))
    whole = bytearray(path.read_bytes())
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole[:512])
    path.write_bytes(whole)


def also_a_disc(path, _target):
    """Write an archive that has the mark of a disc image where it belongs."""
    text = SCENE.format('fileName="v.raw"').encode()
    before = 16 * 2048 - 30 - len("s/s.mrml")
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("s/s.mrml", text.ljust(before) + b"\x01CD001\x01")


def with_a_hidden_link(path, target):
    """Write an archive whose member is a link only by an extra field that libarchive knows."""
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("s/s.mrml", SCENE.format('fileName="Data/d/v.raw"'))
        link = zipfile.ZipInfo("s/Data/d")
        attributes = struct.pack("<BHI", 0b111, 0x31E, (stat.S_IFLNK | 0o777) << 16)
        link.extra = struct.pack("<HH", 0x6C78, len(attributes)) + attributes
        bundle.writestr(link, str(target))
        bundle.writestr("s/Data/d/v.raw", "written")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (with_a_link, "outside its own folder"),
        (with_a_hidden_link, "outside its own folder"),
        (before_an_archive, "no archive from its first byte"),
        (also_a_tape, "another kind of archive"),
        (also_a_disc, "another kind of archive"),
        (no_archive, "not a complete archive"),
    ],
)
@pytest.mark.parametrize("name", ["s.mrb", "s.seq.mrb"])
def test_archive_that_would_not_stay_in_its_folder_is_not_unpacked(
    run, allowing, allowed, tmp_path, write, words, name
):
    """issue:#4: nothing is written outside, nothing is read there."""
    (tmp_path / "outside").mkdir()
    write(allowed / name, tmp_path / "outside")
    with pytest.raises(FileUnreadableError, match=words):
        load(run, allowing, allowed / name, type="sequence")
    with pytest.raises(FileUnreadableError, match=words):
        load_scene(allowing, allowed / name)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("ending", [".mrml", ".mrb"])
def test_saved_scene_is_loaded_with_its_data(allowing, allowed, a_volume, scene, ending):
    """issue:#3: what Slicer itself writes stays inside."""
    path = str(allowed / f"s{ending}")
    scene_operations.save_scene(allowing, scene_operations.SaveArguments(path=path))
    loaded = scene_operations.load_scene(allowing, scene_operations.LoadArguments(path=path, clear=True))
    assert "vtkMRMLScalarVolumeNode" in {node.class_name for node in loaded.nodes}
