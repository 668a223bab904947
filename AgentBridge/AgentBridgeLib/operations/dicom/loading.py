"""Load what Slicer's DICOM database holds into the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    BridgeError,
    DataInvalidError,
    FeatureMissingError,
    FieldProblem,
    FileMissingError,
)
from AgentBridgeLib.model.base import Arguments, PageArguments
from AgentBridgeLib.model.dicom import (
    DicomLoaded,
    LoadedNode,
    LoadedNodes,
    LoadedSeries,
    SkippedSeries,
    Uid,
)
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.dicom.plugin_reading import Reading
from AgentBridgeLib.operations.dicom.readers import part_of, read_series
from AgentBridgeLib.operations.dicom.stack import NoStackError
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance, Series


MOST_INSTANCES = 5000


class LoadArguments(Arguments):
    """What to load: exactly one of a study, a series and an instance."""

    study_instance_uid: Uid | None = Field(default=None, description="All series of a study.")
    series_instance_uid: Uid | None = Field(default=None, description="One series.")
    sop_instance_uid: Uid | None = Field(default=None, description="One instance alone.")

    def also_requires(self) -> tuple[str, ...]:
        """Require that the database may be read."""
        return ("dicom.read",)


class LoadedNodesArguments(PageArguments):
    """Which part of the list."""

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
    keywords="open study series patient scan",
)
def load(
    context: OperationContext, arguments: LoadArguments
) -> Generator[Progress | Suspend, None, DicomLoaded]:
    """Load a study, a series or an instance from Slicer's DICOM database into the scene.

    Slicer's DICOM plugins load what they know: volumes, and with extensions also radiotherapy objects and more. Where
    none does, the bridge reads stacks of images, enhanced multi-frame images and segmentation objects itself. Slices
    are sorted by their position in the patient, and what was loaded is compared with the files: a series that would
    come with wrong distances or shuffled slices is not loaded but named with the reason. Nodes get their place under
    patient and study in the subject hierarchy. Images come before segmentations, which take over their grid.

    Returns
    -------
    DicomLoaded
        The nodes with their study, series, reader and warnings, and the series that were skipped.

    Raises
    ------
    ArgumentInvalidError
        Not exactly one of study, series and instance is named.
    FileMissingError
        The database has no such data.
    DataInvalidError
        Nothing of it can be loaded; the message says why.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Warnings
    --------
    Headers, frames and segments are read in small steps. A DICOM plugin, or Slicer's reader of a stack, works in one
    step that holds Slicer's main thread: about 2 s for 200 slices of 512 x 512; cancel takes effect after it.

    Notes
    -----
    Source: DICOM PS3.3, C.7.6.2 and C.7.6.16; Slicer's DICOMUtils.loadLoadables and DICOMScalarVolumePlugin.
    """
    groups = _groups(context, arguments)
    loaded: list[LoadedSeries] = []
    skipped: list[SkippedSeries] = []
    for number, (series, instances) in enumerate(groups):
        try:
            reading = yield from part_of(
                read_series(context, series, instances), number / len(groups), (number + 1) / len(groups)
            )
        except (NoStackError, BridgeError) as error:
            if isinstance(error, FeatureMissingError):
                raise
            skipped.append(SkippedSeries(series_instance_uid=series.uid, reason=_reason(series, error)))
            continue
        loaded.append(_describe(context, series, reading))
    if not loaded:
        raise DataInvalidError(
            "Nothing was loaded. " + " ".join(f"A series was skipped: {one.reason}." for one in skipped[:5])
        )
    return DicomLoaded(
        node_ids=[node_id for one in loaded for node_id in one.node_ids], loaded=loaded, skipped=skipped
    )


@operation(
    name="dicom.loaded_nodes",
    capability="scene.read",
    route="GET /dicom/loaded",
    read_only=True,
)
def loaded_nodes(context: OperationContext, arguments: LoadedNodesArguments) -> LoadedNodes:
    """Tell which nodes of the scene were loaded from DICOM, whoever loaded them, with their study and series.

    Returns
    -------
    LoadedNodes
        Their UIDs are handles for other calls: reports of the same study, or what a slice was made of.

    Raises
    ------
    FeatureMissingError
        No DICOM database is open.
    """
    known = context.host.dicom.index.series()
    loaded = [
        LoadedNode(
            node_id=node_id,
            study_instance_uid=origin.study_uid,
            series_instance_uid=origin.series_uid,
            sop_instance_uids=list(origin.instance_uids[:MOST_INSTANCES]),
            is_in_database=origin.series_uid in known,
        )
        for node_id, origin in context.host.dicom.origins().items()
    ]
    return page_of(LoadedNodes, loaded, arguments, lambda node: node.node_id, "nodes loaded from DICOM")


def _describe(context: OperationContext, series: Series, reading: Reading) -> LoadedSeries:
    context.mark_made(reading.nodes)
    return LoadedSeries(
        study_instance_uid=series.study.uid,
        series_instance_uid=series.uid,
        node_ids=[node.GetID() for node in reading.nodes],
        reader=reading.reader,
        warnings=reading.warnings,
    )


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
    wanted = [(series, instances) for series, instances in found if instances]
    return sorted(wanted, key=lambda one: one[0].values.get("Modality") == "SEG")


def _reason(series: Series, error: Exception) -> str:
    what = series.values.get("Modality") or "unknown modality"
    return f"{what}: {error}"
