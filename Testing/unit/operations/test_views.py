from types import SimpleNamespace

import numpy as np
import pytest
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import NodeNotFoundError, PictureBlankError, RenderingUnavailableError
from AgentBridgeLib.host.ports import Picture
from AgentBridgeLib.operations.views import views


class FakeViews:
    """Views that give the picture of a test and note what was asked."""

    is_available = True

    def __init__(self, pixels, is_blank=False):
        self.picture = Picture(pixels, is_blank)
        self.asked = []

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
    host.views = SimpleNamespace(is_available=False, close=lambda: None)
    with pytest.raises(RenderingUnavailableError):
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
