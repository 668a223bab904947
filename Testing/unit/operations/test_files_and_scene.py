import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    ConfirmationRequiredError,
    FileExistsAlreadyError,
    FileMissingError,
    FileUnreadableError,
    NodeTypeError,
)
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.scene import application, files
from AgentBridgeLib.operations.scene import scene as scene_operations


def load(context, path, **arguments):
    steps = files.load_file(context, files.LoadArguments(path=str(path), **arguments))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def save(context, node, path, **arguments):
    return files.save_node(context, files.SaveArguments(node_id=node.GetID(), path=str(path), **arguments))


def summary(context, frame="ras"):
    return scene_operations.summarize_scene(context, scene_operations.FrameArguments(frame=frame))


def test_saved_volume_is_loaded_voxel_by_voxel(context, a_volume, tmp_path, scene):
    """issue:#2."""
    saved = save(context, a_volume, tmp_path / "v.nrrd")
    assert saved.size_bytes == (tmp_path / "v.nrrd").stat().st_size
    made = load(context, tmp_path / "v.nrrd", name="again")
    assert [(node.name, node.class_name) for node in made.nodes] == [("again", "vtkMRMLScalarVolumeNode")]
    assert made.warnings == ()
    node = scene.GetNodeByID(made.nodes[0].id)
    assert np.array_equal(slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(a_volume))
    assert node.GetAttribute("AgentBridge.operation") == "tested.operation"


def test_saving_says_that_the_parent_transform_is_not_in_the_file(context, a_volume, scene, tmp_path):
    """slicer: files have the node's own coordinates; who registered it would miss that."""
    assert save(context, a_volume, tmp_path / "own.nrrd").warnings == ()
    moved = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_volume.SetAndObserveTransformNodeID(moved.GetID())
    (warning,) = save(context, a_volume, tmp_path / "moved.nrrd").warnings
    assert moved.GetID() in warning
    assert "transforms.harden" in warning


def test_existing_file_is_replaced_only_when_asked(context, a_volume, tmp_path):
    """issue:#2."""
    path = tmp_path / "v.nrrd"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsAlreadyError):
        save(context, a_volume, path)
    assert path.read_bytes() == b"precious"
    save(context, a_volume, path, overwrite=True)
    assert path.read_bytes().startswith(b"NRRD")


def test_uncompressed_file_is_larger(context, a_volume, tmp_path):
    """house."""
    small = save(context, a_volume, tmp_path / "small.nrrd")
    large = save(context, a_volume, tmp_path / "large.nrrd", use_compression=False)
    assert large.size_bytes > small.size_bytes
    assert b"encoding: raw" in (tmp_path / "large.nrrd").read_bytes()[:1000]


@pytest.mark.parametrize(
    ("name", "error"),
    [("v.stl", ArgumentInvalidError), ("missing/v.nrrd", ArgumentInvalidError), (".", ArgumentInvalidError)],
)
def test_impossible_target_is_refused(context, a_volume, tmp_path, name, error):
    """issue:#2."""
    with pytest.raises(error):
        save(context, a_volume, tmp_path / name)


def test_refusal_of_an_ending_names_those_that_work(context, a_volume, tmp_path):
    """issue:#2."""
    with pytest.raises(ArgumentInvalidError, match=r"\.nrrd"):
        save(context, a_volume, tmp_path / "v.txt")


def test_node_without_files_is_refused(context, scene, tmp_path):
    """house."""
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    with pytest.raises(NodeTypeError):
        save(context, node, tmp_path / "v.nrrd")


def test_left_handed_file_is_loaded_with_a_warning(context, tmp_path, scene):
    """slicer: the archetype reader reverses the k axis; positions stay."""
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    for sign in (1, -1):
        matrix = np.diag([1.0, 1, sign, 1])
        path = tmp_path / f"h{sign}.nrrd"
        path.write_bytes(nrrd.write_header("int16", (4, 3, 2), 1, matrix, "ras", {}) + array.tobytes())
        made = load(context, path)
        assert len(made.warnings) == (sign < 0)
        voxels = slicer.util.arrayFromVolume(scene.GetNodeByID(made.nodes[0].id))
        assert np.array_equal(voxels, array[::sign])


def test_missing_unknown_and_broken_files_are_told_apart(context, tmp_path, scene):
    """issue:#2."""
    before = scene.GetNumberOfNodes()
    with pytest.raises(FileMissingError):
        load(context, tmp_path / "nothing.nrrd")
    strange = tmp_path / "strange.xyz123"
    strange.write_bytes(b"?")
    with pytest.raises(FileUnreadableError):
        load(context, strange)
    broken = tmp_path / "broken.nrrd"
    broken.write_bytes(b"NRRD0004\nrubbish\n\n")
    with pytest.raises(FileUnreadableError):
        load(context, broken)
    assert scene.GetNumberOfNodes() == before


def test_file_that_slicer_would_import_with_its_folder_is_not_loaded(context, run, tmp_path, monkeypatch):
    """issue:#4: Slicer's reader of DICOM files writes into the database, which is another capability"""
    path = tmp_path / "IM1"
    path.write_bytes(bytes(128) + b"DICM")
    monkeypatch.setattr(type(context.host.files), "file_type", lambda *_: "DICOMFileImport")
    with pytest.raises(ArgumentInvalidError, match=r"dicom\.import_files"):
        run(files.load_file(context, files.LoadArguments(path=str(path))))


