"""Pictures of slice views.

The picture is drawn by the view's own slice logic and node, set to the asked size and content for as long as it takes,
with on-screen rendering paused. Everything is put back before the event loop turns, so the person sees nothing of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.host.offscreen_view import OffscreenView, is_background
from AgentBridgeLib.host.ports.views import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.host.ports.views import BlankReason, SliceRequest


class OffscreenSliceView:
    """Draws one slice view at any size.

    Parameters
    ----------
    logic
        The view's `vtkMRMLSliceLogic`; its picture of the volumes is the background.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._view = OffscreenView(factory, logic.GetSliceNode())
        self._view.renderer.GetActiveCamera().ParallelProjectionOn()
        self._mapper = vtk.vtkImageMapper()  # the logic delivers colors of 0 to 255
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._volumes = vtk.vtkActor2D()
        self._volumes.SetMapper(self._mapper)
        self._volumes.GetProperty().SetDisplayLocationToBackground()

    @property
    def view_node(self) -> Any:
        """The slice node that is drawn."""
        return self._view.view_node

    def picture(self, request: SliceRequest) -> Picture:
        """Draw; the view is as it was when this returns."""
        node = self._logic.GetSliceNode()
        composite = self._logic.GetSliceCompositeNode()
        _check_orientation(node, request.orientation)
        with slicer.util.RenderBlocker(), _restored_layers(composite), _restored_geometry(node):
            _set_layers(composite, request)
            self._view.resize(request.width_px, request.height_px)  # first: it decides where labels go
            _set_geometry(self._logic, request)
            self._view.renderer.SetBackground(node.GetBackgroundColor())
            self._show_volumes()
            pixels = self._view.draw()
            taken = {
                "orientation": node.GetOrientation(),
                "offset_mm": self._logic.GetSliceOffset(),
                "pixel_to_ras": _pixel_to_ras(node, request.height_px),
            }
            if not is_background(pixels):
                return Picture(pixels, is_blank=False, taken=taken)
            reason, words = _why_blank(self._logic)
        return Picture(pixels, True, reason, words, taken)

    def close(self) -> None:
        """Let go of everything."""
        self._mapper.SetInputConnection(None)
        self._view.close()

    def _show_volumes(self) -> None:
        image = self._logic.GetImageDataConnection()
        self._mapper.SetInputConnection(image)
        if image is None:
            self._view.renderer.RemoveViewProp(self._volumes)
        elif not self._view.renderer.HasViewProp(self._volumes):
            self._view.renderer.AddViewProp(self._volumes)


def _pixel_to_ras(node: Any, height_px: int) -> list[list[float]]:
    """Give the rows R, A, S that take (column, row, 1) of a picture to the middle of that pixel, mm.

    Slicer counts rows from the bottom.
    """
    matrix = node.GetXYToRAS()
    rows = [[matrix.GetElement(row, column) for column in (0, 1, 3)] for row in range(3)]
    return [
        [round(x, 6) + 0.0, 0.0 - round(y, 6), round(origin + (height_px - 1) * y, 6)]
        for x, y, origin in rows
    ]


def _check_orientation(node: Any, orientation: str | None) -> None:
    if orientation is None or node.HasSliceOrientationPreset(orientation):
        return
    names = vtk.vtkStringArray()
    node.GetSliceOrientationPresetNames(names)
    known = ", ".join(names.GetValue(index) for index in range(names.GetNumberOfValues()))
    raise ArgumentInvalidError(f"No slice orientation is called {orientation!r}. There are: {known}.")


def _set_layers(composite: Any, request: SliceRequest) -> None:
    """Show other volumes; empty text shows none."""
    if request.background_id is not None:
        composite.SetBackgroundVolumeID(request.background_id or None)
    if request.foreground_id is not None:
        composite.SetForegroundVolumeID(request.foreground_id or None)
    if request.label_id is not None:
        composite.SetLabelVolumeID(request.label_id or None)
    if request.foreground_opacity is not None:
        composite.SetForegroundOpacity(request.foreground_opacity)


def _set_geometry(logic: Any, request: SliceRequest) -> None:
    """Turn, fit and move the slice for a picture of the asked size."""
    node = logic.GetSliceNode()
    offset_before = logic.GetSliceOffset()
    shown_before = node.GetFieldOfView()[:2]
    turns = request.orientation is not None and request.orientation != node.GetOrientation()
    was_modifying = node.StartModify()
    try:
        _set_grid(node, (1, 1))
        node.SetDimensions(request.width_px, request.height_px, 1)
        if turns:
            node.SetOrientation(request.orientation)
        _set_field_of_view(node, shown_before, request)
        if request.fit:
            logic.FitSliceToAll(request.width_px, request.height_px)
            if not turns and _is_within_volumes(logic, offset_before):
                logic.SetSliceOffset(offset_before)
        if request.offset_mm is not None:
            logic.SetSliceOffset(request.offset_mm)
    finally:
        node.EndModify(was_modifying)


