"""Transfers that are cut, held and canceled: a real Orthanc behind a proxy that breaks connections."""

import json
import time
from collections import Counter

import pytest
import requests

import dicom_data
from client import ProblemError
from components import component
from cutting_proxy import CuttingProxy
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

pytestmark = pytest.mark.needs("orthanc")
GRANTS = {"dicom.write": "allow", "network": "allow"}
STUDY, SERIES = "1.2.826.8.1", "1.2.826.8.2"
COUNT = 6


@pytest.fixture(scope="module")
def _world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orthanc")
    with running_orthanc(component("orthanc").find(), folder) as url, CuttingProxy(url).running() as proxy:
        for k in range(COUNT):
            one = dicom_data.ct_slice(STUDY, SERIES, "1.2.826.8.3", k, SOPInstanceUID=f"1.2.826.8.4.{k}")
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
            body = dicom_data.write(one, folder / "one.dcm").read_bytes()
            requests.post(f"{url.removesuffix('/dicom-web')}/instances", body, timeout=10).raise_for_status()
        home = tmp_path_factory.mktemp("home")
        write_setting(home, "dicom_nodes", json.dumps([{"name": "pacs", "url": proxy.url, "timeout_s": 10}]))
        with ServedBridge(home, grants=GRANTS, options=["--no-views"]) as served:
            yield served.client, proxy, url


@pytest.fixture
def world(_world):
    """A client whose database is empty, a proxy that passes everything, and Orthanc's own address."""
    client, proxy, url = _world
    proxy.reset()
    yield client, proxy, url
    for one in client.get("/dicom/studies").expect().json()["items"]:
        body = {"study_instance_uid": one["StudyInstanceUID"], "confirm": True}
        client.post("/dicom/delete", body).expect()


def pull(client):
    return client.job_result(client.start_job("dicom.pull", node="pacs", study_instance_uid=STUDY)["id"])


def stored(client):
    return sorted(
        one["SOPInstanceUID"]
        for one in client.get("/dicom/instances", StudyInstanceUID=STUDY).json()["items"]
    )


def is_instance(path):
    return "/instances/" in path and "?" not in path


def fetches(proxy):
    """How often each instance was asked for."""
    return Counter(path.rpartition("/")[2] for path in proxy.asked if is_instance(path))


def test_instance_that_is_cut_twice_comes_with_the_third_attempt(world):
    """issue:#6: retry with back-off; the half that came is not used."""
    client, proxy, _ = world
    proxy.plan = lambda _, path: (
        "cut" if path.endswith(".4.2") and fetches(proxy)["1.2.826.8.4.2"] < 3 else "pass"
    )
    pulled = pull(client)
    assert (pulled["added_count"], pulled["failed"]) == (COUNT, [])
    assert fetches(proxy) == Counter({f"1.2.826.8.4.{k}": 3 if k == 2 else 1 for k in range(COUNT)})


def test_pull_that_is_cut_keeps_what_is_whole_and_goes_on_there(world):
    """issue:#6: partial results instance by instance, resume after a cut, no duplicate."""
    client, proxy, _ = world
    proxy.plan = lambda _, path: "cut" if path.endswith((".4.1", ".4.4")) else "pass"
    pulled = pull(client)
    assert pulled["added_count"] == COUNT - 2
    assert [one["sop_instance_uid"] for one in pulled["failed"]] == ["1.2.826.8.4.1", "1.2.826.8.4.4"]
    assert all("broke in the middle" in one["reason"] for one in pulled["failed"])
    assert stored(client) == [f"1.2.826.8.4.{k}" for k in (0, 2, 3, 5)]
    proxy.reset()
    again = pull(client)
    assert (again["added_count"], again["already_there_count"], again["failed"]) == (2, COUNT - 2, [])
    assert sorted(fetches(proxy)) == ["1.2.826.8.4.1", "1.2.826.8.4.4"]
    assert stored(client) == [f"1.2.826.8.4.{k}" for k in range(COUNT)]


def test_server_that_goes_away_in_the_middle_leaves_a_list_of_what_is_missing(world):
    """issue:#6: the rest is not tried one by one against a dead server."""
    client, proxy, _ = world
    proxy.plan = lambda _, path: (
        "refuse" if is_instance(path) and sum(fetches(proxy).values()) > 3 else "pass"
    )
    pulled = pull(client)
    assert pulled["added_count"] == 3
    assert len(pulled["failed"]) == COUNT - 3
    assert len(fetches(proxy)) == 4


