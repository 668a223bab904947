"""Slice views: `layoutManager().sliceWidget("Red")` and what hangs from it.

Follows `Libs/MRML/Widgets/qMRMLSliceWidget.h`, `qMRMLSliceView.cxx` and `qMRMLSliceControllerWidget.h`. The
picture of the volumes comes from the real vtkMRMLSliceLogic, drawn as a background as
`vtkMRMLVolumeGlyphSliceDisplayableManager` and qMRMLSliceView's image mapper do.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from EmbeddedSlicer.not_emulated import Emulated
from EmbeddedSlicer.views import displayable_managers
from EmbeddedSlicer.views.view import View


class SliceView(View):
    """qMRMLSliceView."""

    stands_for = "qMRMLSliceView"

    def __init__(self, application_logic: Any, logic: Any) -> None:
        self._logic = logic
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory
        super().__init__(application_logic, factory, displayable_managers.SLICE)
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        self._mapper = vtk.vtkImageMapper()  # the slice logic already delivers colors of 0 to 255
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._group.SetMRMLDisplayableNode(logic.GetSliceNode())
        self._tag = logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_logic)
        self._on_logic()
        self._on_resized()

    def mrmlSliceNode(self) -> Any:
        """Give the slice node."""
        return self._logic.GetSliceNode()

    def close(self) -> None:
        """Let go of everything."""
        self._logic.RemoveObserver(self._tag)
        super().close()

    def _on_logic(self, *_: object) -> None:
        picture = self._logic.GetImageDataConnection()
        self._mapper.SetInputConnection(picture)
        if picture is None:
            self._renderer.RemoveViewProp(self._actor)
        elif not self._renderer.HasViewProp(self._actor):
            self._renderer.AddViewProp(self._actor)
        self.scheduleRender()

    def _on_resized(self, *_: object) -> None:
        super()._on_resized()
        self._logic.ResizeSliceNode(self.width, self.height)


class SliceController(Emulated):
    """qMRMLSliceControllerWidget."""

    stands_for = "qMRMLSliceControllerWidget"

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def mrmlSliceNode(self) -> Any:
        """Give the slice node."""
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        """Give the node that says which volumes are shown."""
        return self._logic.GetSliceCompositeNode()

    def sliceLogic(self) -> Any:
        """Give the slice logic."""
        return self._logic

    def fitSliceToBackground(self) -> None:
        """Fit the field of view to the background volume."""
        self._logic.FitSliceToBackground()

    def setSliceVisible(self, visible: bool, /) -> None:
        """Show the slice in 3D views."""
        self._logic.GetSliceNode().SetSliceVisible(bool(visible))

    def setSliceLink(self, linked: bool, /) -> None:
        """Link the slice views."""
        self._logic.GetSliceCompositeNode().SetLinkedControl(bool(linked))

    def setSliceOffsetValue(self, offset: float, /) -> None:
        """Move the slice along its normal, in mm."""
        self._logic.SetSliceOffset(offset)

    def setVisible(self, _visible: bool, /) -> None:
        """Show the bar above the view: there is none."""


class SliceWidget(Emulated):
    """qMRMLSliceWidget."""

    stands_for = "qMRMLSliceWidget"

    def __init__(self, scene: Any, application_logic: Any, node: Any) -> None:
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        application_logic.GetSliceLogics().AddItem(self._logic)
        self._logic.SetMRMLScene(scene)
        self._logic.SetSliceNode(node)
        self._view = SliceView(application_logic, self._logic)
        self._controller = SliceController(self._logic)

    def sliceLogic(self) -> Any:
        """Give the slice logic."""
        return self._logic

    logic = sliceLogic

    def mrmlSliceNode(self) -> Any:
        """Give the slice node."""
        return self._logic.GetSliceNode()

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self) -> Any:
        """Give the node that says which volumes are shown."""
        return self._logic.GetSliceCompositeNode()

    def sliceView(self) -> SliceView:
        """Give the view."""
        return self._view

    viewWidget = sliceView

    def sliceController(self) -> SliceController:
        """Give the controller."""
        return self._controller

    controllerWidget = sliceController

    def fitSliceToBackground(self) -> None:
        """Fit the field of view to the background volume."""
        self._logic.FitSliceToBackground()

    @property
    def sliceViewName(self) -> str:
        """The name of the view, e.g. Red."""
        return str(self.mrmlSliceNode().GetLayoutName())

    @property
    def sliceOrientation(self) -> str:
        """The name of the orientation, e.g. Axial."""
        return str(self.mrmlSliceNode().GetOrientation())

    def setSliceOrientation(self, orientation: str, /) -> None:
        """Turn the slice to a named orientation."""
        self.mrmlSliceNode().SetOrientation(orientation)

    def interactorStyle(self) -> Any:
        """Give the interactor style: the host sets none, as there is no mouse."""
        return None
