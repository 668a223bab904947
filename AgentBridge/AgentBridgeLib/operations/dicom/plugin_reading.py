"""Load a series through Slicer's DICOM plugins, and check what they made of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.stack import (
    DIRECTION_TOLERANCE,
    GEOMETRY_TAGS,
    NoStackError,
    Slice,
    read_slice,
)
from AgentBridgeLib.operations.dicom.stack_reading import difference

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance
    from AgentBridgeLib.host.ports.dicom import DicomOffer

IMAGE_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")


@dataclass(slots=True)
class Reading:
    """What was made of a series, by which reader."""

    nodes: list[Any]
    reader: str
    warnings: list[str] = field(default_factory=list)


def read_with_plugins(
    context: OperationContext, instances: Sequence[Instance], problems: list[str]
) -> Generator[Progress | Suspend, None, Reading]:
    """Load what the plugins offer with the highest confidence, as Slicer does.

    If nothing of it is right, the next offers of the same plugins are tried: parts of a mixed series, for example.
    What went wrong is added to `problems`. Without nodes in the reading, no plugin could load the series.
    """
    offers = yield from _offers(context, instances)
    places = (yield from _places(instances)) if offers else {}
    for group in _by_confidence(offers):
        reading = yield from _load_offers(context, instances, group, places, problems)
        if reading.nodes:
            return reading
    return Reading([], "")


def _offers(
    context: OperationContext, instances: Sequence[Instance]
) -> Generator[Progress, None, list[DicomOffer]]:
    """Ask the plugins one by one."""
    plugins = context.host.dicom.plugins
    found: list[DicomOffer] = []
    names = plugins.names()
    for number, name in enumerate(names):
        found += plugins.examine(name, [one.path for one in instances])
        yield Progress((number + 1) / len(names), "Asking Slicer's DICOM plugins")
    return found


def _by_confidence(offers: Sequence[DicomOffer]) -> Iterator[list[DicomOffer]]:
    """Group offers by confidence, the highest first; only of plugins that are in the first group."""
    ordered = sorted(offers, key=lambda one: -one.confidence)
    first: set[str] = set()
    for _, group in groupby(ordered, key=lambda one: one.confidence):
        members = list(group)
        first = first or {one.plugin_name for one in members}
        yield [one for one in members if one.plugin_name in first]


def _load_offers(
    context: OperationContext,
    instances: Sequence[Instance],
    offers: Sequence[DicomOffer],
    places: dict[str, Slice],
    problems: list[str],
) -> Generator[Progress | Suspend, None, Reading]:
    reading = Reading([], ", ".join(dict.fromkeys(one.plugin_name for one in offers)))
    taken: set[str] = set()
    for offer in offers:
        yield Progress(None, f"{offer.plugin_name} loads; this step cannot be interrupted")
        nodes = _load(context, offer, places, problems)
        if not nodes:
            continue
        reading.nodes += nodes
        reading.warnings += _warnings(offer, nodes, instances)
        taken |= set(offer.paths)
        if offer.derived_files:
            yield from add_to_database(context, list(offer.derived_files), copies=True)
    left_out = [one for one in instances if one.path not in taken]
    if reading.nodes and left_out:
        reading.warnings.append(
            f"{len(left_out)} of {len(instances)} instances of the series are not in what was loaded; load them by "
            "their own UIDs."
        )
    return reading


def _load(
    context: OperationContext, offer: DicomOffer, places: dict[str, Slice], problems: list[str]
) -> list[Any]:
    """Load one offer; what is in the wrong place is taken back."""
    try:
        nodes = list(offer.load(context.host.scene))
    except BridgeError as error:
        problems.append(str(error))
        return []
    wrong = next((words for words in (_wrong_place(node, places) for node in nodes) if words), "")
    if not wrong:
        return nodes
    for node in reversed(nodes):
        context.host.scene.forget_node(node)
    problems.append(f"What {offer.plugin_name} loaded was not where the files say: {wrong}.")
    return []


def _warnings(offer: DicomOffer, nodes: Sequence[Any], instances: Sequence[Instance]) -> list[str]:
    """Give what the plugin warned of, files by their UID instead of their path, and what it leaves to be noticed."""
    words = offer.warning
    for one in instances:
        words = words.replace(one.path, one.uid)
    warnings = [words] if words else []
    if any(node.IsA("vtkMRMLScalarVolumeNode") and _is_sheared(node) for node in nodes):
        warnings.append(
            "The slices are shifted against each other (a tilted gantry), so the voxels are no boxes. Resample the "
            "volume before measuring in it."
        )
    return warnings


def _is_sheared(volume: Any) -> bool:
    axes = Grid.of(volume).axes_ras
    return bool(np.abs(axes @ axes.T - np.eye(3)).max() > DIRECTION_TOLERANCE)


def _places(instances: Sequence[Instance]) -> Generator[Progress, None, dict[str, Slice]]:
    """Read where each single-frame image is; others are left out."""
    found = {}
    for number, one in enumerate(instances):
        with contextlib.suppress(NoStackError, BridgeError):
            found[one.uid] = read_slice(one.path, read_dataset(one.path, tags=list(GEOMETRY_TAGS)))
        yield Progress((number + 1) / len(instances), "Looking at the slices")
    return found


def _wrong_place(node: Any, places: dict[str, Slice]) -> str:
    """Compare a volume of single-frame images with its files; other nodes are not looked at."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    image = node.GetImageData() if node.GetClassName() in IMAGE_CLASSES else None
    if image is None or not uids or not all(uid in places for uid in uids):
        return ""
    count = image.GetDimensions()[2]
    if count != len(uids):
        return f"it has {count} slices, made of {len(uids)} images"
    return difference(node, [places[uid] for uid in uids])
