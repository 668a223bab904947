"""Closed surfaces of a segmentation: make, remove, give as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import NodeTypeError, StorageFailedError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.segmentations import SegmentationDescription, SegmentSurface, Surfaces
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.models.new_nodes import moved
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    SegmentationArguments,
    SegmentId,
    description_of,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.intensities import require_linear
from AgentBridgeLib.operations.segmentations.labelmaps import CLOSED_SURFACE
from AgentBridgeLib.operations.segmentations.surface_making import (
    DECIMATION,
    SMOOTHING,
    make_surfaces,
    require_labelmaps,
    show_surfaces,
)
from AgentBridgeLib.operations.segmentations.workers.surfaces import arrays_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

SurfaceFormat = Literal["stl", "ply", "obj", "vtk"]
MEDIA_TYPES: dict[SurfaceFormat, str] = {
    "stl": "model/stl",
    "ply": "application/octet-stream",
    "obj": "model/obj",
    "vtk": "application/octet-stream",
}
TRIANGLES_PER_STEP = 1 << 15
STL_RECORD = [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")]
SPACE = "3D Slicer output. SPACE=LPS"
"""By this comment Slicer recognizes the frame of a file."""


class CreateSurfaceArguments(SegmentationArguments):
    """How the surfaces shall be."""

    smoothing_factor: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0: staircase, 1: smoothest. Without: as it is set; 0.5 at first.",
    )
    decimation_factor: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the triangles to remove. Without: as it is set; 0 at first.",
    )


class SurfaceArguments(SegmentationArguments):
    """Which surface, and as what."""

    segment_id: SegmentId
    format: SurfaceFormat = Field(default="stl", description="Format of the bytes.")
    is_world: bool = Field(default=True, description="Whether to apply the parent transforms before.")


@operation(
    name="segmentations.create_surface",
    capability="scene.edit",
    route="POST /segmentations/{segmentation_id}/surface",
    execution="process",
    long=True,
    keywords="show segmentation in 3D mesh render closed surface representation",
)
def create_surface(
    context: OperationContext, arguments: CreateSurfaceArguments
) -> Generator[Progress | Suspend, None, Surfaces]:
    """Make the closed surfaces of all segments as Slicer would, and show them in 3D.

    Slicer's own conversion runs in a process beside Slicer; cancel kills it, and nothing has changed then. Later edits
    make the surfaces again with the same factors.

    Returns
    -------
    Surfaces
        Points and triangles of each segment; 0 for an empty one.

    Raises
    ------
    NodeTypeError
        The segmentation is not made of binary labelmaps.
    RevisionConflictError
        The segmentation changed meanwhile; nothing was made of it.
    OperationFailedError, StorageFailedError
        The process failed; there is no room for exchange files. The scene is as it was.

    Notes
    -----
    Source: `vtkBinaryLabelmapToClosedSurfaceConversionRule`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    require_labelmaps(node)
    made = yield from make_surfaces(
        context,
        node,
        smoothing_factor=arguments.smoothing_factor,
        decimation_factor=arguments.decimation_factor,
    )
    segmentation = node.GetSegmentation()
    given = {SMOOTHING: arguments.smoothing_factor, DECIMATION: arguments.decimation_factor}
    for name, value in given.items():
        if value is not None:
            segmentation.SetConversionParameter(name, str(value))
    show_surfaces(node, made)
    context.mark_made([node])
    return Surfaces(
        segmentation_id=node.GetID(),
        smoothing_factor=float(segmentation.GetConversionParameter(SMOOTHING)),
        decimation_factor=float(segmentation.GetConversionParameter(DECIMATION)),
        segments=tuple(
            SegmentSurface(
                segment_id=segment_id,
                point_count=surface.GetNumberOfPoints(),
                triangle_count=surface.GetNumberOfPolys(),
            )
            for segment_id, surface in made.items()
        ),
    )


