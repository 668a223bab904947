"""3D views: `layoutManager().threeDWidget(0)` and what hangs from it.

Follows `Libs/MRML/Widgets/qMRMLThreeDWidget.h` and `qMRMLThreeDView.cxx`.
"""

from __future__ import annotations

from typing import Any

import slicer

from EmbeddedSlicer.not_emulated import Emulated
from EmbeddedSlicer.views import displayable_managers
from EmbeddedSlicer.views.view import View

#: Directions of `qMRMLThreeDView::rotateToViewAxis` by axis id: -X, +X, -Y, +Y, -Z, +Z.
_DIRECTIONS = ("Left", "Right", "Posterior", "Anterior", "Inferior", "Superior")


class ThreeDView(View):
    """qMRMLThreeDView."""

    stands_for = "qMRMLThreeDView"

    def __init__(self, application_logic: Any, node: Any) -> None:
        self._node = node
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory
        super().__init__(application_logic, factory, displayable_managers.THREE_D)
        self._group.SetMRMLDisplayableNode(node)

    def mrmlViewNode(self) -> Any:
        """Give the view node."""
        return self._node

    def cameraNode(self) -> Any:
        """Give the camera node."""
        return self.displayableManagerByClassName("vtkMRMLCameraDisplayableManager").GetCameraNode()

    def resetCamera(self, rotation: bool = True, translation: bool = True, distance: bool = True, /) -> None:
        """Bring the camera back to its standard direction and fit everything in."""
        self.cameraNode().Reset(rotation, translation, distance, self._renderer)

    def resetFocalPoint(self) -> None:
        """Look at the middle of everything visible; box, axis labels and crosshair do not count."""
        shown = self._node.GetBoxVisible(), self._node.GetAxisLabelsVisible()
        self._show_box(0, 0)
        bounds = self._renderer.ComputeVisiblePropBounds()
        if bounds[0] <= bounds[1]:
            self._set_focal_point([(bounds[low] + bounds[low + 1]) / 2 for low in (0, 2, 4)])
        self._show_box(*shown)
        self._node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)
        self._renderer.ResetCameraClippingRange()

    def _set_focal_point(self, point: list[float]) -> None:
        """Turn the camera to a point, as `ctkVTKRenderView::setFocalPoint` does."""
        camera = self._renderer.GetActiveCamera()
        camera.SetFocalPoint(*point)
        camera.ComputeViewPlaneNormal()
        camera.OrthogonalizeViewUp()
        self._renderer.ResetCameraClippingRange()
        self._renderer.UpdateLightsGeometryToFollowCamera()

    def _show_box(self, box: int, labels: int) -> None:
        was_modifying = self._node.StartModify()
        self._node.SetBoxVisible(box)
        self._node.SetAxisLabelsVisible(labels)
        self._node.EndModify(was_modifying)

    def rotateToViewAxis(self, axis: int | str, /) -> None:
        """Look from an axis: 0 to 5 for -X, +X, -Y, +Y, -Z, +Z, or a label of the view node."""
        if isinstance(axis, str):
            labels = [self._node.GetAxisLabel(index) for index in range(len(_DIRECTIONS))]
            axis = labels.index(axis)
        self.cameraNode().RotateTo(getattr(slicer.vtkMRMLCameraNode, _DIRECTIONS[axis]))


class ThreeDController(Emulated):
    """qMRMLThreeDViewControllerWidget."""

    stands_for = "qMRMLThreeDViewControllerWidget"

    def __init__(self, view: ThreeDView) -> None:
        self._view = view

    def mrmlThreeDViewNode(self) -> Any:
        """Give the view node."""
        return self._view.mrmlViewNode()

    def resetFocalPoint(self) -> None:
        """Look at the middle of everything visible."""
        self._view.resetFocalPoint()

    def setBlackBackground(self) -> None:
        """Make the background black."""
        self._set_background(0.0)

    def setWhiteBackground(self) -> None:
        """Make the background white."""
        self._set_background(1.0)

    def _set_background(self, gray: float) -> None:
        node = self._view.mrmlViewNode()
        node.SetBackgroundColor(gray, gray, gray)
        node.SetBackgroundColor2(gray, gray, gray)

    def set3DAxisVisible(self, visible: bool, /) -> None:
        """Show the box."""
        self._view.mrmlViewNode().SetBoxVisible(bool(visible))

    def set3DAxisLabelVisible(self, visible: bool, /) -> None:
        """Show the axis labels."""
        self._view.mrmlViewNode().SetAxisLabelsVisible(bool(visible))

    def setVisible(self, _visible: bool, /) -> None:
        """Show the bar above the view: there is none."""


class ThreeDWidget(Emulated):
    """qMRMLThreeDWidget."""

    stands_for = "qMRMLThreeDWidget"

    def __init__(self, scene: Any, application_logic: Any, node: Any) -> None:
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        application_logic.GetViewLogics().AddItem(self._logic)
        self._logic.SetName(node.GetLayoutName())  # the logic finds its view node by this name
        self._logic.SetMRMLScene(scene)
        self._view = ThreeDView(application_logic, node)
        self._controller = ThreeDController(self._view)

    def viewLogic(self) -> Any:
        """Give the view logic."""
        return self._logic

    logic = viewLogic

    def threeDView(self) -> ThreeDView:
        """Give the view."""
        return self._view

    viewWidget = threeDView

    def threeDController(self) -> ThreeDController:
        """Give the controller."""
        return self._controller

    controllerWidget = threeDController

    def mrmlViewNode(self) -> Any:
        """Give the view node."""
        return self._view.mrmlViewNode()

    mrmlAbstractViewNode = mrmlViewNode
