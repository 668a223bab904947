"""Engines behind one operation: the built-in ones, TotalSegmentator (a double of it), and registered ones."""

import dataclasses
import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import slicer

import EmbeddedSlicer
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    CapabilityDisabledError,
    FeatureMissingError,
    OperationFailedError,
)
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.operations.segmentations import creating, engines
from AgentBridgeLib.operations.segmentations.labelmaps import mask_of
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.policy.settings import SafetySettings
from AgentBridgeLib.registry.extension import PlainOperation, marked_functions

DOUBLE = Path(__file__).resolve().parents[2] / "doubles" / "total_segmentator"


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture
def context(context):
    """A context with the catalogue, in which all is allowed."""
    modes = dict.fromkeys(CAPABILITIES, "allow")
    return dataclasses.replace(context, catalog=make_catalog(), settings=SafetySettings(modes=modes))


@pytest.fixture
def a_ct(make_volume):
    """A bright and a dark box in a rotated, anisotropic, off-origin volume."""
    array = np.zeros((12, 14, 16), np.int16)
    array[2:6, 3:9, 4:11], array[8:11, 2:12, 3:13], array[0, 0, 0] = 400, -300, 400
    return make_volume(array, "ct")


@pytest.fixture(scope="module")
def the_extension():
    """The double of the extension, loaded as a scripted module."""
    EmbeddedSlicer.load_scripted_module(DOUBLE / "TotalSegmentator.py")
    yield
    slicer.app.moduleManager().unload("TotalSegmentator")


@pytest.fixture
def the_packages(tmp_path, monkeypatch):
    """Stand-ins of the Python packages, and the program among the scripts."""
    for name in ("totalsegmentator", "torch", "nnunetv2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    shutil.copy(DOUBLE / "program.py", tmp_path / "TotalSegmentator")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))


def start(context, volume, engine, **arguments):
    wanted = engines.RunArguments(engine=engine, source_volume_id=volume.GetID(), **arguments)
    return engines.run_engine(context, wanted)


def node_of(result):
    return slicer.mrmlScene.GetNodeByID(result.segmentation.id)


def test_threshold_engine_takes_a_range_and_drops_small_islands(context, run, a_ct):
    """issue:#3."""
    parameters = {"minimum": 300, "maximum": 500, "minimum_voxels": 5, "segment_name": "bright"}
    result = run(start(context, a_ct, "threshold", parameters=parameters, name="made"))
    (segment,) = result.segmentation.segments
    assert (result.segmentation.name, segment.name, result.engine) == ("made", "bright", "threshold")
    expected = voxels.voxels_of(a_ct) == 400
    expected[0, 0, 0] = False
    assert np.array_equal(mask_of(context, node_of(result), segment.id), expected)


def test_threshold_engine_finds_the_threshold_itself(context, run, a_ct):
    """issue:#3: Otsu."""
    result = run(start(context, a_ct, "threshold", parameters={"method": "otsu"}))
    mask = mask_of(context, node_of(result), result.segmentation.segments[0].id)
    assert mask[voxels.voxels_of(a_ct) == 400].all()
    assert not mask[voxels.voxels_of(a_ct) == -300].any()
    assert "Threshold" in result.messages[0]
    with pytest.raises(ArgumentInvalidError, match="minimum and maximum, or a method"):
        run(start(context, a_ct, "threshold"))


def test_seeds_are_grown_in_a_copy(context, run, a_ct):
    """issue:#3: grow_from_seeds; the seeds stay."""
    seeds = np.zeros((12, 14, 16), np.int16)
    seeds[3, 5, 6], seeds[9, 6, 6], seeds[6, 1, 1], seeds[11, 13, 15] = 1, 2, 3, 3
    volume = slicer.util.addVolumeFromArray(seeds, None, "seeds", "vtkMRMLLabelMapVolumeNode")
    volume.CopyOrientation(a_ct)
    made = run(creating.create_segmentation(context, creating.CreateArguments(labelmap_id=volume.GetID())))
    result = run(start(context, a_ct, "grow_from_seeds", seeds_id=made.id))
    values = voxels.voxels_of(a_ct)
    ids = [part.id for part in result.segmentation.segments]
    assert np.array_equal(mask_of(context, node_of(result), ids[1]), values == -300)
    first = mask_of(context, node_of(result), ids[0])
    assert first[2:6, 3:9, 4:11].all()
    assert first.sum() == 4 * 6 * 7
    seeds_node = slicer.mrmlScene.GetNodeByID(made.id)
    assert mask_of(context, seeds_node, made.segments[0].id).sum() == 1
    with pytest.raises(ArgumentInvalidError, match="seeds_id"):
        run(start(context, a_ct, "grow_from_seeds"))


def test_totalsegmentator_says_what_to_install(context, run, a_ct, scene):
    """issue:#3: a clear host.feature_missing if it is not there."""
    before = scene.GetNumberOfNodes()
    with pytest.raises(FeatureMissingError, match="Extensions Manager") as told:
        run(start(context, a_ct, "totalsegmentator"))
    assert told.value.code == "host.feature_missing"
    assert scene.GetNumberOfNodes() == before
    described = {one.name: one for one in engines.list_engines(context, engines.PageArguments()).items}
    assert not described["totalsegmentator"].is_available
    assert "Install" in described["totalsegmentator"].reason
    assert described["threshold"].is_available


def test_totalsegmentator_without_its_packages_says_so(context, run, a_ct, the_extension):
    """issue:#3: the extension alone is not enough."""
    with pytest.raises(FeatureMissingError, match="totalsegmentator, torch, nnunetv2"):
        run(start(context, a_ct, "totalsegmentator"))


def test_totalsegmentator_runs_its_program_and_its_logic_reads_the_result(
    context, run, a_ct, the_extension, the_packages, scene
):
    """issue:#3: on a double that follows the API of the extension's logic."""
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_ct.SetAndObserveTransformNodeID(parent.GetID())
    parameters = {"task": "total", "quality": "faster", "is_cpu_forced": True, "subset": ["liver", "spleen"]}
    result = run(start(context, a_ct, "totalsegmentator", parameters=parameters, name="organs"))
    assert [part.name for part in result.segmentation.segments] == ["liver", "spleen"]
    assert result.segmentation.segments[0].terminology.type.meaning == "Liver"
    assert result.segmentation.name == "organs"
    assert result.segmentation.parent_transform_id == parent.GetID()
    assert result.segmentation.source_volume_id == a_ct.GetID()
    assert "--device cpu --ml --task total --fastest --roi_subset liver spleen" in result.messages[-1]
    node = node_of(result)
    for part, value in zip(result.segmentation.segments, (400, -300), strict=True):
        assert np.array_equal(mask_of(context, node, part.id), voxels.voxels_of(a_ct) == value)
    assert node.GetStorageNode() is None, "the file it was read from is gone"


def test_totalsegmentator_reads_a_folder_where_a_task_has_no_common_file(
    context, run, a_ct, the_extension, the_packages
):
    """slicer: readSegmentationFolder."""
    result = run(start(context, a_ct, "totalsegmentator", parameters={"task": "body"}))
    assert [part.name for part in result.segmentation.segments] == ["liver"]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"task": "nothing"}, "there are total, body"),
        ({"task": "body", "quality": "faster"}, "body has normal, fast"),
        ({"subset": ["foot"]}, "no structure 'foot'"),
        ({"speed": 1}, "speed"),
    ],
)
def test_totalsegmentator_refuses_what_it_does_not_have(
    context, run, a_ct, the_extension, the_packages, parameters, told
):
    """house."""
    with pytest.raises(ArgumentInvalidError, match=told):
        run(start(context, a_ct, "totalsegmentator", parameters=parameters))


