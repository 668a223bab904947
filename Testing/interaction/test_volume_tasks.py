"""Volumes over HTTP, as a client without code uses them: on a real lung CT and a real brain MR, checked independently.

The files are read here a second time, by a few lines of NumPy, and every answer is compared with those.
"""

from __future__ import annotations

import gzip
import io
import json
import re

import numpy as np
import pytest

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_nrrd(path):
    """Voxels (k, j, i) and the matrix from indices to RAS of a gzip-packed NRRD file in LPS."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(re.findall(r"^([a-z ]+): (.*)$", head.decode(), re.MULTILINE))
    sizes = [int(size) for size in fields["sizes"].split()]
    matrix = np.eye(4)
    for axis, text in enumerate(re.findall(r"\(([^)]*)\)", fields["space directions"])):
        matrix[:3, axis] = [float(part) for part in text.split(",")]
    matrix[:3, 3] = [float(part) for part in fields["space origin"].strip("()").split(",")]
    array = np.frombuffer(gzip.decompress(body), "<i2").reshape(sizes[::-1])
    return array, RAS @ matrix


def trilinear(array, ijk):
    """Values between the eight neighbors; every index must have all of them."""
    low = np.floor(ijk).astype(int)
    part, total = ijk - low, np.zeros(len(ijk))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        i, j, k = (low + corner).T
        total += weight * array[k, j, i]
    return total


def voxels(bridge, volume_id):
    """Voxels and matrix to RAS of a volume, as the bridge sends them."""
    answer = bridge.get(f"/volumes/{volume_id}/data", format="npy").expect()
    facts = json.loads(answer.headers["x-agentbridge-content"])
    return np.load(io.BytesIO(answer.body)), np.array(facts["ijk_to_ras"])


def test_lung_ct_is_resampled_thresholded_counted_and_sampled(a_bridge, a_lung_ct_file):
    """issue:#3 - a task on real data, every step compared with NumPy."""
    source, to_ras = read_nrrd(a_lung_ct_file)
    loaded = a_bridge.post("/files/load", {"path": str(a_lung_ct_file)}).expect(201).json()
    ct = loaded["nodes"][0]["id"]
    described = a_bridge.get(f"/volumes/{ct}").expect().json()
    assert np.allclose(described["ijk_to_ras"], to_ras, atol=1e-6)
    assert (described["scalar_minimum"], described["scalar_maximum"]) == (source.min(), source.max())

    made = a_bridge.call("volumes.resample", volume_id=ct, spacing_mm=[2, 2, 2], name="CT 2 mm")
    assert made["scalar_type"] == "int16"
    assert (made["dimensions_ijk"], made["spacing_mm"]) == ([146, 146, 120], [2, 2, 2])
    assert [text for text in made["warnings"] if "3.5 times" in text]
    small, small_to_ras = voxels(a_bridge, made["id"])
    rng = np.random.default_rng(3)
    chosen = rng.integers([1, 1, 2], [145, 145, 118], (500, 3))
    places = chosen @ small_to_ras[:3, :3].T + small_to_ras[:3, 3]
    in_source = (places - to_ras[:3, 3]) @ np.linalg.inv(to_ras[:3, :3]).T
    i, j, k = chosen.T
    assert np.abs(small[k, j, i] - trilinear(source, in_source)).max() <= 0.51

    air = a_bridge.call(
        "volumes.threshold", volume_id=made["id"], minimum=-2000, maximum=-400, type="labelmap"
    )
    assert (air["class_name"], air["scalar_type"]) == ("vtkMRMLLabelMapVolumeNode", "uint8")
    labels, _ = voxels(a_bridge, air["id"])
    assert np.array_equal(labels, small <= -400)

    counted = a_bridge.get(f"/volumes/{made['id']}/histogram", bins=64, minimum=-1024, maximum=1024).expect()
    assert counted.json()["counts"] == np.histogram(small, 64, (-1024, 1024))[0].tolist()
    assert counted.json()["mean"] == pytest.approx(small.mean())

    start, end = (to_ras @ [60, 250, 24, 1])[:3], (to_ras @ [440, 260, 24, 1])[:3]
    line = {"start_ras": list(start), "end_ras": list(end), "count": 200}
    sampled = a_bridge.post(f"/volumes/{ct}/sample", {"line": line}).expect().json()
    along = np.linspace([60, 250, 24 + 1e-9], [440, 260, 24 + 1e-9], 200)
    assert np.allclose(sampled["values"], trilinear(source, along), atol=1e-3)
    assert np.allclose(sampled["points_ras"], np.linspace(start, end, 200))


