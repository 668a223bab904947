"""Lay boxes around nodes and planes through points."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import MarkupsId, NodeId, NodeName
from AgentBridgeLib.model.markups import MarkupsDescription, PlacedRas, PlaneFitted
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.description import MARKUPS, MOST_POINTS, describe_markups
from AgentBridgeLib.operations.markups.shapes import TYPES, Box, place_box
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.matrices import Matrix

LEAST_POINTS = 3
LEAST_SIZE_MM = 1e-3
FLATNESS = 1e-6
"""Share of the largest extent below which points count as lying on a line."""


class BoxAroundArguments(Arguments):
    """What to enclose."""

    node_ids: Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=1000)] = Field(
        description="Volumes, models, segmentations, markups: what has an extent."
    )
    margin_mm: float = Field(default=0.0, ge=0, le=1e4, description="Room on every side.")
    name: NodeName | None = Field(default=None, description="Name of the ROI; made unique.")


class FitPlaneArguments(Arguments):
    """Through which points: those of a markup, or given ones."""

    markups_id: MarkupsId | None = Field(default=None, description="Markup whose control points are taken.")
    points_ras: tuple[PlacedRas, ...] | None = Field(
        default=None, min_length=LEAST_POINTS, max_length=MOST_POINTS, description="Points, RAS, mm."
    )
    name: NodeName | None = Field(default=None, description="Name of the plane; made unique.")


@operation(
    name="markups.box_around",
    capability="scene.edit",
    route="POST /markups/box-around",
    status=201,
    keywords="bounding box region of interest enclose tumor extent",
)
def box_around(context: OperationContext, arguments: BoxAroundArguments) -> MarkupsDescription:
    """Make a ROI that encloses nodes, with its axes along R, A and S.

    Returns
    -------
    MarkupsDescription
        The new ROI; center in RAS, size in mm.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        One of the nodes is not there, or is of a kind that cannot have an extent.
    ArgumentInvalidError
        One of them has no extent: it is empty.

    Notes
    -----
    Parent transforms are applied. Of a volume the outer faces of its voxels count, of a segmentation those of the
    voxels in its segments. Source: `vtkMRMLDisplayableNode::GetRASBounds`,
    `vtkOrientedImageDataResample::CalculateEffectiveExtent`.
    """
    bounds = [_bounds(context, number, node_id) for number, node_id in enumerate(arguments.node_ids)]
    low = np.min([box[0] for box in bounds], axis=0) - arguments.margin_mm
    high = np.max([box[1] for box in bounds], axis=0) + arguments.margin_mm
    size = np.maximum(high - low, LEAST_SIZE_MM)
    node = _new(context, "roi", arguments.name or "Box")
    place_box(node, "roi", Box(tuple((low + high) / 2), None, None, tuple(size)))
    return describe_markups(node, "ras")


@operation(
    name="markups.fit_plane",
    capability="scene.edit",
    route="POST /markups/fit-plane",
    status=201,
    keywords="best fit plane landmarks midsagittal symmetry least squares",
)
def fit_plane(context: OperationContext, arguments: FitPlaneArguments) -> PlaneFitted:
    """Make the plane that lies nearest to points in the sense of least squares.

    Returns
    -------
    PlaneFitted
        The plane, centered at the mean of the points and large enough for all, and how far the points are from it, mm.

    Raises
    ------
    ArgumentInvalidError
        There are fewer than three points, or all lie on one line; or neither or both of a markup and points are given.
    NodeNotFoundError, NodeTypeError
        There is no such markup.

    Notes
    -----
    The normal is that singular vector of the centered points with the smallest value; its largest component is
    positive.
    """
    points = _points(context, arguments)
    center = points.mean(axis=0)
    _, extents, axes = np.linalg.svd(points - center)
    if extents[1] <= FLATNESS * max(extents[0], LEAST_SIZE_MM):
        raise invalid("points_ras", "the points lie on one line, through which many planes go")
    x, normal = axes[0], axes[2]
    if normal[np.argmax(np.abs(normal))] < 0:
        normal = -normal
    y = np.cross(normal, x)
    rotation = np.array([x, y, normal])
    flat = (points - center) @ rotation.T
    size = np.maximum(2 * np.abs(flat[:, :2]).max(axis=0), LEAST_SIZE_MM)
    node = _new(context, "plane", arguments.name or "Plane")
    place_box(node, "plane", Box(tuple(center), None, (tuple(x), tuple(y), tuple(normal)), tuple(size)))
    return PlaneFitted(
        plane=describe_markups(node, "ras"),
        point_count=len(points),
        rms_distance_mm=float(np.sqrt(np.mean(flat[:, 2] ** 2))),
        largest_distance_mm=float(np.abs(flat[:, 2]).max()),
    )


def _bounds(context: OperationContext, number: int, node_id: str) -> tuple[Sequence[float], Sequence[float]]:
    node = context.host.scene.node(node_id, "vtkMRMLDisplayableNode")
    corners = _labelmap_corners(node) if node.IsA("vtkMRMLSegmentationNode") else []
    if corners:
        return np.min(corners, axis=0), np.max(corners, axis=0)
    bounds = [1.0, -1.0] * 3
    node.GetRASBounds(bounds)
    if any(bounds[axis] > bounds[axis + 1] for axis in (0, 2, 4)):
        raise invalid(f"node_ids/{number}", f"{node_id} has no extent")
    return bounds[::2], bounds[1::2]


def _labelmap_corners(node: Any) -> list[Any]:
    """Corners of the voxels of all segments in the world; `GetRASBounds` gives those of their whole image."""
    from slicer import vtkOrientedImageDataResample, vtkSegmentationConverter

    name = vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation, corners = node.GetSegmentation(), []
    for index in range(segmentation.GetNumberOfSegments()):
        image, extent = segmentation.GetNthSegment(index).GetRepresentation(name), [0, -1] * 3
        if image is None or not vtkOrientedImageDataResample.CalculateEffectiveExtent(image, extent, 0.0):
            continue
        to_world = vtkMatrix4x4()
        image.GetImageToWorldMatrix(to_world)
        edges = [(extent[axis] - 0.5, extent[axis + 1] + 0.5) for axis in (0, 2, 4)]
        for corner in itertools.product(*edges):
            point = [0.0, 0.0, 0.0]
            node.TransformPointToWorld(to_world.MultiplyPoint((*corner, 1.0))[:3], point)
            corners.append(point)
    return corners


def _points(context: OperationContext, arguments: FitPlaneArguments) -> Matrix:
    if (arguments.markups_id is None) == (arguments.points_ras is None):
        raise invalid("points_ras", "give either `markups_id` or `points_ras`")
    if arguments.points_ras is not None:
        return np.array(arguments.points_ras, float)
    node = context.host.scene.node(arguments.markups_id or "", MARKUPS)
    found = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
            point = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, point)
            found.append(point)
    if len(found) < LEAST_POINTS:
        raise invalid("markups_id", f"it has {len(found)} points; a plane needs {LEAST_POINTS}")
    return np.array(found)


def _new(context: OperationContext, kind: str, name: str) -> Any:
    scene = context.host.scene.scene
    node = scene.AddNewNodeByClass(TYPES[kind].class_name, scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    context.mark_made([node])
    return node