def test_totalsegmentator_that_fails_says_why_and_leaves_nothing(
    context, run, a_ct, the_extension, the_packages, scene
):
    """house."""
    voxels.voxels_of(a_ct)[0, 0, 0] = 9000
    before = scene.GetNumberOfNodes()
    with pytest.raises(OperationFailedError, match=r"exit code 7.*does not like such bright volumes"):
        run(start(context, a_ct, "totalsegmentator"))
    assert scene.GetNumberOfNodes() == before


def test_cancel_kills_the_program(context, a_ct, the_extension, the_packages, monkeypatch):
    """issue:#3: cancel leaves nothing half-made."""
    voxels.voxels_of(a_ct)[0, 0, 0] = -9000
    children, before = [], slicer.mrmlScene.GetNumberOfNodes()
    begin = context.host.processes.run_python
    monkeypatch.setattr(
        context.host.processes, "run_python", lambda *given: children.append(begin(*given)) or children[-1]
    )
    steps = start(context, a_ct, "totalsegmentator")
    while not children:
        next(steps)
    steps.close()
    assert children[0]._process.waitForFinished(5000)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def segment_everything(source_volume_id, segment_name="all"):
    """Put the whole volume into one segment."""
    volume = slicer.mrmlScene.GetNodeByID(source_volume_id)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment(segment_name, segment_name)
    array = np.ones(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment_name, volume)
    return node.GetID()


ENGINE = {
    "function": segment_everything,
    "name": "segmentation_engines.everything",
    "capability": "scene.edit",
    "arguments": {
        "type": "object",
        "properties": {"source_volume_id": {"type": "string"}, "segment_name": {"type": "string"}},
        "required": ["source_volume_id"],
    },
}


def test_engine_of_another_extension_is_listed_run_and_checked(context, run, a_ct):
    """issue:#3, ADR 29: any operation whose name begins with segmentation_engines."""
    context.catalog.add(marked_functions([ENGINE]))
    described = {one.name: one for one in engines.list_engines(context, engines.PageArguments()).items}
    assert described["everything"].summary == "Put the whole volume into one segment."
    assert list(described["everything"].parameters["properties"]) == ["segment_name"]
    result = run(start(context, a_ct, "everything", parameters={"segment_name": "x"}))
    assert result.segmentation.segments[0].name == "x"
    assert node_of(result).GetAttribute("AgentBridge.client") == "pytest"
    with pytest.raises(ArgumentInvalidError, match="segment_name"):
        run(start(context, a_ct, "everything", parameters={"segment_name": 5}))
    context.catalog.remove(["segmentation_engines.everything"])
    with pytest.raises(ArgumentInvalidError, match="there are threshold, grow_from_seeds, totalsegmentator"):
        run(start(context, a_ct, "everything"))


def test_engine_that_needs_what_is_not_allowed_is_refused(context, run, a_ct):
    """house: an engine is no way around the safety settings."""
    context.catalog.add(marked_functions([PlainOperation(**{**ENGINE, "capability": "python.execute"})]))
    modes = {**context.settings.modes, "python.execute": "ask"}
    strict = dataclasses.replace(context, settings=SafetySettings(modes=modes))
    with pytest.raises(CapabilityDisabledError, match=r"python\.execute"):
        run(start(strict, a_ct, "everything"))


def test_engine_that_gives_no_segmentation_is_reported(context, run, a_ct):
    """house."""

    def give_the_volume(source_volume_id, segment_name="all"):
        """Do nothing."""
        return source_volume_id

    wrong = {**ENGINE, "function": give_the_volume}
    context.catalog.add(marked_functions([wrong]))
    with pytest.raises(OperationFailedError, match="must return the id"):
        run(start(context, a_ct, "everything"))