@operation(
    name="segmentations.remove_surface",
    capability="scene.edit",
    route="DELETE /segmentations/{segmentation_id}/surface",
    idempotent=True,
)
def remove_surface(context: OperationContext, arguments: SegmentationArguments) -> SegmentationDescription:
    """Remove the closed surfaces of a segmentation; its voxels stay.

    Raises
    ------
    NodeTypeError
        It is no segmentation, or it is made of surfaces and would be empty then.

    Notes
    -----
    Source: `vtkMRMLSegmentationNode::RemoveClosedSurfaceRepresentation`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    require_labelmaps(node)
    node.RemoveClosedSurfaceRepresentation()
    context.mark_made([node])
    return description_of(node)


@operation(
    name="segmentations.segment_surface",
    capability="scene.read",
    route="GET /segmentations/{segmentation_id}/segments/{segment_id}/surface",
    read_only=True,
    execution="steps",
    revision_scope="scene",
    keywords="export STL 3D print printing mesh OBJ",
)
def read_surface(
    context: OperationContext, arguments: SurfaceArguments
) -> Generator[Progress, None, Content]:
    """Read the closed surface of a segment as STL, PLY, OBJ or VTK, with parent transforms applied.

    STL is written in small steps; the others in one, which takes half a second for a million triangles.

    Returns
    -------
    Content
        Positions in LPS, mm, and the file says so (`SPACE=LPS`).

    Raises
    ------
    ArgumentInvalidError
        There is no such segment.
    NodeTypeError
        There is no surface yet (segmentations.create_surface), or the segment is empty.
    GeometryMismatchError
        A parent transform is not linear.
    StorageFailedError
        VTK could not write it.

    Notes
    -----
    As Slicer writes models: `vtkMRMLModelStorageNode::WriteDataInternal`.
    """
    node = context.host.scene.node(arguments.segmentation_id, SEGMENTATION)
    surface = segment_of(node, arguments.segment_id).GetRepresentation(CLOSED_SURFACE)
    if surface is None or surface.GetNumberOfPolys() == 0:
        raise NodeTypeError(
            f"The segment {arguments.segment_id} has no closed surface. segmentations.create_surface makes it, "
            "unless the segment is empty."
        )
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    if arguments.is_world:
        require_linear(node)
        to_lps = to_lps @ matrices.node_to_world(node)
    in_lps = moved(surface, to_lps)
    yield Progress(0.1, "Writing the surface")
    if arguments.format == "stl":
        parts = yield from _stl(in_lps)
    else:
        path = Path(context.work_folder()) / f"surface.{arguments.format}"
        parts = [_written(in_lps, path, arguments.format)]
    facts: dict[str, object] = {
        "segmentation_id": node.GetID(),
        "segment_id": arguments.segment_id,
        "format": arguments.format,
        "frame": "lps",
        "unit": "mm",
        "is_world": arguments.is_world,
        "parent_transform_id": None if arguments.is_world else parent_transform_id(node),
    }
    return Content(MEDIA_TYPES[arguments.format], parts, f"{node.GetID()}.{arguments.format}", facts)


def _written(surface: Any, path: Path, format_name: SurfaceFormat) -> bytes:
    """Write a surface that is in LPS already as PLY, OBJ or VTK, in one step.

    Raises
    ------
    StorageFailedError
        It could not be written.
    """
    from vtkmodules.vtkIOGeometry import vtkOBJWriter
    from vtkmodules.vtkIOLegacy import vtkPolyDataWriter
    from vtkmodules.vtkIOPLY import vtkPLYWriter

    writer = {"ply": vtkPLYWriter, "obj": vtkOBJWriter, "vtk": vtkPolyDataWriter}[format_name]()
    writer.SetFileName(str(path))
    writer.SetInputData(surface)
    if format_name == "vtk":
        writer.SetHeader(SPACE)
    if format_name == "ply":
        writer.AddComment(SPACE)
    if format_name != "obj":
        writer.SetFileTypeToBinary()
    writer.Write()
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    if not data:
        raise StorageFailedError(
            "The surface could not be written. Free space in the temporary folder and repeat."
        )
    return f"# {SPACE}\n".encode() + data if format_name == "obj" else data


def _stl(surface: Any) -> Generator[Progress, None, list[bytes]]:
    """Write binary STL in parts; VTK's writer would hold Slicer for a second for a million triangles."""
    arrays = arrays_of(surface)
    triangles = arrays["triangles"]
    parts = [SPACE.encode().ljust(80) + len(triangles).to_bytes(4, "little")]
    for start, stop in slabs(len(triangles), 1, TRIANGLES_PER_STEP):
        corners = arrays["points"][triangles[start:stop]]
        sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        lengths = np.linalg.norm(sides, axis=1, keepdims=True)
        records = np.zeros(stop - start, STL_RECORD)
        records["normal"] = np.divide(sides, lengths, out=np.zeros_like(sides), where=lengths > 0)
        records["corners"] = corners
        parts.append(records.tobytes())
        yield Progress(stop / len(triangles), "Writing the surface")
    return parts
