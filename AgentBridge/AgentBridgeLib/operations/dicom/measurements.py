"""Save measurements of markups as a DICOM measurement report (TID 1500) beside the images they were made on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import DataInvalidError, GeometryMismatchError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomObjectMade
from AgentBridgeLib.model.fields import MarkupsId, VolumeId
from AgentBridgeLib.model.version import VERSION
from AgentBridgeLib.operations.dicom.evidence import (
    contribution,
    finish_object,
    ijk_to_ras,
    require_same_patient,
    source_images,
    source_slices,
)
from AgentBridgeLib.operations.dicom.library import library
from AgentBridgeLib.operations.markups.description import MARKUPS, describe_markups
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "measurement_report.py"


class SaveMeasurementsArguments(Arguments):
    """Which markups, and on which images."""

    markups_ids: Annotated[list[MarkupsId], Field(min_length=1, max_length=200)] = Field(
        description="Lines, curves, angles, closed curves or ROIs."
    )
    volume_id: VolumeId = Field(
        description="The volume they were placed on, loaded from Slicer's DICOM database."
    )
    series_description: str = Field(
        default="Measurements", min_length=1, max_length=64, description="Of the new series."
    )
    series_number: int = Field(default=301, ge=1, le=2**31 - 1, description="Of the new series.")

    def also_requires(self) -> tuple[str, ...]:
        """Require what it reads."""
        return ("scene.read", "dicom.read")


@operation(
    name="dicom.save_measurements",
    capability="dicom.write",
    route="POST /dicom/measurements",
    execution="process",
    long=True,
    status=201,
    keywords="structured report SR TID 1500 export measurements",
)
def save_measurements(
    context: OperationContext, arguments: SaveMeasurementsArguments
) -> Generator[Progress | Suspend, None, DicomObjectMade]:
    """Save lengths, angles, areas and volumes of markups as a DICOM structured report (TID 1500) in the study.

    Each measurement refers to the images, or the frames of a multi-frame image, that its control points lie in. The
    report is marked as partial and unverified, and names AgentBridge as the observer. dicom.push sends it on.

    Returns
    -------
    DicomObjectMade
        The new series in Slicer's DICOM database.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        A node is missing or of another class.
    DataInvalidError
        A markup measures nothing or belongs to another patient, or the volume was not loaded from the DICOM database.
    GeometryMismatchError
        A markup lies outside the volume, the volume was moved, or it has a parent transform.
    OperationFailedError
        highdicom could not make the object; GET /agent/v1/log says more.
    FeatureMissingError
        highdicom is absent (Slicer before 5.12), or no DICOM database is open.

    Notes
    -----
    Source: DICOM PS3.16, TID 1500 and TID 1501.
    """
    library("highdicom")
    scene = context.host.scene
    volume = scene.node(arguments.volume_id, VOLUME)
    if volume.GetParentTransformNode() is not None:
        raise GeometryMismatchError(
            "The volume has a parent transform, so its voxels are not where its images are."
        )
    sources = source_images(context, volume)
    require_same_patient(
        context, volume, sources, *(scene.node(one, MARKUPS) for one in arguments.markups_ids)
    )
    matrix = ijk_to_ras(volume)
    slices = yield from source_slices(volume, sources)
    measurements = []
    for markups_id in arguments.markups_ids:
        measurements += _measurements(
            scene.node(markups_id, MARKUPS), matrix, volume.GetImageData().GetDimensions()
        )
    folder = Path(context.work_folder())
    request = {
        "sources": [one.path for one in sources],
        "slices": [(one.path, one.frame) for one in slices],
        "measurements": measurements,
        "series_description": arguments.series_description,
        "series_number": arguments.series_number,
        "version": VERSION,
        "contribution": contribution(context),
        "target": str(folder / "report.dcm"),
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    return (yield from finish_object(context, WORKER, folder / "request.json", folder / "report.dcm"))


def _measurements(node: Any, matrix: Any, dimensions_ijk: tuple[int, int, int]) -> list[dict[str, Any]]:
    described = describe_markups(node, "ras")
    values = (
        ("length", "mm", described.length_mm),
        ("angle", "deg", described.angle_deg),
        ("area", "mm2", described.area_mm2),
        ("volume", "ml", described.volume_ml),
    )
    images = _images_of(node, matrix, dimensions_ijk)
    found = [
        {
            "quantity": quantity,
            "unit": unit,
            "value": value,
            "label": node.GetName() or node.GetID(),
            "images": images,
        }
        for quantity, unit, value in values
        if value is not None
    ]
    if not found:
        raise DataInvalidError(
            f"{node.GetID()} measures nothing. Use lines, curves, angles or ROIs with all their points."
        )
    return found


def _images_of(node: Any, matrix: Any, dimensions_ijk: tuple[int, int, int]) -> list[int]:
    """Give the slices that the control points lie in, by their index."""
    slices = set()
    inverse = np.linalg.inv(matrix)
    for index in range(node.GetNumberOfControlPoints()):
        place = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, place)
        found_ijk = (inverse @ (*place, 1.0))[:3]
        if all(-0.5 <= at < size - 0.5 for at, size in zip(found_ijk, dimensions_ijk, strict=True)):
            slices.add(round(float(found_ijk[2])))
    if not slices:
        raise GeometryMismatchError(f"No control point of {node.GetID()} lies inside the volume.")
    return sorted(slices)
