"""Slice and 3D views; implements `ports.ViewHost`.

The invisible views that draw pictures follow every change of the scene, which costs as much as a view on screen. So
they are made at the first picture and let go when none was asked for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

from AgentBridgeLib.errors import RenderingUnavailableError
from AgentBridgeLib.host import view_control
from AgentBridgeLib.host.drawn_texts import covered_texts
from AgentBridgeLib.host.ports.views import NamedView
from AgentBridgeLib.host.slice_pictures import OffscreenSliceView
from AgentBridgeLib.host.threed_pictures import OffscreenThreeDView
from AgentBridgeLib.host.view_names import view_called

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.views import CameraRequest, Layout, Picture, SliceRequest, ViewKind
    from AgentBridgeLib.host.scene import SlicerScene

KEPT_S = 30.0


class SlicerViews:
    """The views of Slicer's main window.

    Parameters
    ----------
    scene
        Changes that a picture makes and takes back do not count for its revision.
    loop
        Tells when pictures were not asked for long enough.
    """

    def __init__(self, scene: SlicerScene, loop: EventLoop) -> None:
        self._scene = scene
        self._loop = loop
        self._offscreen: dict[str, OffscreenSliceView | OffscreenThreeDView] = {}
        self._last_picture_at = 0.0
        self._release_call: Any = None
        self._can_draw: bool | None = None

    @property
    def is_available(self) -> bool:
        """Whether there are views and OpenGL to draw them."""
        if slicer.app.layoutManager() is None:
            return False
        if self._can_draw is None:
            # Without OpenGL the first rendering would end the process; this asks the driver only.
            self._can_draw = bool(vtk.vtkRenderWindow().SupportsOpenGL())
        return self._can_draw

    @property
    def what_is_missing(self) -> str:
        """What pictures would need and this Slicer has not, in words; empty when it has all."""
        if self.is_available:
            return ""
        if slicer.app.layoutManager() is None:
            return "it runs without a main window"
        return "its graphics driver offers no OpenGL"

    def slice_names(self) -> list[str]:
        """Names of the slice views, such as ``Red``."""
        manager = slicer.app.layoutManager()
        return [] if manager is None else [str(name) for name in manager.sliceViewNames()]

    def threed_names(self) -> list[str]:
        """Names of the 3D views, such as ``1``."""
        return [str(widget.mrmlViewNode().GetLayoutName()) for widget in _threed_widgets()]

    def named_views(self) -> list[NamedView]:
        """Every slice and 3D view with its names."""
        manager = slicer.app.layoutManager()
        slices = [] if manager is None else [manager.sliceWidget(name) for name in self.slice_names()]
        return [
            *(_named("slice", widget.mrmlSliceNode()) for widget in slices),
            *(_named("3D", widget.mrmlViewNode()) for widget in _threed_widgets()),
        ]

    def find(self, said: str, kind: ViewKind | None = None, argument: str = "name") -> NamedView:
        """Find a view by layout name, node id or node name; ArgumentInvalidError when there is none."""
        self._require_views()
        return view_called(said, self.named_views(), kind, argument)

    def slice_node(self, name: str) -> Any:
        """`vtkMRMLSliceNode` of a view; ArgumentInvalidError when there is none."""
        return self._slice_widget(name).mrmlSliceNode()

    def threed_view(self, name: str) -> Any:
        """The widget part (`qMRMLThreeDView`) of a 3D view; ArgumentInvalidError when there is none."""
        found = self.find(name, "3D")
        widgets = {widget.mrmlViewNode().GetID(): widget for widget in _threed_widgets()}
        return widgets[found.node_id].threeDView()

    def layout(self) -> Layout:
        """Describe the present arrangement."""
        self._require_views()
        return view_control.describe_layout(self.slice_names(), _threed_widgets())

    def set_layout(self, name: str) -> None:
        """Arrange the views; ArgumentInvalidError when Slicer knows no such layout."""
        self._require_views()
        view_control.set_layout(name)

    def camera_node(self, name: str) -> Any:
        """`vtkMRMLCameraNode` of a 3D view; ArgumentInvalidError when there is no such view."""
        return self.threed_view(name).cameraNode()

    def slice_logic(self, name: str) -> Any:
        """`vtkMRMLSliceLogic` of a slice view; ArgumentInvalidError when there is no such view."""
        return self._slice_widget(name).sliceLogic()

    def fit_slice(self, name: str) -> None:
        """Let a slice view show all of its volumes."""
        logic = self.slice_logic(name)
        width, height = logic.GetSliceNode().GetDimensions()[:2]
        logic.FitSliceToAll(width, height)

    def fit_camera(self, name: str) -> None:
        """Let the camera of a 3D view look at all that it shows, from the direction it has."""
        view = self.threed_view(name)
        view.resetFocalPoint()
        view.resetCamera(False, True, True)

    def gltf(self, name: str) -> bytes | None:
        """Give the surfaces of a 3D view as glTF 2.0, RAS, mm; None when it shows none."""
        shown = self.threed_view(name)
        node = shown.mrmlViewNode()
        self._note_use()
        with self._scene.held():
            view = self._view_for(node, lambda: OffscreenThreeDView(node, shown.cameraNode()))
            surfaces: bytes | None = view.gltf()
            return surfaces

    def slice_picture(self, name: str, request: SliceRequest) -> Picture:
        """Draw one slice view offscreen at the asked size.

        Raises
        ------
        RenderingUnavailableError
            No main window or no OpenGL.
        ArgumentInvalidError
            No such view or orientation.
        NodeNotFoundError, NodeTypeError
            An id is not one of a volume.
        """
        logic = self._slice_widget(name).sliceLogic()
        for volume_id in (request.background_id, request.foreground_id, request.label_id):
            if volume_id:
                self._scene.node(volume_id, "vtkMRMLVolumeNode")
        self._note_use()
        with self._scene.held(), covered_texts(request.cover):
            view = self._view_for(logic.GetSliceNode(), lambda: OffscreenSliceView(logic))
            return view.picture(request)

    def threed_picture(self, name: str, request: CameraRequest) -> Picture:
        """Draw one 3D view offscreen at the asked size; errors as in `slice_picture`."""
        shown = self.threed_view(name)
        node = shown.mrmlViewNode()
        self._note_use()
        with self._scene.held(), covered_texts(request.cover):
            view = self._view_for(node, lambda: OffscreenThreeDView(node, shown.cameraNode()))
            return view.picture(request)

    def close(self) -> None:
        """Let go of the invisible views."""
        if self._release_call is not None:
            self._release_call.cancel()
            self._release_call = None
        with self._scene.held():
            for view in self._offscreen.values():
                view.close()
        self._offscreen.clear()

    def _view_for(self, node: Any, make: Any) -> Any:
        """Give the invisible view of a node; made anew when the node of this id is another one by now."""
        node_id = node.GetID()
        view = self._offscreen.get(node_id)
        if view is not None and view.view_node is not node:
            view.close()
            view = None
        if view is None:
            view = self._offscreen[node_id] = make()
        return view

    def _note_use(self) -> None:
        self._last_picture_at = self._loop.now()
        if self._release_call is None:
            self._release_call = self._loop.call_later(KEPT_S, self._release_unused)

    def _release_unused(self) -> None:
        self._release_call = None
        rest_s = self._last_picture_at + KEPT_S - self._loop.now()
        if rest_s > 0:
            self._release_call = self._loop.call_later(rest_s, self._release_unused)
        else:
            self.close()

    def _slice_widget(self, name: str) -> Any:
        found = self.find(name, "slice")
        return slicer.app.layoutManager().sliceWidget(found.name)

    def _require_views(self) -> None:
        if not self.is_available:
            raise RenderingUnavailableError(f"There are no views to draw: {self.what_is_missing}.")


def _threed_widgets() -> list[Any]:
    manager = slicer.app.layoutManager()
    # A Q_PROPERTY: an attribute, never a call.
    return (
        [] if manager is None else [manager.threeDWidget(index) for index in range(manager.threeDViewCount)]
    )


def _named(kind: ViewKind, node: Any) -> NamedView:
    return NamedView(kind, str(node.GetLayoutName()), str(node.GetID()), str(node.GetName() or ""))
