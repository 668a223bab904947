"""DICOM over HTTP: what a client sees, with the identifier policy in force."""

import sqlite3
from contextlib import closing

import pytest

import dicom_data
from client import ProblemError
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "files.read": "allow", "scene.delete": "allow"}


@pytest.fixture(scope="module")
def _served(tmp_path_factory):
    from served_bridge import ServedBridge

    folder = tmp_path_factory.mktemp("dicom")
    study, series = dicom_data.write_ct(folder / "in", 5)
    dicom_data.write(dicom_data.report(study), folder / "in" / "report.dcm")
    options = [f"--allow-folder={folder}", "--no-views"]
    with ServedBridge(tmp_path_factory.mktemp("host"), grants=GRANTS, options=options) as served:
        job = served.client.start_job("dicom.import_files", path=str(folder / "in"))
        assert served.client.job_result(job["id"])["counts"] == {"added": 6}
        yield served.client, study, series


@pytest.fixture
def chest(_served):
    """A client of a host whose database has one study, and the study's and CT series' UIDs."""
    return _served


def test_search_hides_identifiers_and_keeps_handles(chest):
    """issue:#6: the policy applies to every answer; follow-up calls need the UIDs."""
    client, study, _ = chest
    answer = client.get("/dicom/studies", PatientName="Doe*").expect()
    (found,) = answer.json()["items"]
    assert found["StudyInstanceUID"] == study
    assert found["PatientName"] == found["PatientID"] == found["StudyDescription"] == "[hidden]"
    assert b"Doe" not in answer.body
    assert b"19610203" not in answer.body


def test_misspelt_key_in_the_address_is_refused(chest):
    """issue:#6."""
    client, _, _ = chest
    answer = client.get("/dicom/series", Modalty="CT").expect(422)
    assert "Modality" in answer.json()["detail"]
    with pytest.raises(ProblemError):
        client.call("dicom.find_series", Modalty="CT")


@pytest.mark.parametrize("limit", [0, -3, 1001])
def test_limits_outside_the_range_are_refused(chest, limit):
    """issue:#6: 0 does not mean everything."""
    chest[0].get("/dicom/instances", limit=limit).expect(422)


def test_import_outside_the_allowed_folders_is_refused(chest):
    """issue:#6."""
    chest[0].post("/dicom/import", {"path": "/etc"}).expect(403)


@pytest.fixture(scope="module", params=["hide", "pseudonymize", "show"])
def guarded(request, tmp_path_factory):
    """A client of a host with one study, under each identifier policy; and where its database is."""
    from served_bridge import ServedBridge

    folder, home = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("home")
    study, _ = dicom_data.write_ct(folder, 2)
    dicom_data.write(dicom_data.report(study), folder / "report.dcm")
    write_setting(home, "patient_identifiers", request.param)
    options = [f"--allow-folder={folder}", "--no-views"]
    with ServedBridge(home, grants=GRANTS, options=options) as served:
        served.client.job_result(served.client.start_job("dicom.import_files", path=str(folder))["id"])
        yield served.client, request.param, home


def test_what_an_answer_names_can_be_asked_for_under_every_policy(guarded):
    """issue:#6: UIDs in answers are handles, real ones or pseudonyms; from the study to the frame and back."""
    client, policy, _ = guarded
    (study,) = client.get("/dicom/studies").expect().json()["items"]
    series = client.get("/dicom/series", StudyInstanceUID=study["StudyInstanceUID"]).expect().json()["items"]
    assert {one["Modality"] for one in series} == {"CT", "SR"}
    ct = next(one["SeriesInstanceUID"] for one in series if one["Modality"] == "CT")
    image = client.get("/dicom/instances", SeriesInstanceUID=ct).expect().json()["items"][0]["SOPInstanceUID"]
    assert client.get(f"/dicom/instances/{image}/metadata").expect().json()["attributes"]["Modality"] == "CT"
    assert client.get(f"/dicom/instances/{image}/image").expect().body.startswith(b"\xff\xd8")
    report = client.get("/dicom/reports").expect().json()["items"][0]["SOPInstanceUID"]
    assert "left lobe" in client.get(f"/dicom/instances/{report}/report").expect().json()["text"]
    assert (b"Doe" in client.get("/dicom/studies").body) is (policy == "show")
    loaded = client.job_result(client.start_job("dicom.load", series_instance_uid=ct)["id"])
    assert len(loaded["node_ids"]) == 1
    # The same data are in the scene now, so that their UIDs are known there; handles still work.
    again = client.get("/dicom/instances", SeriesInstanceUID=ct).expect().json()["items"]
    assert again[0]["SOPInstanceUID"] == image


def test_addresses_in_dicomweb_answers_work_under_every_policy(guarded):
    """issue:#6: RetrieveURL and BulkDataURI."""
    client, policy, _ = guarded
    for found in client.get("/dicomweb/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2").expect().json():
        path = found["00081190"]["Value"][0].removeprefix(client.base_url)
        file = client.get(path, headers={"Accept": "application/dicom"}).expect().body
        assert (b"Doe^Jane" in file) is (policy == "show")
        (described,) = client.get(f"{path}/metadata").expect().json()
        pixels = client.get(described["7FE00010"]["BulkDataURI"].removeprefix(client.base_url)).expect().body
        assert len(pixels) > 24 * 32 * 2
        client.get(f"{path}/frames/1").expect()
        client.get(f"{path}/rendered").expect()


def test_deleted_study_leaves_no_identifier_in_the_tag_cache(guarded):
    """issue:#6: CTK leaves them when a study or patient is removed; removing series by series does not."""
    client, _, home = guarded
    (cache,) = home.rglob("ctkDICOMTagCache.sql")

    def rows():
        with closing(sqlite3.connect(cache)) as base:
            return base.execute("SELECT COUNT(*) FROM TagCache").fetchone()[0]

    assert rows() > 0
    (study,) = client.get("/dicom/studies").expect().json()["items"]
    body = {"study_instance_uid": study["StudyInstanceUID"]}
    client.post("/dicom/delete", body).expect(409)
    assert client.post("/dicom/delete", {**body, "confirm": True}).expect().json()["instance_count"] == 3
    assert rows() == 0
    assert client.get("/dicom/studies").expect().json()["items"] == []
    assert not [path for path in home.rglob("*.dcm") if b"Doe^Jane" in path.read_bytes()]


def test_deleting_needs_the_permission_to_write(tmp_path):
    """issue:#6: dicom.write, which asks by default; nobody can be asked here, so it is denied."""
    from served_bridge import ServedBridge

    with ServedBridge(tmp_path, options=["--no-views"]) as served:
        answer = served.client.post("/dicom/delete", {"study_instance_uid": "1.2", "confirm": True})
        assert (answer.status, answer.code) == (403, "policy.capability_disabled")
        assert served.client.post_bytes("/dicomweb/studies", b"x").status == 403
