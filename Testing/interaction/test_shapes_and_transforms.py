"""Markups, transforms, models, tables, texts and sequences over HTTP, as a client without code uses them."""

from __future__ import annotations

import json

import numpy as np
import pytest

LANDMARKS = [[10, 0, 0], [0, 20, 5], [-7, 3, 30], [4, -9, 2]]
TURN = [[0, -1, 0, 15], [1, 0, 0, -4], [0, 0, 1, 8], [0, 0, 0, 1]]


def nrrd_field(vectors, spacing):
    k, j, i, _ = vectors.shape
    head = (
        "NRRD0005\ntype: double\ndimension: 4\nspace: left-posterior-superior\n"
        f"sizes: 3 {i} {j} {k}\nspace directions: none ({spacing},0,0) (0,{spacing},0) (0,0,{spacing})\n"
        "kinds: vector domain domain domain\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    return head.encode() + np.ascontiguousarray(vectors, "<f8").tobytes()


def test_markups_travel_as_json_and_as_markups_json(a_bridge):
    """issue:#3."""
    made = a_bridge.post("/markups", {"type": "roi", "center_ras": [1, 2, 3], "size_mm": [10, 20, 30]})
    roi = made.expect(201).json()
    assert roi["volume_ml"] == pytest.approx(6)
    points = a_bridge.post("/markups", {"type": "fiducial", "points_ras": LANDMARKS}).expect(201).json()
    point = points["control_points"][1]["id"]
    path = f"/markups/{points['id']}/points"
    moved = a_bridge.patch(f"{path}/{point}", {"position_ras": [1, 1, 1], "label": "here"}).expect().json()
    assert (moved["position_ras"], moved["label"]) == ([1, 1, 1], "here")
    added = a_bridge.post(path, {"points": [{"position_ras": [7, 7, 7]}], "index": 0}).expect(201).json()
    assert added["control_point_count"] == 5
    listed = a_bridge.get(path, limit=2, frame="lps").expect().json()
    assert listed["total"] == 5
    assert listed["items"][0]["position_lps"] == pytest.approx([-7, -7, 7])
    assert a_bridge.delete(f"{path}/{point}").expect().json()["control_point_count"] == 4
    file = a_bridge.get(f"/markups/{points['id']}/data").expect()
    assert file.headers["content-type"] == "application/json"
    assert len(file.json()["markups"][0]["controlPoints"]) == 4
    back = a_bridge.post_bytes("/markups/import", file.body).expect(201).json()["markups"][0]
    assert back["control_point_count"] == 4
    broken = file.json()
    broken["markups"][0]["type"] = "Blob"
    refused = a_bridge.post_bytes("/markups/import", json.dumps(broken).encode()).expect(422)
    assert refused.code == "data.invalid"
    assert refused.json()["errors"][0]["pointer"] == "/markups/0/type"
    replaced = a_bridge.put_bytes(f"/markups/{back['id']}/data", file.body).expect().json()
    assert replaced["control_point_count"] == 4


def test_landmarks_are_registered_and_the_result_hardened(a_bridge):
    """issue:#3."""
    moving = a_bridge.post("/markups", {"type": "fiducial", "points_ras": LANDMARKS}).expect(201).json()["id"]
    targets = [list((np.array(TURN) @ [*point, 1])[:3].astype(float)) for point in LANDMARKS]
    fixed = a_bridge.post("/markups", {"type": "fiducial", "points_ras": targets}).expect(201).json()["id"]
    body = {"moving_id": moving, "fixed_id": fixed, "apply_to_ids": [moving]}
    found = a_bridge.post("/transforms/register-landmarks", body).expect(201).json()
    assert found["rms_error_mm"] < 1e-6
    assert found["maximum_error_mm"] < 1e-6
    assert np.allclose(found["matrix_ras"], TURN)
    a_bridge.post("/transforms/harden", {"node_ids": [moving]}).expect()
    inverted = a_bridge.post(f"/transforms/{found['transform_id']}/invert").expect().json()
    assert np.allclose(np.array(inverted["matrix_to_parent_ras"]) @ TURN, np.eye(4))
    read = a_bridge.get(f"/markups/{moving}").expect().json()
    assert read["parent_transform_id"] is None
    assert np.allclose([point["position_ras"] for point in read["control_points"]], targets)


def test_grid_transform_is_sent_read_and_moves_points(a_bridge):
    """issue:#3."""
    vectors = np.zeros((4, 5, 6, 3))
    vectors[2, 2, 3] = (1, -2, 3)
    sent = nrrd_field(vectors, 10)
    made = (
        a_bridge.post_bytes("/transforms/grid", sent, name="Warp", direction="to_parent").expect(201).json()
    )
    assert (made["kind"], made["grid"]["dimensions_ijk"]) == ("grid", [6, 5, 4])
    body = {"points_ras": [[-30, -20, 20]], "direction": "to_parent", "frame": "lps"}
    mapped = a_bridge.post(f"/transforms/{made['id']}/points", body).expect().json()
    assert mapped["points_lps"][0] == pytest.approx([31, 18, 23])
    read = a_bridge.get(f"/transforms/{made['id']}/data").expect()
    assert read.body.endswith(vectors.tobytes())
    assert json.loads(read.headers["x-agentbridge-content"])["direction"] == "to_parent"
    plain = a_bridge.post("/transforms", {"translation_ras_mm": [1, 2, 3]}).expect(201).json()
    chain = {"transform_ids": [plain["id"], made["id"]]}
    assert a_bridge.post("/transforms/concatenate", chain).expect(201).json()["kind"] == "composite"
    refused = a_bridge.get(f"/transforms/{plain['id']}/data").expect(409)
    assert refused.code == "scene.node_type"


def test_model_is_clipped_by_a_roi_in_a_process(a_bridge):
    """issue:#3."""
    cube = a_bridge.post("/models", {"shape": {"kind": "cube", "size_mm": [80, 80, 80]}}).expect(201).json()
    roi = a_bridge.post("/markups", {"type": "roi", "center_ras": [40, 40, 40], "size_mm": [40, 40, 40]})
    clipped = a_bridge.call("models.clip", model_id=cube["id"], markups_id=roi.expect(201).json()["id"])
    measured = a_bridge.get(f"/models/{clipped['id']}/measurements").expect().json()
    assert measured["volume_ml"] == pytest.approx(8, rel=1e-3)
    for kind in ("stl", "ply", "obj", "vtk", "vtp"):
        mesh = a_bridge.get(f"/models/{clipped['id']}/data", format=kind).expect()
        back = a_bridge.post_bytes("/models/import", mesh.body, format=kind).expect(201).json()
        assert back["bounds_ras"] == pytest.approx([20, 40] * 3, abs=1e-3)
    refused = a_bridge.post_bytes("/models/import", b"no mesh", format="ply").expect(422)
    assert refused.code == "data.invalid"


def test_table_text_and_sequence_are_written_and_read(a_bridge):
    """issue:#3."""
    columns = [
        {"name": "structure", "type": "string", "values": ["liver", "spleen"]},
        {"name": "volume", "unit": "ml", "values": [1500, 180.5]},
    ]
    table = a_bridge.post("/tables", {"name": "Volumes", "columns": columns}).expect(201).json()["id"]
    a_bridge.post(f"/tables/{table}/rows", {"rows": [["kidney", None]]}).expect(201)
    a_bridge.patch(f"/tables/{table}/rows/0", {"values": {"volume": 1499.5}}).expect()
    rows = a_bridge.get(f"/tables/{table}/rows").expect().json()
    assert rows["rows"] == [["liver", 1499.5], ["spleen", 180.5], ["kidney", None]]
    text = a_bridge.post("/texts", {"text": "Größe ≤ 5 mm"}).expect(201).json()["id"]
    assert a_bridge.get(f"/texts/{text}", start_character=6).expect().json()["text"] == "≤ 5 mm"
    lines = [
        a_bridge.post("/markups", {"points_ras": [[0, 0, 0], [length, 0, 0]]}).expect(201).json()["id"]
        for length in (10, 20)
    ]
    made = a_bridge.post("/sequences", {"node_ids": lines, "index_name": "time", "index_unit": "s"})
    sequence = made.expect(201).json()["id"]
    for item, length in ((1, 20), (0, 10)):
        shown = a_bridge.post(f"/sequences/{sequence}/browse", {"item": item}).expect().json()
        line = a_bridge.get(f"/markups/{shown['proxy_node_id']}").expect().json()
        assert line["length_mm"] == pytest.approx(length)
