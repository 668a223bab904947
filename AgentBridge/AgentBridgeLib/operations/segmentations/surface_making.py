"""Make closed surfaces of segments as Slicer would, in a process beside Slicer, and put them into a segmentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import VTK_ID_TYPE

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import NodeTypeError, OperationFailedError, RevisionConflictError
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.array_files import read_array, write_array
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.segmentations.labelmaps import (
    BINARY_LABELMAP,
    CLOSED_SURFACE,
    box_around,
    labelmap_of,
    oriented_image,
)
from AgentBridgeLib.operations.segmentations.workers.surfaces import outwards

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

WORKER = Path(__file__).parent / "workers" / "surfaces.py"
INLINE_VOXELS = 1 << 16
"""Surfaces of so few voxels in all take some 20 ms, less than to start a process."""
SMOOTHING, DECIMATION = "Smoothing factor", "Decimation factor"
"""Names of conversion parameters in Slicer."""


def make_surfaces(
    context: OperationContext,
    node: Any,
    segment_ids: Sequence[str] | None = None,
    *,
    smoothing_factor: float | None = None,
    decimation_factor: float | None = None,
) -> Generator[Progress | Suspend, None, dict[str, Any]]:
    """Make the surfaces of segments; the segmentation stays as it is.

    Parameters
    ----------
    segment_ids
        Which; all without.
    smoothing_factor, decimation_factor
        Those of the segmentation without.

    Returns
    -------
    dict
        Segment id to `vtkPolyData` in the segmentation's own coordinates; without cells for an empty segment.

    Raises
    ------
    NodeTypeError
        It is not made of binary labelmaps.
    RevisionConflictError
        The segmentation changed meanwhile.
    OperationFailedError, StorageFailedError
        The process failed; there is no room for exchange files.
    """
    node_id, segmentation = node.GetID(), node.GetSegmentation()
    revision = context.host.scene.node_revision(node_id)
    masks: dict[str, tuple[Array, Matrix] | None] = {}
    for segment_id in segment_ids if segment_ids is not None else segmentation.GetSegmentIDs():
        masks[segment_id] = _cut_out(node, segment_id)
        yield Progress(0.05, "Cutting the segments out")
    given = {SMOOTHING: smoothing_factor, DECIMATION: decimation_factor}
    parameters = {
        name: segmentation.GetConversionParameter(name) if value is None else str(value)
        for name, value in given.items()
    }
    surfaces = yield from surfaces_of_masks(context, masks, parameters)
    scene = context.host.scene
    if scene.scene.GetNodeByID(node_id) is not node or scene.node_revision(node_id) != revision:
        raise RevisionConflictError(f"{node_id} was changed meanwhile; nothing was made of it. Start again.")
    return surfaces


def surfaces_of_masks(
    context: OperationContext,
    masks: Mapping[str, tuple[Array, Matrix] | None],
    parameters: Mapping[str, str],
) -> Generator[Progress | Suspend, None, dict[str, Any]]:
    """Make the surface of each mask (k, j, i) that lies where its matrix says; None is an empty one."""
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    if sum(mask[0].size for mask in masks.values() if mask is not None) <= INLINE_VOXELS:
        yield Progress(0.5, "Making the surfaces")
        return {
            segment_id: vtkPolyData() if mask is None else surface_at_once(*mask, parameters)
            for segment_id, mask in masks.items()
        }
    folder, parts = Path(context.work_folder()), []
    voxels.require_memory(
        context.host.application, sum(2 * mask[0].size for mask in masks.values() if mask), "The surfaces"
    )
    for number, (segment_id, mask) in enumerate(masks.items()):
        if mask is not None:
            path = folder / f"surface{number}.npy"
            yield from write_array(path, mask[0])
            parts.append(
                {
                    "id": segment_id,
                    "mask": str(path),
                    "ijk_to_ras": mask[1].tolist(),
                    "surface": str(folder / f"surface{number}"),
                }
            )
    if parts:
        job = folder / "surfaces.json"
        job.write_text(json.dumps({"segments": parts, "parameters": dict(parameters)}), encoding="utf-8")
        yield from run_worker(context.host.processes, str(WORKER), [str(job)], "Surface making")
    made: dict[str, Any] = {segment_id: vtkPolyData() for segment_id in masks}
    for part in parts:
        made[str(part["id"])] = yield from _read(str(part["surface"]))
    return made


def surface_at_once(mask: Array, ijk_to_ras: Matrix, parameters: Mapping[str, str]) -> Any:
    """Make the surface of a small mask (k, j, i, uint8) on this thread.

    Raises
    ------
    OperationFailedError
        Slicer could not.
    """
    from slicer import vtkBinaryLabelmapToClosedSurfaceConversionRule, vtkSegment

    segment, rule = vtkSegment(), vtkBinaryLabelmapToClosedSurfaceConversionRule()
    segment.AddRepresentation(BINARY_LABELMAP, oriented_image(mask, ijk_to_ras))
    segment.SetLabelValue(1)
    for name, value in parameters.items():
        rule.SetConversionParameter(name, value)
    if not rule.Convert(segment):
        raise OperationFailedError("Slicer could not make the closed surface. Repeat with `surface` never.")
    return outwards(segment.GetRepresentation(CLOSED_SURFACE), bool(np.linalg.det(ijk_to_ras[:3, :3]) > 0))


def show_surfaces(node: Any, surfaces: Mapping[str, Any]) -> None:
    """Put surfaces into a segmentation and show them in 3D."""
    segmentation = node.GetSegmentation()
    was_modifying = node.StartModify()
    try:
        for segment_id, surface in surfaces.items():
            segment = segmentation.GetSegment(segment_id)
            segment.RemoveRepresentation(CLOSED_SURFACE)
            segment.AddRepresentation(CLOSED_SURFACE, surface)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(CLOSED_SURFACE)
    finally:
        node.EndModify(was_modifying)
    segmentation.InvokeEvent(segmentation.ContainedRepresentationNamesModified)
    node.Modified()


def _cut_out(node: Any, segment_id: str) -> tuple[Array, Matrix] | None:
    """Cut the box of a segment out, one voxel wider."""
    labelmap = labelmap_of(node, segment_id)
    if labelmap is None:
        return None
    mask = labelmap.array == labelmap.label
    return padded_box(mask, labelmap.ijk_to_ras)


def padded_box(mask: Array, ijk_to_ras: Matrix) -> tuple[Array, Matrix] | None:
    """Cut a mask down to what is in it, with one empty voxel on each side; None when nothing is."""
    box = box_around(mask)
    if box is None:
        return None
    low, high = box
    part = np.pad(mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]], 1).view(np.uint8)
    shift = np.eye(4)
    shift[:3, 3] = (low[2] - 1, low[1] - 1, low[0] - 1)
    return part, ijk_to_ras @ shift


def _read(prefix: str) -> Generator[Progress, None, Any]:
    """Put a surface together; reading a VTP file would hold Slicer for seconds."""
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    arrays = {}
    for name in ("points", "normals", "triangles"):
        arrays[name] = yield from read_array(Path(f"{prefix}_{name}.npy"), "Surface making")
    surface, points, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(arrays["points"], deep=1))
    triangles = arrays["triangles"]
    offsets = np.arange(0, 3 * len(triangles) + 1, 3, dtype=np.int64)
    corners = numpy_to_vtk(triangles.reshape(-1), deep=1, array_type=VTK_ID_TYPE)
    cells.SetData(numpy_to_vtk(offsets, deep=1, array_type=VTK_ID_TYPE), corners)
    surface.SetPoints(points)
    surface.SetPolys(cells)
    if len(arrays["normals"]):
        normals = numpy_to_vtk(arrays["normals"], deep=1)
        normals.SetName("Normals")
        surface.GetPointData().SetNormals(normals)
    return surface


def require_labelmaps(node: Any) -> None:
    """Refuse a segmentation that is made of something else.

    Raises
    ------
    NodeTypeError
        It is.
    """
    if (
        node.GetSegmentation().GetNumberOfSegments()
        and not node.GetSegmentation().IsSourceRepresentationImageData()
    ):
        raise NodeTypeError(
            f"{node.GetID()} has no binary labelmaps. segmentations.create_labelmap makes them."
        )
