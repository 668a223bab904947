"""Files from web servers: only from those that the person has named, and as a job that can be canceled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from file_server import file_server
from served_bridge import ServedBridge
from stored_settings import write_setting

CHECKOUT = Path(__file__).resolve().parents[2]
GRANTS = {"network": "allow", "scene.delete": "allow"}


@pytest.fixture(scope="module")
def web(a_brain_mr_path):
    with file_server({"/scans/brain.nrrd": a_brain_mr_path.read_bytes()}) as server:
        yield server


@pytest.fixture(scope="module")
def a_brain_mr_path():
    from devtools.data import data_folder

    return data_folder(CHECKOUT) / "brain1_image.nrrd"


@pytest.fixture(scope="module")
def a_host(tmp_path_factory, web):
    home = tmp_path_factory.mktemp("home")
    write_setting(home, "download_servers", json.dumps([web.url]))
    with ServedBridge(home, grants=GRANTS, options=["--no-views"]) as served:
        yield served


@pytest.fixture
def client(a_host):
    a_host.client.post("/scene/clear", {"confirm": True}).expect()
    return a_host.client


def test_scan_is_loaded_from_a_named_server(client, web):
    """issue:#3: POST /files/load with url; real data."""
    made = client.post("/files/load", {"url": f"{web.url}/scans/brain.nrrd?key=secret"}).expect(201).json()
    volume = client.get(f"/volumes/{made['nodes'][0]['id']}").expect().json()
    assert volume["dimensions_ijk"] == [256, 256, 25]
    node = client.get(f"/nodes/{volume['id']}").expect().json()
    assert node["attributes"]["AgentBridge.source"] == f"{web.url}/scans/brain.nrrd"
    assert node["storage"] is None


def test_other_servers_are_refused_before_anything_is_asked(client, web):
    """issue:#3: an agent never supplies a host."""
    with file_server({"/x.nrrd": b""}) as other:
        for url in (f"{other.url}/x.nrrd", f"{web.url}/to?{other.url}/x.nrrd", "http://localhost/x.nrrd"):
            refused = client.post("/files/load", {"url": url})
            assert (refused.status, refused.code) == (403, "policy.address_not_allowed")
        assert other.asked == []


def test_missing_file_and_broken_transfer_leave_the_scene_alone(client, web):
    """issue:#3."""
    assert client.post("/files/load", {"url": f"{web.url}/nothing.nrrd"}).code == "file.not_found"
    assert client.post("/files/load", {"url": f"{web.url}/cut"}).code == "host.operation_failed"
    assert client.get("/volumes").expect().json()["total"] == 0


@pytest.mark.parametrize(
    "body", [{}, {"url": "https://a.example/x", "path": "/x"}, {"url": "file:///etc/passwd"}]
)
def test_file_has_one_source(client, body):
    """house."""
    assert client.post("/files/load", body).code == "argument.invalid"


def test_download_can_be_canceled(client, web):
    """issue:#3: long operations run as jobs."""
    job = client.start_job("files.load", url=f"{web.url}/silent")
    while not any(path == "/silent" for path in web.asked):
        client.get(f"/jobs/{job['id']}", wait=1)
    client.delete(f"/jobs/{job['id']}").expect(202)
    assert client.wait_for_job(job["id"])["state"] == "canceled"
    assert client.get("/volumes").expect().json()["total"] == 0


def test_network_must_be_allowed(start_bridge):
    """issue:#3: URL download only with network; samples too."""
    client = start_bridge(grants={"network": "deny"}, options=["--no-views"], is_empty=True).client
    for path, body in (("/files/load", {"url": "https://a.example/x"}), ("/sample-data/BrainMR", {})):
        assert client.post(path, body).code == "policy.capability_disabled"
    assert "BrainMR" in [item["name"] for item in client.get("/sample-data").expect().json()["items"]]


def test_sample_is_loaded_by_name(client):
    """issue:#3: GET /sample-data, POST /sample-data/{name}."""
    made = client.post("/sample-data/LungTumor", {}).expect(201).json()
    assert [node["class_name"] for node in made["nodes"]] == ["vtkMRMLLabelMapVolumeNode"]
    assert client.post("/sample-data/Nothing", {}).code == "argument.invalid"
