"""Views: real pictures without a screen."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


@pytest.fixture
def views():
    """The layout manager, in the four-up layout."""
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    return manager


def pixels(view):
    """Render and read back: (height, width, 3), rows from the top."""
    view.forceRender()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.renderWindow())
    grab.ReadFrontBufferOff()
    grab.ShouldRerenderOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1].copy()


def test_the_three_slice_views_have_their_orientations(views, scene):
    """slicer: vtkMRMLLayoutLogic, conventional slice views."""
    found = {name: views.sliceWidget(name).sliceOrientation for name in ("Red", "Yellow", "Green")}
    assert found == {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
    assert views.sliceWidget("None") is None
    assert set(views.sliceViewNames()) >= set(found)


def test_a_slice_shows_its_volume_upright(views, scene):
    """slicer: the axial view has the patient's right on the left of the screen, anterior on top."""
    voxels = np.zeros((4, 20, 20), np.int16)
    voxels[:, 15:, :5] = 100  # high A, low R
    node = slicer.util.addVolumeFromArray(voxels)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().AutoWindowLevelOff()
    node.GetDisplayNode().SetWindowLevel(100, 50)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    widget = views.sliceWidget("Red")
    widget.sliceView().resize(200, 200)
    widget.fitSliceToBackground()
    picture = pixels(widget.sliceView()).max(axis=2)
    assert picture[10:40, 160:190].min() > 200
    assert picture[160:190, 10:40].max() < 50


@pytest.mark.parametrize("how", ["view", "window"])
def test_a_view_takes_a_requested_size(views, how):
    """slicer: resizing the widget resizes window and slice node."""
    view = views.sliceWidget("Red").sliceView()
    (view.resize if how == "view" else view.renderWindow().SetSize)(320, 240)
    assert (view.width, view.height) == (320, 240)
    assert pixels(view).shape == (240, 320, 3)
    assert view.mrmlSliceNode().GetDimensions()[:2] == (320, 240)


def test_a_3d_view_shows_a_model_and_turns(views, a_model):
    """slicer: qMRMLThreeDView::resetFocalPoint, rotateToViewAxis."""
    view = views.threeDWidget(0).threeDView()
    view.resize(200, 200)
    views.resetThreeDViews()
    a_model.GetDisplayNode().SetColor(1, 0, 0)
    front = pixels(view).astype(int)
    assert (front[..., 0] - front[..., 2] > 100).mean() > 0.05
    assert np.allclose(view.cameraNode().GetFocalPoint(), [30, 40, 50], atol=1)
    view.rotateToViewAxis(5)  # from superior
    direction = np.array(view.cameraNode().GetPosition()) - view.cameraNode().GetFocalPoint()
    assert direction[2] > 10 * abs(direction[:2]).max()
    view.rotateToViewAxis("R")
    direction = np.array(view.cameraNode().GetPosition()) - view.cameraNode().GetFocalPoint()
    assert direction[0] > 10 * abs(direction[1:]).max()


def test_markups_appear_in_the_slice(views, scene, a_volume):
    """slicer: vtkMRMLMarkupsDisplayableManager."""
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    widget = views.sliceWidget("Red")
    before = pixels(widget.sliceView())
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    points.CreateDefaultDisplayNodes()
    node = widget.mrmlSliceNode()
    center = node.GetSliceToRAS()
    points.AddControlPoint(*(center.GetElement(row, 3) for row in range(3)))
    assert (pixels(widget.sliceView()) != before).any()


@pytest.mark.parametrize(
    ("layout", "shown"),
    [
        ("SlicerLayoutConventionalView", {"1", "Red", "Yellow", "Green"}),
        ("SlicerLayoutFourUpView", {"1", "Red", "Yellow", "Green"}),
        ("SlicerLayoutOneUpRedSliceView", {"Red"}),
        ("SlicerLayoutOneUp3DView", {"1"}),
        ("SlicerLayoutDual3DView", {"1", "2", "Red", "Yellow", "Green"}),
    ],
)
def test_a_layout_shows_its_views(views, layout, shown):
    """slicer: vtkMRMLLayoutLogic::GetViewNodes."""
    views.setLayout(getattr(slicer.vtkMRMLLayoutNode, layout))
    nodes = views.layoutLogic().GetViewNodes()
    names = {nodes.GetItemAsObject(index).GetLayoutName() for index in range(nodes.GetNumberOfItems())}
    assert names == shown


def test_a_layout_with_two_3d_views_makes_the_second(views):
    """slicer: qMRMLLayoutManager::threeDViewCount counts all view nodes."""
    views.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutDual3DView)
    assert views.threeDViewCount == 2
    assert views.threeDWidget("2") is views.threeDWidget(1)
    assert views.threeDWidget(7) is None


def test_an_unknown_layout_means_the_conventional_one(views):
    """slicer: qMRMLLayoutManager::setLayout."""
    told = []
    views.layoutChanged.connect(told.append)
    views.setLayout(987654)
    views.layoutChanged.disconnect(told.append)
    assert views.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
    assert told == [views.layout]


def test_every_view_of_slicer_util_renders(views, a_volume):
    """slicer: slicer.util.forceRenderAllViews, resetSliceViews."""
    slicer.util.setSliceViewerLayers(background=a_volume)
    slicer.util.resetSliceViews()
    slicer.util.resetThreeDViews()
    slicer.util.forceRenderAllViews()
    logics = views.mrmlSliceLogics()
    assert logics.GetNumberOfItems() == len(views.sliceViewNames())


def test_a_disabled_view_does_not_render(views, a_model):
    """ctk: ctkVTKAbstractView::renderEnabled."""
    view = views.threeDWidget(0).threeDView()
    view.forceRender()
    renders = []
    tag = view.renderWindow().AddObserver("StartEvent", lambda *_: renders.append(1))
    view.renderEnabled = False
    view.forceRender()
    view.renderEnabled = True
    assert not renders
    view.forceRender()
    view.renderWindow().RemoveObserver(tag)
    assert renders
