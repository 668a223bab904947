from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    NodeNotFoundError,
    PictureBlankError,
    RenderingUnavailableError,
)
from AgentBridgeLib.host.ports.views import NamedView, Picture
from AgentBridgeLib.operations.views import control, views


class FakeViews:
    """Views that give the picture of a test and note what was asked."""

    is_available = True

    def __init__(self, pixels, is_blank=False):
        self.picture = Picture(pixels, is_blank)
        self.asked = []

    def find(self, said, kind=None, argument="name"):
        return NamedView(kind, said, f"vtkMRML{said}", said)

    def slice_picture(self, name, request):
        self.asked.append((name, request))
        return self.picture

    threed_picture = slice_picture

    def close(self):
        """Nothing to end."""


@pytest.fixture
def pixels():
    return np.random.default_rng(2).integers(0, 255, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def seen(host, pixels):
    host.views.close()
    host.views = FakeViews(pixels)
    return host.views


def slice_image(context, **arguments):
    return views.slice_image(context, views.SliceImageArguments.model_validate({"name": "Red", **arguments}))


def threed_image(context, **arguments):
    return views.threed_image(context, views.ThreeDImageArguments.model_validate({"name": "1", **arguments}))


def decoded(content, tmp_path):
    path = tmp_path / content.filename
    path.write_bytes(b"".join(content.parts))
    reader = vtk.vtkPNGReader() if content.media_type == "image/png" else vtk.vtkJPEGReader()
    reader.SetFileName(str(path))
    reader.Update()
    width, height, _ = reader.GetOutput().GetDimensions()
    scalars = reader.GetOutput().GetPointData().GetScalars()
    return vtk_to_numpy(scalars).reshape(height, width, 3)[::-1]


def test_png_has_exactly_the_pixels_first_row_on_top(context, seen, pixels, tmp_path):
    """issue:#2."""
    content = slice_image(context)
    assert bytes(content.parts[0][:8]) == b"\x89PNG\r\n\x1a\n"
    assert np.array_equal(decoded(content, tmp_path), pixels)
    assert (content.facts["width_px"], content.facts["height_px"]) == (30, 20)


def test_jpeg_has_about_the_pixels(context, seen, tmp_path):
    """issue:#2."""
    seen.picture = Picture(np.full((20, 30, 3), (200, 100, 50), np.uint8), False)
    content = threed_image(context, format="jpeg")
    assert content.media_type == "image/jpeg"
    assert np.abs(decoded(content, tmp_path).astype(int) - (200, 100, 50)).max() < 6


def test_query_becomes_the_request(context, seen, a_volume):
    """http: a query has text only."""
    slice_image(
        context,
        width="64",
        height="32",
        offset_mm="1.5",
        orientation="Coronal",
        background=a_volume.GetID(),
        fit="false",
    )
    name, request = seen.asked[0]
    assert (name, request.width_px, request.height_px, request.offset_mm) == ("Red", 64, 32, 1.5)
    assert (request.orientation, request.background_id, request.fit) == ("Coronal", a_volume.GetID(), False)
    threed_image(context, position_ras="1,2,3", focal_point_ras="0,0,0", parallel_scale_mm="50")
    _, camera = seen.asked[1]
    assert (camera.position_ras, camera.parallel_scale_mm, camera.fit) == ((1, 2, 3), 50, False)


def test_blank_picture_is_reported_and_given_only_when_wanted(context, seen, pixels):
    """issue:#2: never silently."""
    seen.picture = Picture(pixels, True)
    with pytest.raises(PictureBlankError, match="background"):
        slice_image(context)
    with pytest.raises(PictureBlankError, match="show_3d"):
        threed_image(context)
    assert slice_image(context, accept_blank=True).facts["is_blank"]


@pytest.mark.parametrize("size", [15, 4097])
def test_size_has_limits(context, seen, size):
    """issue:#2."""
    with pytest.raises(ValueError, match="width"):
        slice_image(context, width=size)


def test_unknown_volume_is_refused_before_anything_is_drawn(context, seen):
    """house."""
    with pytest.raises(NodeNotFoundError):
        slice_image(context, background="vtkMRMLScalarVolumeNode77")
    assert seen.asked == []


def test_slicer_without_views_says_so(context, host):
    """issue:#2: headless."""
    host.views.close()
    host.views = SimpleNamespace(is_available=False, what_is_missing="no window", close=lambda: None)
    with pytest.raises(RenderingUnavailableError, match="no window"):
        slice_image(context)
    listed = views.list_views(context, views.NoArguments())
    assert not listed.is_available
    assert listed.slices == ()


def test_real_views_are_listed_and_drawn(context, a_volume):
    """issue:#2."""
    listed = views.list_views(context, views.NoArguments())
    assert {view.name for view in listed.slices} >= {"Red", "Green", "Yellow"}
    assert listed.threed
    content = slice_image(context, width=64, height=48, background=a_volume.GetID(), orientation="Axial")
    assert (content.facts["width_px"], content.facts["height_px"]) == (64, 48)


@pytest.mark.parametrize(
    ("arguments", "reason", "words"),
    [
        ({}, "nothing_shown", "no volume"),
        (
            {"background": "it", "offset_mm": 900.0, "orientation": "Axial"},
            "outside_field_of_view",
            "900.0 mm",
        ),
        ({"background": "it"}, "uniform", "window and level"),
    ],
)
def test_blank_slice_says_why(context, make_volume, arguments, reason, words):
    """issue:#3: blank pictures detected and explained."""
    volume = make_volume(np.full((6, 7, 8), -500, np.int16), "dark")
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(10.0, 1000.0)
    arguments = {key: volume.GetID() if value == "it" else value for key, value in arguments.items()}
    with pytest.raises(PictureBlankError, match=words) as fault:
        slice_image(context, width=32, height=32, **arguments)
    assert fault.value.facts["reason"] == reason


def test_slice_beside_the_field_of_view_says_so(context, host, a_volume, monkeypatch):
    """issue:#3: all outside the field of view."""
    logic = host.views.slice_logic("Red")
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(a_volume.GetID())
    logic.FitSliceToAll(100, 100)
    to_ras = logic.GetSliceNode().GetSliceToRAS()
    to_ras.SetElement(0, 3, to_ras.GetElement(0, 3) + 5000.0)
    logic.GetSliceNode().UpdateMatrices()
    with pytest.raises(PictureBlankError, match="beside") as fault:
        slice_image(context, width=32, height=32, fit=False)
    assert fault.value.facts["reason"] == "outside_field_of_view"


def test_blank_3d_picture_tells_nothing_shown_from_camera_elsewhere(context, scene):
    """issue:#3: blank pictures detected and explained."""
    with pytest.raises(PictureBlankError, match="nothing in the scene") as fault:
        threed_image(context, width=32, height=32)
    assert fault.value.facts["reason"] == "nothing_shown"
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "ball")
    source = vtk.vtkSphereSource()
    source.SetRadius(20)
    source.Update()
    model.SetAndObserveMesh(source.GetOutput())
    model.CreateDefaultDisplayNodes()
    away = {"position_ras": "0,500,0", "focal_point_ras": "0,1000,0", "view_up_ras": "0,0,1"}
    with pytest.raises(PictureBlankError, match=r"S -20\.0 to 20\.0") as fault:
        threed_image(context, width=32, height=32, **away)
    assert fault.value.facts["reason"] == "outside_field_of_view"
    assert threed_image(context, width=32, height=32).facts["blank_reason"] is None


@pytest.mark.parametrize("said", ["1", "View1", "vtkMRMLViewNode1"])
def test_3d_view_is_found_by_layout_name_node_name_and_node_id(context, a_volume, said):
    """issue:#3: views.list tells all three."""
    (listed,) = [view for view in views.list_views(context, views.NoArguments()).threed if view.name == "1"]
    assert said in {listed.name, listed.node_id, listed.node_name}
    assert control.get_camera(context, control.ViewArguments(name=said)).name == "1"
    content = threed_image(context, name=said, accept_blank=True)
    assert (content.facts["view"], content.filename) == ("1", "1.png")


def test_slice_view_is_found_by_node_id_too(context, a_volume):
    """issue:#3."""
    moved = control.set_slice(
        context,
        control.SliceArguments(name="vtkMRMLSliceNodeGreen", background=a_volume.GetID(), offset_mm=12.0),
    )
    assert (moved.name, moved.offset_mm) == ("Green", 12.0)
    fitted = control.fit_views(context, control.FitArguments(names=("vtkMRMLSliceNodeGreen", "View1", "1")))
    assert (fitted.slices, fitted.threed) == (("Green",), ("1",))
    assert control.set_slice(context, control.SliceArguments(name="yellow")).name == "Yellow"


def test_a_renamed_view_keeps_its_layout_name_and_two_of_one_name_are_told_apart(context, scene):
    """house: the name in the layout goes first; a name that two nodes have is none."""
    node = scene.GetNodeByID("vtkMRMLSliceNodeRed")
    try:
        node.SetName("Green")
        state = control.set_slice(context, control.SliceArguments(name="Green", offset_mm=3.0))
        assert state.node_id == "vtkMRMLSliceNodeGreen"
        node.SetName("Both")
        scene.GetNodeByID("vtkMRMLSliceNodeYellow").SetName("Both")
        with pytest.raises(ArgumentInvalidError, match=r"Red \(Both\), Green, Yellow \(Both\)"):
            control.set_slice(context, control.SliceArguments(name="Both", offset_mm=3.0))
    finally:
        node.SetName("Red")
        scene.GetNodeByID("vtkMRMLSliceNodeYellow").SetName("Yellow")


