"""Pictures of slice and 3D views."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    NodeNotFoundError,
    NodeTypeError,
    RenderingUnavailableError,
)
from AgentBridgeLib.host.ports.views import CameraRequest, SliceRequest
from AgentBridgeLib.host.views import SlicerViews


@pytest.fixture
def views(host_scene, loop):
    adapter = SlicerViews(host_scene, loop)
    yield adapter
    adapter.close()


def slice_state(name="Red"):
    widget = slicer.app.layoutManager().sliceWidget(name)
    node, composite = widget.mrmlSliceNode(), widget.mrmlSliceCompositeNode()
    return (
        slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()).tolist(),
        slicer.util.arrayFromVTKMatrix(node.GetXYToRAS()).tolist(),
        node.GetDimensions(),
        node.GetFieldOfView(),
        node.GetXYZOrigin(),
        node.GetUVWExtents(),
        node.GetUVWDimensions(),
        node.GetUVWOrigin(),
        slicer.util.arrayFromVTKMatrix(node.GetUVWToRAS()).tolist(),
        node.GetSliceSpacingMode(),
        node.GetPrescribedSliceSpacing(),
        node.GetOrientation(),
        composite.GetBackgroundVolumeID(),
        composite.GetForegroundVolumeID(),
        composite.GetLabelVolumeID(),
        composite.GetForegroundOpacity(),
        widget.sliceLogic().GetImageDataConnection() is not None,
    )


def camera_state():
    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    camera, node = view.cameraNode().GetCamera(), view.mrmlViewNode()
    return (
        camera.GetPosition(),
        camera.GetFocalPoint(),
        camera.GetViewUp(),
        camera.GetViewAngle(),
        camera.GetParallelScale(),
        camera.GetParallelProjection(),
        node.GetBoxVisible(),
        node.GetAxisLabelsVisible(),
    )


@pytest.mark.parametrize("size", [(300, 200), (201, 333), (64, 64)])
def test_a_slice_picture_has_the_asked_size_and_leaves_everything_as_it_was(
    views, host_scene, a_volume, size
):
    """house: reading a picture restores what it changed and does not move the revision."""
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    state, revision, nodes = slice_state(), host_scene.revision, host_scene.scene.GetNumberOfNodes()
    request = SliceRequest(
        *size, orientation="Coronal", offset_mm=11.0, foreground_id=a_volume.GetID(), fit=True
    )
    picture = views.slice_picture("Red", request)
    assert picture.pixels.shape == (size[1], size[0], 3)
    assert picture.pixels.dtype == np.uint8
    assert not picture.is_blank
    assert slice_state() == state
    assert host_scene.revision == revision
    assert host_scene.scene.GetNumberOfNodes() == nodes


@pytest.mark.parametrize("mode", range(6))
def test_every_resolution_mode_of_a_slice_is_restored(views, a_volume, mode):
    """slicer: what a slice shows in 3D (UVW) follows its field of view in some modes."""
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    mode_before = node.GetSliceResolutionMode()
    node.SetSliceResolutionMode(mode)
    state = slice_state()
    views.slice_picture("Red", SliceRequest(90, 40, orientation="Sagittal", background_id=a_volume.GetID()))
    assert slice_state() == state
    node.SetSliceResolutionMode(mode_before)


def test_a_slice_picture_shows_the_voxels_where_they_are(views, scene):
    """slicer: axial, seen from the feet: left of the picture is the patient's right, up is anterior."""
    values = np.zeros((9, 40, 40), np.int16)
    values[4, 28:36, 4:12] = 1000  # i low, j high: with identity directions R low (patient's left), A high
    volume = slicer.util.addVolumeFromArray(values, np.diag([1.0, 1.0, 3.0, 1.0]))
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevelMinMax(0, 1000)
    request = SliceRequest(200, 200, orientation="Axial", offset_mm=12.0, background_id=volume.GetID())
    pixels = views.slice_picture("Red", request).pixels
    rows, columns = np.nonzero(pixels[:, :, 0] > 200)
    assert rows.mean() < 100  # anterior is up
    assert columns.mean() > 100  # R is low, so the patient's left, which is on the right
    other = views.slice_picture("Red", SliceRequest(200, 200, offset_mm=0.0, background_id=volume.GetID()))
    assert other.is_blank


