"""Labelmaps in and out, bit by bit, on rotated, anisotropic, off-origin and left-handed grids."""

import io
import re

import numpy as np
import pytest
import slicer
from pydantic import ValidationError

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    DataInvalidError,
    GeometryMismatchError,
    NodeTypeError,
)
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.segmentations import creating, labelmap_bytes, labelmap_uploads, segments
from AgentBridgeLib.operations.segmentations.labelmaps import edit_grid, mask_of

LIVER = "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~~^^~^^"


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture(params=["right-handed", "left-handed"])
def grid(request, oblique):
    """A rotated, anisotropic, off-origin geometry, and its mirror image."""
    matrix = oblique.copy()
    if request.param == "left-handed":
        matrix[:3, 2] *= -1
    return matrix


@pytest.fixture
def labels():
    """Three labels with gaps between their values."""
    array = np.zeros((9, 11, 13), np.int16)
    array[1:4, 2:6, 3:9], array[5:8, 2:6, 3:9], array[2, 8:10, 1:12] = 1, 4, 300
    return array


def node_of(made):
    return slicer.mrmlScene.GetNodeByID(made.id)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def joined(content):
    return b"".join(bytes(memoryview(part).cast("B")) for part in content.parts)


def read(context, node, **arguments):
    wanted = labelmap_bytes.LabelmapArguments(segmentation_id=node.GetID(), **arguments)
    return labelmap_bytes.read_labelmap(context, wanted)


def upload(context, run, content, **arguments):
    wanted = labelmap_uploads.UploadArguments(content=Bytes(content), **arguments)
    return run(labelmap_uploads.upload_labelmap(context, wanted))


def replace(context, run, node, content, **arguments):
    wanted = labelmap_uploads.ReplaceArguments(
        segmentation_id=node.GetID(), content=Bytes(content), **arguments
    )
    return run(labelmap_uploads.replace_labelmap(context, wanted))


def replace_one(context, run, node, segment_id, content, **arguments):
    wanted = labelmap_uploads.ReplaceSegmentArguments(
        segmentation_id=node.GetID(), segment_id=segment_id, content=Bytes(content), **arguments
    )
    return run(labelmap_uploads.replace_segment_labelmap(context, wanted))


def test_labelmap_node_becomes_a_segmentation_voxel_by_voxel(context, run, grid, labels, scene):
    """issue:#3; names and colors of the color table, place and transform of the volume."""
    volume = slicer.util.addVolumeFromArray(labels, grid, "map", "vtkMRMLLabelMapVolumeNode")
    table = scene.AddNewNodeByClass("vtkMRMLColorTableNode")
    table.SetTypeToUser()
    table.SetNumberOfColors(10)
    table.SetColor(4, "spleen", 0.5, 0.25, 0.75)
    volume.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    volume.SetAndObserveTransformNodeID(parent.GetID())
    made = run(creating.create_segmentation(context, creating.CreateArguments(labelmap_id=volume.GetID())))
    assert [part.name for part in made.segments] == ["Segment_1", "spleen", "Segment_300"]
    assert made.segments[1].color == pytest.approx((0.5, 0.25, 0.75), abs=1 / 255)
    assert made.parent_transform_id == parent.GetID()
    assert made.source_volume_id == volume.GetID()
    node = node_of(made)
    for part, value in zip(made.segments, (1, 4, 300), strict=True):
        assert np.array_equal(mask_of(context, node, part.id), labels == value)
    slicer.util.arrayFromVolume(volume)[:] = 0
    assert mask_of(context, node, made.segments[0].id).any(), "the segments have voxels of their own"


def test_segmentation_without_a_volume_has_the_grid_that_was_given(context, run, grid):
    """issue:#3: empty, without a source volume."""
    rows = tuple(tuple(row) for row in grid.tolist())
    geometry = {"dimensions_ijk": (13, 11, 9), "ijk_to_ras": rows}
    made = run(creating.create_segmentation(context, creating.CreateArguments(geometry=geometry)))
    assert (made.segment_count, made.source_volume_id) == (0, None)
    assert made.reference_dimensions_ijk == (13, 11, 9)
    assert np.allclose(edit_grid(node_of(made)).ijk_to_ras, grid)
    segments.add_segment(context, segments.AddSegmentArguments(segmentation_id=made.id, name="empty"))
    content = read(context, node_of(made), format="raw")
    assert joined(content) == bytes(2 * 13 * 11 * 9)


