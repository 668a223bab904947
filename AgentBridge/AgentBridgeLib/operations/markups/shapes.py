"""Give markups their points, or their center, axes and size, in the world."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.markups.description import CURVE_TYPES, MOST_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from AgentBridgeLib.model.geometry import Vector
    from AgentBridgeLib.operations.common.matrices import Matrix

UNIT_TOLERANCE = 1e-3
"""How far axes may be from unit length and right angles; rounding of a few digits is fine."""


@dataclass(frozen=True, slots=True)
class MarkupsType:
    """A type of markup that can be made: class, and how many control points it takes."""

    class_name: str
    least_points: int
    most_points: int


TYPES = {
    "fiducial": MarkupsType("vtkMRMLMarkupsFiducialNode", 0, MOST_POINTS),
    "line": MarkupsType("vtkMRMLMarkupsLineNode", 2, 2),
    "angle": MarkupsType("vtkMRMLMarkupsAngleNode", 3, 3),
    "curve": MarkupsType("vtkMRMLMarkupsCurveNode", 2, MOST_POINTS),
    "closedcurve": MarkupsType("vtkMRMLMarkupsClosedCurveNode", 3, MOST_POINTS),
    "plane": MarkupsType("vtkMRMLMarkupsPlaneNode", 3, 3),
    "roi": MarkupsType("vtkMRMLMarkupsROINode", 0, 0),
}
BOXES = frozenset({"plane", "roi"})
SIZE_COUNT = {"plane": 2, "roi": 3}


@dataclass(frozen=True, slots=True)
class Box:
    """Where a plane or a ROI shall lie in the world; None leaves what is."""

    center_ras: Vector | None
    normal_ras: Vector | None
    axes_ras: tuple[Vector, Vector, Vector] | None
    size_mm: tuple[float, ...] | None

    @property
    def is_given(self) -> bool:
        """Whether anything is said."""
        return any(
            value is not None for value in (self.center_ras, self.normal_ras, self.axes_ras, self.size_mm)
        )

    def check(self, kind: str) -> None:
        """Refuse what does not fit the type of markup.

        Raises
        ------
        ArgumentInvalidError
            Sizes are too few or not positive, axes are no right-handed unit vectors at right angles, or a ROI got a
            normal.
        """
        if self.size_mm is not None:
            count = SIZE_COUNT[kind]
            if len(self.size_mm) != count or min(self.size_mm) <= 0:
                raise invalid("size_mm", f"type {kind} has {count} edge lengths above 0")
        if self.normal_ras is not None:
            if kind != "plane" or self.axes_ras is not None:
                raise invalid("normal_ras", "only a plane without axes_ras has a normal of its own")
            if np.linalg.norm(self.normal_ras) == 0:
                raise invalid("normal_ras", "it has no direction")
        if self.axes_ras is not None:
            check_axes(self.axes_ras)

    @property
    def rotation(self) -> Matrix | None:
        """3 by 3, its columns the axes; None when neither axes nor normal are given."""
        if self.axes_ras is not None:
            return np.array(self.axes_ras).T
        return axes_for(self.normal_ras) if self.normal_ras is not None else None


def check_axes(axes: Sequence[Vector]) -> None:
    """Refuse axes that are no rotation; errors as in `Box.check`."""
    rows = np.array(axes)
    if np.abs(rows @ rows.T - np.eye(3)).max() > UNIT_TOLERANCE or np.linalg.det(rows) < 0:
        raise invalid("axes_ras", "x, y and z must be unit vectors at right angles, with x × y = z")


def axes_for(direction: Sequence[float]) -> Matrix:
    """Give a rotation (3 by 3, columns are axes) whose third axis has this direction."""
    z = np.array(direction, float) / np.linalg.norm(direction)
    helper = np.eye(3)[int(np.argmin(np.abs(z)))]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


def place_box(node: Any, kind: str, box: Box) -> None:
    """Put a plane or a ROI without parent transform where `box` says."""
    if kind == "roi":
        _place_roi(node, box)
    else:
        _place_plane(node, box)


def _place_roi(node: Any, box: Box) -> None:
    matrix = matrices.from_vtk(node.GetObjectToNodeMatrix())
    if box.rotation is not None:
        matrix[:3, :3] = box.rotation
    if box.center_ras is not None:
        matrix[:3, 3] = box.center_ras
    if box.center_ras is not None and node.GetNumberOfControlPoints() == 0:
        node.SetCenter(*box.center_ras)
    if box.size_mm is not None:
        node.SetSize(*box.size_mm)
    node.SetAndObserveObjectToNodeMatrix(matrices.to_vtk(matrix))


def _place_plane(node: Any, box: Box) -> None:
    if box.size_mm is not None:
        node.SetSizeMode(node.SizeModeAbsolute)
    if box.center_ras is not None:
        node.SetOrigin(*box.center_ras)
    if box.rotation is not None:
        x, y, z = (list(axis) for axis in box.rotation.T)
        node.SetAxes(x, y, z)
    if box.size_mm is not None:
        node.SetSize(*box.size_mm)


def set_curve_type(node: Any, name: str) -> None:
    """Choose how a curve runs between its points; `name` as on the wire."""
    node.SetCurveType(CURVE_TYPES.index(name))


@contextlib.contextmanager
def in_world(node: Any) -> Iterator[None]:
    """Take the parent transform of a plane or a ROI away for a while; what is not changed stays in the world."""
    parent = node.GetParentTransformNode()
    if parent is not None:
        with _same_size(node):
            node.HardenTransform()
    try:
        yield
    finally:
        if parent is not None:
            put_under(node, parent)


def put_under(node: Any, parent: Any) -> None:
    """Give a node a parent transform; its positions in the world, and the size of a box, stay what they are."""
    from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

    from_world = vtkGeneralTransform()
    parent.GetTransformFromWorld(from_world)
    with _same_size(node):
        node.ApplyTransform(from_world)
        node.SetAndObserveTransformNodeID(parent.GetID())


@contextlib.contextmanager
def _same_size(node: Any) -> Iterator[None]:
    """Keep the size of a plane or a ROI in the world.

    `ApplyTransform` keeps its axes at right angles; its size is another one then where the transform scales unequally.
    """
    if not hasattr(node, "GetSizeWorld") or (
        node.IsA("vtkMRMLMarkupsPlaneNode") and _has_automatic_size(node)
    ):
        yield
        return
    before = _size_world(node)
    yield
    now, own = _size_world(node), np.array(node.GetSize())
    size = np.divide(own * before, now, out=own.copy(), where=now > 0)
    node.SetSize(*size)
    if node.IsA("vtkMRMLMarkupsPlaneNode"):
        # `ApplyTransform` forgets the bounds, from which copies and files take the size.
        bounds = np.array(node.GetPlaneBounds())
        extent = np.repeat(bounds[1::2] - bounds[::2], 2)
        node.SetPlaneBounds(
            *np.divide(bounds * np.repeat(size, 2), extent, out=bounds.copy(), where=extent > 0)
        )


def _has_automatic_size(plane: Any) -> bool:
    return bool(plane.GetSizeMode() == plane.SizeModeAuto)


def _size_world(node: Any) -> Matrix:
    size = [0.0] * SIZE_COUNT[node.GetMarkupType().lower()]
    node.GetSizeWorld(size)
    return np.array(size)
