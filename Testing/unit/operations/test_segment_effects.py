"""Effects on segments of a rotated, anisotropic, off-origin and left-handed grid, beside second implementations."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name
import slicer
from pydantic import TypeAdapter

from AgentBridgeLib.errors import ArgumentInvalidError, GeometryMismatchError, RevisionConflictError
from AgentBridgeLib.operations.segmentations import creating, editing, effect_running
from AgentBridgeLib.operations.segmentations.labelmaps import array_of, mask_of, oriented_image

SHAPE_KJI = (14, 20, 24)
SPACING_KJI = (2.5, 1.1, 0.8)


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture(params=["right-handed", "left-handed"])
def grid(request, oblique):
    """A rotated, anisotropic, off-origin geometry, and its mirror image."""
    matrix = oblique.copy()
    if request.param == "left-handed":
        matrix[:3, 1] *= -1
    return matrix


@pytest.fixture
def blob():
    """Two balls that touch, noise on their surface, and one voxel apart."""
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    one = ((k - 6) * 2.5) ** 2 + ((j - 8) * 1.1) ** 2 + ((i - 8) * 0.8) ** 2 < 36
    two = ((k - 7) * 2.5) ** 2 + ((j - 9) * 1.1) ** 2 + ((i - 17) * 0.8) ** 2 < 16
    noise = np.random.default_rng(1).random(SHAPE_KJI) < 0.05
    mask = (one | two) ^ (noise & (k > 3) & (k < 9) & (j > 3) & (j < 14) & (i > 2) & (i < 20))
    mask[13, 19, 23] = True
    return mask


@pytest.fixture
def a_segmentation(context, run, grid):
    """Give a function that makes a segmentation with one segment for each mask; ids s0, s1, …"""

    def make(*masks, parent=None, values=None):
        values = np.zeros(masks[0].shape, np.int16) if values is None else values
        volume = slicer.util.addVolumeFromArray(np.ascontiguousarray(values), grid, "volume")
        if parent is not None:
            volume.SetAndObserveTransformNodeID(parent.GetID())
        wanted = creating.CreateArguments(source_volume_id=volume.GetID())
        node = slicer.mrmlScene.GetNodeByID(run(creating.create_segmentation(context, wanted)).id)
        for number, mask in enumerate(masks):
            node.GetSegmentation().AddEmptySegment(f"s{number}", f"segment {number}")
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                mask.astype(np.uint8), node, f"s{number}", volume
            )
        return node, volume

    return make


@pytest.fixture
def edit(context, run):
    """Edit a segmentation; gives the answer."""

    def apply(node, effect, segment_id="s0", **arguments):
        if segment_id is not None:
            arguments["segment_id"] = segment_id
        wanted = TypeAdapter(editing.EditArguments).validate_python(
            {"segmentation_id": node.GetID(), "effect": effect, **arguments}
        )
        return run(editing.edit_segment(context, wanted))

    return apply


def image(mask):
    made = sitk.GetImageFromArray(mask.astype(np.uint8))
    made.SetSpacing(SPACING_KJI[::-1])
    return made


def distance_mm(mask):
    """Distance to the next voxel center of a mask, by ITK's exact distance transform."""
    return sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(image(mask), squaredDistance=False, useImageSpacing=True)
    )


@pytest.mark.parametrize("margin_mm", [1.0, 2.55, 5.2])
def test_margin_agrees_with_itks_distance_transform(context, a_segmentation, edit, blob, margin_mm):
    """issue:#3: mm on an anisotropic grid, either handedness."""
    node, _ = a_segmentation(blob)
    answer = edit(node, "grow", margin_mm=margin_mm)
    expected = blob | (distance_mm(blob) <= margin_mm)
    assert np.array_equal(mask_of(context, node, "s0"), expected)
    (change,) = answer.changes
    assert (change.voxel_count_before, change.voxel_count) == (blob.sum(), expected.sum())