def test_left_handed_brain_mr_keeps_its_voxels_when_its_bytes_are_sent(a_bridge, a_brain_mr_file):
    """issue:#3 - a real left-handed file: NRRD and NIfTI, there and back."""
    source, to_ras = read_nrrd(a_brain_mr_file)
    made = a_bridge.post_bytes("/volumes", a_brain_mr_file.read_bytes(), name="MR").expect(201).json()
    assert a_bridge.get(f"/volumes/{made['id']}").expect().json()["is_left_handed"]
    nifti = a_bridge.get(f"/volumes/{made['id']}/data", format="nii").expect()
    assert nifti.headers["content-type"] == "application/x-nifti"
    assert nifti.body[352:] == source.tobytes()
    for body in (nifti.body, gzip.compress(nifti.body, 1)):
        again = a_bridge.post_bytes("/volumes", body, name="MR again").expect(201).json()
        array, matrix = voxels(a_bridge, again["id"])
        assert np.array_equal(array, source)
        assert np.allclose(matrix, to_ras, atol=1e-4)
    array, matrix = voxels(a_bridge, made["id"])
    assert np.array_equal(array, source)
    assert np.allclose(matrix, to_ras)
    put = a_bridge.put_bytes(f"/volumes/{again['id']}/data", nifti.body, format="nii").expect().json()
    assert put["id"] == again["id"]


def test_file_of_this_bridge_is_loaded_by_slicer_at_the_same_place(a_bridge, a_brain_file, work_folder):
    """slicer: its NIfTI reader, on the MNI152 brain."""
    first = a_bridge.post("/files/load", {"path": str(a_brain_file)}).expect(201).json()["nodes"][0]["id"]
    path = work_folder / "sent.nii"
    path.write_bytes(a_bridge.get(f"/volumes/{first}/data", format="nii").expect().body)
    second = a_bridge.post("/files/load", {"path": str(path)}).expect(201).json()["nodes"][0]["id"]
    one, other = voxels(a_bridge, first), voxels(a_bridge, second)
    assert np.array_equal(one[0], other[0])
    assert np.allclose(one[1], other[1], atol=1e-4)


def test_compressed_nifti_is_loaded_by_slicer_and_taken_back(a_bridge_with_mni152, work_folder):
    """issue:#3: bit-exact both ways; slicer: its own reader says the same of type, place and voxels."""
    client, volume = a_bridge_with_mni152
    where = f"/volumes/{volume}/data"
    plain = client.get(where, format="nii").expect(200).body
    packed = client.get(where, format="nii.gz").expect(200)
    assert packed.headers["content-type"] == "application/gzip"
    assert gzip.decompress(packed.body) == plain
    path = work_folder / "packed.nii.gz"
    path.write_bytes(packed.body)
    loaded = client.post("/files/load", {"path": str(path)}).expect(201).json()["nodes"][0]["id"]
    voxels = client.get(where, format="raw").expect().body
    assert client.get(f"/volumes/{loaded}/data", format="raw").expect().body == voxels
    described, read = (client.get(f"/volumes/{one}").expect().json() for one in (volume, loaded))
    assert np.allclose(described["ijk_to_ras"], read["ijk_to_ras"], atol=1e-4)
    assert described["scalar_type"] == read["scalar_type"]
    client.put_bytes(f"/volumes/{loaded}/data", packed.body, format="nii.gz").expect()
    assert client.get(f"/volumes/{loaded}/data", format="raw").expect().body == voxels


