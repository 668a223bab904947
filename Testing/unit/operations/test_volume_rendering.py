"""Volumes shown by volume rendering with Slicer's presets, drawn for real."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, FeatureMissingError, NodeTypeError
from AgentBridgeLib.host.ports.views import CameraRequest
from AgentBridgeLib.operations.views import rendering


def render(context, node, **arguments):
    whole = rendering.RenderArguments(volume_id=node.GetID(), **arguments)
    return rendering.render_volume(context, whole)


@pytest.fixture
def a_ball(make_volume):
    """A ball of 300 in air of -1000, anisotropic, rotated and off the origin."""
    k, j, i = np.mgrid[0:16, 0:24, 0:20]
    inside = (k - 8) ** 2 / 36 + (j - 12) ** 2 / 64 + (i - 10) ** 2 / 49 < 1
    return make_volume(np.where(inside, 300, -1000).astype(np.int16), "ball")


def share(host):
    """Which share of a 3D picture is no background."""
    camera = CameraRequest(width_px=96, height_px=96, look_from="anterior")
    picture = host.views.threed_picture("1", camera)
    pixels = picture.pixels.astype(int)
    return 0.0 if picture.is_blank else float((np.abs(pixels - pixels[:, :1]).max(axis=2) > 8).mean())


def test_presets_have_names_and_ranges(context):
    """issue:#3: volume-rendering presets."""
    presets = {
        item.name: item.effective_range
        for item in rendering.list_presets(context, rendering.PageArguments()).items
    }
    assert presets["CT-Bone"] == pytest.approx((-16.4458, 641.385))
    assert "MR-Default" in presets


def test_ball_is_drawn_with_a_preset_and_hidden_again(context, host, a_ball):
    """issue:#3: a volume shown with a rendering preset; looked at."""
    assert share(host) == 0
    shown = render(context, a_ball, preset="CT-Chest-Contrast-Enhanced")
    assert (shown.preset, shown.is_visible) == ("CT-Chest-Contrast-Enhanced", True)
    assert share(host) > 0.05
    assert not render(context, a_ball, is_visible=False).is_visible
    assert share(host) == 0


def test_preset_decides_what_is_seen(context, host, a_ball):
    """issue:#3: other colors of the same voxels."""

    def center():
        picture = host.views.threed_picture(
            "1", CameraRequest(width_px=64, height_px=64, look_from="anterior")
        )
        return picture.pixels[32, 32].astype(int)

    render(context, a_ball, preset="CT-Bone")
    red, green, blue = center()
    assert red > green > blue
    render(context, a_ball, preset="CT-Lung")
    assert np.abs(center() - (red, green, blue)).max() > 40


def test_range_stretches_the_preset(context, a_ball):
    """issue:#3: MR has no unit of its own."""
    shown = render(context, a_ball, preset="MR-Default", value_range=(-1000.0, 100.0))
    by_value = {round(point.value, 6): point.opacity for point in shown.opacities}
    assert by_value[-1000.0] == 0.0
    assert by_value[100.0] == pytest.approx(0.375)
    assert by_value[-900.0] == 0.0  # 20 of 220
    again = render(context, a_ball, preset="MR-Default")
    assert {point.value for point in again.opacities} == {0.0, 20.0, 40.0, 120.0, 220.0, 1024.0}


def test_roi_crops_and_null_ends_it(context, host, a_ball, scene):
    """issue:#3."""
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
    roi.CreateDefaultDisplayNodes()
    roi.GetDisplayNode().SetVisibility(False)
    bounds = [0.0] * 6
    a_ball.GetRASBounds(bounds)
    roi.SetCenter(*[(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)])
    roi.SetSize(2, 2, 2)
    render(context, a_ball, preset="CT-Chest-Contrast-Enhanced")
    whole = share(host)
    assert render(context, a_ball, crop_roi_id=roi.GetID()).crop_roi_id == roi.GetID()
    assert share(host) < whole / 2
    assert render(context, a_ball, crop_roi_id=None).crop_roi_id is None
    assert share(host) == pytest.approx(whole, rel=0.1)


def test_reading_makes_nothing(context, a_ball):
    """http: a read is safe."""
    revision = context.host.scene.revision
    seen = rendering.get_rendering(context, rendering.RenderingArguments(volume_id=a_ball.GetID()))
    assert (seen.display_id, seen.is_visible, seen.opacities) == (None, False, ())
    assert context.host.scene.revision == revision


def test_bad_wishes_change_nothing(context, a_ball, scene, monkeypatch):
    """issue:#3: a clear host.feature_missing where there are no presets."""
    line = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "line")
    revision = context.host.scene.revision
    for arguments, error, word in (
        ({"preset": "CT-Nothing"}, ArgumentInvalidError, "CT-Bone"),
        ({"value_range": (2.0, 1.0)}, ArgumentInvalidError, "above"),
        ({"crop_roi_id": line.GetID()}, NodeTypeError, "ROI"),
    ):
        with pytest.raises(error, match=word):
            render(context, a_ball, **arguments)
    assert context.host.scene.revision == revision
    monkeypatch.setattr(rendering, "PROPERTY", "vtkMRMLNothing")
    with pytest.raises(FeatureMissingError):
        rendering.list_presets(context, rendering.PageArguments())


def test_8_bit_volume_is_rendered_too(context, host, make_volume):
    """slicer: the logic copies the preset US-Fetal unchecked."""
    volume = make_volume(np.full((8, 9, 10), 200, np.uint8), "bytes")
    assert render(context, volume).preset == "US-Fetal"
    assert share(host) > 0.05
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLVolumeRenderingDisplayNode") is not None
