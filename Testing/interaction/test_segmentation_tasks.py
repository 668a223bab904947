"""Tasks with segmentations over HTTP, on a real lung CT, checked against NumPy and the label map that it has."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

WAIT = {"Prefer": "wait=60"}


def dice(one, two):
    """Overlap of two masks, 1 for equal ones."""
    return 2 * np.count_nonzero(one & two) / (np.count_nonzero(one) + np.count_nonzero(two))


def array_of(answer):
    """The array of an NPY answer."""
    return np.load(io.BytesIO(answer.expect(200).body))


def facts(answer):
    """What the answer says about its bytes."""
    return json.loads(answer.headers["x-agentbridge-content"])


def mask_of(client, segmentation, segment):
    """Read one segment."""
    path = f"/segmentations/{segmentation}/segments/{segment}/labelmap"
    return array_of(client.get(path, format="npy")) != 0


def edit(client, segmentation, effect, **arguments):
    """Edit and wait."""
    body = {"effect": effect, **arguments}
    return client.post(f"/segmentations/{segmentation}/edit", body, headers=WAIT).expect(200).json()


@pytest.fixture
def a_lung(a_bridge, a_lung_ct_file, a_lung_ct_label_file):
    """Load the lung CT and its label map of a tumor; gives client, volume, labelmap."""
    ids = []
    for path, kind in ((a_lung_ct_file, "volume"), (a_lung_ct_label_file, "labelmap")):
        loaded = a_bridge.post("/files/load", {"path": str(path), "type": kind}).expect(201).json()
        ids.append(loaded["nodes"][0]["id"])
    return (a_bridge, *ids)


def wait_for_process(client, job):
    """Wait until a job's work is done in a process of its own."""
    while True:
        state = client.get(f"/jobs/{job['id']}", wait=5).expect(200).json()
        assert state["state"] in {"queued", "running"}, state
        if "process" in state["progress"]["message"]:
            return


def stl(body):
    """Corners of the triangles of binary STL bytes, shape (n, 3, 3)."""
    (count,) = struct.unpack("<I", body[80:84])
    records = np.frombuffer(body, np.dtype([("f", "<f4", 12), ("a", "<u2")]), count, 84)
    return records["f"].reshape(count, 4, 3)[:, 1:].astype(float)


