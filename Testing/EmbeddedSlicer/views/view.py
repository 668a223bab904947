"""What slice and 3D views share: a render window without a screen and a group of real displayable managers.

Follows CTK `Libs/Visualization/VTK/Widgets/ctkVTKAbstractView.cpp` (renderWindow, scheduleRender,
forceRender, pauseRender) and the size methods of QWidget. Rendering is requested by the displayable managers;
as no screen shows it, it happens only in `forceRender()` or when a caller renders the window.
"""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk

from EmbeddedSlicer.not_emulated import Emulated

DEFAULT_SIZE_PX = (512, 512)


class View(Emulated):
    """ctkVTKAbstractView."""

    stands_for = "ctkVTKAbstractView"
    renderEnabled = True
    cornerAnnotationText = ""
    maximumUpdateRate = 60.0

    def __init__(self, application_logic: Any, factory_class: Any, managers: tuple[str, ...]) -> None:
        self._paused = 0
        self._render_is_due = True
        self._window = vtk.vtkRenderWindow()
        self._window.SetShowWindow(False)
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(*DEFAULT_SIZE_PX)
        self._renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetEnableRender(False)
        self._interactor.SetRenderWindow(self._window)
        self._interactor.Initialize()
        self._group = _make_group(application_logic, factory_class, managers, self._renderer)
        self._group.AddObserver(vtk.vtkCommand.UpdateEvent, self._on_update)
        self._window.AddObserver(vtk.vtkCommand.WindowResizeEvent, self._on_resized)

    def renderWindow(self) -> Any:
        """Give the vtkRenderWindow; SetSize() on it resizes the view."""
        return self._window

    def renderer(self) -> Any:
        """Give the first renderer."""
        return self._renderer

    def interactor(self) -> Any:
        """Give the vtkRenderWindowInteractor."""
        return self._interactor

    def interactorStyle(self) -> Any:
        """Give the interactor style: the host sets none, as there is no mouse."""
        return None

    def displayableManagerByClassName(self, name: str, /) -> Any:
        """Give a displayable manager by class, or None."""
        return self._group.GetDisplayableManagerByClassName(name)

    def getDisplayableManagers(self, collection: Any, /) -> None:
        """Add all displayable managers to a vtkCollection."""
        for index in range(self._group.GetDisplayableManagerCount()):
            collection.AddItem(self._group.GetNthDisplayableManager(index))

    def scheduleRender(self) -> None:
        """Ask for a rendering; nothing shows the view, so it waits for forceRender()."""
        self._render_is_due = True

    def forceRender(self) -> None:
        """Render now, unless rendering is disabled; a pause does not hold this back, as in CTK."""
        if self.renderEnabled:
            self._window.Render()
            self._render_is_due = False

    def pauseRender(self) -> int:
        """Hold back scheduled rendering until as many calls of resumeRender()."""
        return self.setRenderPaused(True)

    def resumeRender(self) -> int:
        """Take back one pauseRender()."""
        return self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool, /) -> int:
        """Pause or resume; gives the number of pauses."""
        self._paused = max(0, self._paused + (1 if paused else -1))
        return self._paused

    def isRenderPaused(self) -> bool:
        """Tell whether scheduled rendering is held back."""
        return self._paused > 0

    def resize(self, width: int, height: int, /) -> None:
        """Give the view another size, in pixels."""
        self._window.SetSize(int(width), int(height))
        self._on_resized()

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self._window.GetSize()[0])

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self._window.GetSize()[1])

    @property
    def size(self) -> Any:
        """The size in pixels, a QSize."""
        return qt.QSize(self.width, self.height)

    def close(self) -> None:
        """Let go of the window and of everything that the managers show."""
        self._group.SetMRMLDisplayableNode(None)
        self._window.RemoveAllObservers()
        self._group.RemoveAllObservers()
        self._window.Finalize()

    def _on_update(self, *_: object) -> None:
        self._render_is_due = True

    def _on_resized(self, *_: object) -> None:
        if self._interactor.GetSize() != self._window.GetSize():
            self._interactor.UpdateSize(self.width, self.height)
        self._render_is_due = True


def _make_group(application_logic: Any, factory_class: Any, managers: tuple[str, ...], renderer: Any) -> Any:
    factory = factory_class.GetInstance()
    factory.SetMRMLApplicationLogic(application_logic)
    for name in managers:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    group.Initialize(factory, renderer)
    return group