@pytest.mark.parametrize(
    "geometry",
    [
        {"dimensions_ijk": (2, 2, 2), "spacing_mm": (1, 0, 1)},
        {"dimensions_ijk": (2, 2, 2), "spacing_mm": (1, 1, 1), "ijk_to_ras": np.eye(4).tolist()},
        {"dimensions_ijk": (2, 2, 2), "ijk_to_ras": np.diag([1, 1, 0, 1]).tolist()},
        {"dimensions_ijk": (2, 2, 2), "ijk_to_ras": [[1, 0.5, 0, 0], *np.eye(4)[1:].tolist()]},
        {"dimensions_ijk": (65536, 65536, 65536)},
    ],
)
def test_geometry_that_is_none_is_refused(context, run, scene, geometry):
    """house."""
    before = scene.GetNumberOfNodes()
    if "ijk_to_ras" in geometry:
        geometry = {**geometry, "ijk_to_ras": tuple(tuple(map(float, row)) for row in geometry["ijk_to_ras"])}
    with pytest.raises(ArgumentInvalidError, match="geometry"):
        run(creating.create_segmentation(context, creating.CreateArguments(geometry=geometry)))
    assert scene.GetNumberOfNodes() == before
    with pytest.raises(ValidationError, match="exactly one"):
        creating.CreateArguments()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, ">i2"])
def test_npy_bytes_become_segments_and_come_back_the_same(context, run, grid, labels, dtype):
    """issue:#3: from uploaded bytes; any integer type."""
    labels = np.where(labels == 300, 7, labels)
    matrix = tuple(grid.ravel())
    made = upload(context, run, npy(labels.astype(dtype)), ijk_to_ras=matrix, name="sent")
    assert (made.name, [part.name for part in made.segments]) == (
        "sent",
        ["Segment_1", "Segment_4", "Segment_7"],
    )
    content = read(context, node_of(made), format="npy")
    back = np.load(io.BytesIO(joined(content)))
    assert back.dtype == np.int16
    assert np.array_equal(back, np.select([labels == 1, labels == 4, labels == 7], [1, 2, 3]))
    assert np.allclose(content.facts["ijk_to_ras"], grid)
    assert content.facts["segment_ids"] == [part.id for part in made.segments]


@pytest.mark.parametrize("frame", ["ras", "lps"])
def test_segments_that_overlap_survive_the_way_out_and_in(context, run, grid, labels, frame):
    """issue:#3: exact; ids, names, colors, terminology and status included."""
    made = upload(context, run, npy(labels), ijk_to_ras=tuple(grid.ravel()))
    node = node_of(made)
    added = segments.add_segment(
        context,
        segments.AddSegmentArguments(segmentation_id=made.id, name="täte|over", color=(0.1, 0.2, 0.3)),
    )
    over = added.segments[-1].id
    ball = np.zeros(labels.shape, np.uint8)
    ball[2:7, 3:9, 2:8] = 1
    replace_one(context, run, node, over, npy(ball))
    node.GetSegmentation().GetSegment(over).SetTerminology(LIVER)
    wanted = segments.UpdateSegmentArguments(segmentation_id=made.id, segment_id=over, status="flagged")
    segments.update_segment(context, wanted)
    merged = read(context, node)
    assert merged.facts["is_merged"] is True
    content = read(context, node, layers=True, frame=frame)
    assert content.facts["layer_count"] == 2
    again = upload(context, run, joined(content))
    copy = node_of(again)
    assert [part.id for part in again.segments] == [part.id for part in added.segments]
    assert again.segments[-1].name == "täte|over"
    assert again.segments[-1].color == pytest.approx((0.1, 0.2, 0.3))
    assert again.segments[-1].status == "flagged"
    assert again.segments[-1].terminology.type.meaning == "Liver"
    assert np.allclose(edit_grid(copy).ijk_to_ras, grid)
    for part in again.segments:
        assert np.array_equal(mask_of(context, copy, part.id), mask_of(context, node, part.id))
    assert np.array_equal(mask_of(context, copy, over), ball != 0)