def test_a_child_process_computes_the_same_as_the_own_thread(
    context, a_segmentation, edit, blob, monkeypatch
):
    """issue:#3: long edits keep the event loop responsive."""
    effects = [
        ("grow", {"margin_mm": 2.6}),
        ("median", {"kernel_mm": 3}),
        ("gaussian", {"sigma_mm": 1.2}),
        ("fill_holes", {}),
        ("keep_largest", {}),
    ]
    results = []
    for limit in (1 << 20, 0):
        monkeypatch.setattr(effect_running, "INLINE_VOXELS", limit)
        node, _ = a_segmentation(blob)
        for effect, more in effects:
            edit(node, effect, **more)
        results.append(mask_of(context, node, "s0"))
    assert np.array_equal(*results)
    assert 0 < results[0].sum() != blob.sum()


@pytest.mark.parametrize("border", ["inside", "medial", "outside"])
def test_hollow_leaves_a_shell_of_that_thickness(context, a_segmentation, edit, border):
    """slicer: effect Hollow; the border of the segment lies inside, in the middle or outside of the shell."""
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    mask = ((k - 7) * 2.5) ** 2 + ((j - 10) * 1.1) ** 2 + ((i - 12) * 0.8) ** 2 < 50
    node, _ = a_segmentation(mask)
    edit(node, "hollow", thickness_mm=3.0, border=border)
    outer, inner = distance_mm(mask), distance_mm(~mask)
    share = 1.5 if border == "medial" else 3.0
    expected_outer = mask if border == "outside" else mask | (outer <= share)
    expected_inner = mask if border == "inside" else mask & (inner > share)
    assert np.array_equal(mask_of(context, node, "s0"), expected_outer & ~expected_inner)


@pytest.mark.parametrize(("effect", "first"), [("opening", "shrink"), ("closing", "grow")])
def test_opening_and_closing_use_a_ball_in_mm(context, a_segmentation, edit, blob, effect, first):
    """slicer: effect Smoothing; the kernel's width is its diameter."""
    node, _ = a_segmentation(blob)
    edit(node, effect, kernel_mm=4.0)
    shrunk = lambda mask: mask & (distance_mm(~mask) > 2.0)  # noqa: E731
    grown = lambda mask: mask | (distance_mm(mask) <= 2.0)  # noqa: E731
    expected = grown(shrunk(blob)) if first == "shrink" else shrunk(grown(blob))
    assert np.array_equal(mask_of(context, node, "s0"), expected)
    assert expected.sum() != blob.sum()


def test_median_is_that_of_the_odd_kernel_nearest_in_mm(context, a_segmentation, edit, blob):
    """slicer: effect Smoothing, kernel rounded to an odd number of voxels; ITK's filter inside the image."""
    node, _ = a_segmentation(blob)
    edit(node, "median", kernel_mm=3.5)
    expected = sitk.GetArrayFromImage(sitk.Median(image(blob), (2, 1, 0)))
    inner = np.s_[1:-1, 2:-2, 3:-3]
    assert np.array_equal(mask_of(context, node, "s0")[inner], expected[inner] != 0)


def test_gaussian_keeps_what_is_at_least_half_after_the_blur(context, a_segmentation, edit, blob):
    """slicer: effect Smoothing; ITK's discrete Gaussian agrees but for voxels near one half."""
    node, _ = a_segmentation(blob)
    edit(node, "gaussian", sigma_mm=1.5)
    blurred = sitk.GetArrayFromImage(
        sitk.DiscreteGaussian(sitk.Cast(image(blob), sitk.sitkFloat32), [1.5**2] * 3, 64, 0.001, True)
    )
    result, is_clear = mask_of(context, node, "s0"), np.abs(blurred - 0.5) > 0.06
    assert np.array_equal(result[is_clear], (blurred > 0.5)[is_clear])
    assert is_clear.mean() > 0.85


def test_islands_are_split_into_segments_of_their_own(context, a_segmentation, edit, blob):
    """slicer: effect Islands; ITK's connected components."""
    blob[0, 0:3, 0] = True
    node, _ = a_segmentation(blob)
    answer = edit(node, "split_islands", minimum_voxels=3)
    components = sitk.GetArrayFromImage(
        sitk.RelabelComponent(sitk.ConnectedComponent(image(blob)), minimumObjectSize=3)
    )
    counts = np.bincount(components.ravel())[1:]
    assert [change.voxel_count for change in answer.changes] == list(counts)
    assert [change.is_new for change in answer.changes] == [False] + [True] * (len(counts) - 1)
    assert np.array_equal(mask_of(context, node, "s0"), components == 1)
    last = answer.changes[-1].segment_id
    assert np.array_equal(mask_of(context, node, last), components == len(counts))


