"""DICOM over HTTP: what a client sees, with the identifier policy in force."""

import pytest

import dicom_data
from client import ProblemError

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