def test_slicer_reads_the_bytes_as_a_segmentation_and_we_read_slicers(context, run, grid, labels, tmp_path):
    """slicer: `.seg.nrrd` is written and read by `vtkMRMLSegmentationStorageNode`."""
    made = upload(context, run, npy(labels), ijk_to_ras=tuple(grid.ravel()))
    node = node_of(made)
    node.GetSegmentation().GetSegment(made.segments[0].id).SetName("left lung")
    node.GetSegmentation().GetSegment(made.segments[0].id).SetTerminology(LIVER)
    path = tmp_path / "ours.seg.nrrd"
    path.write_bytes(joined(read(context, node, layers=True)))
    theirs = slicer.util.loadSegmentation(str(path))
    assert list(theirs.GetSegmentation().GetSegmentIDs()) == [part.id for part in made.segments]
    first = theirs.GetSegmentation().GetSegment(made.segments[0].id)
    assert (first.GetName(), first.GetTerminology()) == ("left lung", LIVER)
    for part in made.segments:
        assert np.array_equal(mask_of(context, theirs, part.id), mask_of(context, node, part.id))
    saved = tmp_path / "theirs.seg.nrrd"
    assert slicer.util.saveNode(node, str(saved))
    again = upload(context, run, saved.read_bytes())
    assert [(part.id, part.name) for part in again.segments] == [
        (made.segments[0].id, "left lung"), *((part.id, part.name) for part in made.segments[1:])
    ]  # fmt: skip
    for part, value in zip(again.segments, (1, 4, 300), strict=True):
        grid_of_file, mask = edit_grid(node_of(again)), mask_of(context, node_of(again), part.id)
        points = np.argwhere(mask)[:, ::-1]
        world = points @ grid_of_file.ijk_to_ras[:3, :3].T + grid_of_file.ijk_to_ras[:3, 3]
        expected = np.argwhere(labels == value)[:, ::-1] @ grid[:3, :3].T + grid[:3, 3]
        assert np.allclose(sorted(world.round(3).tolist()), sorted(expected.round(3).tolist()), atol=2e-3)


def test_all_segments_are_replaced_and_keep_what_the_bytes_do_not_say(context, run, grid, labels):
    """issue:#3: PUT labelmap; label n is the n-th segment, as the GET writes it."""
    made = upload(context, run, npy(labels), ijk_to_ras=tuple(grid.ravel()))
    node = node_of(made)
    wanted = segments.UpdateSegmentArguments(
        segmentation_id=made.id, segment_id=made.segments[1].id, name="spleen", color=(1, 0, 0)
    )
    segments.update_segment(context, wanted)
    array = np.load(io.BytesIO(joined(read(context, node, format="npy"))))
    array[array == 1] = 0
    array[0, 0, :3] = 2
    array[8, 8, 8] = 9
    after = replace(context, run, node, npy(array))
    assert [part.id for part in after.segments[:2]] == [part.id for part in made.segments[1:]]
    assert (after.segments[0].name, after.segments[0].color) == ("spleen", (1, 0, 0))
    assert after.segment_count == 3
    assert np.array_equal(mask_of(context, node, made.segments[1].id), array == 2)
    raw = np.where(array == 9, 0, array).tobytes()
    assert replace(context, run, node, raw, format="raw").segment_count == 2
    with pytest.raises(GeometryMismatchError, match="bytes have"):
        replace(context, run, node, npy(array[1:]))
    assert node.GetSegmentation().GetNumberOfSegments() == 2


def test_layers_are_put_back_into_the_segments_they_came_from(context, run, grid, labels):
    """issue:#3: NPY has no names, so the place in its layer says which segment it is; hidden ones stay hidden."""
    made = upload(context, run, npy(labels), ijk_to_ras=tuple(grid.ravel()))
    node, (first, second, third) = node_of(made), (part.id for part in made.segments)
    over = np.zeros(labels.shape, np.uint8)
    over[0:6, 2:6, 3:9] = 1
    replace_one(context, run, node, second, npy(over))
    node.GetDisplayNode().SetSegmentVisibility(third, False)
    masks = {one: mask_of(context, node, one) for one in (first, second, third)}
    content = read(context, node, layers=True, format="npy")
    assert content.facts["layer_count"] == 2
    after = replace(context, run, node, joined(content))
    assert {part.id: part.is_visible for part in after.segments} == {first: True, second: True, third: False}
    for segment_id, mask in masks.items():
        assert np.array_equal(mask_of(context, node, segment_id), mask)