def test_file_that_was_cut_down_to_its_segments_is_edited_on_the_whole_grid(
    context, a_segmentation, edit, grid, tmp_path
):
    """slicer: a `.seg.nrrd` may hold only the box of the segments; the reference geometry is in its header."""
    mask = np.zeros(SHAPE_KJI, bool)
    mask[5:8, 6:10, 9:13] = True
    node, _ = a_segmentation(mask)
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetCropToMinimumExtent(True)
    storage.SetFileName(str(tmp_path / "cut.seg.nrrd"))
    assert storage.WriteData(node)
    loaded = slicer.util.loadSegmentation(str(tmp_path / "cut.seg.nrrd"))
    edit(loaded, "invert")
    result = mask_of(context, loaded, "s0")
    assert result.shape == SHAPE_KJI
    assert np.array_equal(result, ~mask)
    edit(loaded, "paint", positions_ras=[(grid @ [11, 7, 6, 1])[:3].tolist()], radius_mm=0.5)
    assert np.argwhere(mask_of(context, loaded, "s0") & mask).tolist() == [[6, 7, 11]]


def test_segmentation_with_a_shifted_extent_is_edited_where_it_lies(context, run, edit, grid, scene):
    """slicer: extents need not begin at 0, and the first voxel lies where the extent says."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    mask = np.zeros((4, 5, 6), np.uint8)
    mask[1, 2, 3] = 1
    shifted = oriented_image(mask, grid, (7, 8, 9))
    node.GetSegmentation().SetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(),
        slicer.vtkSegmentationConverter.SerializeImageGeometry(shifted),
    )
    node.AddSegmentFromBinaryLabelmapRepresentation(shifted, "s")
    segment_id = node.GetSegmentation().GetNthSegmentID(0)
    assert np.array_equal(mask_of(context, node, segment_id), mask)
    at = (grid @ [7, 8, 9, 1])[:3].tolist()
    edit(node, "paint", segment_id, positions_ras=[at], radius_mm=0.3)
    assert np.argwhere(mask_of(context, node, segment_id)).tolist() == [[0, 0, 0], [1, 2, 3]]
    edit(node, "grow", segment_id, margin_mm=0.85)
    k, j, i = (np.argwhere(mask_of(context, node, segment_id)).T).tolist()
    assert sorted(zip(k, j, i, strict=True)) == [(0, 0, 0), (0, 0, 1), (1, 2, 2), (1, 2, 3), (1, 2, 4)]


def test_small_islands_are_removed_and_one_is_chosen_by_a_point(context, a_segmentation, edit, blob, grid):
    """slicer: effect Islands; the point is in the world."""
    node, _ = a_segmentation(blob, blob)
    edit(node, "remove_small_islands", minimum_voxels=2)
    components = sitk.GetArrayFromImage(sitk.ConnectedComponent(image(blob)))
    sizes = np.bincount(components.ravel())
    assert np.array_equal(mask_of(context, node, "s0"), blob & (sizes[components] >= 2))
    alone = (grid @ [23, 19, 13, 1])[:3].tolist()
    edit(node, "keep_island", segment_id="s1", positions_ras=[alone])
    assert np.argwhere(mask_of(context, node, "s1")).tolist() == [[13, 19, 23]]
    with pytest.raises(ArgumentInvalidError, match="outside of the segmentation's grid"):
        edit(node, "keep_island", positions_ras=[(500, 0, 0)])
    with pytest.raises(ArgumentInvalidError, match="not inside the segment"):
        edit(node, "remove_island", positions_ras=[(grid @ [0, 0, 0, 1])[:3].tolist()])


def test_balls_are_round_in_the_world_under_a_scaling_transform(context, a_segmentation, edit, grid, scene):
    """slicer: parent transforms apply to what is seen and pointed at."""
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.diag([2.0, 1, 1, 1])
    matrix[:3, 3] = (4, -6, 9)
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    node, _ = a_segmentation(np.zeros(SHAPE_KJI, bool), parent=parent)
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    world = (matrix @ grid @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)]))[:3]
    center = (matrix @ grid @ [11.3, 9.8, 7.1, 1])[:3]
    edit(node, "paint", positions_ras=[center.tolist()], radius_mm=7.0)
    near = np.linalg.norm(world - center[:, None], axis=0).reshape(SHAPE_KJI)
    assert np.array_equal(mask_of(context, node, "s0"), near <= 7.0)
    edit(node, "erase", positions_ras=[center.tolist()], radius_mm=3.0)
    assert np.array_equal(mask_of(context, node, "s0"), (near <= 7.0) & (near > 3.0))
    answer = edit(node, "paint", positions_ras=[[900, 0, 0]], radius_mm=3.0)
    assert "nothing was painted" in answer.warnings[0]


def test_threshold_is_restricted_to_a_segment_and_to_values(context, a_segmentation, edit, blob):
    """issue:#3: masks by segment, inside and outside, and by intensity."""
    values = np.random.default_rng(2).integers(-1000, 1000, SHAPE_KJI).astype(np.int16)
    node, volume = a_segmentation(np.zeros(SHAPE_KJI, bool), blob, values=values)
    in_range = (values >= -200) & (values <= 600)
    threshold = {"volume_id": volume.GetID(), "minimum": -200, "maximum": 600}
    edit(node, "threshold", **threshold, mask={"segment_id": "s1"})
    assert np.array_equal(mask_of(context, node, "s0"), in_range & blob)
    edit(node, "clear")
    edit(node, "threshold", **threshold, mask={"segment_id": "s1", "side": "outside", "maximum": 100})
    assert np.array_equal(mask_of(context, node, "s0"), in_range & ~blob & (values <= 100))
    edit(node, "fill", volume_id=volume.GetID(), mask={"minimum": 900})
    assert np.array_equal(
        mask_of(context, node, "s0"), (in_range & ~blob & (values <= 100)) | (values >= 900)
    )