def test_pull_that_is_canceled_in_its_first_batch_keeps_nothing_and_can_be_repeated(world):
    """issue:#6: cancel during the transfer; progress is told; nothing half in the database."""
    client, proxy, _ = world
    proxy.plan = lambda _, path: "hold" if path.endswith(".4.3") else "pass"
    job = client.start_job("dicom.pull", node="pacs", study_instance_uid=STUDY)
    assert proxy.is_holding.wait(30)
    running = client.get(f"/jobs/{job['id']}").expect().json()
    give_up = time.monotonic() + 30
    while running["progress"]["fraction"] != pytest.approx(3 / COUNT):  # told by the child, a moment later
        assert time.monotonic() < give_up, running
        running = client.get(f"/jobs/{job['id']}", wait=5).expect().json()
    assert (running["state"], running["cancelable"]) == ("running", True)
    assert "0 instances are in the database" in running["progress"]["message"]
    client.delete(f"/jobs/{job['id']}").expect(202)
    assert client.wait_for_job(job["id"])["state"] == "canceled"
    proxy.release.set()
    assert stored(client) == []
    proxy.reset()
    assert pull(client)["added_count"] == COUNT


def test_pull_that_is_canceled_later_keeps_the_batches_before_and_goes_on_there(world, tmp_path):
    """issue:#6: resume; ten slices of 8 MiB, the tenth is held."""
    client, proxy, url = world
    study, count, pixels = "1.2.826.8.11", 10, bytes(2 * 2048**2)
    for k in range(count):
        one = dicom_data.ct_slice(
            study, "1.2.826.8.12", "1.2.826.8.3", k, Rows=2048, Columns=2048, PixelData=pixels
        )
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.8.14.{k}"
        body = dicom_data.write(one, tmp_path / "one.dcm").read_bytes()
        requests.post(f"{url.removesuffix('/dicom-web')}/instances", body, timeout=30).raise_for_status()
    proxy.plan = lambda _, path: (
        "hold" if is_instance(path) and sum(fetches(proxy).values()) == count else "pass"
    )
    job = client.start_job("dicom.pull", node="pacs", study_instance_uid=study)
    assert proxy.is_holding.wait(60)
    kept = len(client.get("/dicom/instances", StudyInstanceUID=study).expect().json()["items"])
    assert 0 < kept < count
    give_up = time.monotonic() + 30
    while (said := client.get(f"/jobs/{job['id']}", wait=5).expect().json()["progress"])["fraction"] < 0.85:
        assert time.monotonic() < give_up, said
    assert said["fraction"] == pytest.approx((count - 1) / count)  # of the whole, not of this batch
    assert f"{kept} instances are in the database" in said["message"]
    client.delete(f"/jobs/{job['id']}").expect(202)
    assert client.wait_for_job(job["id"])["state"] == "canceled"
    proxy.release.set()
    proxy.reset()
    again = client.job_result(client.start_job("dicom.pull", node="pacs", study_instance_uid=study)["id"])
    assert (again["added_count"], again["already_there_count"]) == (count - kept, kept)
    assert sum(fetches(proxy).values()) == count - kept


def test_push_whose_answer_is_cut_is_repeated_without_duplicates(world):
    """issue:#6: pattern D; the server had stored it, the answer got lost."""
    client, proxy, url = world
    pull(client)
    proxy.asked.clear()
    proxy.plan = lambda method, _: "cut" if method == "POST" and len(proxy.asked) < 2 else "pass"
    pushed = client.job_result(client.start_job("dicom.push", node="pacs", study_instance_uid=STUDY)["id"])
    assert (pushed["sent_count"], pushed["failed"]) == (COUNT, [])
    assert len(proxy.asked) == 2
    assert len(requests.get(f"{url}/studies/{STUDY}/instances", timeout=10).json()) == COUNT


def test_push_to_a_server_that_is_gone_says_so(world):
    """issue:#6."""
    client, proxy, _ = world
    pull(client)
    proxy.plan = lambda method, _: "refuse" if method == "POST" else "pass"
    with pytest.raises(ProblemError) as raised:
        client.job_result(client.start_job("dicom.push", node="pacs", study_instance_uid=STUDY)["id"])
    assert raised.value.answer.json()["reason"] == "incomplete"


def test_instance_that_the_server_does_not_confirm_counts_as_failed(world):
    """issue:#6: partial results file by file; a server that answers 200 and stores one, or says nothing of it."""
    client, proxy, _ = world
    pull(client)
    proxy.plan = lambda method, _: "pretend" if method == "POST" else "pass"
    stored = {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.826.8.4.2"]}}]}
    proxy.pretended = json.dumps({"00081199": stored})
    pushed = client.job_result(client.start_job("dicom.push", node="pacs", study_instance_uid=STUDY)["id"])
    assert pushed["sent_count"] == 1
    assert len(pushed["failed"]) == COUNT - 1
    proxy.pretended = "<ok/>"
    with pytest.raises(ProblemError) as raised:
        client.job_result(client.start_job("dicom.push", node="pacs", study_instance_uid=STUDY)["id"])
    assert "does not say what it has stored" in raised.value.answer.json()["detail"]
