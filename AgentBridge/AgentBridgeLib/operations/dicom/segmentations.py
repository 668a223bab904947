"""Save a segmentation as a DICOM segmentation object beside the images it was made on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkIntArray, vtkStringArray

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    DataInvalidError,
    GeometryMismatchError,
    OperationFailedError,
    StorageFailedError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomObjectMade
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.version import VERSION
from AgentBridgeLib.operations.common import matrices, voxels
from AgentBridgeLib.operations.dicom.evidence import (
    contribution,
    finish_object,
    ijk_to_ras,
    require_same_patient,
    source_images,
    source_slices,
)
from AgentBridgeLib.operations.dicom.library import library
from AgentBridgeLib.operations.segmentations.description import SEGMENTATION
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "segmentation_object.py"
TISSUE = {"scheme": "SCT", "value": "85756007", "meaning": "Tissue"}


class SaveSegmentationArguments(Arguments):
    """Which segmentation, and on which images."""

    segmentation_id: SegmentationId = Field(description="The segmentation; all of its segments are saved.")
    volume_id: VolumeId = Field(description="The volume it was made on, loaded from Slicer's DICOM database.")
    series_description: str = Field(
        default="Segmentation", min_length=1, max_length=64, description="Of the new series."
    )
    series_number: int = Field(default=300, ge=1, le=2**31 - 1, description="Of the new series.")

    def also_requires(self) -> tuple[str, ...]:
        """Require what it reads."""
        return ("scene.read", "dicom.read")


@operation(
    name="dicom.save_segmentation",
    capability="dicom.write",
    route="POST /dicom/segmentations",
    execution="process",
    long=True,
    status=201,
    keywords="export DICOM SEG RTSTRUCT write",
)
def save_segmentation(
    context: OperationContext, arguments: SaveSegmentationArguments
) -> Generator[Progress | Suspend, None, DicomObjectMade]:
    """Save a segmentation as a DICOM segmentation object (SEG) in the study of its images.

    The object refers to the images slice by slice, or to the frames of a multi-frame image, carries their patient and
    study, and names AgentBridge as maker. Segments may overlap. dicom.push sends it on.

    Returns
    -------
    DicomObjectMade
        The new series in Slicer's DICOM database.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        A node is missing or of another class.
    DataInvalidError
        The volume was not loaded from the DICOM database, there is nothing in the segments, or they belong to another
        patient.
    GeometryMismatchError
        The voxels of the volume are not where its images are, or the nodes have different parent transforms.
    OutOfMemoryError
        The masks would not fit into memory.
    OperationFailedError
        highdicom could not make the object; GET /agent/v1/log says more.
    FeatureMissingError
        highdicom is absent (Slicer before 5.12), or no DICOM database is open.

    Notes
    -----
    Source: DICOM PS3.3, A.51.
    """
    library("highdicom")
    scene = context.host.scene
    segmentation = scene.node(arguments.segmentation_id, SEGMENTATION)
    volume = scene.node(arguments.volume_id, VOLUME)
    if segmentation.GetParentTransformNode() is not volume.GetParentTransformNode():
        raise GeometryMismatchError(
            "Segmentation and volume have different parent transforms. Harden or share one."
        )
    sources = source_images(context, volume)
    made_on = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    require_same_patient(context, volume, sources, segmentation, *([made_on] if made_on is not None else []))
    slices = yield from source_slices(volume, sources)
    folder = Path(context.work_folder())
    segments = yield from _write_masks(context, segmentation, volume, folder / "masks.npy")
    target = str(folder / "segmentation.dcm")
    request = {
        "sources": [one.path for one in sources],
        "frames": [one.frame for one in slices],
        "masks": str(folder / "masks.npy"),
        "segments": segments,
        "series_description": arguments.series_description,
        "series_number": arguments.series_number,
        "version": VERSION,
        "contribution": contribution(context),
        "target": target,
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    return (yield from finish_object(context, WORKER, folder / "request.json", Path(target)))


def _write_masks(
    context: OperationContext, segmentation: Any, volume: Any, path: Path
) -> Generator[Progress, None, list[dict[str, Any]]]:
    """Write one mask per segment on the grid of the volume; give what describes the segments that have voxels."""
    i, j, k = volume.GetImageData().GetDimensions()
    known = list(segmentation.GetSegmentation().GetSegmentIDs())
    voxels.require_memory(context.host.application, i * j * k * (len(known) + 4), "The masks")
    masks, described = [], []
    for segment_id in known:
        mask = _mask(segmentation, volume, segment_id)
        if mask.any():
            masks.append(mask)
            described.append(_describe(segmentation.GetSegmentation().GetSegment(segment_id)))
        yield Progress(None, "Reading segments")
    if not masks:
        raise DataInvalidError("No segment has voxels inside the volume; there is nothing to save.")
    try:
        np.save(path, np.stack(masks, axis=-1))
    except OSError as fault:
        raise StorageFailedError(
            f"The masks could not be written: {fault.strerror}. Free disk space."
        ) from None
    return described


def _mask(segmentation: Any, volume: Any, segment_id: str) -> Any:
    from slicer import vtkOrientedImageData, vtkSegmentation

    reference, merged = vtkOrientedImageData(), vtkOrientedImageData()
    reference.SetExtent(volume.GetImageData().GetExtent())
    reference.AllocateScalars(3, 1)  # VTK_UNSIGNED_CHAR
    reference.SetImageToWorldMatrix(matrices.to_vtk(ijk_to_ras(volume)))
    ids, labels = vtkStringArray(), vtkIntArray()
    ids.InsertNextValue(segment_id)
    labels.InsertNextValue(1)
    done = segmentation.GenerateMergedLabelmapForAllSegments(
        merged, vtkSegmentation.EXTENT_REFERENCE_GEOMETRY, reference, ids, labels
    )
    if not done or merged.GetPointData().GetScalars() is None:
        raise OperationFailedError(
            f"Slicer could not give the voxels of segment {segment_id}; its log says why."
        )
    i, j, k = volume.GetImageData().GetDimensions()
    return (vtk_to_numpy(merged.GetPointData().GetScalars()).reshape(k, j, i) == 1).astype(np.uint8)


def _describe(segment: Any) -> dict[str, Any]:
    """Give label, category, type and color of a segment; without terminology it is tissue."""
    import vtk

    text = vtk.mutable("")
    segment.GetTag(segment.GetTerminologyEntryTagName(), text)
    parts = str(text).split("~")
    category, kind = (_code(parts[place]) if len(parts) > place else TISSUE for place in (1, 2))
    color = [round(255 * one) for one in segment.GetColor()]
    return {"label": segment.GetName() or "Segment", "category": category, "type": kind, "color_rgb": color}


def _code(text: str) -> dict[str, str]:
    scheme, _, rest = text.partition("^")
    value, _, meaning = rest.partition("^")
    return {"scheme": scheme, "value": value, "meaning": meaning} if scheme and value and meaning else TISSUE