def test_mask_keeps_what_was_there_outside(context, a_segmentation, edit, blob):
    """slicer: nothing changes outside of the editable area."""
    box = np.zeros(SHAPE_KJI, bool)
    box[:, :10] = True
    node, _ = a_segmentation(blob, box)
    edit(node, "clear", mask={"segment_id": "s1"})
    assert np.array_equal(mask_of(context, node, "s0"), blob & ~box)


def test_cutting_takes_the_voxels_from_all_others(context, a_segmentation, edit, blob):
    """slicer: overwrite all segments."""
    box = np.zeros(SHAPE_KJI, bool)
    box[4:9, 5:15, 5:15] = True
    node, _ = a_segmentation(blob, box, ~box)
    answer = edit(node, "fill_holes", others="cut")
    taken = mask_of(context, node, "s0")
    assert np.array_equal(mask_of(context, node, "s1"), box & ~taken)
    assert np.array_equal(mask_of(context, node, "s2"), ~box & ~taken)
    assert [change.segment_id for change in answer.changes] == ["s0", "s1", "s2"]


def test_otsu_finds_the_threshold_between_two_tissues(context, a_segmentation, edit, blob):
    """issue:#3: ITK's own Otsu on the same histogram, and a search over all thresholds."""
    values = np.where(blob, 300, 40) + np.random.default_rng(3).normal(0, 15, SHAPE_KJI)
    values = values.astype(np.float32)
    node, volume = a_segmentation(np.zeros(SHAPE_KJI, bool), values=values)
    answer = edit(node, "automatic_threshold", volume_id=volume.GetID(), method="otsu")
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfHistogramBins(64)
    otsu.Execute(sitk.GetImageFromArray(values))
    assert answer.minimum == pytest.approx(otsu.GetThreshold(), abs=float(np.ptp(values)) / 60)
    assert answer.maximum is None
    assert np.array_equal(mask_of(context, node, "s0"), values >= np.float32(answer.minimum))
    assert np.array_equal(mask_of(context, node, "s0"), blob)
    below = edit(node, "automatic_threshold", volume_id=volume.GetID(), method="huang", side="below")
    assert below.minimum is None
    assert np.array_equal(mask_of(context, node, "s0"), values <= np.float32(below.maximum))


@pytest.mark.parametrize(
    "method", TypeAdapter(editing.EditArguments).json_schema()["properties"]["method"]["enum"]
)
def test_every_automatic_method_gives_a_threshold(a_segmentation, edit, blob, method):
    """slicer: effect Threshold, automatic."""
    values = np.where(blob, 300, 40) + np.random.default_rng(3).normal(0, 15, SHAPE_KJI)
    node, volume = a_segmentation(np.zeros(SHAPE_KJI, bool), values=values.astype(np.int16))
    answer = edit(node, "automatic_threshold", volume_id=volume.GetID(), method=method)
    assert values.min() <= answer.minimum <= values.max()


