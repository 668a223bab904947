"""Choose how a series gets into the scene: a DICOM plugin of Slicer, else a reader of the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.operations.dicom import functional_groups
from AgentBridgeLib.operations.dicom.completeness import missing_bytes
from AgentBridgeLib.operations.dicom.enhanced_reading import read_enhanced
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.plugin_reading import Reading, read_with_plugins
from AgentBridgeLib.operations.dicom.segmentation_reading import SEGMENTATION_CLASSES, read_segmentation
from AgentBridgeLib.operations.dicom.stack import (
    GEOMETRY_TAGS,
    NoStackError,
    order,
    read_slice,
)
from AgentBridgeLib.operations.dicom.stack_reading import read_stack
from AgentBridgeLib.operations.dicom.windows import show_as_asked

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance, Series

    Steps = Generator[Progress | Suspend, None, Reading]

Made = TypeVar("Made")
HEAD_TAGS = [*GEOMETRY_TAGS, "SOPClassUID", "Modality", "WindowCenter", "WindowWidth"]
LOOKING = 0.1  # share of looking at the slices; the rest is reading
RADIOTHERAPY = frozenset({"RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD"})


def name_of(series: Series) -> str:
    """Name a node as Slicer's plugins do: number and description of the series."""
    values = series.values
    described = values.get("SeriesDescription") or values.get("Modality") or "series"
    return f"{values['SeriesNumber']}: {described}" if values.get("SeriesNumber") else described


def read_series(context: OperationContext, series: Series, instances: Sequence[Instance]) -> Steps:
    """Load a series. What a plugin makes of it is checked; if none can, the bridge's own readers try.

    Raises
    ------
    NoStackError, BridgeError
        It cannot be loaded; the text says why. Nothing stays of attempts.
    """
    yield from part_of(_require_whole_files(instances), 0.0, 0.1)
    problems: list[str] = []
    reading = yield from part_of(read_with_plugins(context, instances, problems), 0.1, 0.2)
    if reading.nodes:
        reading.warnings += problems
        return reading
    if not problems:
        return (yield from part_of(_read_ourselves(context, series, instances), 0.2, 1.0))
    try:
        own = yield from part_of(_read_ourselves(context, series, instances), 0.2, 1.0)
    except (NoStackError, BridgeError) as error:
        raise NoStackError(" ".join([*problems, f"Without that plugin: {error}"])) from None
    own.warnings += problems
    return own


def part_of(
    steps: Generator[Progress | Suspend, None, Made], low: float, high: float
) -> Generator[Progress | Suspend, None, Made]:
    """Pass steps on, their progress from 0 to 1 as that from `low` to `high` of the whole."""
    try:
        while True:
            try:
                said = next(steps)
            except StopIteration as end:
                result: Made = end.value
                return result
            if isinstance(said, Progress) and said.fraction is not None:
                said = Progress(low + (high - low) * said.fraction, said.message)
            yield said
    finally:
        steps.close()


def _require_whole_files(instances: Sequence[Instance]) -> Generator[Progress | Suspend, None, None]:
    cut_off = []
    for number, one in enumerate(instances):
        if missing_bytes(one.path):
            cut_off.append(one.uid)
        yield Progress((number + 1) / len(instances), "Looking at the files")
    if cut_off:
        raise NoStackError(
            f"{len(cut_off)} of its {len(instances)} files end before their pixels do, {cut_off[0]} first; get them "
            "again"
        )


def _read_ourselves(context: OperationContext, series: Series, instances: Sequence[Instance]) -> Steps:
    heads = []
    for number, one in enumerate(instances):
        heads.append(read_dataset(one.path, tags=HEAD_TAGS))
        yield Progress(LOOKING * (number + 1) / len(instances), "Looking at the slices")
    if heads[0].get("Modality") in RADIOTHERAPY:
        raise NoStackError(
            "objects of radiotherapy need a DICOM plugin of Slicer; the extension SlicerRT brings one"
        )
    if all(str(head.get("SOPClassUID")) in SEGMENTATION_CLASSES for head in heads):
        return (yield from _one_by_one(context, series, instances, "segmentation"))
    if all(int(head.get("NumberOfFrames", 1) or 1) > 1 for head in heads) and _has_groups(instances[0]):
        return (yield from _one_by_one(context, series, instances, "multi-frame"))
    stack = order([read_slice(one.path, head) for one, head in zip(instances, heads, strict=True)])
    yield Progress(None, "Reading voxels; this step cannot be interrupted")
    node = read_stack(context, stack, name_of(series))
    show_as_asked(node, heads[len(heads) // 2])
    _place(context, series, node, [one.uid for one in stack.slices])
    return Reading([node], "stack")


def _has_groups(instance: Instance) -> bool:
    tags = ["PerFrameFunctionalGroupsSequence", "NumberOfFrames"]
    return functional_groups.frame_count(read_dataset(instance.path, tags=tags)) > 0


def _one_by_one(
    context: OperationContext, series: Series, instances: Sequence[Instance], reader: str
) -> Steps:
    """Make one node of each instance."""
    reading = Reading([], reader)
    read = read_segmentation if reader == "segmentation" else read_enhanced
    share = (1.0 - LOOKING) / len(instances)
    for number, one in enumerate(instances):
        low = LOOKING + share * number
        node, warnings = yield from part_of(read(context, one.path, name_of(series)), low, low + share)
        _place(context, series, node, [one.uid])
        reading.nodes.append(node)
        reading.warnings += warnings
    return reading


def _place(context: OperationContext, series: Series, node: Any, uids: Sequence[str]) -> None:
    context.host.dicom.place(node, {**series.study.values, **series.values}, uids)
