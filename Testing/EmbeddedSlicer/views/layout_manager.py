"""`slicer.app.layoutManager()`: the views and their arrangement.

Follows `Libs/MRML/Widgets/qMRMLLayoutManager.cxx` and `qMRMLLayoutViewFactory.cxx`: the real
vtkMRMLLayoutLogic makes the view nodes that a layout needs; one widget exists per slice or 3D view node of
the scene, shown in the layout or not. Table and plot views are not drawn, so they are not counted.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from EmbeddedSlicer.application.signals import Emitter, Signal
from EmbeddedSlicer.views.slice_widget import SliceWidget
from EmbeddedSlicer.views.three_d_widget import ThreeDWidget


class LayoutManager(Emitter):
    """qMRMLLayoutManager."""

    stands_for = "qMRMLLayoutManager"

    layoutChanged: Signal = None  # type: ignore[assignment]
    tableViewCount = plotViewCount = 0
    enabled = True

    def __init__(self, scene: Any, application_logic: Any) -> None:
        self._scene = scene
        self._application_logic = application_logic
        self._widgets: dict[str, SliceWidget | ThreeDWidget] = {}
        self._pauses = 0
        self.layoutChanged = Signal()
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._layout_node = self._logic.GetLayoutNode()
        self._layout_node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._shown = self._layout_node.GetViewArrangement()
        self._layout_node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_layout_modified)
        self._tags = (
            scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, self._on_node_added),
            scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._on_node_removed),
        )
        for class_name in ("vtkMRMLSliceNode", "vtkMRMLViewNode"):
            for node in slicer.util.getNodesByClass(class_name):
                self._add_widget(node)

    def sliceViewNames(self) -> tuple[str, ...]:
        """Name all slice views, shown in the layout or not."""
        return tuple(widget.sliceViewName for widget in self._slice_widgets())

    def sliceWidget(self, name: str, /) -> SliceWidget | None:
        """Give a slice view's widget by name, or None."""
        return next((widget for widget in self._slice_widgets() if widget.sliceViewName == name), None)

    @property
    def threeDViewCount(self) -> int:
        """The number of 3D views."""
        return len(self._three_d_widgets())

    def threeDWidget(self, which: int | str, /) -> ThreeDWidget | None:
        """Give a 3D view's widget by index or name, or None."""
        widgets = self._three_d_widgets()
        if isinstance(which, str):
            return next((one for one in widgets if one.mrmlViewNode().GetLayoutName() == which), None)
        return widgets[which] if 0 <= which < len(widgets) else None

    def viewWidget(self, node: Any, /) -> SliceWidget | ThreeDWidget | None:
        """Give the widget of a view node, or None."""
        return self._widgets.get(node.GetID())

    def mrmlScene(self) -> Any:
        """Give the scene."""
        return self._scene

    def mrmlSliceLogics(self) -> Any:
        """Give the logics of the slice views, a vtkCollection."""
        return self._application_logic.GetSliceLogics()

    def mrmlViewLogics(self) -> Any:
        """Give the logics of the 3D views, a vtkCollection."""
        return self._application_logic.GetViewLogics()

    def activeMRMLThreeDViewNode(self) -> Any:
        """Give the node of the first 3D view, or None."""
        widgets = self._three_d_widgets()
        return widgets[0].mrmlViewNode() if widgets else None

    def activeThreeDRenderer(self) -> Any:
        """Give the renderer of the first 3D view, or None."""
        widgets = self._three_d_widgets()
        return widgets[0].threeDView().renderer() if widgets else None

    def layoutLogic(self) -> Any:
        """Give the vtkMRMLLayoutLogic; its GetViewNodes() are the views in the present layout."""
        return self._logic

    @property
    def layout(self) -> int:
        """The present layout, a number of vtkMRMLLayoutNode::SlicerLayout."""
        return int(self._layout_node.GetViewArrangement())

    @layout.setter
    def layout(self, number: int) -> None:
        self.setLayout(number)

    def setLayout(self, number: int, /) -> None:
        """Change the layout; a number without a description means the conventional one."""
        if self.layout == number:
            return
        if not self._layout_node.IsLayoutDescription(number):
            number = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
        self._layout_node.RemoveAllMaximizedViewNodes()
        self._layout_node.SetViewArrangement(number)

    def resetThreeDViews(self) -> None:
        """Look at everything visible in all 3D views."""
        for widget in self._three_d_widgets():
            widget.threeDView().resetFocalPoint()
            widget.threeDView().resetCamera()

    def resetSliceViews(self) -> None:
        """Fit all slice views to their background volume."""
        for widget in self._slice_widgets():
            widget.sliceController().fitSliceToBackground()

    def setRenderPaused(self, paused: bool, /) -> None:
        """Pause or resume scheduled rendering of all views."""
        self._pauses = max(0, self._pauses + (1 if paused else -1))
        for widget in self._widgets.values():
            widget.viewWidget().setRenderPaused(paused)

    def pauseRender(self) -> None:
        """Hold back scheduled rendering until as many calls of resumeRender()."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Take back one pauseRender()."""
        self.setRenderPaused(False)

    def allViewsPauseRenderCount(self) -> int:
        """Count the pauses."""
        return self._pauses

    def close(self) -> None:
        """Let go of all views; after this the manager is of no use."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        for identifier in tuple(self._widgets):
            self._remove_widget(identifier)

    def _slice_widgets(self) -> list[SliceWidget]:
        return [widget for widget in self._widgets.values() if isinstance(widget, SliceWidget)]

    def _three_d_widgets(self) -> list[ThreeDWidget]:
        return [widget for widget in self._widgets.values() if isinstance(widget, ThreeDWidget)]

    def _add_widget(self, node: Any) -> None:
        make = SliceWidget if node.IsA("vtkMRMLSliceNode") else ThreeDWidget
        widget = make(self._scene, self._application_logic, node)
        for _ in range(self._pauses):
            widget.viewWidget().setRenderPaused(True)
        self._widgets[node.GetID()] = widget

    def _remove_widget(self, identifier: str) -> None:
        widget = self._widgets.pop(identifier)
        for logics in (self.mrmlSliceLogics(), self.mrmlViewLogics()):
            logics.RemoveItem(widget.logic())
        widget.viewWidget().close()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_added(self, _caller: Any, _event: str, node: Any) -> None:
        is_view = node is not None and (node.IsA("vtkMRMLSliceNode") or node.IsA("vtkMRMLViewNode"))
        if is_view and node.GetID() not in self._widgets:
            self._add_widget(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_removed(self, _caller: Any, _event: str, node: Any) -> None:
        if node is not None and node.GetID() in self._widgets:
            self._remove_widget(node.GetID())

    def _on_layout_modified(self, *_: object) -> None:
        if self.layout != self._shown:
            self._shown = self.layout
            self.layoutChanged.emit(self._shown)