def test_compressing_as_a_job_lets_others_through_and_stops_when_asked(a_bridge, a_lung_ct_file):
    """issue:#2: progress and cancel; the job's result is the file."""
    a_bridge.post("/files/load", {"path": str(a_lung_ct_file)}).expect()
    volume = a_bridge.get("/volumes").expect().json()["items"][0]["id"]
    asked = f"/volumes/{volume}/data"
    job = a_bridge.get(asked, format="nii.gz", headers={"Prefer": "respond-async"}).expect(202).json()
    a_bridge.get("/scene").expect()
    done = a_bridge.wait_for_job(job["id"])
    assert done["state"] == "succeeded"
    packed = a_bridge.get(f"/jobs/{job['id']}/result").expect(200).body
    assert gzip.decompress(packed) == a_bridge.get(asked, format="nii").expect().body
    other = a_bridge.get(asked, format="nii.gz", headers={"Prefer": "respond-async"}).expect(202).json()
    a_bridge.delete(f"/jobs/{other['id']}")
    assert a_bridge.wait_for_job(other["id"])["state"] == "canceled"


def test_filled_volume_is_made_by_json_and_by_name(a_bridge):
    """http: section 6 - POST /volumes takes bytes, or a JSON object."""
    body = {
        "name": "Phantom",
        "shape": [4, 5, 6],
        "spacing_mm": [1, 1, 2.5],
        "origin_ras": [10, 20, 30],
        "axes_ras": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        "scalar_type": "float32",
        "fill_value": -1000.5,
    }
    made = a_bridge.post("/volumes", body).expect(201).json()
    array, matrix = voxels(a_bridge, made["id"])
    assert (array.shape, array.dtype) == ((4, 5, 6), np.float32)
    assert (array == -1000.5).all()
    assert np.allclose(matrix, [[-1, 0, 0, 10], [0, -1, 0, 20], [0, 0, 2.5, 30], [0, 0, 0, 1]])
    named = a_bridge.call("volumes.create", shape=[2, 2, 2])
    assert named["scalar_type"] == "int16"
    part = a_bridge.post(
        "/operations/volumes.data", {"volume_id": made["id"], "format": "raw", "region": [0, 2, 0, 2, 0, 2]}
    )
    assert part.expect()
    refused = a_bridge.post("/volumes", {**body, "scalar_type": "complex64"}).expect(422)
    assert refused.json()["errors"][0]["pointer"] == "/scalar_type"
    both = a_bridge.post("/volumes", {"shape": [2, 2, 2], "content": "AAAA"}).expect(422).json()["detail"]
    assert "give either bytes, or the shape" in both
    assert "Value error" not in both
    assert a_bridge.post_bytes("/volumes", b"{}", "application/json").expect(422)
    assert a_bridge.post_bytes("/volumes", b'{"shape": [', "application/json").expect(400)
    described = (
        a_bridge.get("/openapi.json").expect().json()["paths"]["/agent/v1/volumes"]["post"]["requestBody"]
    )
    assert set(described["content"]) == {"application/octet-stream", "application/json"}


def test_roi_crops_whole_voxels_and_interpolated_ones(a_bridge, a_lung_ct_file):
    """issue:#3 - crop with a ROI that is turned, over HTTP."""
    source, to_ras = read_nrrd(a_lung_ct_file)
    ct = a_bridge.post("/files/load", {"path": str(a_lung_ct_file)}).expect(201).json()["nodes"][0]["id"]
    center = (to_ras @ [256, 256, 24, 1])[:3]
    box = {"type": "roi", "center_ras": list(center), "size_mm": [60, 50, 40]}
    roi = a_bridge.post("/markups", box).expect(201).json()["id"]
    turn = {"rotation": {"axis_ras": [0, 0, 1], "angle_deg": 30, "center_ras": list(center)}}
    a_bridge.post("/transforms", {**turn, "apply_to_ids": [roi]}).expect(201)
    whole = a_bridge.post(f"/volumes/{ct}/crop", {"roi_id": roi}).expect(201).json()
    array, matrix = voxels(a_bridge, whole["id"])
    first = np.round((matrix[:3, 3] - to_ras[:3, 3]) @ np.linalg.inv(to_ras[:3, :3]).T).astype(int)
    k, j, i = array.shape
    assert np.array_equal(
        array, source[first[2] : first[2] + k, first[1] : first[1] + j, first[0] : first[0] + i]
    )
    body = {"roi_id": roi, "mode": "interpolated", "spacing_mm": [1, 1, 1]}
    fine = a_bridge.post(f"/volumes/{ct}/crop", body).expect(201).json()
    assert fine["dimensions_ijk"] == [60, 50, 40]
    array, matrix = voxels(a_bridge, fine["id"])
    assert np.allclose(matrix[:3, 0], [np.cos(np.pi / 6), np.sin(np.pi / 6), 0])
    ijk = np.stack(np.meshgrid(np.arange(60), np.arange(50), np.arange(40), indexing="ij"), -1).reshape(-1, 3)
    places = ijk @ matrix[:3, :3].T + matrix[:3, 3]
    expected = trilinear(source, (places - to_ras[:3, 3]) @ np.linalg.inv(to_ras[:3, :3]).T)
    found = array[ijk[:, 2], ijk[:, 1], ijk[:, 0]]
    assert np.abs(found - expected).max() <= 0.51
    away = {"bounds_ras": [5000, 5010, 0, 10, 0, 10]}
    assert a_bridge.post(f"/volumes/{ct}/crop", away).expect(409).code == "scene.geometry_mismatch"


