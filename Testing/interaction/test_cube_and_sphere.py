"""What a user of today's bridges tries first, in a few calls and without code.

A translucent green cube of 8 cm, its vertices marked, and a red sphere inscribed in it.
"""

from __future__ import annotations

import io
import itertools
import math

import numpy as np
import pytest
from PIL import Image

CUBE = {"shape": {"kind": "cube", "size_mm": 80}, "color": [0, 1, 0], "opacity": 0.3, "name": "Cube"}
SPHERE = {"shape": {"kind": "sphere", "radius_mm": 40}, "color": [1, 0, 0], "name": "Sphere"}
VERTICES = [list(vertex) for vertex in itertools.product((-40, 40), repeat=3)]
SIZE_PX = 512
CAMERA = {
    "position_ras": "0,400,0",
    "focal_point_ras": "0,0,0",
    "view_up_ras": "0,0,1",
    "view_angle_deg": 30,
    "fit": "false",
    "width": SIZE_PX,
    "height": SIZE_PX,
}


def picture(bridge):
    answer = bridge.get("/views/3d/1/image", **CAMERA).expect()
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB")).astype(int)


def pixel_of(position):
    """Where the camera sees a position: it looks from anterior, so the patient's right is at the left."""
    right, anterior, superior = position
    scale = SIZE_PX / 2 / math.tan(math.radians(15)) / (400 - anterior)
    return SIZE_PX / 2 - right * scale, SIZE_PX / 2 - superior * scale


def draw(bridge):
    cube = bridge.post("/models", CUBE).expect(201).json()
    sphere = bridge.post("/models", SPHERE).expect(201).json()
    marks = {"type": "fiducial", "points_ras": VERTICES, "name": "V", "color": [1, 1, 0]}
    return cube, sphere, bridge.post("/markups", marks).expect(201).json()


def test_sphere_touches_the_six_faces_of_the_cube(a_bridge):
    """issue:#3: every number against its closed form."""
    cube, sphere, marks = draw(a_bridge)
    assert cube["bounds_ras"] == pytest.approx([-40, 40] * 3)
    assert sphere["bounds_ras"] == pytest.approx([-40, 40] * 3, abs=0.1)
    assert (cube["opacity"], cube["color"], sphere["color"]) == (0.3, [0, 1, 0], [1, 0, 0])
    assert marks["control_point_count"] == 8
    measured = a_bridge.get(f"/models/{cube['id']}/measurements").expect().json()
    assert measured["volume_ml"] == pytest.approx(512)
    assert measured["area_mm2"] == pytest.approx(38400)
    ball = a_bridge.get(f"/models/{sphere['id']}/measurements").expect().json()
    assert ball["volume_ml"] == pytest.approx(4 / 3 * math.pi * 64, rel=0.01)


def test_picture_shows_red_inside_translucent_green_and_a_mark_at_each_vertex(a_bridge):
    """issue:#3: looked at, pixel by pixel."""
    _, _, marks = draw(a_bridge)
    with_marks = picture(a_bridge)
    center = with_marks[SIZE_PX // 2, SIZE_PX // 2]
    assert center[0] > 1.5 * center[2], center
    x, y = (round(value) for value in pixel_of((37, 40, 20)))
    corner, outside = with_marks[y, x], with_marks[y, 20]
    assert corner[1] > corner[0] + 15, corner
    assert corner[1] > corner[2], corner
    assert np.abs(corner - outside).max() > 15
    a_bridge.patch(f"/markups/{marks['id']}", {"is_visible": False}).expect()
    changed = np.abs(with_marks - picture(a_bridge)).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    for vertex in VERTICES:
        x, y = pixel_of(vertex)
        assert np.hypot(columns - x, rows - y).min() < 6, vertex
    places = np.array([pixel_of(vertex) for vertex in VERTICES])
    distances = np.hypot(columns[:, None] - places[:, 0], rows[:, None] - places[:, 1]).min(axis=1)
    assert distances.max() < 60


def test_other_viewers_see_the_cube_translucent_and_the_sphere_not(a_bridge):
    """issue:#3: glTF 2.0, section 3.9.4: opacity counts where the material is blended."""
    draw(a_bridge)
    scene = a_bridge.get("/views/3d/1/gltf").expect().json()
    colors = {
        tuple(material["pbrMetallicRoughness"]["baseColorFactor"]): material.get("alphaMode", "OPAQUE")
        for material in scene["materials"]
    }
    assert (colors[0, 1, 0, 0.3], colors[1, 0, 0, 1]) == ("BLEND", "OPAQUE")


def test_sphere_cut_out_of_the_cube_leaves_the_corners(a_bridge):
    """issue:#3: a process of its own, waited for."""
    cube = a_bridge.post("/models", CUBE).expect(201).json()
    ball = {"shape": {"kind": "sphere", "radius_mm": 50}, "center_ras": [0.3, 0.2, 0.1]}
    sphere = a_bridge.post("/models", ball).expect(201).json()
    left = a_bridge.call("models.boolean", model_id=cube["id"], other_id=sphere["id"], mode="difference")
    measured = a_bridge.get(f"/models/{left['id']}/measurements").expect().json()
    cap = math.pi * 10**2 * (3 * 50 - 10) / 3
    rest = 512_000 - (4 / 3 * math.pi * 50**3 - 6 * cap)
    assert measured["is_closed"]
    assert measured["volume_mm3"] == pytest.approx(rest, rel=0.05)
    mesh = a_bridge.get(f"/models/{left['id']}/data", format="stl").expect()
    back = a_bridge.post_bytes("/models/import", mesh.body, format="stl", name="Back").expect(201).json()
    again = a_bridge.get(f"/models/{back['id']}/measurements").expect().json()
    assert again["volume_ml"] == pytest.approx(measured["volume_ml"], rel=1e-3)