def test_scene_is_not_loaded_as_a_file(context, a_volume, tmp_path):
    """house."""
    scene_operations.save_scene(context, scene_operations.SaveArguments(path=str(tmp_path / "s.mrb")))
    with pytest.raises(ArgumentInvalidError, match=r"scene\.load"):
        load(context, tmp_path / "s.mrb")


def test_scene_comes_back_from_an_archive(context, a_volume, tmp_path, scene):
    """issue:#2."""
    array = slicer.util.arrayFromVolume(a_volume).copy()
    path = str(tmp_path / "s.mrb")
    scene_operations.save_scene(context, scene_operations.SaveArguments(path=path))
    with pytest.raises(FileExistsAlreadyError):
        scene_operations.save_scene(context, scene_operations.SaveArguments(path=path))
    loaded = scene_operations.load_scene(context, scene_operations.LoadArguments(path=path, clear=True))
    volumes = [node for node in loaded.nodes if node.class_name == "vtkMRMLScalarVolumeNode"]
    assert [node.name for node in volumes] == ["ramp"]
    assert np.array_equal(slicer.util.arrayFromVolume(scene.GetNodeByID(volumes[0].id)), array)
    assert scene.GetNodesByClass("vtkMRMLScalarVolumeNode").GetNumberOfItems() == 1


def test_emptying_before_loading_needs_the_capability_of_deleting():
    """issue:#2."""
    assert scene_operations.LoadArguments(path="/s.mrb", clear=True).also_requires() == ("scene.delete",)
    assert scene_operations.LoadArguments(path="/s.mrb").also_requires() == ()


@pytest.mark.parametrize("name", ["s.nrrd", "s"])
def test_scene_has_its_own_endings(context, name, tmp_path):
    """house."""
    with pytest.raises(ArgumentInvalidError, match="mrb"):
        scene_operations.save_scene(context, scene_operations.SaveArguments(path=str(tmp_path / name)))


def test_clearing_wants_to_be_confirmed_and_keeps_the_views(context, a_volume, scene):
    """issue:#2 and slicer: Clear(1) would orphan the views."""
    views = [scene.GetFirstNodeByClass(name) for name in ("vtkMRMLSliceNode", "vtkMRMLViewNode")]
    with pytest.raises(ConfirmationRequiredError):
        scene_operations.clear_scene(context, scene_operations.ClearArguments())
    assert scene.IsNodePresent(a_volume)
    cleared = scene_operations.clear_scene(context, scene_operations.ClearArguments(confirm=True))
    assert cleared.removed_count >= 1
    assert not scene.IsNodePresent(a_volume)
    assert all(scene.IsNodePresent(view) for view in views)


def test_summary_counts_and_encloses_what_is_listed(context, a_volume, scene):
    """issue:#2."""
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "empty")
    seen = summary(context)
    assert seen.counts_by_class["vtkMRMLScalarVolumeNode"] == 1
    assert seen.counts_by_class["vtkMRMLModelNode"] == 1
    assert seen.node_count == sum(seen.counts_by_class.values())
    bounds = [0.0] * 6
    a_volume.GetRASBounds(bounds)
    assert np.allclose(seen.bounds_ras, bounds)
    lps = summary(context, "lps").model_dump(mode="json")
    assert np.allclose(lps["bounds_lps"][:2], [-bounds[1], -bounds[0]])
    assert "bounds_ras" not in lps
    scene.RemoveNode(model)


def test_layout_is_named(context, scene):
    """slicer: the names of vtkMRMLLayoutNode."""
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert (summary(context).layout, summary(context).layout_number) == ("FourUpView", 3)


def test_empty_scene_has_no_bounds(context, scene):
    """house."""
    assert summary(context).bounds_ras is None


def test_active_volume_is_named(context, a_volume, host):
    """issue:#2."""
    host.scene.application_logic.GetSelectionNode().SetActiveVolumeID(a_volume.GetID())
    assert summary(context).active_volume_id == a_volume.GetID()


def test_application_is_described(context):
    """issue:#2."""
    seen = application.get_application(context, application.NoArguments())
    assert seen.module_count == len(seen.modules) > 0
    assert seen.python_version.startswith("3.")
    assert seen.version == context.host.application.version


def test_log_goes_on_after_a_number_and_keeps_the_latest(context):
    """issue:#2."""
    for number in range(3):
        vtk.vtkOutputWindow.GetInstance().InvokeEvent("WarningEvent", f"warning {number}")
    vtk.vtkOutputWindow.GetInstance().InvokeEvent("ErrorEvent", "x" * 5000)
    everything = application.read_log(context, application.LogArguments(limit=1000))
    latest = application.read_log(context, application.LogArguments(limit=2))
    assert latest.items == everything.items[-2:]
    assert latest.dropped_count == len(everything.items) - 2
    errors = application.read_log(
        context, application.LogArguments(level="error", since=latest.items[0].number)
    )
    assert [item.level for item in errors.items] == ["error"]
    assert len(errors.items[0].text) == 2000
    after = application.read_log(context, application.LogArguments(since=everything.last_number))
    assert after.items == ()
    assert after.last_number == everything.last_number


def test_modules_are_listed_by_kind_and_words(context):
    """issue:#3: GET /modules."""
    listed = application.list_modules(context, application.ModulesArguments())
    kinds = {item.name: item.kind for item in listed.items}
    assert kinds["Volumes"] == "loadable"
    assert kinds["ScaleVolume"] == "command_line"
    assert listed.total == len(kinds)
    found = application.list_modules(
        context, application.ModulesArguments(kind="command_line", search="scale")
    )
    assert [item.name for item in found.items] == ["ScaleVolume"]
