"""Views as a client sees them: arranged, aimed, filled, drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import vtk
from vtk.util.numpy_support import vtk_to_numpy

VOLUME_SHAPE = (12, 30, 40)


def nrrd(array, directions, origin):
    sizes = " ".join(str(size) for size in array.shape[::-1])
    columns = " ".join("(" + ",".join(f"{value}" for value in column) + ")" for column in directions)
    head = (
        f"NRRD0005\ntype: int16\ndimension: 3\nspace: right-anterior-superior\nsizes: {sizes}\n"
        f"space directions: {columns}\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
        f"space origin: ({origin[0]},{origin[1]},{origin[2]})\n\n"
    )
    return head.encode() + array.astype("<i2").tobytes()


@pytest.fixture
def a_volume_id(a_bridge):
    """A bright box in a dark volume: anisotropic, rotated, off the origin."""
    array = np.zeros(VOLUME_SHAPE, np.int16)
    array[3:9, 8:22, 10:30] = 900
    body = nrrd(array, [(1.0, 0.3, 0), (-0.45, 1.5, 0), (0, 0, 3)], (15, -20, 40))
    return a_bridge.post_bytes("/volumes", body, name="box").expect().json()["id"]


def segment(client, volume_id, **more):
    threshold = {"minimum": 500, "maximum": 1000}
    client.post("/segmentations", {"source_volume_id": volume_id, "threshold": threshold, **more}).expect()


@pytest.fixture(autouse=True)
def four_up(a_bridge):
    yield
    a_bridge.request("PUT", "/views/layout", json_body={"layout": "FourUpView"}).expect()


def pixels(client, path, folder, **query):
    file = folder / "picture.png"
    file.write_bytes(client.get(path, **query).expect().body)
    reader = vtk.vtkPNGReader()
    reader.SetFileName(str(file))
    reader.Update()
    width, height, _ = reader.GetOutput().GetDimensions()
    return vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars()).reshape(height, width, 3)[::-1]


def put(client, path, **body):
    return client.request("PUT", path, json_body=body)


def test_layout_is_changed_and_a_wrong_one_names_those_there_are(a_bridge):
    """issue:#3: PUT /views/layout."""
    answer = put(a_bridge, "/views/layout", layout="OneUpRedSliceView").expect().json()
    assert (answer["layout"], answer["slices"], answer["threed"]) == ("OneUpRedSliceView", ["Red"], [])
    assert a_bridge.get("/scene").json()["layout"] == "OneUpRedSliceView"
    wrong = put(a_bridge, "/views/layout", layout="NoSuchView")
    assert wrong.code == "argument.invalid"
    assert "FourUpView" in wrong.json()["detail"]


def test_camera_is_set_and_read_back(a_bridge):
    """issue:#3: camera beyond the cardinal axes."""
    wanted = {"position_ras": [100, 200, 300], "focal_point_ras": [1, 2, 3], "view_up_ras": [0, 0, 5]}
    put(a_bridge, "/views/3d/1/camera", **wanted, view_angle_deg=25).expect()
    camera = a_bridge.get("/views/3d/1/camera").expect().json()
    assert camera["position_ras"] == pytest.approx([100, 200, 300])
    assert camera["focal_point_ras"] == pytest.approx([1, 2, 3])
    assert camera["view_angle_deg"] == pytest.approx(25)
    direction = np.subtract(camera["focal_point_ras"], camera["position_ras"])
    assert np.dot(camera["view_up_ras"], direction) == pytest.approx(0, abs=1e-9)
    assert camera["view_up_ras"][2] > 0
    put(a_bridge, "/views/3d/1/camera", parallel_scale_mm=50).expect()
    camera = a_bridge.get("/views/3d/1/camera").json()
    assert (camera["is_parallel"], camera["parallel_scale_mm"]) == (True, pytest.approx(50))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"position_ras": [1, 2, 3], "focal_point_ras": [1, 2, 3]}, "/position_ras"),
        ({"position_ras": [0, 0, 9], "focal_point_ras": [0, 0, 0], "view_up_ras": [0, 0, 1]}, "/view_up_ras"),
        ({"view_angle_deg": 30, "parallel_scale_mm": 10}, "/parallel_scale_mm"),
    ],
)
def test_impossible_camera_is_refused_and_nothing_moves(a_bridge, body, field):
    """house: all given changes or none."""
    before = a_bridge.get("/views/3d/1/camera").json()
    refused = put(a_bridge, "/views/3d/1/camera", **body)
    assert refused.code == "argument.invalid"
    assert refused.json()["errors"][0]["pointer"] == field
    after = a_bridge.get("/views/3d/1/camera").json()
    assert after["position_ras"] == before["position_ras"]