def test_an_unknown_view_names_those_there_are_and_a_view_of_the_other_kind(context):
    """issue:#3."""
    with pytest.raises(
        ArgumentInvalidError, match=r"no slice view is called 'View1'.* 'View1' is a 3D view"
    ) as caught:
        slice_image(context, name="View1")
    (problem,) = caught.value.errors
    assert problem.pointer == "/name"
    assert {"Red", "Green", "Yellow"} <= set(problem.expected.split(", "))
    with pytest.raises(ArgumentInvalidError, match=r"`names` .*no view is called 'Blau'.*1 \(View1\)"):
        control.fit_views(context, control.FitArguments(names=("Red", "Blau")))


def test_slice_picture_says_which_plane_and_offset_were_drawn(context, a_volume):
    """issue:#3: also where the request says nothing."""
    control.set_slice(
        context,
        control.SliceArguments(name="Red", orientation="Axial", background=a_volume.GetID(), offset_mm=95.0),
    )
    facts = slice_image(context).facts
    assert (facts["orientation"], facts["offset_mm"]) == ("Axial", 95.0)
    turned = slice_image(context, orientation="Sagittal").facts
    low, high = sorted([-a_volume_bounds(a_volume)[0], -a_volume_bounds(a_volume)[1]])
    assert turned["orientation"] == "Sagittal"
    assert low <= turned["offset_mm"] <= high
    assert slice_image(context, offset_mm=84.5).facts["offset_mm"] == 84.5
    blank = slice_image(context, offset_mm=9000, accept_blank=True).facts
    assert (blank["offset_mm"], blank["is_blank"]) == (9000, True)
    assert views.list_views(context, views.NoArguments()).slices[0].offset_mm == 95.0


def test_an_oblique_slice_is_told_as_such(context, scene, a_volume):
    """house: Slicer's own word for it."""
    node = scene.GetNodeByID("vtkMRMLSliceNodeRed")
    control.set_slice(context, control.SliceArguments(name="Red", background=a_volume.GetID()))
    node.RotateToVolumePlane(a_volume)
    assert slice_image(context).facts["orientation"] == "Reformat"
    node.SetOrientation("Axial")


def test_3d_picture_says_from_where_it_was_taken(context, scene):
    """house: another picture can be taken from the same place."""
    cube = vtk.vtkCubeSource()
    cube.Update()
    model = slicer.modules.models.logic().AddModel(cube.GetOutput())
    facts = threed_image(context, look_from="left").facts
    again = {
        name: ",".join(map(str, facts[name])) for name in ("position_ras", "focal_point_ras", "view_up_ras")
    }
    repeated = threed_image(context, **again, view_angle_deg=facts["view_angle_deg"], fit=False).facts
    assert np.allclose(repeated["position_ras"], facts["position_ras"])
    assert facts["position_ras"][0] < facts["focal_point_ras"][0]
    scene.RemoveNode(model)


def a_volume_bounds(volume):
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    return bounds