@pytest.mark.parametrize("orientation", ["Axial", "Sagittal", "Coronal"])
def test_a_slice_picture_says_where_its_pixels_are(views, a_volume, orientation):
    """issue:#5 an agent that sees a border measures it; the voxel at a pixel's place is the one drawn there."""
    request = SliceRequest(61, 43, orientation=orientation, background_id=a_volume.GetID())
    a_volume.GetDisplayNode().SetInterpolate(False)
    a_volume.GetDisplayNode().SetAutoWindowLevel(False)
    voxels = slicer.util.arrayFromVolume(a_volume)
    a_volume.GetDisplayNode().SetWindowLevelMinMax(float(voxels.min()), float(voxels.max()))
    picture = views.slice_picture("Red", request)
    to_ras = np.array(picture.taken["pixel_to_ras"])
    to_ijk = vtk.vtkMatrix4x4()
    a_volume.GetRASToIJKMatrix(to_ijk)
    seen = []
    for row in range(0, 43, 3):
        for column in range(0, 61, 3):
            place = to_ijk.MultiplyPoint((*(to_ras @ (column, row, 1)), 1.0))[:3]
            nearest = np.rint(place).astype(int)
            is_inside = (nearest >= 0).all() and (nearest[::-1] < voxels.shape).all()
            if is_inside and np.abs(place - nearest).max() < 0.45:  # not on the border of two voxels
                seen.append((voxels[tuple(nearest[::-1])], picture.pixels[row, column, 0]))
    values, grays = np.array(seen, float).T
    expected = (values - voxels.min()) / float(np.ptp(voxels)) * 255
    assert len(seen) > 20
    assert np.abs(grays - expected).max() <= 1


def test_labels_of_markups_stand_at_their_points_in_the_first_picture(views, scene):
    """slicer: labels are placed for the size that the window had; a picture of another size showed them elsewhere."""
    markups = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for place in ((0, 30, 0), (25, 0, 0), (-25, 0, 0)):
        markups.AddControlPoint(*place)
    for size in (300, 200, 240):
        request = SliceRequest(size, size, orientation="Axial", offset_mm=0.0)
        first, second = (views.slice_picture("Red", request).pixels for _ in range(2))
        assert (first == second).all()


def test_millimeters_are_square_on_an_anisotropic_volume(views, scene):
    """house: geometry on non-cubic voxels."""
    values = np.zeros((5, 10, 60), np.int16)
    values[2] = 1000
    volume = slicer.util.addVolumeFromArray(values, np.diag([1.0, 3.0, 2.0, 1.0]))
    volume.CreateDefaultDisplayNodes()
    request = SliceRequest(240, 240, orientation="Axial", offset_mm=4.0, background_id=volume.GetID())
    pixels = views.slice_picture("Red", request).pixels
    rows, columns = np.nonzero(pixels[:, :, 0] > 100)
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(60 / 30, rel=0.05)


def test_without_fit_a_slice_picture_shows_at_least_what_the_view_shows(views, a_volume):
    """house: None leaves what the view shows now."""
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    widget = slicer.app.layoutManager().sliceWidget("Red")
    widget.mrmlSliceNode().SetFieldOfView(120, 120, 1)
    small = views.slice_picture("Red", SliceRequest(200, 200, fit=False)).pixels
    fitted = views.slice_picture("Red", SliceRequest(200, 200, fit=True)).pixels
    assert 0 < np.count_nonzero(small) < np.count_nonzero(fitted) / 3
    wide = views.slice_picture("Red", SliceRequest(400, 100, fit=False)).pixels
    square = [np.ptp(np.nonzero(picture[:, :, 0])[axis]) for picture in (small, wide) for axis in (0, 1)]
    assert square[1] / square[0] == pytest.approx(square[3] / square[2], rel=0.15)


