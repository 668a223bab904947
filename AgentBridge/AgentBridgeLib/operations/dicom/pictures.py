"""Save a picture of a view as a DICOM secondary capture in the study of a volume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, PictureBlankError
from AgentBridgeLib.host.ports.views import CameraRequest, SliceRequest
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomObjectMade
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.operations.dicom.evidence import (
    contribution,
    finish_object,
    require_same_patient,
    source_images,
)
from AgentBridgeLib.operations.dicom.library import library
from AgentBridgeLib.operations.views.views import require_views
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.ports.views import Picture

WORKER = Path(__file__).parent / "workers" / "secondary_capture.py"


class SavePictureArguments(Arguments):
    """Which view, and into whose study."""

    volume_id: VolumeId = Field(
        description="A volume loaded from Slicer's DICOM database; the picture goes into its study, a slice shows it."
    )
    view: str = Field(
        default="Red", min_length=1, max_length=100, description="Name of a slice view or a 3D view."
    )
    offset_mm: float | None = Field(
        default=None, description="Slice views: position along the normal; else as it is."
    )
    width_px: int = Field(default=512, ge=16, le=4096, description="Width of the picture.")
    height_px: int = Field(default=512, ge=16, le=4096, description="Height of the picture.")
    series_description: str = Field(
        default="Picture", min_length=1, max_length=64, description="Of the new series."
    )
    series_number: int = Field(default=302, ge=1, le=2**31 - 1, description="Of the new series.")

    def also_requires(self) -> tuple[str, ...]:
        """Require what it reads."""
        return ("scene.read", "dicom.read", "views.control")


@operation(
    name="dicom.save_picture",
    capability="dicom.write",
    route="POST /dicom/pictures",
    execution="process",
    long=True,
    status=201,
    keywords="key image secondary capture SC screenshot to DICOM",
)
def save_picture(
    context: OperationContext, arguments: SavePictureArguments
) -> Generator[Progress | Suspend, None, DicomObjectMade]:
    """Save a picture of a view as a DICOM secondary capture in the study of a volume.

    The picture refers to the volume's images and names AgentBridge as maker. If markups are shown, it is flagged as
    having burned-in annotations, since their labels may say anything. dicom.push sends it on.

    Returns
    -------
    DicomObjectMade
        The new series in Slicer's DICOM database.

    Raises
    ------
    ArgumentInvalidError
        There is no such view.
    NodeNotFoundError, NodeTypeError
        The volume is missing or of another class.
    DataInvalidError
        The volume was not loaded from the DICOM database, or the view shows data of another patient.
    PictureBlankError
        The view shows nothing.
    RenderingUnavailableError
        There is no main window or no OpenGL.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.3, A.8.1 and C.8.6.
    """
    library("pydicom")
    require_views(context)
    volume = context.host.scene.node(arguments.volume_id, VOLUME)
    sources = source_images(context, volume)
    shown = list(_shown(context, arguments.view))
    require_same_patient(context, volume, sources, *shown)
    picture = _take(context, arguments)
    yield Progress(None, "Took the picture")
    folder = Path(context.work_folder())
    np.save(folder / "pixels.npy", picture.pixels)
    request = {
        "source": sources[0].path,
        "images": [one.path for one in sources],
        "pixels": str(folder / "pixels.npy"),
        "has_annotations": any(node.IsA("vtkMRMLMarkupsNode") for node in shown),
        "series_description": arguments.series_description,
        "series_number": arguments.series_number,
        "contribution": contribution(context),
        "target": str(folder / "picture.dcm"),
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    return (yield from finish_object(context, WORKER, folder / "request.json", folder / "picture.dcm"))


def _take(context: OperationContext, arguments: SavePictureArguments) -> Picture:
    views = context.host.views
    width_px, height_px = arguments.width_px, arguments.height_px
    if arguments.view in views.slice_names():
        picture = views.slice_picture(
            arguments.view,
            SliceRequest(
                width_px, height_px, offset_mm=arguments.offset_mm, background_id=arguments.volume_id
            ),
        )
    else:
        picture = views.threed_picture(arguments.view, CameraRequest(width_px, height_px, fit=False))
    if picture.is_blank:
        raise PictureBlankError(f"The view '{arguments.view}' shows nothing; nothing was saved.")
    return picture


def _shown(context: OperationContext, view: str) -> Iterator[Any]:
    """Give the nodes whose data a view may show: what is visible, and the upper layers of a slice view."""
    views, scene = context.host.views, context.host.scene.scene
    if view in views.slice_names():
        composite = views.slice_logic(view).GetSliceCompositeNode()
        for layer in (composite.GetForegroundVolumeID(), composite.GetLabelVolumeID()):
            node = scene.GetNodeByID(layer) if layer else None
            if node is not None:
                yield node
    elif view not in views.threed_names():
        names = ", ".join([*views.slice_names(), *views.threed_names()])
        raise ArgumentInvalidError(
            f"There is no view '{view}'; there are {names}.",
            errors=[FieldProblem("/view", "is no view", names)],
        )
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLDisplayableNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLDisplayableNode")
        if not node.IsA("vtkMRMLVolumeNode") and node.GetDisplayVisibility():
            yield node
