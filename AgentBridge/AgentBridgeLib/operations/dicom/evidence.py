"""What a new DICOM object is made on: the images of a volume, its patient, and who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, GeometryMismatchError, OperationFailedError
from AgentBridgeLib.model.dicom import DicomObjectMade
from AgentBridgeLib.model.version import VERSION
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.enhanced_reading import stack_of
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.stack import GEOMETRY_TAGS, NoStackError, Slice, read_slice
from AgentBridgeLib.operations.dicom.stack_reading import offset_mm

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from AgentBridgeLib.dispatch.context import OperationContext, Suspend
    from AgentBridgeLib.host.dicom_index import Instance

POSITION_TOLERANCE_MM = 0.1  # of corners, whose directions files round


def finish_object(
    context: OperationContext, worker: Path, request: Path, target: Path
) -> Generator[Progress | Suspend, None, DicomObjectMade]:
    """Let a worker make an object, and add it to the database.

    Raises
    ------
    OperationFailedError
        It was not made, or the database did not take it.
    """
    yield from run_worker(context.host.processes, str(worker), [str(request)], "Making the DICOM object")
    made = read_dataset(str(target), tags=["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
    yield from add_to_database(context, [str(target)], copies=True)
    if context.host.dicom.index.instance(str(made.SOPInstanceUID)) is None:
        raise OperationFailedError("The DICOM database did not take the new object.")
    return DicomObjectMade(
        study_instance_uid=str(made.StudyInstanceUID),
        series_instance_uid=str(made.SeriesInstanceUID),
        sop_instance_uid=str(made.SOPInstanceUID),
    )


def source_images(context: OperationContext, volume: Any) -> list[Instance]:
    """Find the images that a volume was loaded from, in slice order: one for each slice, or one with all of them.

    Raises
    ------
    DataInvalidError
        It was not loaded from the database, or the images are gone from it.
    """
    uids = (volume.GetAttribute("DICOM.instanceUIDs") or "").split()
    index = context.host.dicom.index
    found = [index.instance(uid) for uid in uids]
    sources = [one for one in found if one is not None]
    image = volume.GetImageData()
    if not sources or len(sources) != len(uids) or image is None:
        raise DataInvalidError(
            f"{volume.GetID()} was not loaded from Slicer's DICOM database, or its images are gone from it. Load the "
            "series with dicom.load and work on that volume."
        )
    return sources


def source_slices(volume: Any, sources: Sequence[Instance]) -> Generator[Progress, None, list[Slice]]:
    """Read which image, or frame of one, each slice of a volume shows; refuse a volume that is not where they are.

    Raises
    ------
    DataInvalidError, GeometryMismatchError
        An image has no place, or not one for each slice; the places differ.
    """
    slices: list[Slice] = []
    try:
        if len(sources) == 1 and volume.GetImageData().GetDimensions()[2] > 1:
            yield Progress(None, "Looking at the frames")
            slices = list(stack_of(read_dataset(sources[0].path), sources[0].path).slices)
        else:
            for one in sources:
                slices.append(read_slice(one.path, read_dataset(one.path, tags=list(GEOMETRY_TAGS))))
                yield Progress(None, "Comparing images and volume")
    except NoStackError as problem:
        raise DataInvalidError(f"An image of the volume cannot be used: {problem}.") from None
    rows, columns = slices[0].shape[:2]
    matrix = ijk_to_ras(volume)
    if (
        volume.GetImageData().GetDimensions() != (columns, rows, len(slices))
        or offset_mm(slices, lambda ijk: (matrix @ (*ijk, 1.0))[:3]) > POSITION_TOLERANCE_MM
    ):
        raise GeometryMismatchError(
            "The volume was moved, turned or cropped, or its slices are in another order than its images."
        )
    return slices


def ijk_to_ras(volume: Any) -> Any:
    """Give the 4x4 matrix from voxel indices to RAS in mm, without the parent transform."""
    matrix = vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrices.from_vtk(matrix)


def require_same_patient(
    context: OperationContext, volume: Any, sources: Sequence[Instance], *nodes: Any
) -> None:
    """Refuse to put anything into the study of another patient.

    Nodes of which nothing says whose they are can only be told by their place.

    Raises
    ------
    DataInvalidError
        The images are of several studies, the volume stands under another patient than its images, or a node
        belongs to another patient.
    """
    studies = {one.series.study.uid: one.series.study for one in sources}
    if len(studies) != 1:
        raise DataInvalidError(
            "The images of the volume are of several studies; the new object can be in one only."
        )
    (study,) = studies.values()
    allowed = {study.values.get("PatientID") or f"Patient-{study.uid}"}
    for node in (volume, *nodes):
        patient = context.host.scene.patient(node.GetID())
        if patient is not None and patient.key not in allowed:
            raise DataInvalidError(
                f"{node.GetID()} belongs to another patient than the images of {volume.GetID()}. Nothing was made. "
                "Choose the volume that it was made on, or correct the subject hierarchy."
            )


def contribution(context: OperationContext) -> dict[str, Any]:
    """Say who made the object, as an item of the Contributing Equipment Sequence in DICOM JSON (PS3.3, C.12.1)."""
    purpose = {
        "00080100": {"vr": "SH", "Value": ["109102"]},
        "00080102": {"vr": "SH", "Value": ["DCM"]},
        "00080104": {"vr": "LO", "Value": ["Processing Equipment"]},
    }
    job = f", job {context.job_id}" if context.job_id else ""
    words = f"{context.operation_name} at {context.started_at} for {context.caller.client or 'a client'}{job}"
    return {
        "00080070": {"vr": "LO", "Value": ["AgentBridge"]},
        "00081090": {"vr": "LO", "Value": ["AgentBridge"]},
        "00181020": {"vr": "LO", "Value": [VERSION]},
        "0018A003": {"vr": "ST", "Value": [words[:1024]]},
        "0040A170": {"vr": "SQ", "Value": [purpose]},
    }