def test_a_slice_picture_shows_markups_too(views, scene, a_volume):
    """slicer: the registered displayable managers draw."""
    plain = views.slice_picture("Red", SliceRequest(200, 200, background_id=a_volume.GetID())).pixels
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    points.CreateDefaultDisplayNodes()
    bounds = [0.0] * 6
    a_volume.GetRASBounds(bounds)
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    middle = [(bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2]
    points.AddControlPoint(*middle)
    request = SliceRequest(200, 200, background_id=a_volume.GetID(), orientation="Axial", offset_mm=middle[2])
    with_points = views.slice_picture("Red", request).pixels
    points.GetDisplayNode().SetVisibility(False)
    without = views.slice_picture("Red", request).pixels
    assert plain.shape == with_points.shape
    assert (with_points != without).any()
    assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() is None


def test_an_empty_slice_view_is_blank(views, scene):
    """house: an empty picture is reported."""
    assert views.slice_picture("Yellow", SliceRequest(80, 60)).is_blank


def test_the_same_slice_twice_gives_the_same_pixels_and_no_messages(views, a_volume):
    """house: pictures are cached by revision, view and parameters."""
    request = SliceRequest(150, 150, background_id=a_volume.GetID())
    messages = slicer.app.errorLogModel().logEntryCount()
    first = views.slice_picture("Green", request).pixels
    np.testing.assert_array_equal(views.slice_picture("Green", request).pixels, first)
    assert slicer.app.errorLogModel().logEntryCount() == messages


@pytest.mark.parametrize("size", [(300, 200), (129, 257)])
def test_a_3d_picture_has_the_asked_size_and_leaves_everything_as_it_was(views, host_scene, a_model, size):
    """house: the person's camera stays where it is."""
    state, revision, nodes = camera_state(), host_scene.revision, host_scene.scene.GetNumberOfNodes()
    picture = views.threed_picture("1", CameraRequest(*size, look_from="left"))
    assert picture.pixels.shape == (size[1], size[0], 3)
    assert not picture.is_blank
    assert camera_state() == state
    assert host_scene.revision == revision
    assert host_scene.scene.GetNumberOfNodes() == nodes


#: Where the patient's directions are in a picture, seen from each side: (to the right, up).
SEEN_FROM = {
    "left": ("P", "S"),
    "right": ("A", "S"),
    "anterior": ("L", "S"),
    "posterior": ("R", "S"),
    "superior": ("R", "A"),
    "inferior": ("L", "A"),
}
RAS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def _ball(scene, center, radius, color):
    source = vtk.vtkSphereSource()
    source.SetRadius(radius)
    source.SetCenter(*center)
    source.Update()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode")
    node.SetAndObserveMesh(source.GetOutput())
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetColor(*color)
    node.GetDisplayNode().SetAmbient(1)
    node.GetDisplayNode().SetDiffuse(0)
    node.GetDisplayNode().SetSpecular(0)
    return node


def _place_of(pixels, color):
    near = np.abs(pixels.astype(int) - np.array(color) * 255).sum(axis=2) < 30
    rows, columns = np.nonzero(near)
    assert len(rows) > 5
    return columns.mean(), rows.mean()


@pytest.mark.parametrize("side", SEEN_FROM)
def test_look_from_shows_the_patient_from_that_side(views, scene, side):
    """slicer: RAS; seen from the left, posterior is on the right and superior is up."""
    to_right, up = SEEN_FROM[side]
    center = np.array([15.0, -40.0, 70.0])
    _ball(scene, center, 30, (0, 0, 1))
    _ball(scene, center + 50 * np.array(RAS[to_right]), 8, (1, 0, 0))
    _ball(scene, center + 50 * np.array(RAS[up]), 8, (0, 1, 0))
    pixels = views.threed_picture("1", CameraRequest(300, 300, look_from=side)).pixels
    blue, red, green = (_place_of(pixels, color) for color in ((0, 0, 1), (1, 0, 0), (0, 1, 0)))
    assert red[0] > blue[0] + 20
    assert abs(red[1] - blue[1]) < 15
    assert green[1] < blue[1] - 20
    assert abs(green[0] - blue[0]) < 15


def test_a_parallel_camera_has_the_asked_scale(views, scene):
    """house: parallel_scale_mm is half the height of the picture in mm."""
    _ball(scene, (0, 0, 0), 25, (1, 0, 0))
    request = CameraRequest(
        200,
        200,
        position_ras=(0, 400, 0),
        focal_point_ras=(0, 0, 0),
        view_up_ras=(0, 0, 1),
        parallel_scale_mm=100.0,
    )
    pixels = views.threed_picture("1", request).pixels
    red = np.abs(pixels.astype(int) - [255, 0, 0]).sum(axis=2) < 30
    assert np.ptp(np.nonzero(red)[0]) == pytest.approx(50, abs=3)


def test_a_camera_that_looks_away_gives_a_blank_picture_in_spite_of_box_and_labels(views, a_model):
    """house: what shows nothing is reported."""
    request = CameraRequest(
        200, 200, position_ras=(500, 0, 0), focal_point_ras=(1000, 0, 0), view_up_ras=(0, 0, 1)
    )
    assert views.threed_picture("1", request).is_blank


def test_a_picture_of_nothing_but_the_box_is_blank(views, a_model):
    """house: what shows nothing is reported."""
    a_model.GetDisplayNode().SetOpacity(0)
    picture = views.threed_picture("1", CameraRequest(200, 200))
    assert picture.is_blank
    assert np.ptp(picture.pixels[:, :, 0], axis=1).max() > 30  # the box is drawn


def test_an_empty_3d_view_is_blank_in_spite_of_its_box(views, scene):
    """house: an empty picture is reported."""
    node = slicer.app.layoutManager().threeDWidget(0).mrmlViewNode()
    assert node.GetBoxVisible()
    assert views.threed_picture("1", CameraRequest(100, 100)).is_blank


def test_unknown_views_orientations_sides_and_volumes_are_named(views, a_model):
    """house: messages list what there is."""
    with pytest.raises(ArgumentInvalidError, match="Red"):
        views.slice_picture("Purple", SliceRequest(10, 10))
    with pytest.raises(ArgumentInvalidError, match="There are: 1"):
        views.threed_picture("7", CameraRequest(10, 10))
    with pytest.raises(ArgumentInvalidError, match="Axial"):
        views.slice_picture("Red", SliceRequest(10, 10, orientation="Sideways"))
    with pytest.raises(ArgumentInvalidError, match="anterior"):
        views.threed_picture("1", CameraRequest(10, 10, look_from="front"))
    with pytest.raises(NodeNotFoundError):
        views.slice_picture("Red", SliceRequest(10, 10, background_id="vtkMRMLScalarVolumeNode99"))
    with pytest.raises(NodeTypeError):
        views.slice_picture("Red", SliceRequest(10, 10, background_id=a_model.GetID()))


def test_pictures_work_again_after_the_scene_was_replaced(views, scene, a_model):
    """slicer: view nodes are singletons that stay; what they showed went."""
    assert not views.threed_picture("1", CameraRequest(80, 80)).is_blank
    scene.Clear(0)
    assert views.threed_picture("1", CameraRequest(80, 80)).is_blank
    _ball(scene, (0, 0, 0), 25, (1, 0, 0))
    assert not views.threed_picture("1", CameraRequest(80, 80)).is_blank


def test_without_views_pictures_are_unavailable(views, monkeypatch):
    """slicer: with --no-main-window layoutManager() is None."""
    monkeypatch.setattr(type(slicer.app), "layoutManager", lambda _: None)
    assert not views.is_available
    assert (views.slice_names(), views.threed_names()) == ([], [])
    with pytest.raises(RenderingUnavailableError):
        views.slice_picture("Red", SliceRequest(10, 10))
    with pytest.raises(RenderingUnavailableError):
        views.threed_picture("1", CameraRequest(10, 10))


def test_invisible_views_are_let_go_when_unused(views, loop, a_model):
    """house: they cost as much as a view on screen."""
    loop.time = 0.0
    views.threed_picture("1", CameraRequest(40, 40))
    views.slice_picture("Red", SliceRequest(40, 40))
    loop.time = 10.0
    views.slice_picture("Red", SliceRequest(40, 40))
    loop.time = 31.0
    loop.turn()
    assert views._offscreen
    loop.time = 50.0
    loop.turn()
    assert not views._offscreen
    assert not views.threed_picture("1", CameraRequest(40, 40)).is_blank


def _shown(view):
    view.forceRender()
    window = view.renderWindow()
    values = vtk.vtkUnsignedCharArray()
    width, height = window.GetSize()
    window.GetPixelData(0, 0, width - 1, height - 1, 0, values, 0)
    return vtk_to_numpy(values).copy()


def test_what_the_person_sees_is_the_same_before_and_after_pictures(views, a_volume, a_model):
    """house: reading a picture leaves the views as they were, to the pixel."""
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    manager = slicer.app.layoutManager()
    shown = [manager.sliceWidget("Red").sliceView(), manager.threeDWidget(0).threeDView()]
    before = [_shown(view) for view in shown]
    views.slice_picture("Red", SliceRequest(90, 210, orientation="Sagittal", background_id=a_volume.GetID()))
    views.threed_picture("1", CameraRequest(90, 210, look_from="superior", parallel_scale_mm=10.0))
    for view, pixels in zip(shown, before, strict=True):
        np.testing.assert_array_equal(_shown(view), pixels)
        assert np.ptp(pixels) > 0


def test_names_in_a_picture_are_covered_and_the_scene_keeps_them(views, host_scene, a_volume):
    """issue:#4: rendered annotations"""
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Width of DOE JANE")
    line.CreateDefaultDisplayNodes()
    bounds = [0.0] * 6
    a_volume.GetRASBounds(bounds)
    right, left, back, front, low, high = bounds
    line.AddControlPoint(right, (back + front) / 2, (low + high) / 2, "DOE")
    line.AddControlPoint(left, (back + front) / 2, (low + high) / 2, "DOE")

    def taken(cover=None):
        request = SliceRequest(
            300, 300, "Axial", (low + high) / 2, background_id=a_volume.GetID(), cover=cover
        )
        return views.slice_picture("Red", request).pixels

    plain, revision = taken(), host_scene.revision
    covered = taken(lambda text: text.replace("DOE JANE", "[hidden]").replace("DOE", "[hidden]"))
    assert host_scene.revision == revision
    assert (line.GetName(), line.GetNthControlPointLabel(1)) == ("Width of DOE JANE", "DOE")
    assert not np.array_equal(covered, plain)
    line.SetName("Width of [hidden]")
    assert np.array_equal(covered, taken())
