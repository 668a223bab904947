"""Samples that modules of Slicer have registered."""

from __future__ import annotations

import dataclasses
import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FeatureMissingError,
    FileUnreadableError,
    OperationFailedError,
    PathOutsideRootsError,
)
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.scene import sample_data
from file_server import file_server

NRRD = (
    b"NRRD0005\ntype: uint8\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 2 2\nkinds: domain domain domain\n"
    b"space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (0,0,0)\nencoding: raw\n\n" + bytes(range(8))
)


@pytest.fixture
def register(scene):
    """Register samples of this test's own, in a category that goes with it."""
    import SampleData

    yield lambda name, uri, **more: SampleData.SampleDataLogic.registerCustomSampleDataSource(
        "Tested", name, uri, more.pop("file", f"{name}.nrrd"), more.pop("node", name), **more
    )
    slicer.modules.sampleDataSources.pop("Tested", None)


@pytest.fixture
def networked(context):
    """A context with the settings of a call that is allowed."""
    return dataclasses.replace(context, settings=SimpleNamespace(download_servers=(), allowed_folders=()))


def listed(context):
    return {item.name: item for item in sample_data.list_samples(context, sample_data.PageArguments()).items}


def load(run_jobs, context, name):
    return run_jobs(sample_data.load_sample(context, sample_data.SampleArguments(name=name)))


def test_real_scans_are_offered_and_loaded_on_the_embedded_host(networked, run_jobs, scene, a_brain_mr_file):
    """issue:#3: on the embedded host real volumes from installed packages."""
    samples = listed(networked)
    assert samples["BrainMR"].is_on_this_computer
    assert samples["BrainMR"].files == (a_brain_mr_file.name,)
    made = load(run_jobs, networked, "BrainMR")
    volume = scene.GetNodeByID(made.nodes[0].id)
    assert volume.GetName() == "BrainMR"
    assert volume.GetImageData().GetDimensions() == (256, 256, 25)
    assert scene.GetNodeByID(load(run_jobs, networked, "BrainTumor").nodes[0].id).IsA(
        "vtkMRMLLabelMapVolumeNode"
    )


def test_sample_is_downloaded_once_into_the_cache_and_checked(networked, run_jobs, register, tmp_path, scene):
    """issue:#3: Slicer's registered sources; slicer: they have sums."""
    digest = f"SHA256:{hashlib.sha256(NRRD).hexdigest()}"
    with file_server({"/tiny.nrrd": NRRD}) as server:
        register("Tiny", f"{server.url}/tiny.nrrd", file=f"tiny-{tmp_path.name}.nrrd", checksums=digest)
        assert not listed(networked)["Tiny"].is_on_this_computer
        made = load(run_jobs, networked, "Tiny")
        assert listed(networked)["Tiny"].is_on_this_computer
        assert scene.GetNodeByID(made.nodes[0].id).GetSpacing() == (1, 2, 3)
        load(run_jobs, networked, "Tiny")
        assert server.asked == ["/tiny.nrrd"]
        register("False", f"{server.url}/tiny.nrrd", checksums="SHA256:" + "0" * 64)
        count = scene.GetNumberOfNodes()
        with pytest.raises(OperationFailedError, match="SHA-256"):
            load(run_jobs, networked, "False")
        assert scene.GetNumberOfNodes() == count


def test_what_cannot_be_loaded_says_why(networked, run_jobs, register):
    """issue:#3: a clear host.feature_missing."""
    register("Own", "https://data.example/x.nrrd", customDownloader=print)
    register("Zipped", "https://data.example/x.zip", file="x.zip")
    register("Renamed", "https://data.example/x.bin", file="x.bin", loadFileTypes="SceneFile")
    register("Strange", "ftp://data.example/x.nrrd")
    samples = listed(networked)
    for name, word in (
        ("Own", "downloader"),
        ("Zipped", "what to load"),
        ("Renamed", ".mrb or .mrml"),
        ("Strange", "web server"),
    ):
        assert not samples[name].is_loadable
        with pytest.raises(FeatureMissingError, match=word):
            load(run_jobs, networked, name)
    with pytest.raises(ArgumentInvalidError, match="BrainMR"):
        load(run_jobs, networked, "Nothing")