def _set_grid(node: Any, grid: tuple[int, int]) -> None:
    """Set rows and columns of a light box; Slicer 5.13 has none any more and warns."""
    if (node.GetLayoutGridRows(), node.GetLayoutGridColumns()) != grid:
        node.SetLayoutGrid(*grid)


def _set_field_of_view(node: Any, shown: tuple[float, float], request: SliceRequest) -> None:
    """Show at least what the view shows, with square pixels."""
    pixel_mm = max(shown[0] / request.width_px, shown[1] / request.height_px)
    depth = node.GetFieldOfView()[2]
    node.SetFieldOfView(pixel_mm * request.width_px, pixel_mm * request.height_px, depth)


def _is_within_volumes(logic: Any, offset: float) -> bool:
    bounds = [0.0] * 6
    logic.GetLowestVolumeSliceBounds(bounds)
    return bool(bounds[4] <= offset <= bounds[5])


def _why_blank(logic: Any) -> tuple[BlankReason, str]:
    """Say why a slice shows nothing, while it is still set as it was drawn."""
    composite = logic.GetSliceCompositeNode()
    ids = (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetLabelVolumeID())
    if not any(ids):
        return "nothing_shown", "the view shows no volume"
    bounds = [0.0] * 6
    logic.GetLowestVolumeSliceBounds(bounds)
    offset = logic.GetSliceOffset()
    if not bounds[4] <= offset <= bounds[5]:
        span = f"which reaches from {bounds[4]:.1f} to {bounds[5]:.1f} mm"
        return "outside_field_of_view", f"the slice at {offset:.1f} mm lies outside of the volume, {span}"
    node = logic.GetSliceNode()
    center, field = node.GetXYZOrigin(), node.GetFieldOfView()
    to_slice = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(node.GetSliceToRAS(), to_slice)
    middle = [center[axis] for axis in range(2)]
    corners = _corners_in_slice(logic, to_slice)
    for axis in range(2):
        low, high = corners[2 * axis], corners[2 * axis + 1]
        if high < middle[axis] - field[axis] / 2 or low > middle[axis] + field[axis] / 2:
            return "outside_field_of_view", "the volume lies beside the part of the slice that the view shows"
    return (
        "uniform",
        "the volume is drawn in the color of the background there: change its window and level (volumes.update)",
    )


def _corners_in_slice(logic: Any, to_slice: Any) -> list[float]:
    """Bounds of the lowest volume in the slice's own plane, mm: x from, to, y from, to."""
    layers = (logic.GetBackgroundLayer(), logic.GetForegroundLayer(), logic.GetLabelLayer())
    volume = next(layer.GetVolumeNode() for layer in layers if layer is not None and layer.GetVolumeNode())
    box = [0.0] * 6
    volume.GetRASBounds(box)
    points = [to_slice.MultiplyPoint((r, a, s, 1.0)) for r in box[:2] for a in box[2:4] for s in box[4:]]
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return [min(xs), max(xs), min(ys), max(ys)]


@contextmanager
def _restored_layers(composite: Any) -> Iterator[None]:
    """Put back which volumes are shown."""
    ids = (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetLabelVolumeID())
    opacity = composite.GetForegroundOpacity()
    try:
        yield
    finally:
        was_modifying = composite.StartModify()
        composite.SetBackgroundVolumeID(ids[0])
        composite.SetForegroundVolumeID(ids[1])
        composite.SetLabelVolumeID(ids[2])
        composite.SetForegroundOpacity(opacity)
        composite.EndModify(was_modifying)


@contextmanager
def _restored_geometry(node: Any) -> Iterator[None]:
    """Put back size, place and direction of a slice; what it shows in 3D (UVW) follows from them."""
    slice_to_ras = vtk.vtkMatrix4x4()
    slice_to_ras.DeepCopy(node.GetSliceToRAS())
    grid = (node.GetLayoutGridRows(), node.GetLayoutGridColumns())
    dimensions, field = node.GetDimensions(), node.GetFieldOfView()
    origin = node.GetXYZOrigin()
    try:
        yield
    finally:
        was_modifying = node.StartModify()
        _set_grid(node, grid)
        node.SetDimensions(*dimensions)
        node.SetFieldOfView(*field)
        node.SetXYZOrigin(*origin)
        node.GetSliceToRAS().DeepCopy(slice_to_ras)
        node.UpdateMatrices()
        node.EndModify(was_modifying)
