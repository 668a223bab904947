"""Nodes read again from their files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import FileMissingError, FileUnreadableError, NodeTypeError, PathOutsideRootsError
from AgentBridgeLib.operations.scene import files


@pytest.fixture
def allowing(context, tmp_path):
    """A context in which the test's folder is allowed."""
    return dataclasses.replace(context, settings=SimpleNamespace(allowed_folders=(str(tmp_path),)))


def reload_node(context, node):
    return files.reload_node(context, files.ReloadArguments(node_id=node.GetID()))


@pytest.fixture
def a_saved_volume(run, allowing, a_volume, tmp_path):
    """The ramp, loaded from a file of this test."""
    path = tmp_path / "ramp.nrrd"
    allowing.host.files.save(a_volume, str(path), {})
    loaded = run(files.load_file(allowing, files.LoadArguments(path=str(path))))
    return slicer.mrmlScene.GetNodeByID(loaded.nodes[0].id)


def test_reload_brings_back_the_voxels_of_the_file_and_keeps_name_and_window(
    allowing, a_saved_volume, a_volume
):
    """issue:#3: reload from file."""
    voxels = slicer.util.arrayFromVolume(a_saved_volume)
    voxels[:] = 7
    a_saved_volume.SetName("Mine")
    a_saved_volume.GetDisplayNode().SetAutoWindowLevel(False)
    a_saved_volume.GetDisplayNode().SetWindowLevel(123.0, 45.0)
    seen = reload_node(allowing, a_saved_volume)
    assert (seen.id, seen.name) == (a_saved_volume.GetID(), "Mine")
    assert np.array_equal(slicer.util.arrayFromVolume(a_saved_volume), slicer.util.arrayFromVolume(a_volume))
    assert a_saved_volume.GetDisplayNode().GetWindow() == 123.0
    assert not seen.storage.has_unsaved_changes


@pytest.mark.parametrize(
    ("class_name", "ending", "count"),
    [
        ("vtkMRMLMarkupsFiducialNode", ".mrk.json", lambda node: node.GetNumberOfControlPoints()),
        ("vtkMRMLTextNode", ".txt", lambda node: len(node.GetText() or "")),
    ],
)
def test_other_kinds_of_nodes_are_read_again(run, allowing, scene, tmp_path, class_name, ending, count):
    """issue:#3: reload from file."""
    node = scene.AddNewNodeByClass(class_name, "It")
    if class_name == "vtkMRMLTextNode":
        node.SetText("hello")
    else:
        node.AddControlPoint(1, 2, 3)
    allowing.host.files.save(node, str(tmp_path / f"It{ending}"), {})
    loaded = run(files.load_file(allowing, files.LoadArguments(path=str(tmp_path / f"It{ending}"))))
    again = scene.GetNodeByID(loaded.nodes[0].id)
    before = count(again)
    if class_name == "vtkMRMLTextNode":
        again.SetText("changed it all")
    else:
        again.AddControlPoint(4, 5, 6)
    assert count(again) != before
    reload_node(allowing, again)
    assert count(again) == before > 0


def test_file_that_is_gone_or_broken_leaves_the_node_as_it_was(allowing, a_saved_volume):
    """issue:#2: a failed change leaves the scene as it was."""
    voxels = slicer.util.arrayFromVolume(a_saved_volume)
    voxels[:] = 7
    slicer.util.arrayFromVolumeModified(a_saved_volume)
    path = Path(a_saved_volume.GetStorageNode().GetFullNameFromFileName())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileUnreadableError):
        reload_node(allowing, a_saved_volume)
    assert (slicer.util.arrayFromVolume(a_saved_volume) == 7).all()
    path.unlink()
    with pytest.raises(FileMissingError):
        reload_node(allowing, a_saved_volume)
    assert (slicer.util.arrayFromVolume(a_saved_volume) == 7).all()


def test_node_without_a_file_and_a_file_outside_are_refused(allowing, a_saved_volume, scene):
    """issue:#2: only inside the allowed folders, whoever set the path."""
    fresh = scene.AddNewNodeByClass("vtkMRMLModelNode", "Fresh")
    with pytest.raises(NodeTypeError):
        reload_node(allowing, fresh)
    a_saved_volume.GetStorageNode().SetFileName("/etc/hostname")
    with pytest.raises(PathOutsideRootsError):
        reload_node(allowing, a_saved_volume)


def test_header_that_names_others_by_now_is_not_read(allowing, a_saved_volume, tmp_path):
    """issue:#4: the file is another one than the one that was loaded."""
    header = "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: /etc/hostname\n\n"
    (tmp_path / "ramp.nrrd").write_text(header)
    before = slicer.util.arrayFromVolume(a_saved_volume).copy()
    with pytest.raises(PathOutsideRootsError):
        reload_node(allowing, a_saved_volume)
    assert np.array_equal(slicer.util.arrayFromVolume(a_saved_volume), before)