def test_slice_view_shows_what_it_is_told(a_bridge, a_volume_id):
    """issue:#3: slice control."""
    answer = a_bridge.patch(
        "/views/slices/Green",
        {"orientation": "Sagittal", "offset_mm": 17.25, "background": a_volume_id, "field_of_view_mm": 120},
    ).expect()
    state = answer.json()
    assert (state["orientation"], state["background_volume_id"]) == ("Sagittal", a_volume_id)
    assert state["offset_mm"] == pytest.approx(17.25)
    assert state["field_of_view_mm"][0] == pytest.approx(120)
    cleared = (
        a_bridge.patch("/views/slices/Green", {"background": None, "orientation": "Coronal"}).expect().json()
    )
    assert cleared["background_volume_id"] is None


def test_center_brings_all_slices_through_the_point(a_bridge, a_volume_id):
    """issue:#3: center on a RAS point."""
    for name, plane in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
        a_bridge.patch(f"/views/slices/{name}", {"orientation": plane, "background": a_volume_id}).expect()
    a_bridge.post("/views/center", {"position_ras": [21.5, -3.25, 61.75], "include_3d": True}).expect()
    offsets = {view["name"]: view["offset_mm"] for view in a_bridge.get("/views").json()["slices"]}
    assert offsets["Red"] == pytest.approx(61.75)
    assert offsets["Yellow"] == pytest.approx(-21.5)  # the sagittal normal points to the left
    assert offsets["Green"] == pytest.approx(-3.25)
    assert a_bridge.get("/views/3d/1/camera").json()["focal_point_ras"] == pytest.approx([21.5, -3.25, 61.75])


def test_fit_shows_the_whole_volume_again(a_bridge, a_volume_id):
    """issue:#3: fit."""
    a_bridge.patch("/views/slices/Red", {"orientation": "Axial", "background": a_volume_id}).expect()
    a_bridge.patch("/views/slices/Red", {"field_of_view_mm": 2.0, "offset_mm": 58}).expect()
    assert a_bridge.post("/views/fit", {"names": ["Red", "1"]}).expect().json()["threed"] == ["1"]
    state = a_bridge.patch("/views/slices/Red", {}).json()
    assert min(state["field_of_view_mm"]) > 35
    assert a_bridge.post("/views/fit", {"names": ["Red", "Nowhere"]}).code == "argument.invalid"


def test_segmentation_and_markups_lie_over_the_slice(a_bridge, a_volume_id):
    """issue:#3: segmentation and markups overlays visible."""
    query = {
        "background": a_volume_id,
        "orientation": "Axial",
        "offset_mm": 55.0,
        "width": 128,
        "height": 128,
    }
    plain = a_bridge.get("/views/slices/Red/image", **query).expect().body
    segment(a_bridge, a_volume_id)
    with_segment = a_bridge.get("/views/slices/Red/image", **query).expect().body
    assert with_segment != plain
    a_bridge.post("/markups", {"type": "line", "points_ras": [[20, -10, 55], [40, 10, 55]]}).expect()
    assert a_bridge.get("/views/slices/Red/image", **query).expect().body != with_segment


def test_screenshot_has_every_view_of_the_layout_and_changes_nothing(a_bridge, a_volume_id, tmp_path):
    """issue:#3: screenshot; a read restores what it changed."""
    for name in ("Red", "Yellow", "Green"):
        a_bridge.patch(f"/views/slices/{name}", {"background": a_volume_id}).expect()
    a_bridge.post("/views/fit", {}).expect()
    before = a_bridge.get("/views").json()
    picture = pixels(a_bridge, "/views/screenshot", tmp_path, width=400, height=300)
    assert picture.shape[:2] == (300, 400)
    for row in (0, 150):
        assert picture[row : row + 150].std() > 1
    assert a_bridge.get("/views").json() == before


def test_screenshot_of_nothing_says_so(a_bridge):
    """issue:#2: blank pictures are never returned silently."""
    put(a_bridge, "/views/layout", layout="OneUpRedSliceView").expect()
    for name in ("Red",):
        a_bridge.patch(
            f"/views/slices/{name}", {"background": None, "foreground": None, "label": None}
        ).expect()
    assert a_bridge.get("/views/screenshot").code == "view.blank_picture"
    assert a_bridge.get("/views/screenshot", accept_blank="true").is_success


def test_gltf_without_surface_says_so(a_bridge):
    """issue:#3."""
    assert a_bridge.get("/views/3d/1/gltf").code == "view.blank_picture"


def test_gltf_has_the_surface_in_ras_millimeters(a_bridge, a_volume_id):
    """issue:#3: GET /views/3d/{name}/gltf."""
    segment(a_bridge, a_volume_id, show_3d=True)
    document = json.loads(a_bridge.get("/views/3d/1/gltf").expect().body)
    assert document["asset"]["version"] == "2.0"
    corners = [
        accessor for accessor in document["accessors"] if accessor["type"] == "VEC3" and "min" in accessor
    ]
    assert corners
    middle = np.mean([(np.add(one["min"], one["max"])) / 2 for one in corners if one["max"][2] > 40], axis=0)
    assert middle[2] == pytest.approx(40 + 3 * 5.5, abs=3)
