"""C-STORE into Slicer's database: the listener is started over HTTP, dcmtk's storescu and Orthanc send."""

import json
import socket
import subprocess
import time

import pytest
import requests

import dicom_data
from client import ProblemError
from components import component
from orthanc import free_port, running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "network": "allow", "files.read": "allow"}
STUDY, SERIES = "1.2.826.7.1", "1.2.826.7.2"
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    port = free_port()
    home = tmp_path_factory.mktemp("home")
    write_setting(home, "dicom_listener", json.dumps({"port": port}))
    with ServedBridge(home, grants=GRANTS, options=["--no-views"]) as served:
        yield served.client, port


@pytest.fixture
def listening(host):
    """A client whose listener runs, and the port; it is stopped and the database emptied afterwards."""
    client, port = host
    client.post("/dicom/listener/start").expect()
    yield client, port
    client.post("/dicom/listener/stop").expect()
    for one in client.get("/dicom/studies").expect().json()["items"]:
        body = {"study_instance_uid": one["StudyInstanceUID"], "confirm": True}
        client.post("/dicom/delete", body).expect()


def wait_for_instances(client, count):
    """Ask until the database has this many; the indexer works beside the listener."""
    give_up = time.monotonic() + DEADLINE_S
    while True:
        found = client.get("/dicom/instances", StudyInstanceUID=STUDY).expect().json()["items"]
        if len(found) >= count:
            return found
        assert time.monotonic() < give_up, f"{len(found)} of {count} arrived"


def wait_until_it_accepts(port):
    give_up = time.monotonic() + DEADLINE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < give_up
        else:
            return


def slices(count):
    return [dicom_data.ct_slice(STUDY, SERIES, "1.2.826.7.3", k) for k in range(count)]


@pytest.mark.needs("dcmtk")
def test_what_storescu_sends_is_found_once_and_can_be_loaded(listening, tmp_path):
    """issue:#6: pattern B; sending again makes no duplicate."""
    client, port = listening
    paths = [dicom_data.write(one, tmp_path / f"{k}.dcm") for k, one in enumerate(slices(4))]
    wait_until_it_accepts(port)
    send = ["storescu", "-aec", "ANYBODY", "127.0.0.1", str(port), *map(str, paths)]
    subprocess.run(send, check=True, timeout=60)
    subprocess.run(send, check=True, timeout=60)
    found = wait_for_instances(client, 4)
    assert sorted(one["InstanceNumber"] for one in found) == [1, 2, 3, 4]
    state = client.get("/dicom/listener").expect().json()
    assert state == {"is_running": True, "is_allowed": True, "port": port, "received_count": 8}
    loaded = client.job_result(client.start_job("dicom.load", series_instance_uid=SERIES)["id"])
    volume = client.get(f"/volumes/{loaded['node_ids'][0]}").expect().json()
    assert volume["dimensions_ijk"] == [32, 24, 4]
    assert len(wait_for_instances(client, 4)) == 4


@pytest.mark.needs("orthanc")
def test_what_orthanc_sends_is_found(listening, tmp_path):
    """issue:#6: pattern B with a real PACS as the sender."""
    client, port = listening
    with running_orthanc(component("orthanc").find(), tmp_path) as url:
        root = url.removesuffix("/dicom-web")
        for one in slices(3):
            body = dicom_data.write(one, tmp_path / "one.dcm").read_bytes()
            requests.post(f"{root}/instances", data=body, timeout=10).raise_for_status()
        bridge = {"AET": "SLICER", "Host": "127.0.0.1", "Port": port}
        requests.put(f"{root}/modalities/bridge", json=bridge, timeout=10).raise_for_status()
        wait_until_it_accepts(port)
        (study,) = requests.get(f"{root}/studies", timeout=10).json()
        sent = requests.post(f"{root}/modalities/bridge/store", data=study, timeout=60).json()
    assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (3, 0)
    assert len(wait_for_instances(client, 3)) == 3


def test_starting_a_running_listener_changes_nothing_and_stopping_frees_the_port(host):
    """issue:#6."""
    client, port = host
    first = client.post("/dicom/listener/start").expect().json()
    assert client.post("/dicom/listener/start").expect().json() == first
    assert client.post("/dicom/listener/stop").expect().json()["is_running"] is False
    assert client.post("/dicom/listener/stop").expect().json()["port"] is None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_port_that_is_taken_is_named(host):
    """issue:#6."""
    client, port = host
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ProblemError) as raised:
            client.call("dicom.start_listener")
        assert raised.value.answer.code == "host.operation_failed"
        assert str(port) in raised.value.answer.json()["detail"]
    assert client.get("/dicom/listener").expect().json()["is_running"] is False


def test_listener_is_not_started_without_the_persons_setting(a_bridge_process, start_bridge):
    """issue:#6: never unasked; an agent cannot open a port of this machine."""
    state = a_bridge_process.client.get("/dicom/listener").expect().json()
    assert state == {"is_running": False, "is_allowed": False, "port": None, "received_count": None}
    with pytest.raises(ProblemError) as raised:
        start_bridge(grants=GRANTS, options=["--no-views"]).client.call("dicom.start_listener")
    assert raised.value.answer.code == "policy.capability_disabled"
    assert "AgentBridge/dicom_listener" in raised.value.answer.json()["detail"]