def test_long_resampling_lets_others_through_and_stops_when_asked(a_bridge, a_lung_ct_file):
    """issue:#3 - a job that keeps the event loop responsive, and can be canceled."""
    ct = a_bridge.post("/files/load", {"path": str(a_lung_ct_file)}).expect(201).json()["nodes"][0]["id"]
    arguments = {"volume_id": ct, "spacing_mm": [0.6, 0.6, 0.6], "interpolation": "sinc"}
    job = a_bridge.start_job("volumes.resample", **arguments)
    fractions = []
    while len(fractions) < 5:
        now = a_bridge.get(f"/jobs/{job['id']}", wait=5).expect().json()
        assert now["state"] == "running", now
        assert a_bridge.get("/volumes").expect().json()["total"] == 1
        fractions.append(now["progress"]["fraction"])
    assert fractions == sorted(fractions)
    assert now["cancelable"]
    a_bridge.delete(f"/jobs/{job['id']}").expect(202)
    assert a_bridge.wait_for_job(job["id"])["state"] == "canceled"
    assert a_bridge.get("/volumes").expect().json()["total"] == 1


def test_volumes_are_taken_to_the_voxels_of_another(a_bridge, a_brain_file, a_brain_mr_file):
    """issue:#3 - resample to a reference: MNI152 on the grid of a patient's MR."""
    moving = a_bridge.post("/files/load", {"path": str(a_brain_file)}).expect(201).json()["nodes"][0]["id"]
    fixed = a_bridge.post_bytes("/volumes", a_brain_mr_file.read_bytes()).expect(201).json()["id"]
    refused = a_bridge.post(f"/volumes/{fixed}/math", {"operator": "subtract", "other_volume_id": moving})
    assert refused.expect(409).code == "scene.geometry_mismatch"
    made = a_bridge.call("volumes.resample", volume_id=moving, reference_id=fixed)
    assert made["dimensions_ijk"] == [256, 256, 25]
    source, to_ras = voxels(a_bridge, moving)
    array, matrix = voxels(a_bridge, made["id"])
    rng = np.random.default_rng(5)
    chosen = rng.integers(0, [256, 256, 25], (2000, 3))
    places = chosen @ matrix[:3, :3].T + matrix[:3, 3]
    ijk = (places - to_ras[:3, 3]) @ np.linalg.inv(to_ras[:3, :3]).T
    inside = ((ijk > 0) & (ijk < np.array(source.shape[::-1]) - 1.001)).all(axis=1)
    assert inside.sum() > 500
    i, j, k = chosen[inside].T
    tolerance = 0.51 if array.dtype.kind in "iu" else 1e-3 * np.ptp(source)
    assert np.abs(array[k, j, i] - trilinear(source, ijk[inside])).max() <= tolerance
    a_bridge.call("volumes.math", volume_id=fixed, operator="subtract", other_volume_id=made["id"])
