"""What an edit is about to write: compute everything first, write it in one step, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import RevisionConflictError
from AgentBridgeLib.model.segmentations import SegmentChange
from AgentBridgeLib.operations.segmentations.labelmap_segments import as_labels
from AgentBridgeLib.operations.segmentations.labelmaps import (
    BINARY_LABELMAP,
    CLOSED_SURFACE,
    oriented_image,
    replace_voxels,
)
from AgentBridgeLib.operations.segmentations.surface_making import (
    DECIMATION,
    SMOOTHING,
    padded_box,
    show_surfaces,
    surfaces_of_masks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array


@dataclass(eq=False)
class Draft:
    """New voxels of segments, on the segmentation's grid.

    Attributes
    ----------
    masks
        Segment id to its new mask, bool, shape (k, j, i).
    labels, label_ids
        In place of masks, for many segments: int16, 1 for the first id.
    additions
        Name and mask of new segments, made like the first segment in `masks`.
    before
        Voxels of each segment before.
    minimum, maximum
        Thresholds that were used.
    """

    grid: Grid
    masks: dict[str, Array] = field(default_factory=dict)
    labels: Array | None = None
    label_ids: Sequence[str] = ()
    additions: list[tuple[str, Array]] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    warnings: list[str] = field(default_factory=list)

    def segment_ids(self) -> list[str]:
        """Give the ids of the segments that are there already."""
        return [*self.masks, *self.label_ids]

    def mask(self, segment_id: str) -> Array:
        """Give the new mask of a segment."""
        if segment_id in self.masks:
            return self.masks[segment_id]
        label = list(self.label_ids).index(segment_id) + 1
        return np.equal(self.labels if self.labels is not None else 0, label)


def write_draft(
    context: OperationContext, node: Any, draft: Draft, require_unchanged: Callable[[], None]
) -> Generator[Progress | Suspend, None, tuple[SegmentChange, ...]]:
    """Write everything in one step that cannot be interrupted, after the surfaces of what changed have been made.

    Raises
    ------
    RevisionConflictError
        The segmentation changed meanwhile; nothing was written.
    OperationFailedError, StorageFailedError
        A surface could not be made, or Slicer refused the voxels.
    """
    segmentation = node.GetSegmentation()
    surfaces: dict[str, Any] = {}
    if segmentation.ContainsRepresentation(CLOSED_SURFACE):
        surfaces = yield from _surfaces(context, segmentation, draft)
    yield Progress(0.95, "Writing the segments; this step cannot be interrupted")
    require_unchanged()
    for segment_id in draft.segment_ids():
        # Slicer would make the surface again, on this thread.
        segmentation.GetSegment(segment_id).RemoveRepresentation(CLOSED_SURFACE)
    changes = _write_all(node, draft)
    new_ids = [change.segment_id for change in changes if change.is_new]
    if surfaces:
        named = dict(zip([*draft.segment_ids(), *new_ids], surfaces.values(), strict=True))
        show_surfaces(node, named)
    return changes


def _write_all(node: Any, draft: Draft) -> tuple[SegmentChange, ...]:
    changes = []
    if draft.labels is not None:
        _write_labels(node, draft)
        after = np.bincount(draft.labels.reshape(-1), minlength=len(draft.label_ids) + 1)
        changes = [
            SegmentChange(segment_id=one, voxel_count_before=draft.before[one], voxel_count=int(count))
            for one, count in zip(draft.label_ids, after[1:], strict=False)
        ]
    for segment_id, mask in draft.masks.items():
        replace_voxels(node, segment_id, mask, draft.grid)
        changes.append(
            SegmentChange(
                segment_id=segment_id,
                voxel_count_before=draft.before[segment_id],
                voxel_count=int(np.count_nonzero(mask)),
            )
        )
    for name, mask in draft.additions:
        segment_id = node.GetSegmentation().AddEmptySegment("", name)
        _copy_meaning(node, next(iter(draft.masks)), segment_id)
        replace_voxels(node, segment_id, mask, draft.grid)
        count = int(np.count_nonzero(mask))
        changes.append(
            SegmentChange(segment_id=segment_id, voxel_count_before=0, voxel_count=count, is_new=True)
        )
    return tuple(changes)


def _write_labels(node: Any, draft: Draft) -> None:
    """Let all segments share one image, if they are all; else write one after the other."""
    segmentation = node.GetSegmentation()
    if set(draft.label_ids) != set(segmentation.GetSegmentIDs()) or draft.labels is None:
        for segment_id in draft.label_ids:
            replace_voxels(node, segment_id, draft.mask(segment_id), draft.grid)
        return
    image = oriented_image(as_labels(draft.labels), draft.grid.ijk_to_ras)
    was_modifying = node.StartModify()
    try:
        for label, segment_id in enumerate(draft.label_ids, 1):
            segment = segmentation.GetSegment(segment_id)
            segment.SetLabelValue(label)
            segment.AddRepresentation(BINARY_LABELMAP, image)
    finally:
        node.EndModify(was_modifying)
    segmentation.InvokeEvent(segmentation.SourceRepresentationModified)


def _copy_meaning(node: Any, source_id: str, target_id: str) -> None:
    source = node.GetSegmentation().GetSegment(source_id)
    node.GetSegmentation().GetSegment(target_id).SetTerminology(source.GetTerminology())


def _surfaces(
    context: OperationContext, segmentation: Any, draft: Draft
) -> Generator[Progress | Suspend, None, dict[str, Any]]:
    masks: dict[str, tuple[Array, Matrix] | None] = {}
    for segment_id in draft.segment_ids():
        masks[segment_id] = padded_box(draft.mask(segment_id), draft.grid.ijk_to_ras)
        yield Progress(0.9, "Cutting the segments out")
    for number, (_, mask) in enumerate(draft.additions):
        masks[f"new {number}"] = padded_box(mask, draft.grid.ijk_to_ras)
    parameters = {name: segmentation.GetConversionParameter(name) for name in (SMOOTHING, DECIMATION)}
    return (yield from surfaces_of_masks(context, masks, parameters))


def unchanged_guard(context: OperationContext, node: Any) -> Callable[[], None]:
    """Give a function that raises when the segmentation is not what it is now.

    It counts the voxels, names and colors of segments and the parent transform; the display does not matter.
    """
    scene, node_id = context.host.scene, node.GetID()
    revision = scene.node_revision(node_id)

    def require() -> None:
        if scene.scene.GetNodeByID(node_id) is not node or scene.node_revision(node_id) != revision:
            raise RevisionConflictError(f"{node_id} was changed meanwhile; nothing was edited. Start again.")

    return require
