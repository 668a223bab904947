"""Load series from Slicer's DICOM database into the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    BridgeError,
    DataInvalidError,
    FieldProblem,
    FileMissingError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomLoaded, SkippedSeries, Uid
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.stack import GEOMETRY_TAGS, NoStackError, Stack, order, read_slice
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance, Series

POSITION_TOLERANCE_MM = 0.01


class LoadArguments(Arguments):
    """What to load: exactly one of a study, a series and an instance."""

    study_instance_uid: Uid | None = Field(default=None, description="All series of a study.")
    series_instance_uid: Uid | None = Field(default=None, description="One series.")
    sop_instance_uid: Uid | None = Field(default=None, description="One instance alone.")

    def also_requires(self) -> tuple[str, ...]:
        """Require that the database may be read."""
        return ("dicom.read",)


@operation(
    name="dicom.load",
    capability="scene.edit",
    route="POST /dicom/load",
    execution="steps",
    long=True,
    status=201,
)
def load(context: OperationContext, arguments: LoadArguments) -> Generator[Progress, None, DicomLoaded]:
    """Load a study, a series or an instance from Slicer's DICOM database into the scene as volumes.

    Slices are sorted by their position in the patient. A series that is no regular stack of images is not loaded but
    named with the reason; the geometry of what was loaded is compared with the files. Nodes get their place under
    patient and study in the subject hierarchy.

    Returns
    -------
    DicomLoaded
        The volumes, and the series that were skipped.

    Raises
    ------
    ArgumentInvalidError
        Not exactly one of study, series and instance is named.
    FileMissingError
        The database has no such data.
    DataInvalidError
        Nothing of it can be loaded as a volume; the message says why.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Warnings
    --------
    Reading the voxels of one series holds Slicer's main thread.

    Notes
    -----
    Source: DICOM PS3.3, C.7.6.2; Slicer's DICOMScalarVolumePlugin.
    """
    groups = _groups(context, arguments)
    node_ids: list[str] = []
    skipped: list[SkippedSeries] = []
    for number, (series, instances) in enumerate(groups):
        fraction = number / len(groups)
        try:
            slices = []
            for one in instances:
                slices.append(read_slice(one.path, read_dataset(one.path, tags=list(GEOMETRY_TAGS))))
                yield Progress(fraction, "Looking at the slices")
            stack = order(slices)
            yield Progress(fraction, "Reading voxels")
            node_ids.append(_load(context, series, stack).GetID())
        except (NoStackError, BridgeError) as error:
            if isinstance(error, BridgeError) and error.code == "host.feature_missing":
                raise
            skipped.append(SkippedSeries(series_instance_uid=series.uid, reason=_reason(series, error)))
        yield Progress((number + 1) / len(groups), "Loading")
    if not node_ids:
        raise DataInvalidError(
            "Nothing was loaded. " + " ".join(f"A series was skipped: {one.reason}." for one in skipped[:5])
        )
    return DicomLoaded(node_ids=node_ids, skipped=skipped)


def _groups(context: OperationContext, arguments: LoadArguments) -> list[tuple[Series, list[Instance]]]:
    given = [arguments.study_instance_uid, arguments.series_instance_uid, arguments.sop_instance_uid]
    if sum(one is not None for one in given) != 1:
        raise ArgumentInvalidError(
            "Name a study, a series or an instance; exactly one of them.",
            errors=[
                FieldProblem("", "must name one of study_instance_uid, series_instance_uid, sop_instance_uid")
            ],
        )
    index = context.host.dicom.index
    found: list[tuple[Series, list[Instance]]] = []
    if arguments.sop_instance_uid is not None:
        instance = index.instance(arguments.sop_instance_uid)
        found = [(instance.series, [instance])] if instance else []
    elif arguments.series_instance_uid is not None:
        series = index.series().get(arguments.series_instance_uid)
        found = [(series, index.instances(series.uid))] if series else []
    else:
        study = index.studies().get(arguments.study_instance_uid or "")
        found = [(one, index.instances(one.uid)) for one in study.series] if study else []
    if not any(instances for _, instances in found):
        raise FileMissingError("The DICOM database has no such data; dicom.find_series lists what it has.")
    return [(series, instances) for series, instances in found if instances]


def _load(context: OperationContext, series: Series, stack: Stack) -> Any:
    values = {**series.study.values, **series.values}
    described = values.get("SeriesDescription") or values.get("Modality") or "series"
    name = f"{values['SeriesNumber']}: {described}" if values.get("SeriesNumber") else described
    paths = [one.path for one in stack.slices]
    properties: dict[str, object] = {"name": name, "fileNames": paths, "singleFile": len(paths) == 1}
    (node, *others) = context.host.files.load(paths[0], "VolumeFile", properties)
    problem = "the reader made several nodes" if others else _difference(node, stack)
    if problem:
        for made in (node, *others):
            context.host.scene.forget_node(made)
        raise NoStackError(f"Slicer's reader did not keep its geometry: {problem}")
    context.host.dicom.place(node, values, [one.uid for one in stack.slices])
    context.mark_made([node])
    return node


def _difference(node: Any, stack: Stack) -> str:
    """Compare the corners of what was read with the files; empty when they agree."""
    import vtk

    image = node.GetImageData()
    rows, columns, row_mm, column_mm = stack.slices[0].shape
    expected = (int(columns), int(rows), len(stack.slices))
    if image is None or tuple(image.GetDimensions()) != expected:
        return f"it has {image and image.GetDimensions()} voxels, not {expected}"
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    for k, one in ((0, stack.slices[0]), (len(stack.slices) - 1, stack.slices[-1])):
        for i, j in ((0, 0), (int(columns) - 1, 0), (0, int(rows) - 1)):
            wanted_lps = one.position_lps + one.axes[0] * i * column_mm + one.axes[1] * j * row_mm
            found_ras = np.array(matrix.MultiplyPoint((i, j, k, 1.0))[:3])
            distance_mm = float(np.abs(found_ras * (-1, -1, 1) - wanted_lps).max())
            if distance_mm > POSITION_TOLERANCE_MM * max(1.0, len(stack.slices) / 100):
                return f"a corner is {distance_mm:.3f} mm off"
    return ""


def _reason(series: Series, error: Exception) -> str:
    what = series.values.get("Modality") or "unknown modality"
    return f"{what}: {error}"
