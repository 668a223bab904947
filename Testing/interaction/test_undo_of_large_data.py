"""Undo of steps on data of the size of a brain MR and a lung CT, over HTTP: exact, or the answer says why not."""

from __future__ import annotations

import io
import itertools
import zlib

import numpy as np
import pytest

from mcp_client import McpClient

WAIT = {"Prefer": "wait=120"}
MIB = 1 << 20
NO_UNDO = "x-agentbridge-no-undo"


def npy(array):
    """The bytes of an NPY file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array))
    return stream.getvalue()


def array_of(answer):
    """The array in an NPY answer."""
    return np.load(io.BytesIO(answer.expect(200).body))


def state(client, volume):
    """Everything that a client can see of a volume."""
    described = client.get(f"/nodes/{volume}").expect(200).json()
    geometry = client.get(f"/volumes/{volume}").expect(200).json()
    data = client.get(f"/volumes/{volume}/data", format="npy").expect(200)
    for answer in (described, geometry):
        answer.pop("scene_revision")
    described.pop("node_revision")
    described["storage"].pop("has_unsaved_changes")  # a restored node counts as modified since it was saved
    return described, geometry, data.body, data.headers["x-agentbridge-content"]


def undo(client):
    """Take the last step back; gives the checkpoint of the state before."""
    return client.post("/scene/undo", {}).expect(200).json()["redo_checkpoint_id"]


@pytest.fixture
def a_ct(a_bridge, a_lung_ct_file):
    """A client and the id of the lung CT in its scene, 24 MiB of voxels."""
    a_bridge.post("/files/load", {"path": str(a_lung_ct_file)}).expect()
    (volume,) = a_bridge.get("/volumes").expect().json()["items"]
    return a_bridge, volume["id"]


def upload(client, volume, how):
    """Replace the voxels of MNI152."""
    where = f"/volumes/{volume}/data"
    now = array_of(client.get(where, format="npy"))
    if how == "same grid, other type":
        return client.put_bytes(where, npy(now.astype(np.float32) / 3))
    if how == "raw":
        return client.put_bytes(where, now[::-1].tobytes(), format="raw")
    cut = client.get(where, format="nrrd", region="10,90,0,233,0,100").expect().body
    return client.put_bytes(where, cut)


@pytest.mark.parametrize("how", ["same grid, other type", "raw", "other grid"])
def test_upload_onto_mni152_is_undone_and_redone_exactly(a_bridge_with_mni152, how):
    """issue:#3: undo of the last agent step; restore is exact and itself undoable."""
    client, volume = a_bridge_with_mni152
    before = state(client, volume)
    assert len(before[2]) > 8 * MIB
    answer = upload(client, volume, how).expect()
    assert NO_UNDO not in answer.headers
    after = state(client, volume)
    assert after != before
    redo = undo(client)
    assert state(client, volume) == before
    client.post(f"/checkpoints/{redo}/restore", {}).expect()
    assert state(client, volume) == after