def test_seeds_grow_over_what_is_like_them(context, a_segmentation, edit, blob):
    """issue:#3: grow from seeds; each voxel goes to the seed that a path of like values leads to."""
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    ball = ((k - 7) * 2.5) ** 2 + ((j - 10) * 1.1) ** 2 + ((i - 12) * 0.8) ** 2 < 50
    values = (np.where(ball, 400, 0) + np.random.default_rng(4).normal(0, 8, SHAPE_KJI)).astype(np.int16)
    inner, outer = np.zeros((2, *SHAPE_KJI), bool)
    inner[7, 10, 12] = True
    outer[0, 0, 0] = outer[13, 19, 23] = True
    node, volume = a_segmentation(inner, outer, values=values)
    answer = edit(node, "grow_from_seeds", None, volume_id=volume.GetID())
    assert np.array_equal(mask_of(context, node, "s0"), ball)
    assert np.array_equal(mask_of(context, node, "s1"), ~ball)
    assert [change.voxel_count for change in answer.changes] == [ball.sum(), (~ball).sum()]
    # The segments share one image now, and each can still be edited alone.
    edit(node, "clear", "s0")
    assert np.array_equal(mask_of(context, node, "s1"), ~ball)


def test_one_seed_grows_inside_of_a_mask_only(context, a_segmentation, edit):
    """slicer: with an editable area one seed is enough."""
    values = np.zeros(SHAPE_KJI, np.int16)
    values[3:9, 4:12, 5:20] = values[10:13, 14:18, 5:20] = 100  # the second cannot be reached
    seed, other = np.zeros((2, *SHAPE_KJI), bool)
    seed[5, 6, 7] = True
    other[0, 0, 0] = True
    node, volume = a_segmentation(seed, other, values=values)
    arguments = {"volume_id": volume.GetID(), "segment_ids": ["s0"], "growth_ratio": 30}
    with pytest.raises(ArgumentInvalidError, match="two segments"):
        edit(node, "grow_from_seeds", None, **arguments)
    edit(node, "grow_from_seeds", None, **arguments, mask={"minimum": 50})
    values[10:13] = 0
    assert np.array_equal(mask_of(context, node, "s0"), values == 100)
    assert np.array_equal(mask_of(context, node, "s1"), other)


def test_joint_smoothing_opens_no_gap_between_segments(context, a_segmentation, edit):
    """slicer: effect Smoothing, joint."""
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    inside = (k > 2) & (k < 11) & (j > 2) & (j < 17) & (i > 2) & (i < 21)
    parts = i + (j + k) % 2 < 12
    node, _ = a_segmentation(inside & parts, inside & ~parts)
    edit(node, "joint_smooth", None, smoothing_factor=0.4)
    one, two = mask_of(context, node, "s0"), mask_of(context, node, "s1")
    assert not (one & two).any()
    core = np.s_[5:9, 6:14, 5:19]
    assert (one | two)[core].all()
    rough = np.abs(np.diff((inside & parts)[core].astype(int), axis=1)).sum()
    assert np.abs(np.diff(one[core].astype(int), axis=1)).sum() < rough / 2


def test_a_volume_on_another_grid_is_interpolated_in_the_world(context, a_segmentation, edit, grid):
    """slicer: the source volume is resampled to the segmentation's grid; a linear ramp stays exact."""
    node, _ = a_segmentation(np.zeros(SHAPE_KJI, bool))
    matrix = np.diag([3.0, 3, 3, 1])
    matrix[:3, 3] = (grid @ [12, 10, 7, 1])[:3] - 60
    k, j, i = np.mgrid[0:40, 0:40, 0:40]
    ramp = matrix[0, 3] + 3.0 * i
    other = slicer.util.addVolumeFromArray(ramp.astype(np.float32), matrix, "ramp")
    k, j, i = np.mgrid[0:14, 0:20, 0:24]
    right = (grid @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)]))[0].reshape(SHAPE_KJI)
    middle = float(np.median(right)) + 0.013
    edit(node, "threshold", volume_id=other.GetID(), minimum=middle, maximum=1e6)
    assert np.array_equal(mask_of(context, node, "s0"), right >= middle)


