"""Make a segmentation of a DICOM segmentation object (PS3.3, A.51)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.dicom import functional_groups
from AgentBridgeLib.operations.dicom.cielab import to_rgb
from AgentBridgeLib.operations.dicom.decoders import decode
from AgentBridgeLib.operations.dicom.grid_of_slices import ijk_to_ras, normal_of
from AgentBridgeLib.operations.dicom.library import quiet, read_dataset
from AgentBridgeLib.operations.dicom.stack import (
    DIRECTION_TOLERANCE,
    DISTANCE_TOLERANCE_MM,
    GEOMETRY_TAGS,
    NoStackError,
    Slice,
    order,
    read_slice,
)
from AgentBridgeLib.operations.segmentations.labelmaps import BINARY_LABELMAP, oriented_image

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
INDEX_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class _Frames:
    """Where the frames lie: `indices` are the slice numbers of the places, on a grid of this matrix."""

    places: Sequence[Slice]
    indices: Sequence[int]
    matrix: Any


def read_segmentation(
    context: OperationContext, path: str, name: str
) -> Generator[Progress, None, tuple[Any, list[str]]]:
    """Read a segmentation object frame by frame; give the node and what a person should know of it.

    Raises
    ------
    NoStackError
        The frames do not lie on one regular grid.
    DataInvalidError
        A frame cannot be decoded.
    OutOfMemoryError
        The segments would not fit.
    """
    from slicer import vtkSegmentationConverter

    dataset = read_dataset(path, pixels=True)
    yield Progress(None, "Looking at the frames")
    numbered = ((int(one.SegmentNumber), one) for one in dataset.get("SegmentSequence") or ())
    described = {number: one for number, one in numbered if number > 0}  # 0 is the background of a label map
    if not described or not functional_groups.frame_count(dataset):
        raise NoStackError("it has no segments")
    frames = _frames(context, dataset, path)
    by_segment = yield from _slices_by_segment(context, dataset, frames)
    node = context.host.scene.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.GetSegmentation().SetSourceRepresentationName(
        vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    )
    warnings = []
    if dataset.get("SegmentationType") == "FRACTIONAL":
        warnings.append("It has fractions; voxels of at least one half belong to a segment.")
    source = _loaded_source(context, dataset)
    if source is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(source)
    for number, one in sorted(described.items()):
        _add_segment(node, one, by_segment.get(number, {}), frames.matrix)
        yield Progress(None, "Making segments")
    empty = [
        str(one.get("SegmentLabel", number)) for number, one in described.items() if number not in by_segment
    ]
    if empty:
        warnings.append(f"Segments without a voxel: {', '.join(empty[:10])}.")
    return node, warnings


def _frames(context: OperationContext, dataset: Any, path: str) -> _Frames:
    places = [
        functional_groups.place_of(dataset, frame, path)
        for frame in range(functional_groups.frame_count(dataset))
    ]
    first = min(places, key=lambda one: float(one.position_lps @ normal_of(places[0])))
    normal = normal_of(first)
    if any(np.abs(one.axes - first.axes).max() > DIRECTION_TOLERANCE for one in places):
        raise NoStackError("its frames differ in orientation")
    offsets = np.array([one.position_lps - first.position_lps for one in places])
    distances = offsets @ normal
    if np.abs(offsets - np.outer(distances, normal)).max() > DISTANCE_TOLERANCE_MM:
        raise NoStackError("its frames are shifted against each other")
    candidates = [
        *functional_groups.measure_of(dataset, "SpacingBetweenSlices"),
        *_of_sources(context, dataset),
        *functional_groups.measure_of(dataset, "SliceThickness"),
    ]
    spacing_mm = _spacing(distances, candidates)
    indices = [round(float(one) / spacing_mm) for one in distances]
    return _Frames(places, indices, ijk_to_ras(first, normal * spacing_mm))


def _spacing(distances: Any, candidates: Sequence[float]) -> float:
    """Choose the distance of slices: the first candidate that all frames fit, since frames may be left out."""
    gaps = np.diff(np.unique(np.round(distances, 4)))
    gaps = gaps[gaps > DISTANCE_TOLERANCE_MM]
    if not gaps.size:
        return next(iter(candidates), 1.0)
    for spacing_mm in (*candidates, float(gaps.min())):
        numbers = distances / spacing_mm
        if spacing_mm > 0 and np.abs(numbers - np.round(numbers)).max() <= INDEX_TOLERANCE:
            return spacing_mm
    raise NoStackError("its frames are not evenly spaced")


def _of_sources(context: OperationContext, dataset: Any) -> list[float]:
    """Give the distance of the slices that it was made on, if the database has them."""
    index = context.host.dicom.index
    uid = next(iter(_referenced_instances(dataset)), "")
    source = index.instance(uid) if uid else None
    if source is None:
        return []
    try:
        slices = [
            read_slice(one.path, read_dataset(one.path, tags=list(GEOMETRY_TAGS)))
            for one in index.instances(source.series.uid)
        ]
        spacing_mm = order(slices).spacing_mm
    except (NoStackError, BridgeError):
        return []
    return [spacing_mm] if spacing_mm else []


def _referenced_instances(dataset: Any) -> list[str]:
    series = dataset.get("ReferencedSeriesSequence") or ()
    return [
        str(one.ReferencedSOPInstanceUID)
        for each in series
        for one in each.get("ReferencedInstanceSequence") or ()
    ]


def _loaded_source(context: OperationContext, dataset: Any) -> Any:
    """Find the volume in the scene that it was made on."""
    wanted = set(_referenced_instances(dataset))
    scene = context.host.scene.scene
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        volume = scene.GetNthNodeByClass(number, "vtkMRMLScalarVolumeNode")
        if wanted & set((volume.GetAttribute("DICOM.instanceUIDs") or "").split()):
            return volume
    return None


def _slices_by_segment(
    context: OperationContext, dataset: Any, frames: _Frames
) -> Generator[Progress, None, dict[int, dict[int, Any]]]:
    """Give masks by segment number and slice number."""
    count = len(frames.places)
    first = frames.places[0]
    voxels.require_memory(
        context.host.application, int(count * first.shape[0] * first.shape[1] * 3), "The segmentation"
    )
    is_labelmap = dataset.get("SegmentationType") == "LABELMAP"
    least = 1
    if dataset.get("SegmentationType") == "FRACTIONAL":
        least = max(1, (int(dataset.get("MaximumFractionalValue", 255)) + 1) // 2)
    found: dict[int, dict[int, Any]] = {}
    for frame, k in enumerate(frames.indices):
        with quiet():
            pixels = decode(dataset, frame, count)
        if is_labelmap:
            for number in np.unique(pixels[pixels > 0]):
                found.setdefault(int(number), {})[k] = pixels == number
        elif (mask := pixels >= least).any():
            identified = functional_groups.item_of(dataset, frame, "SegmentIdentificationSequence")
            if identified is None:
                raise NoStackError("a frame does not say which segment it shows")
            found.setdefault(int(identified.ReferencedSegmentNumber), {})[k] = mask
        yield Progress((frame + 1) / count, "Reading frames")
    return found


def _add_segment(node: Any, described: Any, masks: dict[int, Any], matrix: Any) -> None:
    from slicer import vtkSegment

    segment = vtkSegment()
    segment.SetName(str(described.get("SegmentLabel") or f"Segment {described.SegmentNumber}"))
    color = to_rgb(described.get("RecommendedDisplayCIELabValue"))
    if color is not None:
        segment.SetColor(*color)
    segment.SetTag(segment.GetTerminologyEntryTagName(), _terminology(described))
    if masks:
        low, high = min(masks), max(masks)
        shape = next(iter(masks.values())).shape
        array = np.zeros((high - low + 1, *shape), np.uint8)
        for k, mask in masks.items():
            array[k - low] = mask
        segment.AddRepresentation(BINARY_LABELMAP, oriented_image(array, matrix, (0, 0, low)))
    node.GetSegmentation().AddSegment(segment)


def _terminology(described: Any) -> str:
    """Write category and type as Slicer's segments keep them."""
    codes = [
        "^".join(
            str(item[0].get(name, "")) for name in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")
        )
        if (item := described.get(name))
        else "^^"
        for name in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence")
    ]
    context = "Segmentation category and type - DICOM master list"
    return "~".join([context, *codes, "^^", "Anatomic codes - DICOM master list", "^^", "^^"])
