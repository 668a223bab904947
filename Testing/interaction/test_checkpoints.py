"""Checkpoints and undo as a client sees them."""

from __future__ import annotations

import numpy as np
import pytest


def a_line(client):
    body = {"points_ras": [[0, 0, 0], [3, 4, 0]]}
    return client.post("/markups", {"type": "line", **body})


def voxels(client, volume_id):
    return client.get(f"/volumes/{volume_id}/data", format="npy").expect().body


@pytest.fixture
def a_volume_id(a_bridge):
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    text = (
        "NRRD0005\ntype: int16\ndimension: 3\nspace: right-anterior-superior\nsizes: 5 4 3\n"
        "space directions: (0,1.5,0) (0.7,0,0.1) (0,0,-3)\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (10,20,-30)\n\n"
    )
    return (
        a_bridge.post_bytes("/volumes", text.encode() + array.tobytes(), name="given").expect().json()["id"]
    )


def test_undo_of_a_deletion_brings_the_node_back_under_its_id(a_bridge, a_volume_id):
    """issue:#3: one is made automatically before every destructive step; follow-up calls work."""
    before = voxels(a_bridge, a_volume_id)
    a_bridge.delete(f"/nodes/{a_volume_id}").expect()
    summary = a_bridge.get("/scene").expect().json()
    assert summary["undo_operation"] == "nodes.delete"
    undone = a_bridge.post("/scene/undo", {}).expect().json()
    assert undone["operation"] == "nodes.delete"
    assert voxels(a_bridge, a_volume_id) == before
    a_bridge.post(f"/checkpoints/{undone['redo_checkpoint_id']}/restore", {}).expect()
    assert a_bridge.get(f"/nodes/{a_volume_id}").code == "scene.node_not_found"


def test_undo_of_a_job_removes_what_it_made(a_bridge, a_volume_id):
    """issue:#3: jobs as well."""
    made = a_bridge.call("volumes.smooth", volume_id=a_volume_id, sigma_mm=1.0)
    undone = a_bridge.post("/scene/undo", {}).expect().json()
    assert undone["operation"] == "volumes.smooth"
    assert made["id"] in undone["removed_node_ids"]
    assert a_bridge.get(f"/nodes/{a_volume_id}").is_success


def test_undo_of_an_update_restores_name_and_attributes(a_bridge, a_volume_id):
    """issue:#3: undo of the last agent step."""
    path = f"/nodes/{a_volume_id}"
    a_bridge.patch(path, {"name": "other", "attributes": {"key": "value"}}).expect()
    a_bridge.post("/scene/undo", {}).expect()
    node = a_bridge.get(path).expect().json()
    assert node["name"] == "given"
    assert "key" not in node["attributes"]


def test_checkpoint_is_listed_restored_and_deleted(a_bridge, a_volume_id):
    """issue:#3: GET/POST /checkpoints, restore, DELETE; listed in the summary."""
    made = a_bridge.post("/checkpoints", {"label": "as loaded"}).expect(201).json()["checkpoint"]
    before = voxels(a_bridge, a_volume_id)
    a_bridge.post("/scene/clear", {"confirm": True}).expect()
    restored = a_bridge.post(f"/checkpoints/{made['id']}/restore", {}).expect().json()
    assert voxels(a_bridge, a_volume_id) == before
    listed = a_bridge.get("/checkpoints").expect().json()
    assert {made["id"], restored["undo_checkpoint_id"]} <= {item["id"] for item in listed["items"]}
    assert a_bridge.get("/scene").json()["checkpoint_count"] == listed["total"]
    a_bridge.delete(f"/checkpoints/{made['id']}").expect()
    assert a_bridge.post(f"/checkpoints/{made['id']}/restore", {}).code == "checkpoint.unknown"


def test_views_can_be_drawn_after_a_restore(a_bridge, a_volume_id):
    """issue:#3: views survive."""
    made = a_bridge.post("/checkpoints", {}).expect(201).json()["checkpoint"]
    query = {"background": a_volume_id, "width": 64, "height": 64, "orientation": "Axial"}
    before = a_bridge.get("/views/slices/Red/image", **query).expect().body
    a_bridge.post("/scene/clear", {"confirm": True}).expect()
    a_bridge.post(f"/checkpoints/{made['id']}/restore", {}).expect()
    assert a_bridge.get("/views/slices/Red/image", **query).expect().body == before


def test_undo_without_a_step_says_so(start_bridge):
    """issue:#3."""
    client = start_bridge().client
    assert client.post("/scene/undo", {}).code == "scene.undo_unavailable"
