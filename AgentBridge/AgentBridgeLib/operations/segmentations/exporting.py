"""Make models and labelmap volumes of segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.segmentations import Exported, ExportedNode
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.models.new_nodes import add_model
from AgentBridgeLib.operations.segmentations.description import (
    MOST_SEGMENTS,
    SEGMENTATION,
    Name,
    SegmentationArguments,
    SegmentId,
    chosen_segments,
)
from AgentBridgeLib.operations.segmentations.labelmaps import (
    CLOSED_SURFACE,
    array_of,
    image_grid,
    merged_image,
)
from AgentBridgeLib.operations.segmentations.surface_making import make_surfaces, require_labelmaps
from AgentBridgeLib.operations.volumes.new_nodes import new_volume, place_beside
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext


class ExportArguments(SegmentationArguments):
    """Which segments, and as what."""

    target: Literal["models", "labelmap"] = Field(
        description="models: a model for each segment. labelmap: one labelmap volume on the reference grid."
    )
    segment_ids: tuple[SegmentId, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_SEGMENTS,
        description="Only these segments, in this order.",
    )
    name: Name | None = Field(
        default=None, description="Name of the labelmap; models are named as their segments."
    )


@operation(
    name="segmentations.export",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/export",
    execution="process",
    long=True,
    status=201,
    keywords="convert segmentation to labelmap mask volume models meshes STL 3D print",
)
def export_segments(
    context: OperationContext, arguments: ExportArguments
) -> Generator[Progress | Suspend, None, Exported]:
    """Make a model of each segment, or one labelmap volume of all of them; the segmentation stays as it is.

    Models have the closed surface of the segment (made in a process beside Slicer if there is none yet), its name,
    color and opacity. The labelmap has 1 for the first segment, and a color table with names and colors; where
    segments overlap, the later one wins. Both get the parent transform and the place of the segmentation.

    Raises
    ------
    ArgumentInvalidError
        There is no such segment, or none at all; `name` is given for models.
    NodeTypeError
        For a labelmap: the segmentation is not made of binary labelmaps, or has no grid.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was made.
    OperationFailedError, OutOfMemoryError, StorageFailedError
        The process failed, memory is short, there is no room for exchange files. Nothing was made.

    Notes
    -----
    As `vtkSlicerSegmentationsModuleLogic::ExportSegmentsToModels` and `ExportSegmentsToLabelmapNode`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    segment_ids = chosen_segments(node, arguments.segment_ids)
    if arguments.target == "models":
        if arguments.name is not None:
            raise invalid("name", "models are named as their segments")
        return (yield from _models(context, node, segment_ids))
    require_labelmaps(node)
    yield Progress(0.1, "Merging the segments")
    return _labelmap(context, node, segment_ids, arguments.name)


def _models(
    context: OperationContext, node: Any, segment_ids: Sequence[str]
) -> Generator[Progress | Suspend, None, Exported]:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    segmentation = node.GetSegmentation()
    if segmentation.ContainsRepresentation(CLOSED_SURFACE):
        surfaces = {}
        for segment_id in segment_ids:
            surfaces[segment_id] = vtkPolyData()
            surfaces[segment_id].DeepCopy(
                segmentation.GetSegment(segment_id).GetRepresentation(CLOSED_SURFACE)
            )
    else:
        surfaces = yield from make_surfaces(context, node, segment_ids)
    made, warnings = [], []
    for segment_id, surface in surfaces.items():
        segment, display = segmentation.GetSegment(segment_id), node.GetDisplayNode()
        if surface.GetNumberOfPolys() == 0:
            warnings.append(f"The segment {segment_id} is empty: no model was made of it.")
            continue
        opacity = display.GetSegmentOpacity3D(segment_id) if display is not None else 1.0
        model = add_model(context, surface, segment.GetName() or segment_id, segment.GetColor(), opacity)
        place_beside(model, node)
        made.append(_exported(model, (segment_id,)))
    return Exported(segmentation_id=node.GetID(), nodes=tuple(made), labels={}, warnings=tuple(warnings))


def _labelmap(context: OperationContext, node: Any, segment_ids: Sequence[str], name: str | None) -> Exported:
    scene, segmentation = context.host.scene.scene, node.GetSegmentation()
    image = merged_image(context, node, segment_ids)
    # The voxels belong to the image, which the array keeps alive.
    volume = new_volume(
        scene, name or f"{node.GetName()} labels", array_of(image), image_grid(image), is_labelmap=True
    )
    place_beside(volume, node)
    table = scene.AddNewNodeByClass(
        "vtkMRMLColorTableNode", scene.GenerateUniqueName(f"{volume.GetName()} colors")
    )
    table.SetTypeToUser()
    table.SetNumberOfColors(len(segment_ids) + 1)
    table.SetColor(0, "Background", 0, 0, 0, 0)
    for label, segment_id in enumerate(segment_ids, 1):
        segment = segmentation.GetSegment(segment_id)
        table.SetColor(label, segment.GetName() or segment_id, *segment.GetColor(), 1.0)
    table.NamesInitialisedOn()
    volume.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    context.mark_made([volume, table])
    return Exported(
        segmentation_id=node.GetID(),
        nodes=(_exported(volume, tuple(segment_ids)), _exported(table, tuple(segment_ids))),
        labels={segment_id: label for label, segment_id in enumerate(segment_ids, 1)},
    )


def _exported(node: Any, segment_ids: tuple[str, ...]) -> ExportedNode:
    return ExportedNode(
        id=node.GetID(), name=node.GetName(), class_name=node.GetClassName(), segment_ids=segment_ids
    )
