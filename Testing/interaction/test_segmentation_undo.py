"""Undo of every step on segmentations over HTTP: voxels, names, colors, codes and surfaces as before."""

from __future__ import annotations

import io

import numpy as np
import pytest

WAIT = {"Prefer": "wait=60"}
CODES = {
    "category": {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"},
    "type": {"scheme": "SCT", "value": "39607008", "meaning": "Lung"},
}


def npy(array):
    """The bytes of an NPY file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture
def scene(a_bridge):
    """A volume and a segmentation with two segments that overlap and one apart, hidden; client, volume, path, ids."""
    k, j, i = np.mgrid[0:12, 0:14, 0:16]
    values = (100 * ((k - 5) ** 2 + (j - 6) ** 2 + (i - 7) ** 2 < 16)).astype(np.int16)
    volume = a_bridge.post_bytes("/volumes", npy(values), spacing_mm=(0.8, 1.1, 2.5)).expect(201).json()["id"]
    layers = np.zeros((12, 14, 16, 2), np.uint8)
    layers[5, 6, 7, 0], layers[0:2, 0:3, :, 0], layers[4:8, 4:9, 5:9, 1] = 1, 2, 1
    made = a_bridge.post_bytes("/segmentations/labelmap", npy(layers), source_volume_id=volume).expect(201)
    where = f"/segmentations/{made.json()['id']}"
    ids = [segment["id"] for segment in made.json()["segments"]]
    a_bridge.patch(f"{where}/segments/{ids[1]}", {"is_visible": False, "status": "flagged"}).expect(200)
    return a_bridge, volume, where, ids


def state(client, where):
    """Everything that a client can see of a segmentation."""
    described = client.get(where).expect(200).json()
    described.pop("scene_revision")
    labels = client.get(f"{where}/labelmap", layers=True, format="npy").expect(200).body
    return described, labels


STEPS = {
    "seeds": lambda client, volume, where, ids: client.post(
        f"{where}/edit",
        {"effect": "grow_from_seeds", "volume_id": volume, "segment_ids": ids[:2]},
        headers=WAIT,
    ),
    "all seeds": lambda client, volume, where, ids: client.post(
        f"{where}/edit", {"effect": "grow_from_seeds", "volume_id": volume}, headers=WAIT
    ),
    "islands": lambda client, volume, where, ids: client.post(
        f"{where}/edit", {"effect": "invert", "segment_id": ids[0], "others": "cut"}, headers=WAIT
    ),
    "joint": lambda client, volume, where, ids: client.post(
        f"{where}/edit", {"effect": "joint_smooth", "smoothing_factor": 0.9}, headers=WAIT
    ),
    "bytes": lambda client, volume, where, ids: client.put_bytes(
        f"{where}/labelmap", npy(np.ones((12, 14, 16), np.uint8))
    ),
    "segment bytes": lambda client, volume, where, ids: client.put_bytes(
        f"{where}/segments/{ids[2]}/labelmap", npy(np.ones((12, 14, 16), np.uint8))
    ),
    "remove": lambda client, volume, where, ids: client.delete(f"{where}/segments/{ids[1]}"),
    "codes": lambda client, volume, where, ids: client.patch(
        f"{where}/segments/{ids[1]}", {"terminology": CODES, "name": "lung", "color": [1, 0, 0]}
    ),
    "add": lambda client, volume, where, ids: client.post(f"{where}/segments", {"name": "new"}),
    "surface": lambda client, volume, where, ids: client.post(f"{where}/surface", {}, headers=WAIT),
}


@pytest.mark.parametrize("step", list(STEPS))
def test_undo_brings_everything_back(scene, step):
    """issue:#3: masks and undo included; undo restores exactly."""
    client, volume, where, ids = scene
    before = state(client, where)
    STEPS[step](client, volume, where, ids).expect()
    assert state(client, where) != before, "the step did something"
    client.post("/scene/undo", {}).expect(200)
    assert state(client, where) == before
    STEPS[step](client, volume, where, ids).expect()
    client.post("/scene/undo", {}).expect(200)
    assert state(client, where) == before, "and again"


def test_undo_of_a_new_segmentation_removes_it(scene):
    """issue:#3."""
    client, volume, _, _ = scene
    body = {"engine": "threshold", "source_volume_id": volume, "parameters": {"method": "otsu"}}
    client.post("/segmentations/run", body, headers=WAIT).expect(201)
    assert client.get("/segmentations").json()["total"] == 2
    client.post("/scene/undo", {}).expect(200)
    assert client.get("/segmentations").json()["total"] == 1


def test_surface_from_a_file_is_exported_voxelized_measured_and_brought_back(a_bridge, work_folder):
    """issue:#3: an STL file loaded as a segmentation needs no code."""
    ball = {"shape": {"kind": "sphere", "radius_mm": 20, "resolution": 96}, "center_ras": [10, -20, 30]}
    model = a_bridge.post("/models", ball).expect(201).json()["id"]
    path = work_folder / "ball.stl"
    path.write_bytes(a_bridge.get(f"/models/{model}/data").expect(200).body)
    loaded = a_bridge.call("files.load", path=str(path), type="segmentation")["nodes"][0]["id"]
    where = f"/segmentations/{loaded}"
    exported = a_bridge.call("segmentations.export", segmentation_id=loaded, target="models")["nodes"]
    volume_ml = a_bridge.get(f"/models/{exported[0]['id']}/measurements").expect(200).json()["volume_ml"]
    refused = a_bridge.post(f"{where}/statistics", {}, headers=WAIT).expect(409).json()
    assert "segmentations.create_labelmap" in refused["detail"]
    before = a_bridge.get(where).expect(200).json()
    a_bridge.post(f"{where}/labelmap", {"spacing_mm": 1}, headers=WAIT).expect(200)
    (segment,) = a_bridge.call("segmentations.statistics", segmentation_id=loaded)["segments"]
    assert segment["volume_ml"] == pytest.approx(volume_ml, rel=0.01)
    assert segment["centroid_ras"] == pytest.approx([10, -20, 30], abs=0.05)
    a_bridge.post("/scene/undo", {}).expect(200)
    after = a_bridge.get(where).expect(200).json()
    assert {**after, "scene_revision": 0} == {**before, "scene_revision": 0}
