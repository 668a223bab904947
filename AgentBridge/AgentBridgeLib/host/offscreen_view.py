"""A second, invisible drawing of a view, of any size.

The window of a view on screen has the size its widget has. So the view's node is drawn once more: a render window of
our own, with a group of the displayable managers that are registered for such views (those of extensions too) on the
same node. What the view shows, this shows; nothing is added to the scene. (Slicer's virtual reality extension
draws a view node in a window of its own in the same way.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import RenderingUnavailableError

DITHER_STEPS = 2


class OffscreenView:
    """A render window with displayable managers for one view node.

    Parameters
    ----------
    factory
        `vtkMRMLSliceViewDisplayableManagerFactory` or its 3D sister; it knows what is registered.
    view_node
        The node that is drawn; borrowed until `close`.
    """

    def __init__(self, factory: Any, view_node: Any) -> None:
        self.view_node = view_node
        self.window = vtk.vtkRenderWindow()
        self.window.SetShowWindow(False)
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)  # pictures agree to the pixel between runs
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()  # managers ask for one; no events ever come
        self._interactor.SetEnableRender(False)
        self._interactor.SetRenderWindow(self.window)
        self._group = factory.InstantiateDisplayableManagers(self.renderer)
        self._group.SetMRMLDisplayableNode(view_node)

    def resize(self, width_px: int, height_px: int) -> None:
        """Give the window its size."""
        self.window.SetSize(width_px, height_px)
        self._interactor.UpdateSize(width_px, height_px)

    def draw(self) -> Any:
        """Render and give the pixels: uint8, shape (height, width, 3), first row at the top."""
        self.window.Render()
        width, height = self.window.GetSize()
        values = vtk.vtkUnsignedCharArray()
        is_read = self.window.GetPixelData(0, 0, width - 1, height - 1, 0, values, 0)
        if not is_read or values.GetNumberOfTuples() != width * height:
            raise RenderingUnavailableError(
                "The graphics driver gave no picture of the size that was asked for."
            )
        return np.ascontiguousarray(vtk_to_numpy(values).reshape(height, width, 3)[::-1])

    def close(self) -> None:
        """Let go of the node, of what the managers show and of the window."""
        self._group.SetMRMLDisplayableNode(None)
        self._group.RemoveAllObservers()
        self.window.RemoveRenderer(self.renderer)
        self.window.Finalize()


def is_background(pixels: Any) -> bool:
    """Say whether nothing stands out from the background.

    A background is one color or a vertical gradient, so then each row is uniform. VTK dithers gradients by one step.
    """
    return bool((pixels.max(axis=1) - pixels.min(axis=1) <= DITHER_STEPS).all())


def drawn_share(pixels: Any) -> float:
    """Estimate which share of the picture differs from the first pixel of its row, from every fourth pixel."""
    sample = pixels[::4, ::4]
    first = sample[:, :1]
    distance = np.maximum(sample, first) - np.minimum(sample, first)
    return float((distance > DITHER_STEPS).any(axis=2).mean())
