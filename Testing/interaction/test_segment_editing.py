"""A segmentation made and edited over HTTP, every answer checked against NumPy."""

from __future__ import annotations

import io

import numpy as np

SPACING_IJK = (0.8, 1.1, 2.5)


def npy(array):
    """The bytes of an NPY file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def a_volume(client):
    """Upload a box with a hole and a speck; give the id and the voxels."""
    array = np.zeros((10, 12, 14), np.int16)
    array[2:7, 2:9, 3:11] = array[9, 11, 13] = 100
    array[4, 5, 6] = 0
    answer = client.post_bytes("/volumes", npy(array), name="box", spacing_mm=SPACING_IJK).expect(201)
    return answer.json()["id"], array


def labels(client, segmentation):
    """Read all segments as one labelmap."""
    answer = client.get(f"/segmentations/{segmentation}/labelmap", format="npy").expect(200)
    return np.load(io.BytesIO(answer.body))


def test_segment_is_cleaned_measured_and_removed(a_bridge):
    """issue:#3: threshold, islands, holes, statistics, without code."""
    volume, array = a_volume(a_bridge)
    wanted = {"source_volume_id": volume, "threshold": {"minimum": 50, "maximum": 200}}
    made = a_bridge.post("/segmentations", wanted).expect(201).json()
    where, segment = f"/segmentations/{made['id']}", made["segments"][0]["id"]
    for effect in ("keep_largest", "fill_holes"):
        edit = {"segment_id": segment, "effect": effect}
        a_bridge.post(f"{where}/edit", edit, headers={"Prefer": "wait=20"}).expect(200)
    expected = np.zeros(array.shape, bool)
    expected[2:7, 2:9, 3:11] = True
    assert np.array_equal(labels(a_bridge, made["id"]) == 1, expected)
    (measured,) = a_bridge.post(f"{where}/statistics", {"volume_id": volume}).expect(200).json()["segments"]
    assert measured["voxel_count"] == expected.sum()
    assert np.isclose(measured["intensity"]["mean"], array[expected].mean())
    renamed = a_bridge.patch(f"{where}/segments/{segment}", {"name": "Box", "color": [1, 0, 0]}).expect(200)
    assert renamed.json()["segments"][0]["name"] == "Box"
    removed = a_bridge.delete(f"{where}/segments/{segment}").expect(200)
    assert removed.json()["segment_count"] == 0


def test_volume_is_windowed_cropped_and_compared(a_bridge):
    """issue:#3; a geometry that differs is a conflict with both geometries."""
    volume, array = a_volume(a_bridge)
    shown = a_bridge.patch(f"/volumes/{volume}", {"window_width": 80, "window_level": 60}).expect(200)
    assert shown.json()["display"]["window_width"] == 80
    crop = {"region": [1, 5, 2, 6, 3, 9]}
    part = a_bridge.post(f"/volumes/{volume}/crop", crop).expect(201).json()["id"]
    got = np.load(io.BytesIO(a_bridge.get(f"/volumes/{part}/data", format="npy").expect(200).body))
    assert np.array_equal(got, array[3:9, 2:6, 1:5])
    other = {"operator": "subtract", "other_volume_id": part}
    refused = a_bridge.post(f"/volumes/{volume}/math", other).expect(409).json()
    assert refused["code"] == "scene.geometry_mismatch"
    assert refused["first_geometry"]["dimensions_ijk"] == [14, 12, 10]
    assert refused["second_geometry"]["dimensions_ijk"] == [4, 4, 6]