def test_the_tiny_file_is_what_it_says():
    """house: the test's own data."""
    assert nrrd.read_axes_lps(NRRD) is not None


@pytest.mark.parametrize("ending", ["mrb", "mrml"])
def test_a_sample_that_is_a_scene_is_added_to_what_is_there(
    networked, run_jobs, register, tmp_path, scene, make_volume, host, ending
):
    """issue:#3: as scene.load does, whatever the module wishes."""
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    make_volume(voxels, "in the sample")
    saved = tmp_path / f"case.{ending}"
    host.files.save_scene(str(saved))
    scene.Clear(0)
    mine = make_volume(voxels + 1, "mine")
    register("Case", saved.as_uri(), file=saved.name, loadFileProperties={"clear": True})
    networked = dataclasses.replace(
        networked, settings=SimpleNamespace(download_servers=(), allowed_folders=(str(tmp_path),))
    )
    assert listed(networked)["Case"].is_loadable
    made = load(run_jobs, networked, "Case")
    assert "layout" in made.warnings[0]
    (came,) = [node for node in made.nodes if node.name == "in the sample"]
    assert np.array_equal(slicer.util.arrayFromVolume(scene.GetNodeByID(came.id)), voxels)
    assert np.array_equal(slicer.util.arrayFromVolume(mine), voxels + 1)


def test_a_scene_that_reaches_for_files_outside_is_refused(
    networked, run_jobs, register, tmp_path, scene, host, a_volume
):
    """house: a downloaded scene may name any file of the computer."""
    saved = tmp_path / "case.mrml"
    host.files.save_scene(str(saved))
    scene.Clear(0)
    count = scene.GetNumberOfNodes()
    register("Reaching", saved.as_uri(), file="case.mrml")
    with pytest.raises(PathOutsideRootsError):
        load(run_jobs, networked, "Reaching")
    assert scene.GetNumberOfNodes() == count


def test_a_cut_scene_changes_nothing(networked, run_jobs, register, tmp_path, scene, host, a_volume):
    """house."""
    saved = tmp_path / "case.mrb"
    host.files.save_scene(str(saved))
    saved.write_bytes(saved.read_bytes()[:-200])
    count = scene.GetNumberOfNodes()
    register("Cut", saved.as_uri(), file="case.mrb")
    with pytest.raises(FileUnreadableError):
        load(run_jobs, networked, "Cut")
    assert scene.GetNumberOfNodes() == count


def test_a_header_is_loaded_with_the_voxels_that_come_beside_it(
    networked, run_jobs, register, tmp_path, scene
):
    """slicer: a file without a name for its node goes with those that have one; the header may name no other file."""
    head, voxels = NRRD.split(b"\n\n", 1)
    for name, data_file in (("good", "tiny.raw"), ("bad", "/etc/hostname")):
        (tmp_path / f"{name}.nhdr").write_bytes(head + f"\ndata file: {data_file}\n\n".encode())
    (tmp_path / "tiny.raw").write_bytes(voxels)
    for name in ("good", "bad"):
        uris = [(tmp_path / file).as_uri() for file in (f"{name}.nhdr", "tiny.raw")]
        register(name, uris, file=[f"{name}.nhdr", "tiny.raw"], node=["Tiny", None])
    (made,) = load(run_jobs, networked, "good").nodes
    assert slicer.util.arrayFromVolume(scene.GetNodeByID(made.id)).ravel().tolist() == list(range(8))
    with pytest.raises(PathOutsideRootsError):
        load(run_jobs, networked, "bad")
