"""Segments added, changed, removed and edited, on a rotated, anisotropic, off-origin grid."""

import numpy as np
import pytest
import slicer
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, RevisionConflictError
from AgentBridgeLib.operations.segmentations import creating, editing, segments

SPACING_KJI = np.array([2.5, 1.1, 0.8])


@pytest.fixture
def run(run_jobs):
    """Run an operation to its end, children included."""
    return run_jobs


@pytest.fixture
def edited(context, run, make_volume):
    """Give a function that makes two segments of two masks, edits the first and gives the masks of both."""

    def edit(one, two=None, **arguments):
        two = np.zeros_like(one) if two is None else two
        volume = make_volume(one.astype(np.int16) + 2 * two.astype(np.int16), "labels")
        wanted = creating.CreateArguments(source_volume_id=volume.GetID())
        made = run(creating.create_segmentation(context, wanted))
        node = slicer.mrmlScene.GetNodeByID(made.id)
        for name, mask in (("one", one), ("two", two)):
            node.GetSegmentation().AddEmptySegment(name, name)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, name, volume)
        wanted = editing.EditArguments(segmentation_id=made.id, segment_id="one", **arguments)
        run(editing.edit_segment(context, wanted))
        return [
            slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume) != 0 for name in ("one", "two")
        ]

    return edit


@pytest.fixture
def blobs():
    """Two overlapping masks of scattered boxes."""
    one, two = np.zeros((2, 12, 14, 16), bool)
    one[3:8, 3:9, 4:10] = one[10, 12, 14] = True
    two[5:10, 5:12, 2:8] = True
    return one, two


@pytest.mark.parametrize("effect", ["union", "intersect", "subtract"])
def test_segments_are_combined_and_the_other_one_stays(edited, blobs, effect):
    """issue:#3."""
    one, two = blobs
    expected = {"union": one | two, "intersect": one & two, "subtract": one & ~two}[effect]
    result, other = edited(one, two, effect=effect, other_segment_id="two")
    assert np.array_equal(result, expected)
    assert np.array_equal(other, two)


def test_inverted_segment_fills_the_rest_of_the_reference_grid(edited, blobs):
    """issue:#3."""
    assert np.array_equal(edited(blobs[0], effect="invert")[0], ~blobs[0])


@pytest.mark.parametrize("margin_mm", [0.9, 2.6, 4.1])
@pytest.mark.parametrize("effect", ["grow", "shrink"])
def test_margin_is_a_distance_in_mm_along_every_axis(edited, blobs, effect, margin_mm):
    """issue:#3; a second implementation, by brute force."""
    mask = blobs[0]
    at = np.argwhere(mask if effect == "grow" else ~mask) * SPACING_KJI
    every = np.indices(mask.shape).reshape(3, -1).T * SPACING_KJI
    near = (((every[:, None] - at[None]) ** 2).sum(axis=2).min(axis=1) <= margin_mm**2).reshape(mask.shape)
    expected = near if effect == "grow" else mask & ~near
    assert np.array_equal(edited(mask, effect=effect, margin_mm=margin_mm)[0], expected)


def test_only_the_largest_island_is_kept(edited, blobs):
    """issue:#3."""
    expected = blobs[0].copy()
    expected[10, 12, 14] = False
    assert np.array_equal(edited(blobs[0], effect="keep_largest")[0], expected)


def test_enclosed_holes_are_filled_and_open_ones_are_not(edited, blobs):
    """issue:#3."""
    mask = blobs[0].copy()
    mask[5, 5, 6] = mask[3, 4, 5] = False
    expected = blobs[0].copy()
    expected[3, 4, 5] = False
    assert np.array_equal(edited(mask, effect="fill_holes")[0], expected)


def test_empty_segment_stays_empty(edited):
    """house."""
    for effect in ("keep_largest", "fill_holes"):
        assert not edited(np.zeros((3, 4, 5), bool), effect=effect)[0].any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": "grow"},
        {"effect": "union"},
        {"effect": "invert", "margin_mm": 1},
        {"effect": "paint", "positions_ras": [[0, 0, 0]]},
        {"effect": "threshold", "minimum": 1, "maximum": 2},
        {"effect": "invert", "mask": {"minimum": 5}},
        {"effect": "median", "kernel_mm": 3, "sigma_mm": 1},
    ],
)
def test_effect_without_its_operand_or_with_one_too_many_is_refused(wrong):
    """house."""
    with pytest.raises(ValidationError, match=wrong["effect"] + "|mask"):
        editing.EditArguments(segmentation_id="s", segment_id="one", **wrong)


def test_segment_is_added_changed_and_removed(context, run, a_volume):
    """http: section 6."""
    made = run(
        creating.create_segmentation(context, creating.CreateArguments(source_volume_id=a_volume.GetID()))
    )
    added = segments.add_segment(
        context, segments.AddSegmentArguments(segmentation_id=made.id, name="lung", color=(1, 0, 0))
    )
    (segment,) = added.segments
    assert (segment.name, segment.color, segment.is_visible) == ("lung", (1, 0, 0), True)
    where = {"segmentation_id": made.id, "segment_id": segment.id}
    wanted = segments.UpdateSegmentArguments(**where, name="left lung", color=(0, 0.5, 1), is_visible=False)
    (segment,) = segments.update_segment(context, wanted).segments
    assert (segment.name, segment.color, segment.is_visible) == ("left lung", (0, 0.5, 1), False)
    with pytest.raises(ArgumentInvalidError, match="color"):
        segments.update_segment(context, wanted.model_copy(update={"color": (0, 0, 2)}))
    assert segments.remove_segment(context, segments.RemoveSegmentArguments(**where)).segment_count == 0
    with pytest.raises(ArgumentInvalidError, match="no segment"):
        segments.remove_segment(context, segments.RemoveSegmentArguments(**where))


def test_change_while_editing_is_noticed(context, run, a_volume):
    """house."""
    threshold = {"minimum": 0, "maximum": 100}
    wanted = creating.CreateArguments(source_volume_id=a_volume.GetID(), threshold=threshold)
    made = run(creating.create_segmentation(context, wanted))
    steps = editing.edit_segment(
        context,
        editing.EditArguments(segmentation_id=made.id, segment_id=made.segments[0].id, effect="invert"),
    )
    next(steps)
    slicer.mrmlScene.GetNodeByID(made.id).GetSegmentation().AddEmptySegment("x", "x")
    with pytest.raises(RevisionConflictError):
        run(steps)