def test_one_segment_is_cut_out_and_put_back(context, run, grid, labels):
    """issue:#3: single-segment bytes, whole and as a box."""
    made = upload(context, run, npy(labels), ijk_to_ras=tuple(grid.ravel()))
    node, second = node_of(made), made.segments[1].id
    where = {"segmentation_id": made.id, "segment_id": second}
    whole = labelmap_bytes.read_segment_labelmap(
        context, labelmap_bytes.SegmentLabelmapArguments(**where, format="npy")
    )
    assert np.array_equal(np.load(io.BytesIO(joined(whole))), (labels == 4).astype(np.uint8))
    box = labelmap_bytes.read_segment_labelmap(
        context, labelmap_bytes.SegmentLabelmapArguments(**where, is_cropped=True)
    )
    assert box.facts["shape_kji"] == [3, 4, 6]
    assert np.allclose(np.array(box.facts["ijk_to_ras"])[:, 3], grid @ [3, 2, 5, 1])
    content = joined(box)
    edited = bytearray(content)
    edited[-1] = 0
    answer = replace_one(context, run, node, second, bytes(edited))
    expected = labels == 4
    expected[7, 5, 8] = False
    assert np.array_equal(mask_of(context, node, second), expected)
    assert (answer.changes[0].voxel_count_before, answer.changes[0].voxel_count) == (72, 71)
    assert np.array_equal(mask_of(context, node, made.segments[0].id), labels == 1), "others stay"
    shifted = re.sub(rb"space origin: \([^,]*,", b"space origin: (9.5,", content)
    with pytest.raises(GeometryMismatchError, match="reference grid"):
        replace_one(context, run, node, second, shifted)
    matrix = grid.copy()
    matrix[:3, 3] = (grid @ [3.4, 2, 5, 1])[:3]  # inside, but between the voxels
    between = np.diag([-1.0, -1, 1, 1]) @ matrix
    shifted = nrrd.write_header("uint8", (6, 4, 3), 1, between.tolist(), "lps", {}) + content[-72:]
    with pytest.raises(GeometryMismatchError, match="reference grid"):
        replace_one(context, run, node, second, shifted)
    with pytest.raises(ArgumentInvalidError, match="no segment"):
        replace_one(context, run, node, "nothing", content)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.full((2, 2, 2), 0.5, np.float32), "integer"),
        (np.full((2, 2, 2), -1, np.int16), "there is -1"),
        (np.full((2, 2, 2), 40000, np.uint16), "there is 40000"),
        (np.arange(1331, dtype=np.int16).reshape(11, 11, 11), "1330 labels"),
    ],
)
def test_voxels_that_are_no_labels_are_refused_and_nothing_is_added(context, run, scene, array, problem):
    """house."""
    before = scene.GetNumberOfNodes()
    with pytest.raises(DataInvalidError, match=problem):
        upload(context, run, npy(array))
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Segment0_ID:=a\nSegment0_LabelValue:=0", "labels go from 1"),
        ("Segment0_ID:=a\nSegment0_LabelValue:=x", "where a number belongs"),
        ("Segment0_ID:=a\nSegment1_ID:=a\nSegment1_LabelValue:=2", "same id"),
        ("Segment0_ID:=a\nSegment1_ID:=b", "same layer and label"),
        ("Segment0_ID:=a\nSegment0_Layer:=3", "a layer that is not there"),
        ("Segment0_ID:=a\nSegment0_Color:=1 2", "three numbers"),
        ("Segment0_ID:=a\nSegment0_Color:=1 2 3", "go from 0 to 1"),
    ],
)
def test_header_that_contradicts_itself_is_refused(context, run, labels, line, problem):
    """house."""
    made = upload(context, run, npy(labels))
    content = joined(read(context, node_of(made)))
    head, _, data = content.partition(b"\n\n")
    kept = [entry for entry in head.decode().splitlines() if not entry.startswith("Segment")]
    with pytest.raises(DataInvalidError, match=problem):
        upload(context, run, "\n".join([*kept, line]).encode() + b"\n\n" + data)


def test_volume_that_is_no_labelmap_is_refused(context, run, a_volume):
    """house."""
    with pytest.raises(NodeTypeError):
        run(creating.create_segmentation(context, creating.CreateArguments(labelmap_id=a_volume.GetID())))
