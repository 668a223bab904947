"""Edit the voxels of segments on the segmentation's reference grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.segmentations import SegmentationEdited
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.segmentations import quick_effects
from AgentBridgeLib.operations.segmentations.description import (
    MOST_SEGMENTS,
    SEGMENTATION,
    chosen_segments,
    description_of,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.drafts import Draft, unchanged_guard, write_draft
from AgentBridgeLib.operations.segmentations.edit_arguments import FOR_SEVERAL, EditArguments
from AgentBridgeLib.operations.segmentations.edit_checks import check_edit, remarks
from AgentBridgeLib.operations.segmentations.effect_running import box_for, compute, cut, pasted, reach_voxels
from AgentBridgeLib.operations.segmentations.intensities import to_world, values_on_grid
from AgentBridgeLib.operations.segmentations.labelmaps import (
    array_of,
    edit_grid,
    layers_of,
    mask_of,
    merged_image,
)
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.grids import Grid
    from AgentBridgeLib.operations.common.voxels import Array

BYTES_PER_VOXEL = 32
"""Masks, labels and squared distances (float64) that an effect holds at once."""
MOST_ISLANDS = 200
LEAST_SEED_MARGIN_VOXELS = 3


@operation(
    name="segmentations.edit",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/edit",
    execution="process",
    long=True,
    destructive=True,
    keywords=(
        "exclude trachea vessel airway separate connected component island largest dilate erode "
        "expand margin shell scissors subtract segment from another logical region growing fill holes "
        "brush refine cleanup mask delete remove specks small noise couch table merge join "
        "overlap Dice target PTV treatment"
    ),
)
def edit_segment(
    context: OperationContext, arguments: EditArguments
) -> Generator[Progress | Suspend, None, SegmentationEdited]:
    """Edit the voxels of segments: combine, threshold, paint, grow, smooth, islands, holes, grow from seeds.

    Works on the segmentation's reference grid; other segments stay and may overlap, unless `others` is cut. Distances
    are exact between voxel centers, in the segmentation's own coordinates and whatever the spacing; balls are round
    in the world. What takes long is computed in a process beside Slicer, which cancel kills; then nothing has changed.
    The last step, writing, cannot be interrupted (about 0.1 s for 10 million voxels and each segment). scene.undo
    takes an edit back exactly. Surfaces shown in 3D are made again, in the process too.

    Returns
    -------
    SegmentationEdited
        With the number of voxels of each segment that was edited, before and after.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment; an effect lacks an argument or has one too many; a point lies outside of the grid; a
        method finds no threshold.
    NodeTypeError
        The segmentation has no binary labelmaps or no grid; the volume has several components.
    GeometryMismatchError
        A volume is used, or balls are painted, and a parent transform is not linear.
    OutOfMemoryError
        The images would not fit into memory.
    RevisionConflictError
        The segmentation or the volume changed meanwhile; nothing was edited.
    OperationFailedError, StorageFailedError
        The process failed; there is no room for exchange files. Nothing was edited.

    Warnings
    --------
    joint_smooth and grow_from_seeds know one segment for each voxel: where segments overlap, the later one counts.
    A volume on another grid is interpolated linearly.

    Notes
    -----
    As the effects of Slicer's Segment Editor, except that margins, opening and closing are exact in mm. Source:
    `vtkITKImageThresholdCalculator`, `vtkImageConnectivityFilter`, `vtkITKGrowCut` (`vtkImageGrowCutSegment` in Slicer
    up to 5.12), `vtkWindowedSincPolyDataFilter`, `vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    volume = context.host.scene.node(arguments.volume_id, VOLUME) if arguments.volume_id else None
    check_edit(node, volume, arguments)
    grid = edit_grid(node)
    i, j, k = grid.dimensions_ijk
    voxels.require_memory(context.host.application, i * j * k * BYTES_PER_VOXEL, "The edit")
    require_unchanged = unchanged_guard(context, node)
    watch = InputWatch(context.host.scene, volume) if volume is not None else None
    work = _Edit(context, node, volume, grid, arguments)
    draft = yield from work.draft()
    if watch is not None:
        watch.require_unchanged()
    changes = yield from write_draft(context, node, draft, require_unchanged)
    context.mark_made([node])
    described = description_of(node, draft.warnings, [change.segment_id for change in changes])
    return SegmentationEdited(
        **dict(described), changes=changes, minimum=draft.minimum, maximum=draft.maximum
    )


class _Edit:
    """One edit: what it works on, and how it comes to its result."""

    def __init__(
        self, context: OperationContext, node: Any, volume: Any, grid: Grid, arguments: EditArguments
    ) -> None:
        self.context, self.node, self.volume = context, node, volume
        self.grid, self.arguments = grid, arguments
        self.spacing_kji = tuple(reversed(grid.spacing_mm))
        self.shape = tuple(reversed(grid.dimensions_ijk))
        self.whole = ((0, 0, 0), self.shape)
        self.allowed: Array | None = None  # where voxels may change; None: everywhere
        self.taken: Array | None = None  # what others are not to have, if they are cut
        self.parameters = {
            name: getattr(arguments, name)
            for name in ("margin_mm", "thickness_mm", "border", "kernel_mm", "sigma_mm", "smoothing_factor")
        } | {"minimum_voxels": arguments.minimum_voxels or 1, "seed_locality": arguments.seed_locality}

    def draft(self) -> Generator[Progress | Suspend, None, Draft]:
        """Compute what the segments shall be."""
        self.allowed = yield from self._allowed()
        is_for_several = self.arguments.effect in FOR_SEVERAL
        draft = yield from (self._several() if is_for_several else self._one())
        if self.arguments.others == "cut":
            yield from self._cut_others(draft)
        return draft

    def _one(self) -> Generator[Progress | Suspend, None, Draft]:
        draft = Draft(self.grid)
        segment_id = self.arguments.segment_id or ""
        mask = mask_of(self.context, self.node, segment_id)
        yield Progress(0.1, "Reading the segment")
        draft.before[segment_id] = int(np.count_nonzero(mask))
        is_split = self.arguments.effect == "split_islands"
        after = yield from (self._split(draft, mask) if is_split else self._single(draft, mask))
        if self.allowed is not None:
            after = np.where(self.allowed, after, mask)
        draft.masks[segment_id] = after
        draft.warnings += remarks(self.arguments, self.grid, mask, after, draft.warnings)
        if (after & ~mask).any():
            self.taken = after
        return draft

    def _single(self, draft: Draft, mask: Array) -> Generator[Progress | Suspend, None, Array]:
        effect, arguments = self.arguments.effect, self.arguments
        if effect in quick_effects.COMBINATIONS:
            other_id = arguments.other_segment_id
            other = mask_of(self.context, self.node, other_id) if other_id else mask
            return (yield from quick_effects.combine(effect, mask, other))
        if effect in {"paint", "erase"}:
            painted = yield from self._balls(draft)
            return (
                yield from quick_effects.combine("union" if effect == "paint" else "subtract", mask, painted)
            )
        if effect in {"threshold", "automatic_threshold"}:
            return (yield from self._threshold(draft))
        return (yield from self._long(mask))

    def _long(self, mask: Array) -> Generator[Progress | Suspend, None, Array]:
        effect, parameters = self.arguments.effect, dict(self.parameters)
        box = box_for(mask, reach_voxels(effect, parameters, self.spacing_kji))
        if box is None:
            return mask
        if effect in {"keep_island", "remove_island"}:
            return (yield from self._islands_at(mask, box))
        part = yield from compute(
            self.context, effect, {"mask": cut(mask, box)}, parameters, self.spacing_kji
        )
        return pasted(part, box, self.shape)

    def _islands_at(self, mask: Array, box: Any) -> Generator[Progress | Suspend, None, Array]:
        """Keep, or remove, the islands that the points lie in."""
        points = []
        for position in self.arguments.positions_ras or ():
            at = self._index_of(position)[::-1]
            if not mask[at]:
                raise invalid("positions_ras", f"the point {position} is not inside the segment")
            points.append(tuple(np.subtract(at, box[0])))
        labels = yield from compute(
            self.context, "split_islands", {"mask": cut(mask, box)}, self.parameters, self.spacing_kji
        )
        chosen = pasted(np.isin(labels, [labels[point] for point in points]), box, self.shape)
        return chosen if self.arguments.effect == "keep_island" else mask & ~chosen

    def _index_of(self, position_ras: tuple[float, float, float]) -> tuple[int, int, int]:
        there = matrices.apply(np.linalg.inv(to_world(self.node, self.grid)), np.array([position_ras]))[0]
        i, j, k = (int(value) for value in np.floor(there + 0.5))
        if not all(0 <= at < count for at, count in zip((i, j, k), self.grid.dimensions_ijk, strict=True)):
            raise invalid(
                "positions_ras",
                f"the point {position_ras} lies outside of the segmentation's grid, which reaches from "
                f"{self._span()} (RAS, mm)",
            )
        return i, j, k

    def _span(self) -> str:
        """Tell the extent of the grid in the world."""
        ends = np.array(list(itertools.product(*((-0.5, count - 0.5) for count in self.grid.dimensions_ijk))))
        corners = matrices.apply(to_world(self.node, self.grid), ends)
        axes = zip("RAS", corners.min(axis=0), corners.max(axis=0), strict=True)
        return ", ".join(f"{axis} {low:.1f} to {high:.1f}" for axis, low, high in axes)

    def _balls(self, draft: Draft) -> Generator[Progress, None, Array]:
        centers = self.arguments.positions_ras or ()
        matrix = to_world(self.node, self.grid)
        painted = yield from quick_effects.balls(self.shape, matrix, centers, self.arguments.radius_mm or 0.0)
        if not painted.any():
            draft.warnings.append("No voxel center lies in the balls: nothing was painted or erased.")
        return painted

    def _threshold(self, draft: Draft) -> Generator[Progress | Suspend, None, Array]:
        low, high = self.arguments.minimum, self.arguments.maximum
        values = yield from values_on_grid(self.volume, self.node, self.grid, self.whole)
        if self.arguments.effect == "automatic_threshold":
            found = yield from compute(
                self.context,
                "automatic_threshold",
                {"intensities": voxels.voxels_of(self.volume)},
                {"method": self.arguments.method},
                self.spacing_kji,
            )
            if not np.isfinite(found[0]):
                problem = f"{self.arguments.method} finds no threshold in the values of the volume"
                raise invalid(
                    "method", f"{problem}; take another method, or the effect threshold with a range"
                )
            low, high = (float(found[0]), None) if self.arguments.side == "above" else (None, float(found[0]))
        draft.minimum, draft.maximum = low, high
        result = yield from quick_effects.in_range(values, low, high)
        if not result.any():
            draft.warnings.append("No voxel is in the range.")
        return result

    def _split(self, draft: Draft, mask: Array) -> Generator[Progress | Suspend, None, Array]:
        """Leave the largest island in the segment, and make segments of the others."""
        box = box_for(mask, (1, 1, 1))
        if box is None:
            return mask
        labels = yield from compute(
            self.context, "split_islands", {"mask": cut(mask, box)}, self.parameters, self.spacing_kji
        )
        numbers = [int(number) for number in np.unique(labels) if number]
        there = self.node.GetSegmentation().GetNumberOfSegments()
        if len(numbers) > MOST_ISLANDS or len(numbers) + there > MOST_SEGMENTS:
            raise invalid(
                "minimum_voxels",
                f"there would be {len(numbers)} segments, at most {MOST_ISLANDS} are made; give a larger one",
            )
        name = segment_of(self.node, self.arguments.segment_id or "").GetName() or "Segment"
        for number in numbers[1:]:
            island = pasted(labels == number, box, self.shape)
            if self.allowed is not None:
                island &= self.allowed
            if island.any():
                draft.additions.append((f"{name} {len(draft.additions) + 2}", island))
            yield Progress(0.8, "Separating islands")
        return pasted(labels == (numbers[0] if numbers else 1), box, self.shape)

    def _several(self) -> Generator[Progress | Suspend, None, Draft]:
        ids = chosen_segments(self.node, self.arguments.segment_ids)
        labels = array_of(merged_image(self.context, self.node, ids))
        yield Progress(0.1, "Reading the segments")
        box = box_for(labels, self._growth(labels))
        if box is None:
            raise invalid("segment_ids", "all of these segments are empty")
        arrays = {"labels": cut(labels, box)}
        if self.arguments.effect == "grow_from_seeds":
            seed_count = np.count_nonzero(np.bincount(arrays["labels"].reshape(-1))[1:])
            if seed_count < (1 if self.allowed is not None else 2):
                raise invalid("segment_ids", "growing needs two segments with seeds, or one and a `mask`")
            arrays["intensities"] = yield from values_on_grid(self.volume, self.node, self.grid, box)
            if self.allowed is not None:
                arrays["forbidden"] = ~cut(self.allowed, box)
        part = yield from compute(
            self.context, self.arguments.effect, arrays, self.parameters, self.spacing_kji
        )
        after = pasted(part.astype(np.int16), box, self.shape)
        self.taken = after != 0
        return (yield from self._relabeled(ids, labels, after))

    def _relabeled(self, ids: Sequence[str], labels: Array, after: Array) -> Generator[Progress, None, Draft]:
        """Give segments the labels `after`; what may not change stays, with the overlaps that `labels` do not know."""
        layers = layers_of(self.node, ids)
        before: dict[str, int] = {}
        for layer in layers:
            merged = labels if len(layers) == 1 else array_of(merged_image(self.context, self.node, layer))
            counts = np.bincount(merged.reshape(-1), minlength=len(layer) + 1)
            before |= dict(zip(layer, counts[1:].tolist(), strict=True))
            yield Progress(0.8, "Counting voxels")
        if self.allowed is None or len(layers) == 1:
            merged = after if self.allowed is None else np.where(self.allowed, after, labels)
            return Draft(self.grid, labels=merged, label_ids=ids, before=before)
        voxels.require_memory(self.context.host.application, len(ids) * after.size, "The segments")
        draft = Draft(self.grid, before=before)
        for number, segment_id in enumerate(ids, 1):
            mask = mask_of(self.context, self.node, segment_id)
            draft.masks[segment_id] = np.where(self.allowed, after == number, mask)
            yield Progress(0.8, "Reading the segments")
        return draft

    def _growth(self, labels: Array) -> list[int]:
        """Say how far beyond the segments an effect on several may act, in voxels along k, j, i."""
        box = box_for(labels, (0, 0, 0))
        if box is None or self.arguments.effect != "grow_from_seeds":
            return [LEAST_SEED_MARGIN_VOXELS] * 3
        return [
            max(LEAST_SEED_MARGIN_VOXELS, int(self.arguments.growth_ratio * (stop - start)))
            for start, stop in zip(*box, strict=True)
        ]

    def _allowed(self) -> Generator[Progress, None, Array | None]:
        """Say where voxels may change; None: everywhere."""
        mask = self.arguments.mask
        if mask is None:
            return None
        allowed = np.ones(self.shape, bool)
        if mask.segment_id is not None:
            inside = mask_of(self.context, self.node, mask.segment_id)
            allowed = inside if mask.side == "inside" else ~inside
            yield Progress(None, "Reading the mask")
        if mask.minimum is not None or mask.maximum is not None:
            values = yield from values_on_grid(self.volume, self.node, self.grid, self.whole)
            allowed &= yield from quick_effects.in_range(values, mask.minimum, mask.maximum)
        return allowed

    def _cut_others(self, draft: Draft) -> Generator[Progress, None, None]:
        if self.taken is None:
            return
        taken = self.taken if self.allowed is None else self.taken & self.allowed
        edited = set(draft.segment_ids())
        for segment_id in self.node.GetSegmentation().GetSegmentIDs():
            if segment_id in edited:
                continue
            mask = mask_of(self.context, self.node, segment_id)
            if (mask & taken).any():
                draft.before[segment_id] = int(np.count_nonzero(mask))
                draft.masks[segment_id] = mask & ~taken
            yield Progress(0.85, "Cutting other segments")
