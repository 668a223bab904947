"""Pictures of 3D views.

The view's node is drawn with a camera of our own, so the person's camera stays where it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.host.offscreen_view import OffscreenView, drawn_share, is_background
from AgentBridgeLib.host.ports.views import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.host.ports.views import CameraRequest

#: Direction from the subject to the camera, and what is up then; RAS.
DIRECTIONS = {
    "left": ((-1, 0, 0), (0, 0, 1)),
    "right": ((1, 0, 0), (0, 0, 1)),
    "posterior": ((0, -1, 0), (0, 0, 1)),
    "anterior": ((0, 1, 0), (0, 0, 1)),
    "inferior": ((0, 0, -1), (0, 1, 0)),
    "superior": ((0, 0, 1), (0, 1, 0)),
}
GLTF_SIZE = (64, 64)
#: Box and axis labels of an empty view cover a smaller share of the picture than this.
FEW_PIXELS = 0.05


class OffscreenThreeDView:
    """Draws one 3D view at any size and from anywhere.

    Parameters
    ----------
    view_node
        `vtkMRMLViewNode`.
    camera_node
        Its `vtkMRMLCameraNode`: where a request says nothing, the picture is taken from there.
    """

    def __init__(self, view_node: Any, camera_node: Any) -> None:
        self._camera_node = camera_node
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._view = OffscreenView(factory, view_node)

    @property
    def view_node(self) -> Any:
        """The view node that is drawn."""
        return self._view.view_node

    def picture(self, request: CameraRequest) -> Picture:
        """Draw; view and camera are as they were when this returns."""
        if request.look_from is not None and request.look_from not in DIRECTIONS:
            known = ", ".join(DIRECTIONS)
            raise ArgumentInvalidError(f"look_from is one of {known}; not {request.look_from!r}.")
        camera = vtk.vtkCamera()
        camera.DeepCopy(self._camera_node.GetCamera())
        self._view.resize(request.width_px, request.height_px)
        with slicer.util.RenderBlocker(), self._own_camera(camera):
            bounds = self._content_bounds()
            _aim(camera, request)
            if request.fit and request.position_ras is None and bounds is not None:
                self._fit(camera, request, bounds)
            self._view.renderer.ResetCameraClippingRange()
            pixels = self._view.draw()
            is_blank = bounds is None or self._is_blank(pixels)
        taken = _place(camera)
        if not is_blank:
            return Picture(pixels, is_blank=False, taken=taken)
        if bounds is None:
            return Picture(pixels, True, "nothing_shown", "nothing in the scene is shown in 3D", taken)
        words = f"what is shown lies outside of what the camera sees; it spans {_span(bounds)}"
        return Picture(pixels, True, "outside_field_of_view", words, taken)

    def gltf(self) -> bytes | None:
        """Give the visible surfaces as glTF 2.0 with their data inside, without box and labels; None without any."""
        self._view.resize(*GLTF_SIZE)
        with slicer.util.RenderBlocker(), self._without_box():
            self._view.window.Render()  # surfaces are made when they are first drawn
            if not self._has_surfaces():
                return None
            exporter = vtk.vtkGLTFExporter()
            exporter.SetRenderWindow(self._view.window)
            exporter.SetActiveRenderer(self._view.renderer)
            exporter.InlineDataOn()
            exporter.SaveNormalOn()
            return str(exporter.WriteToString()).encode()

    def _has_surfaces(self) -> bool:
        actors = self._view.renderer.GetActors()
        return any(
            actor.GetVisibility()
            and actor.GetMapper() is not None
            and actor.GetMapper().IsA("vtkPolyDataMapper")
            for actor in (actors.GetItemAsObject(index) for index in range(actors.GetNumberOfItems()))
        )

    def close(self) -> None:
        """Let go of everything."""
        self._view.close()

    @contextmanager
    def _own_camera(self, camera: Any) -> Iterator[None]:
        theirs = self._view.renderer.GetActiveCamera()
        self._view.renderer.SetActiveCamera(camera)
        try:
            yield
        finally:
            self._view.renderer.SetActiveCamera(theirs)

    def _content_bounds(self) -> tuple[float, ...] | None:
        """Bounds of what the view shows besides box and labels, RAS; None when it shows nothing."""
        with self._without_box():
            bounds = self._view.renderer.ComputeVisiblePropBounds()
        return tuple(bounds) if bounds[0] <= bounds[1] else None

    def _fit(self, camera: Any, request: CameraRequest, bounds: tuple[float, ...]) -> None:
        angle, scale = camera.GetViewAngle(), camera.GetParallelScale()
        self._view.renderer.ResetCamera(bounds)
        if request.focal_point_ras is not None:
            _move_to_focal_point(camera, request.focal_point_ras)
        if request.parallel_scale_mm is not None:
            camera.SetParallelScale(scale)
        camera.SetViewAngle(angle)

    def _is_blank(self, pixels: Any) -> bool:
        if is_background(pixels):
            return True
        node = self._view.view_node
        is_framed = node.GetBoxVisible() or node.GetAxisLabelsVisible()
        if not is_framed or drawn_share(pixels) > FEW_PIXELS:
            return False
        with self._without_box():
            return is_background(self._view.draw())

    @contextmanager
    def _without_box(self) -> Iterator[None]:
        node = self._view.view_node
        shown = (node.GetBoxVisible(), node.GetAxisLabelsVisible())
        _show_box(node, 0, 0)
        try:
            yield
        finally:
            _show_box(node, *shown)


def _place(camera: Any) -> dict[str, object]:
    """Say from where a picture was taken, as a request would."""
    if camera.GetParallelProjection():
        lens = ("parallel_scale_mm", camera.GetParallelScale())
    else:
        lens = ("view_angle_deg", camera.GetViewAngle())
    return {
        "position_ras": list(camera.GetPosition()),
        "focal_point_ras": list(camera.GetFocalPoint()),
        "view_up_ras": list(camera.GetViewUp()),
        lens[0]: lens[1],
    }


def _span(bounds: tuple[float, ...]) -> str:
    axes = zip("RAS", bounds[::2], bounds[1::2], strict=True)
    return ", ".join(f"{axis} {low:.1f} to {high:.1f}" for axis, low, high in axes) + " mm"


def _show_box(node: Any, box: int, labels: int) -> None:
    was_modifying = node.StartModify()
    node.SetBoxVisible(box)
    node.SetAxisLabelsVisible(labels)
    node.EndModify(was_modifying)


def _aim(camera: Any, request: CameraRequest) -> None:
    """Place the camera as asked; what is not said stays as it is."""
    if request.focal_point_ras is not None:
        _move_to_focal_point(camera, request.focal_point_ras)
    if request.look_from is not None:
        direction, up = DIRECTIONS[request.look_from]
        focal_point, distance = camera.GetFocalPoint(), camera.GetDistance()
        camera.SetPosition(
            [middle + step * distance for middle, step in zip(focal_point, direction, strict=True)]
        )
        camera.SetViewUp(up)
    if request.position_ras is not None:
        camera.SetPosition(request.position_ras)
    if request.view_up_ras is not None:
        camera.SetViewUp(request.view_up_ras)
    if request.view_angle_deg is not None:
        camera.ParallelProjectionOff()
        camera.SetViewAngle(request.view_angle_deg)
    if request.parallel_scale_mm is not None:
        camera.ParallelProjectionOn()
        camera.SetParallelScale(request.parallel_scale_mm)
    camera.OrthogonalizeViewUp()


def _move_to_focal_point(camera: Any, focal_point: tuple[float, float, float]) -> None:
    """Look at another point from the same direction and distance."""
    offset = [there - here for there, here in zip(camera.GetPosition(), camera.GetFocalPoint(), strict=True)]
    camera.SetFocalPoint(focal_point)
    camera.SetPosition([middle + step for middle, step in zip(focal_point, offset, strict=True)])