def test_transform_that_is_not_linear_is_refused_for_positions(a_segmentation, edit, blob, scene):
    """house: a ball that would not be one is not painted."""
    node, _ = a_segmentation(blob)
    node.SetAndObserveTransformNodeID(scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode").GetID())
    with pytest.raises(GeometryMismatchError, match="harden"):
        edit(node, "paint", positions_ras=[[0, 0, 0]], radius_mm=3.0)


def test_a_surface_that_was_shown_is_made_again(context, a_segmentation, edit, blob, grid):
    """issue:#3: it belongs to the voxels of now."""
    node, _ = a_segmentation(blob, ~blob)
    node.CreateClosedSurfaceRepresentation()
    segmentation = node.GetSegmentation()
    before = segmentation.GetSegment("s0").GetRepresentation("Closed surface").GetBounds()
    edit(node, "keep_island", positions_ras=[(grid @ [23, 19, 13, 1])[:3].tolist()])
    after = segmentation.GetSegment("s0").GetRepresentation("Closed surface").GetBounds()
    assert segmentation.ContainsRepresentation("Closed surface")
    assert after[1] - after[0] < 5 < before[1] - before[0]
    edit(node, "clear")
    assert segmentation.GetSegment("s0").GetRepresentation("Closed surface").GetNumberOfCells() == 0
    assert segmentation.GetSegment("s1").GetRepresentation("Closed surface").GetNumberOfCells() > 0


def test_cancel_kills_the_process_and_changes_nothing(context, a_segmentation, blob, monkeypatch):
    """issue:#3: cancel leaves nothing half-made."""
    monkeypatch.setattr(effect_running, "INLINE_VOXELS", 0)
    node, _ = a_segmentation(blob)
    children = []
    start = context.host.processes.run_python

    def spy(*arguments):
        children.append(start(*arguments))
        return children[-1]

    monkeypatch.setattr(context.host.processes, "run_python", spy)
    wanted = editing.EditArguments(
        segmentation_id=node.GetID(), segment_id="s0", effect="median", kernel_mm=5.0
    )
    steps = editing.edit_segment(context, wanted)
    while not children:
        next(steps)
    steps.close()
    child = children[0]._process
    assert child.waitForFinished(5000) or child.state() == child.ProcessState.NotRunning
    assert np.array_equal(mask_of(context, node, "s0"), blob)


def test_change_of_the_volume_while_editing_is_noticed(context, run, a_segmentation, blob):
    """house."""
    node, volume = a_segmentation(blob)
    wanted = editing.EditArguments(
        segmentation_id=node.GetID(), segment_id="s0", effect="threshold", volume_id=volume.GetID(),
        minimum=-1.0, maximum=1.0,
    )  # fmt: skip
    steps = editing.edit_segment(context, wanted)
    next(steps)
    slicer.util.arrayFromVolume(volume)[0] = 7
    slicer.util.arrayFromVolumeModified(volume)
    with pytest.raises(RevisionConflictError):
        run(steps)


@pytest.mark.parametrize("others", ["keep", "cut"])
def test_masks_and_cutting_agree_with_slicers_segment_editor_logic(
    context, a_segmentation, edit, blob, scene, others
):
    """slicer: `vtkSlicerSegmentEditorLogic::ModifySegmentByLabelmap` with the same mask and overwrite mode."""
    values = np.random.default_rng(5).integers(-1000, 1000, SHAPE_KJI).astype(np.int16)
    area = np.zeros(SHAPE_KJI, bool)
    area[2:12, 3:18, 4:20] = True
    new = np.random.default_rng(6).random(SHAPE_KJI) < 0.3
    ours, volume = a_segmentation(blob, area, new, values=values)
    theirs, _ = a_segmentation(blob, area, new, values=values)
    mask = {"segment_id": "s1", "minimum": -300, "maximum": 700}
    edit(ours, "union", other_segment_id="s2", volume_id=volume.GetID(), mask=mask, others=others)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    node.SetAndObserveSegmentationNode(theirs)
    node.SetAndObserveSourceVolumeNode(volume)
    node.SetSelectedSegmentID("s0")
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
    node.SetMaskSegmentID("s1")
    node.SourceVolumeIntensityMaskOn()
    node.SetSourceVolumeIntensityMaskRange(-300, 700)
    node.SetOverwriteMode(node.OverwriteAllSegments if others == "cut" else node.OverwriteNone)
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(scene)
    logic.SetSegmentEditorNode(node)
    logic.UpdateReferenceGeometryImage()
    logic.ResetModifierLabelmapToDefault()
    logic.UpdateAlignedSourceVolume()
    logic.UpdateMaskLabelmap()
    array_of(logic.GetModifierLabelmap())[:] = new
    mode = logic.ModificationModeAdd
    logic.ModifySegmentByLabelmap(theirs, "s0", logic.GetModifierLabelmap(), mode, False, False)
    for segment_id in ("s0", "s1", "s2"):
        result = mask_of(context, ours, segment_id)
        expected = mask_of(context, theirs, segment_id)
        if others == "cut" and segment_id != "s0":
            # Slicer cuts what was painted, this bridge all that the segment has then where voxels may change.
            expected = expected & ~(
                mask_of(context, theirs, "s0") & area & (values >= -300) & (values <= 700)
            )
        assert np.array_equal(result, expected), segment_id
    assert not np.array_equal(mask_of(context, ours, "s0"), blob)


def test_an_edit_without_effect_says_so(context, a_segmentation, edit, blob):
    """house: success with nothing done is what a caller overlooks."""
    node, _ = a_segmentation(blob)
    (warning,) = edit(node, "grow", margin_mm=0.1).warnings
    assert warning.startswith("No voxel changed. Voxel centers are ")
    assert "0.8, 1.1, 2.5 mm apart" in warning
    assert edit(node, "invert").warnings == ()


def test_an_edit_that_empties_a_segment_says_so_unless_that_was_asked_for(
    context, a_segmentation, edit, blob
):
    """house."""
    node, _ = a_segmentation(blob, blob)
    assert edit(node, "shrink", margin_mm=900).warnings == ("The segment is empty now.",)
    assert edit(node, "clear", "s1").warnings == ()


def test_a_segment_is_not_combined_with_itself(context, a_segmentation, edit, blob):
    """house: it would change nothing, or clear it."""
    node, _ = a_segmentation(blob)
    with pytest.raises(ArgumentInvalidError, match="the segment itself"):
        edit(node, "subtract", other_segment_id="s0")


def test_a_point_outside_of_the_grid_is_told_where_the_grid_lies(context, a_segmentation, edit, blob):
    """house: in the frame and unit of the point."""
    node, volume = a_segmentation(blob)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    spans = [f"{axis} {bounds[2 * at]:.1f} to {bounds[2 * at + 1]:.1f}" for at, axis in enumerate("RAS")]
    with pytest.raises(ArgumentInvalidError, match=rf"{', '.join(spans)} \(RAS, mm\)"):
        edit(node, "keep_island", positions_ras=[(5000.0, 0.0, 0.0)])


ONE_EACH = [
    ("fill", {}),
    ("clear", {}),
    ("union", {"other_segment_id": "s1"}),
    ("grow", {"margin_mm": 3}),
    ("split_islands", {}),
    ("joint_smooth", {"segment_id": None, "segment_ids": ["s0", "s1"], "smoothing_factor": 0.9}),
    ("grow_from_seeds", {"segment_id": None, "segment_ids": ["s0", "s1"]}),
]


@pytest.mark.parametrize("others", ["keep", "cut"])
@pytest.mark.parametrize(("effect", "more"), ONE_EACH, ids=[effect for effect, _ in ONE_EACH])
def test_no_voxel_of_any_segment_changes_outside_of_the_mask(
    context, a_segmentation, edit, blob, effect, more, others
):
    """issue:#3: masks hold for every effect, for segments that overlap, and for those that are cut."""
    values = np.random.default_rng(5).integers(0, 1000, SHAPE_KJI).astype(np.int16)
    second, area = np.roll(blob, 4, axis=2), np.zeros(SHAPE_KJI, bool)
    area[2:12, 3:18, 4:18] = True
    node, volume = a_segmentation(blob, second, area, blob | second, values=values)
    given = more | {"volume_id": volume.GetID()} if effect == "grow_from_seeds" else more
    answer = edit(node, effect, mask={"segment_id": "s2"}, others=others, **given)
    before = {"s0": blob, "s1": second, "s2": area, "s3": blob | second}
    changed = {}
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        was, now = before.get(segment_id, np.zeros(SHAPE_KJI, bool)), mask_of(context, node, segment_id)
        assert not ((was ^ now) & ~area).any(), segment_id
        changed[segment_id] = (was ^ now).any()
    assert changed["s0"]
    assert changed["s3"] == (others == "cut" and effect not in {"clear", "split_islands"})
    for change in answer.changes:
        assert change.voxel_count_before == before.get(change.segment_id, np.zeros(1)).sum()


def test_what_several_segments_get_is_cut_from_all_others(context, a_segmentation, edit):
    """issue:#3: overwriting goes with growing from seeds too."""
    values = np.where(np.arange(24) < 12, 10, 200).astype(np.int16) * np.ones(SHAPE_KJI, np.int16)
    low, high, rest = (np.zeros(SHAPE_KJI, bool) for _ in range(3))
    low[6:8, 9:11, 3], high[6:8, 9:11, 20], rest[:, :5] = True, True, True
    node, volume = a_segmentation(low, high, rest, values=values)
    edit(
        node,
        "grow_from_seeds",
        None,
        segment_ids=["s0", "s1"],
        volume_id=volume.GetID(),
        growth_ratio=100,
        others="cut",
    )
    assert mask_of(context, node, "s0").sum() + mask_of(context, node, "s1").sum() == rest.size
    assert not mask_of(context, node, "s2").any()


def test_several_points_choose_several_islands(context, a_segmentation, edit, grid):
    """issue:#3: a point in each island."""
    mask = np.zeros(SHAPE_KJI, bool)
    places = [(2, 2, 2), (6, 9, 12), (11, 17, 21)]
    for place in places:
        mask[place] = True
    node, _ = a_segmentation(mask)
    points = [(grid @ [i, j, k, 1])[:3].tolist() for k, j, i in places[:2]]
    edit(node, "keep_island", positions_ras=points)
    assert np.argwhere(mask_of(context, node, "s0")).tolist() == [list(place) for place in places[:2]]
    edit(node, "remove_island", positions_ras=points[:1])
    assert np.argwhere(mask_of(context, node, "s0")).tolist() == [list(places[1])]


@pytest.mark.parametrize("method", ["triangle", "li", "intermodes"])
@pytest.mark.parametrize(
    "values",
    [
        np.full(SHAPE_KJI, 3, np.int16),
        np.full(SHAPE_KJI, np.nan, np.float32),
        np.where(np.arange(24) < 3, np.inf, 5).astype(np.float32) * np.ones(SHAPE_KJI, np.float32),
    ],
    ids=["constant", "no numbers", "infinite"],
)
def test_values_that_nothing_parts_give_no_threshold(context, a_segmentation, edit, blob, values, method):
    """slicer: `vtkITKImageThresholdCalculator` gives any number for them, or ends the process."""
    node, volume = a_segmentation(blob, values=values)
    with pytest.raises(ArgumentInvalidError, match="finds no threshold"):
        edit(node, "automatic_threshold", volume_id=volume.GetID(), method=method)
    assert np.array_equal(mask_of(context, node, "s0"), blob)


def test_values_that_are_no_numbers_do_not_count_for_a_threshold(context, a_segmentation, edit, blob):
    """issue:#3: the threshold of a volume with holes is that of the rest of it."""
    values = np.where(np.arange(24) < 12, 10, 200).astype(np.float32) * np.ones(SHAPE_KJI, np.float32)
    holes = values.copy()
    holes[:, :3], holes[:, 3] = np.nan, np.inf
    found = []
    for one in (values, holes):
        node, volume = a_segmentation(blob, values=one)
        found.append(edit(node, "automatic_threshold", volume_id=volume.GetID()).minimum)
    assert found[0] == found[1]


def test_answer_to_an_edit_describes_the_segments_that_it_was_about(context, a_segmentation, edit, blob):
    """house: an edit of one of a hundred segments does not tell of all of them again."""
    node, _ = a_segmentation(blob, ~blob, np.zeros(SHAPE_KJI, bool))
    answer = edit(node, "grow", margin_mm=3, others="cut")
    assert [segment.id for segment in answer.segments] == ["s0", "s1"]
    assert answer.segment_count == 3
