"""Under the policy `pseudonymize`, UIDs are replaced in every answer and file, and follow-up calls work with these."""

from __future__ import annotations

import io
import re

import pydicom
import pytest

import dicom_data
import native_xml_reading
from multipart_answers import parts_of
from served_bridge import ServedBridge
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "scene.delete": "allow"}
PSEUDONYM = re.compile(r"2\.25\.[1-9]\d*")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host with a CT and a report of it; with it the real UIDs."""
    folder, home = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("home")
    study, series = dicom_data.write_ct(folder, 4)
    dicom_data.write(dicom_data.report(study), folder / "report.dcm")
    write_setting(home, "patient_identifiers", "pseudonymize")
    with ServedBridge(home, grants=GRANTS, options=[f"--allow-folder={folder}", "--no-views"]) as served:
        done = served.client.post(
            "/dicom/import", {"path": str(folder)}, headers={"Prefer": "wait=25"}
        ).expect()
        assert done.json()["counts"] == {"added": 5}
        yield served, study, series


def handles(client):
    """What the client knows: the pseudonyms of study, CT series and its first instance."""
    (study,) = client.get("/dicom/studies").expect().json()["items"]
    uid = study["StudyInstanceUID"]
    (series,) = client.get("/dicom/series", StudyInstanceUID=uid, Modality="CT").expect().json()["items"]
    found = (
        client.get("/dicom/instances", SeriesInstanceUID=series["SeriesInstanceUID"]).expect().json()["items"]
    )
    assert len(found) == 4
    return uid, series["SeriesInstanceUID"], found[0]["SOPInstanceUID"]


def test_search_gives_pseudonyms_and_takes_them(host):
    """issue:#6: consistently, so that follow-up calls still work"""
    served, real_study, real_series = host
    study, series, instance = handles(served.client)
    assert all(PSEUDONYM.fullmatch(uid) for uid in (study, series, instance))
    assert not {study, series} & {real_study, real_series}
    metadata = served.client.get(f"/dicom/instances/{instance}/metadata").expect()
    assert real_study.encode() not in metadata.body
    assert real_series.encode() not in metadata.body


def test_dicomweb_gives_files_and_metadata_with_the_same_pseudonyms(host):
    """dicom: PS3.18; what a viewer retrieves fits what it has found"""
    served, real_study, real_series = host
    study, series, instance = handles(served.client)
    metadata = served.client.get(f"/dicomweb/studies/{study}/series/{series}/metadata").expect()
    described = {
        one["00080018"]["Value"][0]: (one["0020000D"]["Value"][0], one["0020000E"]["Value"][0])
        for one in metadata.json()
    }
    assert instance in described
    assert set(described.values()) == {(study, series)}
    retrieved = served.client.get(f"/dicomweb/studies/{study}/series/{series}").expect()
    files = [pydicom.dcmread(io.BytesIO(part)) for part in parts_of(retrieved)]
    assert {one.SOPInstanceUID for one in files} == {
        one.file_meta.MediaStorageSOPInstanceUID for one in files
    }
    assert {one.SOPInstanceUID for one in files} == set(described)
    assert {(one.StudyInstanceUID, one.SeriesInstanceUID) for one in files} == {(study, series)}
    assert {one.SOPClassUID for one in files} == {dicom_data.CT_IMAGE}
    assert len({one.FrameOfReferenceUID for one in files}) == 1
    slices = {bytes(one.PixelData) for one in files}
    assert slices == {dicom_data.slice_voxels(k).astype("<i2").tobytes() for k in range(4)}
    for real in (real_study.encode(), real_series.encode()):
        assert real not in metadata.body + retrieved.body


def test_xml_has_the_pseudonyms_that_json_has(host):
    """issue:#6: UIDs and texts; both are covered at one place."""
    served, real_study, real_series = host
    study, series, _ = handles(served.client)
    path = f"/dicomweb/studies/{study}/series/{series}/metadata"
    described = served.client.get(path).expect().json()
    answer = served.client.get(path, headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    documents = [native_xml_reading.read(part) for part in parts_of(answer.expect())]
    for document, one in zip(documents, described, strict=True):
        for tag in ("0020000D", "0020000E", "00080018", "00200052", "00100010", "00100020"):
            assert document[tag]["Value"] == one[tag]["Value"]
    assert real_study.encode() not in answer.body
    assert real_series.encode() not in answer.body


def test_references_in_a_report_are_replaced_too(host):
    """house: nested UIDs"""
    served, real_study, _ = host
    study, _, _ = handles(served.client)
    (series,) = (
        served.client.get("/dicom/series", StudyInstanceUID=study, Modality="SR").expect().json()["items"]
    )
    retrieved = served.client.get(f"/dicomweb/studies/{study}/series/{series['SeriesInstanceUID']}").expect()
    (report,) = [pydicom.dcmread(io.BytesIO(part)) for part in parts_of(retrieved)]
    assert report.StudyInstanceUID == study
    assert real_study.encode() not in retrieved.body


def test_loading_and_errors_speak_of_pseudonyms_only(host):
    """issue:#4: errors too"""
    served, real_study, real_series = host
    study, series, _ = handles(served.client)
    body = {"series_instance_uid": series}
    loaded = served.client.post("/dicom/load", body, headers={"Prefer": "wait=25"}).expect()
    (volume,) = loaded.json()["node_ids"]
    node = served.client.get(f"/nodes/{volume}").expect()
    failed = served.client.get(f"/dicomweb/studies/{study}/series/{study}/metadata")
    assert failed.status == 404
    for real in (real_study.encode(), real_series.encode()):
        assert real not in loaded.body + node.body + failed.body


def test_pseudonyms_outlive_a_restart(host):
    """issue:#4: stable"""
    served, _, _ = host
    before = handles(served.client)
    served.stop()
    with ServedBridge(served.folder, grants=GRANTS, options=["--no-views"]) as again:
        assert handles(again.client) == before
