"""Show volumes in 3D by volume rendering, with Slicer's presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.model.base import Arguments, PageArguments
from AgentBridgeLib.model.fields import MarkupsId, VolumeId
from AgentBridgeLib.model.views import OpacityPoint, RenderingPreset, RenderingPresets, VolumeRendering
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.views.views import require_views
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.context import OperationContext

PROPERTY = "vtkMRMLVolumePropertyNode"
VOLUME = "vtkMRMLScalarVolumeNode"
ROI = "vtkMRMLMarkupsROINode"
Value = Annotated[float, Field(ge=-1e9, le=1e9)]


class RenderingArguments(Arguments):
    """Which volume."""

    volume_id: VolumeId = Field(description="The volume.")


class RenderArguments(RenderingArguments):
    """How to show it. What is not given stays as it is."""

    is_visible: bool = Field(default=True, description="Whether the 3D views show it.")
    preset: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of a preset of views.rendering_presets; at first Slicer chooses one by type and range.",
    )
    value_range: tuple[Value, Value] | None = Field(
        default=None,
        description="Values onto which the effective range of the preset is stretched, in the volume's own unit, such "
        "as for an MR of another scale. Without, the preset stays as it is, which is right for CT.",
        json_schema_extra={"x-unit": "of the volume's values"},
    )
    crop_roi_id: MarkupsId | None = Field(
        default=None, description="ROI outside of which nothing is shown; null ends the cropping."
    )


@operation(
    name="views.rendering_presets",
    capability="scene.read",
    route="GET /views/rendering-presets",
    read_only=True,
    revision_scope="none",
    keywords="volume rendering preset bones lung vessels MIP",
)
def list_presets(context: OperationContext, arguments: PageArguments) -> RenderingPresets:
    """List Slicer's presets for volume rendering, with the values that they are made for.

    Raises
    ------
    FeatureMissingError
        This Slicer has no volume rendering, or no presets.

    Notes
    -----
    Source: `vtkSlicerVolumeRenderingLogic::GetPresetsScene`.
    """
    presets = [
        RenderingPreset(name=name, effective_range=_effective_range(node))
        for name, node in _presets(context).items()
    ]
    return page_of(RenderingPresets, presets, arguments, lambda preset: preset.name, "rendering presets")


@operation(
    name="views.rendering",
    capability="scene.read",
    route="GET /views/renderings/{volume_id}",
    read_only=True,
)
def get_rendering(context: OperationContext, arguments: RenderingArguments) -> VolumeRendering:
    """Describe how a volume is shown by volume rendering.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such volume.
    FeatureMissingError
        This Slicer has no volume rendering.
    """
    volume = context.host.scene.node(arguments.volume_id, VOLUME)
    return _describe(volume, _logic(context).GetFirstVolumeRenderingDisplayNode(volume))


@operation(
    name="views.render_volume",
    capability="views.control",
    route="PUT /views/renderings/{volume_id}",
    idempotent=True,
    keywords="3D rendering VR cinematic MIP maximum intensity projection bones skin brain opacity crop",
)
def render_volume(context: OperationContext, arguments: RenderArguments) -> VolumeRendering:
    """Show a volume in the 3D views by volume rendering, with a preset, or hide it again.

    Returns
    -------
    VolumeRendering
        How it is shown now.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such volume, or the ROI is none.
    ArgumentInvalidError
        There is no such preset; the message names those there are. Or the range is empty.
    FeatureMissingError
        This Slicer has no volume rendering, or no presets.
    RenderingUnavailableError
        There is no main window or no OpenGL.

    Warnings
    --------
    Presets for CT are made for Hounsfield units; MR has no unit of its own, so give `value_range` there.

    Notes
    -----
    Source: `vtkSlicerVolumeRenderingLogic::CreateDefaultVolumeRenderingNodes`.
    """
    require_views(context)
    scene, logic = context.host.scene, _logic(context)
    volume = scene.node(arguments.volume_id, VOLUME)
    if volume.GetImageData() is None:
        raise invalid("volume_id", "the volume has no voxels")
    preset = _find_preset(context, arguments.preset) if arguments.preset else None
    if arguments.value_range is not None and arguments.value_range[0] >= arguments.value_range[1]:
        raise invalid("value_range", "its second value must be above the first")
    roi = scene.node(arguments.crop_roi_id, ROI) if arguments.crop_roi_id else None
    display = logic.CreateDefaultVolumeRenderingNodes(volume)
    was_modifying = display.StartModify()
    try:
        _set_look(display.GetVolumePropertyNode(), preset, arguments.value_range)
        if "crop_roi_id" in arguments.model_fields_set:
            display.SetAndObserveROINodeID(roi.GetID() if roi is not None else None)
            display.SetCroppingEnabled(roi is not None)
        display.SetVisibility(arguments.is_visible)
    finally:
        display.EndModify(was_modifying)
    context.mark_made([display])
    return _describe(volume, display)


def _logic(context: OperationContext) -> Any:
    return context.host.scene.logic("VolumeRendering")


def _presets(context: OperationContext) -> dict[str, Any]:
    presets = _logic(context).GetPresetsScene()
    found = {node.GetName(): node for node in presets.GetNodes() if node.IsA(PROPERTY)} if presets else {}
    if not found:
        raise FeatureMissingError("This Slicer has no presets for volume rendering.")
    return found


def _find_preset(context: OperationContext, name: str) -> Any:
    presets = _presets(context)
    if name not in presets:
        raise invalid("preset", f"there is no preset '{name}'; there are: {', '.join(presets)}")
    return presets[name]


def _effective_range(node: Any) -> tuple[float, float] | None:
    if node.GetEffectiveRange()[0] > node.GetEffectiveRange()[1]:
        node.CalculateEffectiveRange()
    low, high = node.GetEffectiveRange()
    return (low, high) if low <= high else None


def _set_look(node: Any, preset: Any, value_range: tuple[float, float] | None) -> None:
    if preset is not None:
        node.Copy(preset)
    if value_range is None:
        return
    own = _effective_range(node)
    if own is None or own[0] == own[1]:
        raise invalid("value_range", "the preset has no effective range that could be stretched")
    scale = (value_range[1] - value_range[0]) / (own[1] - own[0])

    def moved(value: float) -> float:
        return value_range[0] + (value - own[0]) * scale

    _move_points(node.GetScalarOpacity(), 4, moved)
    _move_points(node.GetColor(), 6, moved)
    node.SetEffectiveRange(*value_range)


def _move_points(function: Any, width: int, moved: Callable[[float], float]) -> None:
    """Move the control points of a transfer function (value first, then what it has there)."""
    points = []
    for index in range(function.GetSize()):
        point = [0.0] * width
        function.GetNodeValue(index, point)
        points.append([moved(point[0]), *point[1:]])
    function.RemoveAllPoints()
    add = function.AddPoint if width == 4 else function.AddRGBPoint
    for point in points:
        add(*point)


def _describe(volume: Any, display: Any) -> VolumeRendering:
    look = display.GetVolumePropertyNode() if display is not None else None
    roi = display.GetROINode() if display is not None and display.GetCroppingEnabled() else None
    return VolumeRendering(
        volume_id=volume.GetID(),
        display_id=display.GetID() if display is not None else None,
        is_visible=bool(display.GetVisibility()) if display is not None else False,
        preset=(look.GetName() or None) if look is not None else None,
        opacities=tuple(_opacities(look.GetScalarOpacity())) if look is not None else (),
        crop_roi_id=roi.GetID() if roi is not None else None,
    )


def _opacities(function: Any) -> list[OpacityPoint]:
    found = []
    for index in range(function.GetSize()):
        point = [0.0] * 4
        function.GetNodeValue(index, point)
        found.append(OpacityPoint(value=point[0], opacity=point[1]))
    return found
