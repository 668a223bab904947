"""Choose how a series gets into the scene: a DICOM plugin of Slicer, else a reader of the bridge."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.operations.dicom import functional_groups
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.enhanced_reading import read_enhanced
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.segmentation_reading import SEGMENTATION_CLASSES, read_segmentation
from AgentBridgeLib.operations.dicom.stack import GEOMETRY_TAGS, NoStackError, Slice, order, read_slice
from AgentBridgeLib.operations.dicom.stack_reading import difference, read_stack

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance, Series
    from AgentBridgeLib.host.ports import DicomOffer

    Steps = Generator[Progress | Suspend, None, "Reading"]

HEAD_TAGS = [*GEOMETRY_TAGS, "SOPClassUID", "Modality"]
RADIOTHERAPY = frozenset({"RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD"})


@dataclass(slots=True)
class Reading:
    """What was made of a series, by which reader."""

    nodes: list[Any]
    reader: str
    warnings: list[str] = field(default_factory=list)


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
    offers = yield from _offers(context, instances)
    if not offers:
        return (yield from _read_ourselves(context, series, instances))
    problems: list[str] = []
    reading = yield from _load_offers(context, instances, offers, problems)
    if reading.nodes:
        reading.warnings += problems
        return reading
    try:
        own = yield from _read_ourselves(context, series, instances)
    except (NoStackError, BridgeError) as error:
        raise NoStackError(" ".join([*problems, f"Without that plugin: {error}"])) from None
    own.warnings += problems
    return own


def _offers(
    context: OperationContext, instances: Sequence[Instance]
) -> Generator[Progress, None, list[DicomOffer]]:
    """Ask the plugins one by one; keep the offers of the highest confidence, as Slicer does."""
    plugins = context.host.dicom.plugins
    found: list[DicomOffer] = []
    names = plugins.names()
    for number, name in enumerate(names):
        found += plugins.examine(name, [one.path for one in instances])
        yield Progress((number + 1) / len(names), "Asking Slicer's DICOM plugins")
    highest = max((one.confidence for one in found), default=0.0)
    return [one for one in found if one.confidence == highest]


def _load_offers(
    context: OperationContext,
    instances: Sequence[Instance],
    offers: Sequence[DicomOffer],
    problems: list[str],
) -> Steps:
    reading = Reading([], ", ".join(dict.fromkeys(one.plugin_name for one in offers)))
    places = yield from _places(instances)
    for offer in offers:
        yield Progress(None, f"{offer.plugin_name} loads; this step cannot be interrupted")
        try:
            nodes = list(offer.load(context.host.scene))
        except BridgeError as error:
            problems.append(str(error))
            continue
        wrong = next((words for words in (_wrong_place(node, places) for node in nodes) if words), "")
        if wrong:
            for node in reversed(nodes):
                context.host.scene.forget_node(node)
            problems.append(f"What {offer.plugin_name} loaded was not where the files say: {wrong}.")
            continue
        reading.nodes += nodes
        reading.warnings += [offer.warning] if offer.warning else []
        if offer.derived_files:
            yield from add_to_database(context, list(offer.derived_files), copies=True)
    return reading


def _places(instances: Sequence[Instance]) -> Generator[Progress, None, dict[str, Slice]]:
    """Read where each single-frame image is; others are left out."""
    found = {}
    for number, one in enumerate(instances):
        with contextlib.suppress(NoStackError, BridgeError):
            found[one.uid] = read_slice(one.path, read_dataset(one.path, tags=HEAD_TAGS))
        yield Progress((number + 1) / len(instances), "Looking at the slices")
    return found


def _wrong_place(node: Any, places: dict[str, Slice]) -> str:
    """Compare a volume of single-frame images with its files; other nodes are not looked at."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    image = node.GetImageData() if node.IsA("vtkMRMLScalarVolumeNode") else None
    if image is None or image.GetDimensions()[2] != len(uids) or not all(uid in places for uid in uids):
        return ""
    return difference(node, [places[uid] for uid in uids])


def _read_ourselves(context: OperationContext, series: Series, instances: Sequence[Instance]) -> Steps:
    heads = []
    for number, one in enumerate(instances):
        heads.append(read_dataset(one.path, tags=HEAD_TAGS))
        yield Progress((number + 1) / len(instances), "Looking at the slices")
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
    for one in instances:
        node, warnings = yield from read(context, one.path, name_of(series))
        _place(context, series, node, [one.uid])
        reading.nodes.append(node)
        reading.warnings += warnings
    return reading


def _place(context: OperationContext, series: Series, node: Any, uids: Sequence[str]) -> None:
    context.host.dicom.place(node, {**series.study.values, **series.values}, uids)