def test_steps_one_after_the_other_are_undone_in_turn(a_ct):
    """issue:#3: repeat it to take back the one before."""
    client, volume = a_ct
    where = f"/volumes/{volume}"
    halves = npy(array_of(client.get(f"{where}/data", format="npy")) // 2)
    steps = [
        lambda: client.patch(f"/nodes/{volume}", {"name": "renamed", "attributes": {"key": "value"}}),
        lambda: client.put_bytes(f"{where}/data", halves),
        lambda: client.patch(where, {"origin_ras": [1.0, 2.0, 3.0]}),
        lambda: client.put_bytes(f"{where}/data", npy(np.zeros((48, 512, 512), np.uint8))),
        lambda: client.post(f"{where}/crop", {"region": [0, 100, 0, 100, 0, 20]}, headers=WAIT),
        lambda: client.post(
            f"{where}/threshold", {"minimum": 10, "maximum": 1000, "type": "labelmap"}, headers=WAIT
        ),
    ]
    states = []
    for step in steps:
        states.append((state(client, volume), client.get("/scene").json()["node_count"]))
        answer = step().expect()
        assert NO_UNDO not in answer.headers
    for before in reversed(states):
        undo(client)
        assert (state(client, volume), client.get("/scene").json()["node_count"]) == before


@pytest.fixture
def a_coder(start_bridge):
    """A client that may run Python code, and the id of MNI152 in its scene."""
    client = start_bridge(grants={"python.execute": "allow"}, is_empty=False).client
    (volume,) = client.get("/volumes").expect().json()["items"]
    return client, volume["id"]


def test_upload_is_undone_although_code_writes_into_a_view_of_the_old_voxels(a_coder):
    """house: what a NumPy view can still write to is copied instead of kept."""
    client, volume = a_coder
    before = state(client, volume)
    session = {"session": "views"}
    source = f"import slicer\nview = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID('{volume}'))"
    client.post("/python/execute", {"source": source, **session}).expect()
    body = npy(array_of(client.get(f"/volumes/{volume}/data", format="npy")) // 2)
    client.put_bytes(f"/volumes/{volume}/data", body).expect()
    client.post("/python/execute", {"source": "view[:] = 7", **session}).expect()
    undo(client)
    assert state(client, volume) == before


def test_metadata_is_undone_after_code_that_wrote_in_place_was(a_coder):
    """house: undo takes back what the step did, and nothing else."""
    client, volume = a_coder
    name = client.get(f"/nodes/{volume}").json()["name"]
    client.patch(f"/nodes/{volume}", {"name": "renamed"}).expect()
    find = f"import slicer\nnode = slicer.mrmlScene.GetNodeByID('{volume}')\n"
    source = f"{find}slicer.util.arrayFromVolume(node)[:] = 9\nslicer.util.arrayFromVolumeModified(node)"
    client.post("/python/execute", {"source": source}).expect()
    undo(client)
    undo(client)
    assert client.get(f"/nodes/{volume}").json()["name"] == name
    assert array_of(client.get(f"/volumes/{volume}/data", format="npy")).max() > 9


def labels(client, where):
    """Segments and voxels of a segmentation."""
    described = client.get(where).expect(200).json()
    described.pop("scene_revision")
    return described, client.get(f"{where}/labelmap", layers=True, format="npy").expect(200).body


SEGMENT_STEPS = {
    "edit": lambda client, where, ids, _: client.post(
        f"{where}/edit", {"effect": "grow", "segment_id": ids[0], "margin_mm": 3}, headers=WAIT
    ),
    "bytes": lambda client, where, ids, mask: client.put_bytes(f"{where}/labelmap", mask),
    "segment bytes": lambda client, where, ids, mask: client.put_bytes(
        f"{where}/segments/{ids[0]}/labelmap", mask
    ),
    "rename": lambda client, where, ids, _: client.patch(f"{where}/segments/{ids[0]}", {"name": "other"}),
    "add": lambda client, where, ids, _: client.post(f"{where}/segments", {"name": "new"}),
    "remove": lambda client, where, ids, _: client.delete(f"{where}/segments/{ids[1]}"),
    "surface": lambda client, where, ids, _: client.post(f"{where}/surface", {}, headers=WAIT),
}


@pytest.mark.parametrize("step", list(SEGMENT_STEPS))
def test_every_step_on_segments_of_a_ct_is_undone_exactly(a_ct, step):
    """issue:#3: masks and undo included."""
    client, volume = a_ct
    k, j, i = np.ogrid[0:48, 0:512, 0:512]
    body = (k > 8).astype(np.uint8) * ((j - 250) ** 2 + (i - 250) ** 2 < 90**2) + 0 * (i + j + k)
    body = np.where((i < 40) & (j < 40) & (k < 40), 2, body).astype(np.uint8)
    body[0, 0, 0], body[-1, -1, -1] = 2, 1  # labels reach all over the grid
    made = client.post_bytes("/segmentations/labelmap", npy(body), source_volume_id=volume).expect(201).json()
    where, ids = f"/segmentations/{made['id']}", [segment["id"] for segment in made["segments"]]
    before = labels(client, where)
    assert len(before[1]) > 8 * MIB
    answer = SEGMENT_STEPS[step](client, where, ids, npy((body[::-1] > 1).astype(np.uint8))).expect()
    assert NO_UNDO not in answer.headers
    assert labels(client, where) != before, "the step did something"
    undo(client)
    assert labels(client, where) == before


def test_what_an_upload_keeps_counts_and_is_let_go_after_undo(a_coder):
    """issue:#3: memory budget."""
    client, volume = a_coder
    size = len(client.get(f"/volumes/{volume}/data", format="raw").expect().body)
    kept = client.get("/checkpoints").json()["memory_bytes"]
    upload(client, volume, "raw").expect()
    assert client.get("/checkpoints").json()["memory_bytes"] - kept >= size
    client.delete(f"/checkpoints/{undo(client)}").expect()
    assert client.get("/checkpoints").json()["memory_bytes"] - kept < size


def test_step_that_cannot_be_undone_says_so_in_its_answer(a_coder):
    """house: the caller learns it at once, not when it is too late."""
    client, _ = a_coder
    source = (
        "import numpy as np, slicer, vtk\nfrom vtk.util.numpy_support import numpy_to_vtk\n"
        "mesh, points = vtk.vtkPolyData(), vtk.vtkPoints()\n"
        "points.SetData(numpy_to_vtk(np.zeros((12_000_000, 3), np.float32), deep=1)); mesh.SetPoints(points)\n"
        "node = slicer.mrmlScene.AddNewNodeByClass('vtkMRMLModelNode', 'cloud')\n"
        "node.SetAndObserveMesh(mesh)\nnode.GetID()"
    )
    model = client.post("/python/execute", {"source": source}).expect().json()["value"].strip("'")
    answer = client.patch(f"/nodes/{model}", {"name": "points"}).expect()
    assert "128 MiB" in answer.headers[NO_UNDO]
    assert client.get("/scene").json()["undo_problem"] == answer.headers[NO_UNDO]
    refused = client.post("/scene/undo", {})
    assert refused.code == "scene.undo_unavailable"
    assert answer.headers[NO_UNDO] in refused.json()["detail"]
    agent = McpClient(f"{client.base_url}/mcp", client.token)
    reply = agent.call("nodes_update", {"node_id": model, "name": "more points"})
    assert answer.headers[NO_UNDO] in reply.result["content"][-1]["text"]


def everything(client):
    """Everything that a client can see of the nodes that carry data, by id; bytes as checksums."""
    found = {}
    for node in client.get("/nodes", limit=1000).expect().json()["items"]:
        described = client.get(f"/nodes/{node['id']}").expect().json()
        kind = described["class_name"]
        routes = {
            "vtkMRMLScalarVolumeNode": f"/volumes/{node['id']}/data",
            "vtkMRMLSegmentationNode": f"/segmentations/{node['id']}/labelmap",
            "vtkMRMLGridTransformNode": f"/transforms/{node['id']}/data",
        }
        data = client.get(routes[kind], format="nrrd").expect() if kind in routes else None
        body = data.body + data.headers["x-agentbridge-content"].encode() if data else b""
        told = [
            described["name"],
            described["parent_transform_id"],
            described["folder"],
            described["details"],
        ]
        found[node["id"]] = (told, zlib.crc32(body))
    return found


def test_edits_of_every_kind_on_a_ct_and_a_grid_are_undone_in_turn(a_ct):
    """issue:#3: undo of the last agent step."""
    client, volume = a_ct
    mask = np.zeros((48, 512, 512), np.uint8)
    mask[10:40, 100:400, 100:400], mask[0, 0, 0], mask[-1, -1, -1] = 2, 1, 1
    made = client.post_bytes("/segmentations/labelmap", npy(mask), source_volume_id=volume).expect(201).json()
    segments = made["id"]
    turn = {"rotation": {"axis_ras": [1, 2, 0], "angle_deg": 9}}
    turn = client.post("/transforms", turn).expect(201).json()["id"]
    body = {"reference_id": volume, "spacing_mm": [4, 4, 4]}
    grid = client.post(f"/transforms/{turn}/grid", body, headers=WAIT).expect(201).json()["id"]
    field = client.get(f"/transforms/{grid}/data").expect().body
    steps = [
        ("POST", f"/transforms/{turn}/apply", {"node_ids": [volume, segments]}),
        ("POST", "/transforms/harden", {"node_ids": [volume, segments]}),
        ("POST", f"/transforms/{grid}/invert", {}),
        ("PATCH", f"/volumes/{volume}", {"spacing_mm": [1, 1, 1]}),
        ("DELETE", f"/nodes/{segments}", None),
        ("POST", f"/nodes/{volume}/reload", {}),
    ]
    states = [everything(client)]
    client.put_bytes(f"/transforms/{grid}/data", field, frame="ras").expect()
    for method, path, arguments in steps:
        states.append(everything(client))
        answer = client.request(method, path, json_body=arguments, headers=WAIT).expect()
        assert NO_UNDO not in answer.headers
    states.append(everything(client))
    assert all(one != other for one, other in itertools.pairwise(states)), "every step did something"
    for before in reversed(states[:-1]):
        undo(client)
        assert everything(client) == before