def test_tumor_is_grown_from_seeds_measured_exported_and_seen(a_lung):
    """issue:#3: a real task: seeds, growth, statistics against the given label map, model, surface, picture."""
    client, volume, labelmap = a_lung
    given = client.post("/segmentations", {"labelmap_id": labelmap}, headers=WAIT).expect(201).json()
    truth = mask_of(client, given["id"], given["segments"][0]["id"])
    body = {"volume_id": volume, "surface": "always"}
    answer = client.post(f"/segmentations/{given['id']}/statistics", body, headers=WAIT).expect(200).json()
    (reference,) = answer["segments"]
    center = reference["centroid_ras"]

    made = client.post("/segmentations", {"source_volume_id": volume}, headers=WAIT).expect(201).json()
    where = f"/segmentations/{made['id']}"
    for name in ("tumor", "around"):
        added = client.post(f"{where}/segments", {"name": name}).expect(201).json()
    tumor, around = (segment["id"] for segment in added["segments"])
    edit(client, made["id"], "paint", segment_id=tumor, positions_ras=[center], radius_mm=4)
    edit(client, made["id"], "paint", segment_id=around, positions_ras=[center], radius_mm=15)
    edit(client, made["id"], "erase", segment_id=around, positions_ras=[center], radius_mm=11)
    grown = edit(client, made["id"], "grow_from_seeds", volume_id=volume)
    assert all(change["voxel_count"] > change["voxel_count_before"] for change in grown["changes"])
    edit(client, made["id"], "fill_holes", segment_id=tumor)
    edit(client, made["id"], "keep_largest", segment_id=tumor)
    result = mask_of(client, made["id"], tumor)
    assert dice(result, truth) > 0.88

    body = {"volume_id": volume, "segment_ids": [tumor], "surface": "always"}
    (measured,) = client.post(f"{where}/statistics", body, headers=WAIT).expect(200).json()["segments"]
    assert measured["voxel_count"] == np.count_nonzero(result)
    assert measured["volume_ml"] == pytest.approx(reference["volume_ml"], rel=0.1)
    assert np.linalg.norm(np.subtract(measured["centroid_ras"], center)) < 2.0
    assert np.all(np.array(measured["oriented_bounds"]["size_mm"]) < 25)

    surfaces = client.post(f"{where}/surface", {"smoothing_factor": 0.3}, headers=WAIT).expect(200).json()
    triangle_count = {one["segment_id"]: one["triangle_count"] for one in surfaces["segments"]}
    triangles = stl(client.get(f"{where}/segments/{tumor}/surface", format="stl").expect(200).body)
    assert len(triangles) == triangle_count[tumor]
    volume_mm3 = np.einsum("ij,ij->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])) / 6
    assert volume_mm3 / 1000 == pytest.approx(measured["volume_ml"], rel=0.1)
    assert np.allclose(triangles.mean(axis=(0, 1)) * (-1, -1, 1), measured["centroid_ras"], atol=2.5)

    body = {"target": "models", "segment_ids": [tumor]}
    (model,) = client.post(f"{where}/export", body, headers=WAIT).expect(201).json()["nodes"]
    assert client.get(f"/models/{model['id']}").expect(200).json()["cell_count"] == len(triangles)
    body = {"target": "labelmap", "segment_ids": [tumor]}
    exported = client.post(f"{where}/export", body, headers=WAIT).expect(201).json()
    labels = array_of(client.get(f"/volumes/{exported['nodes'][0]['id']}/data", format="npy"))
    assert np.array_equal(labels == exported["labels"][tumor], result)

    sight = {"width": 160, "height": 120, "look_from": "anterior"}
    with_tumor = client.get("/views/3d/1/image", **sight).expect(200).body
    client.delete(f"{where}/surface").expect(200)
    client.delete(f"/nodes/{model['id']}").expect()
    assert not client.get(where).expect(200).json()["has_closed_surface"]
    assert client.get("/views/3d/1/image", **sight).body != with_tumor


def test_lung_is_found_by_threshold_and_islands_and_an_edit_is_undone_exactly(a_lung):
    """issue:#3: threshold and islands on a real CT; undo restores every voxel."""
    client, volume, _ = a_lung
    parameters = {"minimum": -1000, "maximum": -400, "minimum_voxels": 20000, "segment_name": "air"}
    body = {"engine": "threshold", "source_volume_id": volume, "parameters": parameters}
    made = client.post("/segmentations/run", body, headers=WAIT).expect(201).json()["segmentation"]
    air = made["segments"][0]["id"]
    split = edit(client, made["id"], "split_islands", segment_id=air, minimum_voxels=20000)
    ids = [change["segment_id"] for change in split["changes"]]
    masks = [mask_of(client, made["id"], one) for one in ids]
    values = array_of(client.get(f"/volumes/{volume}/data", format="npy"))
    assert not (masks[0] & masks[1]).any()
    lung = next(mask for mask in masks if not mask[:, 0].any() and not mask[:, -1].any())
    assert ((values[lung] >= -1000) & (values[lung] <= -400)).all()
    spacing = facts(client.get(f"/volumes/{volume}/data", format="raw"))["spacing_mm"]
    assert 1500 < np.count_nonzero(lung) * np.prod(spacing) / 1000 < 8000, "two lungs, in mL"
    number = next(n for n, mask in enumerate(masks) if mask is lung)
    before = mask_of(client, made["id"], ids[number])
    edit(client, made["id"], "closing", segment_id=ids[number], kernel_mm=4)
    after = mask_of(client, made["id"], ids[number])
    assert np.count_nonzero(after) > np.count_nonzero(before)
    assert (after | ~before).all()
    client.post("/scene/undo", {}).expect(200)
    assert np.array_equal(mask_of(client, made["id"], ids[number]), before)


def test_long_edit_leaves_the_bridge_responsive_and_cancel_changes_nothing(a_lung):
    """issue:#3: a job in a process of its own; other requests are answered, cancel leaves nothing half-made."""
    client, volume, _ = a_lung
    threshold = {"minimum": -1000, "maximum": -400}
    body = {"source_volume_id": volume, "threshold": threshold}
    made = client.post("/segmentations", body, headers=WAIT).expect(201).json()
    segment = made["segments"][0]["id"]
    before = mask_of(client, made["id"], segment)
    arguments = {"segmentation_id": made["id"], "segment_id": segment, "effect": "gaussian", "sigma_mm": 6}
    job = client.start_job("segmentations.edit", **arguments)
    wait_for_process(client, job)
    for _ in range(20):
        client.get(f"/segmentations/{made['id']}").expect(200)
    assert client.get(f"/jobs/{job['id']}").json()["state"] == "running"
    client.delete(f"/jobs/{job['id']}").expect(202)
    assert client.wait_for_job(job["id"])["state"] == "canceled"
    assert np.array_equal(mask_of(client, made["id"], segment), before)
    surface = client.start_job("segmentations.create_surface", segmentation_id=made["id"])
    wait_for_process(client, surface)
    client.delete(f"/jobs/{surface['id']}").expect(202)
    assert client.wait_for_job(surface["id"])["state"] == "canceled"
    assert not client.get(f"/segmentations/{made['id']}").json()["has_closed_surface"]


def test_labelmap_goes_out_changes_elsewhere_and_comes_back(a_lung):
    """issue:#3: GET and PUT of labelmap bytes, whole and one segment, on a real image."""
    client, _, labelmap = a_lung
    given = client.post("/segmentations", {"labelmap_id": labelmap}, headers=WAIT).expect(201).json()
    where, segment = f"/segmentations/{given['id']}", given["segments"][0]["id"]
    whole = client.get(f"{where}/labelmap").expect(200)
    assert whole.body.startswith(b"NRRD0005")
    assert f"Segment0_ID:={segment}".encode() in whole.body[:4000]
    copy = client.post_bytes("/segmentations/labelmap", whole.body, name="copy").expect(201).json()
    truth = mask_of(client, given["id"], segment)
    assert np.array_equal(mask_of(client, copy["id"], segment), truth)
    box = client.get(f"{where}/segments/{segment}/labelmap", is_cropped=True).expect(200)
    assert facts(box)["shape_kji"] == [3, 26, 24]
    head, data = box.body.split(b"\n\n", 1)
    full = head + b"\n\n" + bytes([1]) * len(data)
    changed = client.put_bytes(f"{where}/segments/{segment}/labelmap", full).expect(200).json()
    assert changed["changes"][0]["voxel_count"] == 3 * 26 * 24
    raw = client.get(f"/segmentations/{copy['id']}/labelmap", format="raw").expect(200).body
    back = client.put_bytes(f"{where}/labelmap", raw, format="raw").expect(200).json()
    assert [one["id"] for one in back["segments"]] == [segment]
    assert np.array_equal(mask_of(client, given["id"], segment), truth)
    shorter = client.put_bytes(f"{where}/labelmap", raw[:-2], format="raw")
    assert shorter.code == "data.invalid"


def test_engines_and_terminologies_are_listed_and_missing_ones_say_what_to_install(a_bridge):
    """issue:#3: host.feature_missing, clear."""
    engines = {one["name"]: one for one in a_bridge.get("/segmentations/engines").expect(200).json()["items"]}
    assert {"threshold", "grow_from_seeds", "totalsegmentator"} <= set(engines)
    assert "Extensions Manager" in engines["totalsegmentator"]["reason"]
    assert engines["threshold"]["parameters"]["properties"]["minimum"]["description"]
    array = io.BytesIO()
    np.save(array, np.zeros((3, 4, 5), np.int16))
    volume = a_bridge.post_bytes("/volumes", array.getvalue()).expect(201).json()["id"]
    body = {"engine": "totalsegmentator", "source_volume_id": volume}
    refused = a_bridge.post("/segmentations/run", body, headers=WAIT).expect(501)
    assert refused.code == "host.feature_missing"
    assert "Extensions Manager" in refused.json()["detail"]
    assert a_bridge.get("/segmentations").expect(200).json()["total"] == 0
    assert a_bridge.get("/terminologies").expect(200).json()["items"] == []
    assert a_bridge.get("/terminologies/entries", search="lung").expect(200).json()["total"] == 0


def test_codes_travel_with_the_segment(a_bridge):
    """issue:#3: terminology typed in, typed out, and in the bytes for Slicer."""
    geometry = {"dimensions_ijk": [4, 5, 6], "spacing_mm": [1, 1, 2.5], "origin_ras": [10, -20, 30]}
    made = a_bridge.post("/segmentations", {"geometry": geometry}, headers=WAIT).expect(201).json()
    where = f"/segmentations/{made['id']}"
    codes = {
        "category": {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"},
        "type": {"scheme": "SCT", "value": "39607008", "meaning": "Lung"},
        "type_modifier": {"scheme": "SCT", "value": "24028007", "meaning": "Right"},
    }
    added = a_bridge.post(f"{where}/segments", {"name": "lung", "terminology": codes}).expect(201).json()
    (segment,) = added["segments"]
    assert {name: segment["terminology"][name] for name in codes} == codes
    head = a_bridge.get(f"{where}/labelmap").expect(200).body.split(b"\n\n")[0].decode()
    assert (
        "TerminologyEntry:~SCT^123037004^Anatomical Structure~SCT^39607008^Lung~SCT^24028007^Right~" in head
    )
    wrong = {"category": codes["category"], "type": {"scheme": "S~T", "value": "1", "meaning": "x"}}
    refused = a_bridge.patch(f"{where}/segments/{segment['id']}", {"terminology": wrong}).expect(422).json()
    assert refused["errors"][0]["pointer"] == "/terminology/type/scheme"


REGISTER = """
import slicer

def lobes(source_volume_id, count):
    \"\"\"Cut a volume into slabs along k.\"\"\"
    import numpy as np
    volume = slicer.mrmlScene.GetNodeByID(source_volume_id)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "slabs")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    shape = slicer.util.arrayFromVolume(volume).shape
    for number in range(count):
        mask = np.zeros(shape, np.uint8)
        mask[number::count] = 1
        segment_id = node.GetSegmentation().AddEmptySegment("", f"slab {number}")
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment_id, volume)
    return {"segmentation_id": node.GetID()}

properties = {"source_volume_id": {"type": "string"}, "count": {"type": "integer", "minimum": 1}}
engine = {
    "function": lobes, "name": "segmentation_engines.slabs", "capability": "scene.edit",
    "arguments": {"type": "object", "properties": properties, "required": list(properties)},
}
registration = slicer.util.getModuleLogic("AgentBridge").registerOperations([engine])
"""
UNREGISTER = "slicer.util.getModuleLogic('AgentBridge').unregisterOperations(registration)"


def test_engine_of_another_extension_is_run_and_goes_with_it(start_bridge):
    """issue:#3, section 7: an engine registered through the module's logic."""
    client = start_bridge(grants={"python.execute": "allow"}).client
    done = client.post("/python/execute", {"source": REGISTER, "session": "engine"}).expect(200).json()
    assert done["outcome"] == "completed", done
    array = io.BytesIO()
    np.save(array, np.zeros((6, 5, 4), np.int16))
    volume = client.post_bytes("/volumes", array.getvalue()).expect(201).json()["id"]
    listed = {one["name"]: one for one in client.get("/segmentations/engines").expect(200).json()["items"]}
    assert listed["slabs"]["parameters"]["required"] == ["count"]
    body = {"engine": "slabs", "source_volume_id": volume, "parameters": {"count": 2}}
    made = client.post("/segmentations/run", body, headers=WAIT).expect(201).json()["segmentation"]
    assert [segment["name"] for segment in made["segments"]] == ["slab 0", "slab 1"]
    assert mask_of(client, made["id"], made["segments"][1]["id"])[1::2].all()
    wrong = client.post("/segmentations/run", {**body, "parameters": {"count": 0}}, headers=WAIT)
    assert wrong.code == "argument.invalid"
    client.post("/python/execute", {"source": UNREGISTER, "session": "engine"}).expect(200)
    refused = client.post("/segmentations/run", body, headers=WAIT)
    assert "there is no engine 'slabs'" in refused.json()["detail"]
