"""Take pictures of slice and 3D views."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.errors import PictureBlankError, RenderingUnavailableError
from AgentBridgeLib.host.ports.views import CameraRequest, SliceRequest
from AgentBridgeLib.model.base import Arguments, example
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.geometry import PositionRas
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.model.views import SliceViewDescription, ThreeDViewDescription, Views
from AgentBridgeLib.operations.views.picture_content import PictureFormat, picture_content, require_content
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.ports.views import Picture

Pixels = Annotated[int, Field(ge=16, le=4096, json_schema_extra={"x-unit": "px"})]
CommaPosition = Annotated[PositionRas, COMMA_LIST]
ViewName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="The view: its name in the layout, or its node's id or name; views.list has them.",
    ),
]


class NoArguments(Arguments):
    """Nothing to say."""


class PictureArguments(Arguments):
    """Which view, how large, in what form."""

    name: ViewName
    width_px: Pixels = Field(default=512, alias="width", description="Width in pixels.")
    height_px: Pixels = Field(default=512, alias="height", description="Height in pixels.")
    format: PictureFormat = Field(default="png", description="PNG is exact; JPEG (quality 90) smaller.")
    accept_blank: bool = Field(default=False, description="Whether a picture of nothing is wanted too.")
    fit: bool = Field(default=True, description="Whether to zoom so that everything shown is in the picture.")


class SliceImageArguments(PictureArguments):
    """What a slice picture shows. What is not given is as the view shows it now."""

    model_config = example(name="Red", orientation="Axial", offset_mm=12.5)

    orientation: Literal["Axial", "Sagittal", "Coronal"] | None = Field(
        default=None, description="Slice plane."
    )
    offset_mm: float | None = Field(
        default=None,
        description="Position of the slice along its normal, mm: S (axial), A (coronal) or minus R (sagittal).",
    )
    background: VolumeId | None = Field(default=None, description="Volume to show.")
    foreground: VolumeId | None = Field(default=None, description="Volume to lay over it.")
    foreground_opacity: float | None = Field(
        default=None, ge=0, le=1, description="Of the foreground, 0 to 1."
    )
    label: VolumeId | None = Field(default=None, description="Labelmap volume to lay over both.")


class ThreeDImageArguments(PictureArguments):
    """Where a 3D picture is taken from: a named direction, or a camera; else as the view shows it now."""

    model_config = example(name="1", look_from="anterior")

    look_from: Literal["left", "right", "anterior", "posterior", "superior", "inferior"] | None = Field(
        default=None, description="Side of the patient from which the camera looks."
    )
    position_ras: CommaPosition | None = Field(default=None, description="Where the camera is, RAS, mm.")
    focal_point_ras: CommaPosition | None = Field(default=None, description="What it looks at, RAS, mm.")
    view_up_ras: CommaPosition | None = Field(
        default=None, description="Direction that points up in the picture, RAS."
    )
    view_angle_deg: float | None = Field(
        default=None, gt=0, lt=180, description="Opening angle of a perspective view."
    )
    parallel_scale_mm: float | None = Field(
        default=None, gt=0, description="Half the height of the picture in mm; makes the projection parallel."
    )


class ScreenshotArguments(Arguments):
    """How large, in what form."""

    width_px: Pixels = Field(default=1024, alias="width", ge=128, description="Width in pixels.")
    height_px: Pixels = Field(default=768, alias="height", ge=128, description="Height in pixels.")
    format: PictureFormat = Field(default="png", description="PNG is exact; JPEG (quality 90) smaller.")
    accept_blank: bool = Field(default=False, description="Whether a picture of nothing is wanted too.")


class ViewNameArguments(Arguments):
    """Which 3D view."""

    model_config = example(name="1")

    name: ViewName


@operation(
    name="views.list",
    capability="scene.read",
    route="GET /views",
    read_only=True,
    keywords="windows viewers slices offsets",
)
def list_views(context: OperationContext, arguments: NoArguments) -> Views:  # noqa: ARG001
    """List the slice and 3D views: names, orientations, offsets and the volumes they show.

    Returns
    -------
    Views
        Without a main window there are none, and `is_available` is false.
    """
    views = context.host.views
    if not views.is_available:
        return Views(is_available=False, slices=(), threed=())
    return Views(
        is_available=True,
        slices=tuple(describe_slice(context, name) for name in views.slice_names()),
        threed=tuple(
            ThreeDViewDescription(name=view.name, node_id=view.node_id, node_name=view.node_name)
            for view in views.named_views()
            if view.kind == "3D"
        ),
    )


@operation(
    name="views.slice_image",
    capability="views.control",
    route="GET /views/slices/{name}/image",
    read_only=True,
    keywords=(
        "picture screenshot image axial sagittal coronal overlay fusion fused PET CT slice snapshot figure blend "
        "registration visually"
    ),
)
def slice_image(context: OperationContext, arguments: SliceImageArguments) -> Content:
    """Take a picture of a slice view offscreen, at any size, plane, position and choice of volumes.

    The view on the screen stays as it is. To measure what is seen: `pixel_to_ras` times (column, row, 1), counted from
    0 in the upper left corner, is the place of a pixel, RAS in mm.

    Returns
    -------
    Content
        PNG or JPEG; the facts name view, size, the plane and offset in mm that were drawn, and `pixel_to_ras`, three
        rows for R, A and S.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    NodeNotFoundError
        One of the volumes is not in the scene.
    PictureBlankError
        Nothing but the background was drawn; the message says why: no volume, beside the volume, or its window.
    RenderingUnavailableError
        There is no main window or no OpenGL.
    """
    require_views(context)
    for volume_id in filter(None, (arguments.background, arguments.foreground, arguments.label)):
        context.host.scene.node(volume_id, "vtkMRMLVolumeNode")
    view = context.host.views.find(arguments.name, "slice").name
    picture = context.host.views.slice_picture(
        view,
        SliceRequest(
            width_px=arguments.width_px,
            height_px=arguments.height_px,
            orientation=arguments.orientation,
            offset_mm=arguments.offset_mm,
            background_id=arguments.background,
            foreground_id=arguments.foreground,
            foreground_opacity=arguments.foreground_opacity,
            label_id=arguments.label,
            fit=arguments.fit,
            cover=context.cover,
        ),
    )
    hint = "Name a `background` volume, or an `offset_mm` inside the volume; volumes.get tells its bounds."
    return _content(picture, view, arguments, hint)


@operation(
    name="views.threed_image",
    capability="views.control",
    route="GET /views/3d/{name}/image",
    read_only=True,
    keywords="picture screenshot image 3D rendering snapshot turntable surface brain skull",
)
def threed_image(context: OperationContext, arguments: ThreeDImageArguments) -> Content:
    """Take a picture of a 3D view offscreen, from a named side of the patient or a given camera.

    The view on the screen stays as it is.

    Returns
    -------
    Content
        PNG or JPEG; the facts name view, size, and the camera that was used, RAS, mm.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    PictureBlankError
        Nothing but the background was drawn; the message says why: nothing is shown, or the camera looks past it.
    RenderingUnavailableError
        There is no main window or no OpenGL.
    """
    require_views(context)
    view = context.host.views.find(arguments.name, "3D").name
    picture = context.host.views.threed_picture(
        view,
        CameraRequest(
            width_px=arguments.width_px,
            height_px=arguments.height_px,
            look_from=arguments.look_from,
            position_ras=arguments.position_ras,
            focal_point_ras=arguments.focal_point_ras,
            view_up_ras=arguments.view_up_ras,
            view_angle_deg=arguments.view_angle_deg,
            parallel_scale_mm=arguments.parallel_scale_mm,
            fit=arguments.fit and arguments.position_ras is None,
            cover=context.cover,
        ),
    )
    hint = (
        "Show a model, markups, a segmentation with its closed surface (`show_3d`) or a volume with a preset, "
        "or let the camera look at it with `look_from`."
    )
    return _content(picture, view, arguments, hint)


@operation(
    name="views.screenshot",
    capability="views.control",
    route="GET /views/screenshot",
    read_only=True,
    keywords="screen capture snapshot whole window picture of everything",
)
def screenshot(context: OperationContext, arguments: ScreenshotArguments) -> Content:
    """Take one picture of all views of the present layout, side by side, each as it is now.

    The views are drawn offscreen, so it does not matter what covers the window; controls are not in the picture.

    Returns
    -------
    Content
        PNG or JPEG; the facts say which view is where (`x_px`, `y_px` from the upper left corner).

    Raises
    ------
    PictureBlankError
        No view shows anything.
    RenderingUnavailableError
        There is no main window or no OpenGL, or the layout shows neither slice nor 3D views.
    """
    require_views(context)
    layout = context.host.views.layout()
    shown = [*(("slice", name) for name in layout.slices), *(("threed", name) for name in layout.threed)]
    if not shown:
        raise RenderingUnavailableError(
            "The present layout shows neither slice nor 3D views; choose another one."
        )
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    width, height = arguments.width_px // columns, arguments.height_px // rows
    pixels = np.zeros((rows * height, columns * width, 3), np.uint8)
    tiles, is_blank = [], True
    for number, (kind, name) in enumerate(shown):
        x, y = number % columns * width, number // columns * height
        picture = _view_picture(context, kind, name, width, height)
        pixels[y : y + height, x : x + width] = picture.pixels
        is_blank = is_blank and picture.is_blank
        tiles.append(
            {"view": name, "kind": kind, "x_px": x, "y_px": y, "width_px": width, "height_px": height}
        )
    if is_blank and not arguments.accept_blank:
        raise PictureBlankError("No view shows anything. Set `accept_blank` to get the picture all the same.")
    return picture_content(pixels, arguments.format, "views", {"is_blank": is_blank, "views": tiles})


@operation(
    name="views.gltf",
    capability="views.control",
    route="GET /views/3d/{name}/gltf",
    read_only=True,
    keywords="export 3D scene web AR VR mesh",
)
def export_gltf(context: OperationContext, arguments: ViewNameArguments) -> Content:
    """Export the surfaces that a 3D view shows as glTF 2.0, with colors and opacities, for other viewers.

    Returns
    -------
    Content
        One JSON document with its data inside. Coordinates are RAS in mm; viewers that take them for meters with y up
        show the scene large and lying. Volume renderings, labels and glyphs of markups are no surfaces and left out.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    PictureBlankError
        The view shows no surface.

    Notes
    -----
    Source: `vtkGLTFExporter`.
    """
    require_views(context)
    view = context.host.views.find(arguments.name, "3D").name
    document = context.host.views.gltf(view)
    if document is None:
        raise PictureBlankError(
            f"View '{view}' shows no surface: show a model, or a segmentation with its closed surface."
        )
    return Content(
        media_type="model/gltf+json",
        parts=[_translucent(document)],
        filename=f"{view}.gltf",
        facts={"view": view, "frame": "RAS", "unit": "mm"},
    )


def _translucent(document: bytes) -> bytes:
    """Say which materials are blended: viewers heed the opacity that VTK writes only then (glTF 2.0, 3.9.4)."""
    content = json.loads(document)
    for material in content.get("materials", ()):
        if material.get("pbrMetallicRoughness", {}).get("baseColorFactor", [1.0])[-1] < 1:
            material["alphaMode"] = "BLEND"
    return json.dumps(content, separators=(",", ":")).encode()


def _view_picture(context: OperationContext, kind: str, name: str, width: int, height: int) -> Picture:
    if kind == "slice":
        return context.host.views.slice_picture(
            name, SliceRequest(width, height, fit=False, cover=context.cover)
        )
    return context.host.views.threed_picture(
        name, CameraRequest(width, height, fit=False, cover=context.cover)
    )


def describe_slice(context: OperationContext, name: str) -> SliceViewDescription:
    """Describe a slice view and what it shows."""
    node = context.host.views.slice_node(name)
    logic = context.host.scene.application_logic.GetSliceLogic(node)
    composite = logic.GetSliceCompositeNode() if logic is not None else None
    return SliceViewDescription(
        name=name,
        node_id=node.GetID(),
        orientation=node.GetOrientation(),
        offset_mm=node.GetSliceOffset(),
        background_volume_id=(composite.GetBackgroundVolumeID() or None) if composite else None,
        foreground_volume_id=(composite.GetForegroundVolumeID() or None) if composite else None,
        foreground_opacity=composite.GetForegroundOpacity() if composite else None,
        label_volume_id=(composite.GetLabelVolumeID() or None) if composite else None,
    )


def require_views(context: OperationContext) -> None:
    """Refuse when nothing can be drawn.

    Raises
    ------
    RenderingUnavailableError
        There is no main window or no OpenGL.
    """
    if not context.host.views.is_available:
        raise RenderingUnavailableError(
            f"This Slicer has no views to take pictures of: {context.host.views.what_is_missing}. "
            "Voxels can be read with volumes.data."
        )


def _content(picture: Picture, view: str, arguments: PictureArguments, hint: str) -> Content:
    if not arguments.accept_blank:
        require_content(picture, view, hint)
    facts = {
        "view": view,
        "is_blank": picture.is_blank,
        "blank_reason": picture.blank_reason,
        **picture.taken,
    }
    return picture_content(picture.pixels, arguments.format, view, facts)
