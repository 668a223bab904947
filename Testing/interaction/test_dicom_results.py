"""The real lung CT over HTTP: import file by file, load, save a picture, and what happens with another patient."""

import io
import time

import pytest
from PIL import Image

import dicom_data
import lung_series
from client import ProblemError
from served_bridge import ServedBridge

FRAMES = 400
GRANTS = {"dicom.write": "allow", "files.read": "allow", "scene.delete": "allow"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    lung_series.write_series(folder)
    (folder / "notes.txt").write_text("no DICOM", encoding="utf-8")
    whole = (folder / "ct01.dcm").read_bytes()
    (folder / "copy.dcm").write_bytes(whole)
    (folder / "broken.dcm").write_bytes(whole[:100])
    with ServedBridge(
        tmp_path_factory.mktemp("host"), grants=GRANTS, options=[f"--allow-folder={folder}"]
    ) as served:
        job = served.client.start_job("dicom.import_files", path=str(folder))
        yield served.client, served.client.job_result(job["id"])


@pytest.fixture
def lung(served):
    """A client whose database has the lung CT and whose scene has its volume, and the volume's id."""
    client, _ = served
    client.post("/scene/clear", {"confirm": True}).expect()
    loaded = client.job_result(client.start_job("dicom.load", series_instance_uid=lung_series.SERIES)["id"])
    return client, loaded["node_ids"][0]


def test_import_says_file_by_file_what_did_not_get_in(served):
    """issue:#6: 48 images and a report; a copy, a text and a broken file beside them."""
    _, report = served
    assert report["counts"] == {"added": 49, "already_there": 1, "not_dicom": 2}
    assert sorted(one["path"].rpartition("/")[2] for one in report["problems"]) == ["broken.dcm", "notes.txt"]
    assert sorted(report["series"]) == [lung_series.SERIES, lung_series.REPORT_SERIES]


def test_loaded_scan_equals_the_scan(lung, a_lung_ct_file):
    """issue:#6: voxels and geometry exact; differential against the NRRD that the slices were made of."""
    client, volume_id = lung
    scan = lung_series.read_scan(a_lung_ct_file)
    described = client.get(f"/volumes/{volume_id}").expect().json()
    assert described["dimensions_ijk"] == [512, 512, 48]
    assert described["spacing_mm"] == pytest.approx(scan.spacing_mm)
    x, y, z = scan.origin_lps
    assert described["origin_ras"] == pytest.approx([-x, -y, z])
    body = client.get(f"/volumes/{volume_id}/data", format="raw").expect().body
    assert described["scalar_type"] == "int16"
    assert body == scan.voxels.tobytes()
    display = described["display"]
    assert (display["window_level"], display["window_width"]) == (-500, 1500)
    assert display["is_window_automatic"] is False


def test_nodes_tell_their_study_and_series_although_identifiers_are_hidden(lung):
    """issue:#6: loaded nodes carry their study and series, as handles for further calls."""
    client, volume_id = lung
    (found,) = client.get("/dicom/loaded").expect().json()["items"]
    images = found.pop("sop_instance_uids")
    assert found == {
        "node_id": volume_id,
        "study_instance_uid": lung_series.STUDY,
        "series_instance_uid": lung_series.SERIES,
        "is_in_database": True,
    }
    assert images == [f"2.25.{lung_series.FIRST_IMAGE + k}" for k in range(48)]
    answer = client.get("/dicom/reports", StudyInstanceUID=found["study_instance_uid"]).expect()
    assert [one["SOPInstanceUID"] for one in answer.json()["items"]] == [lung_series.REPORT]


def test_picture_is_found_and_rendered_as_the_view_showed_it(lung):
    """issue:#6: pattern D over HTTP; lossless, so the very same bytes."""
    client, volume_id = lung
    wanted = {"volume_id": volume_id, "view": "Red", "offset_mm": -640.0, "width_px": 300, "height_px": 200}
    made = client.post("/dicom/pictures", wanted, headers={"Prefer": "wait=25"}).expect(201).json()
    shown = client.get(
        "/views/slices/Red/image", background=volume_id, offset_mm=-640.0, width=300, height=200
    ).expect()
    again = client.get(f"/dicom/instances/{made['sop_instance_uid']}/image", format="png").expect()
    assert pixels(again.body) == pixels(shown.body)
    found = (
        client.get("/dicom/series", SeriesInstanceUID=made["series_instance_uid"]).expect().json()["items"]
    )
    assert [one["SeriesDescription"] for one in found] == ["[hidden]"]
    assert made["study_instance_uid"] == lung_series.STUDY


def pixels(png):
    return Image.open(io.BytesIO(png)).convert("RGB").tobytes()


def test_picture_that_also_shows_another_patient_is_refused(lung, tmp_path_factory):
    """issue:#6: never in the wrong study."""
    client, volume_id = lung
    folder = tmp_path_factory.mktemp("other")
    _, series = dicom_data.write_ct(folder, 4)
    for path in sorted(folder.glob("*.dcm")):
        parts = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n--x--\r\n"
        client.post_bytes(
            "/dicomweb/studies", parts, 'multipart/related; type="application/dicom"; boundary=x'
        )
    other = client.job_result(client.start_job("dicom.load", series_instance_uid=series)["id"])["node_ids"][0]
    created = client.call(
        "segmentations.create", source_volume_id=other, threshold={"minimum": 0, "maximum": 500}
    )
    with pytest.raises(ProblemError) as raised:
        client.call("dicom.save_picture", volume_id=volume_id, view="Red", offset_mm=-640.0)
    assert raised.value.answer.code == "data.invalid"
    assert created["id"] in raised.value.answer.json()["detail"]


def test_canceled_load_stops_between_two_frames_and_leaves_nothing_behind(start_bridge, tmp_path):
    """issue:#6: cancel, here once frames are being read and hundreds are still to come; the scene has nothing half."""
    study, series = "1.2.826.31", "1.2.826.32"
    dicom_data.write(dicom_data.enhanced_ct(study, series, FRAMES, 256), tmp_path / "in" / "enhanced.dcm")
    client = start_bridge(grants=GRANTS, options=[f"--allow-folder={tmp_path}", "--no-views"]).client
    client.job_result(client.start_job("dicom.import_files", path=str(tmp_path / "in"))["id"])
    before = client.get("/nodes", limit=500).expect().json()["total"]
    job = client.start_job("dicom.load", series_instance_uid=series)
    give_up = time.monotonic() + 60
    running = client.get(f"/jobs/{job['id']}").expect().json()
    while running["progress"]["message"] != "Reading frames":
        assert time.monotonic() < give_up, running
        running = client.get(f"/jobs/{job['id']}").expect().json()
    assert (running["state"], running["cancelable"]) == ("running", True)
    client.delete(f"/jobs/{job['id']}").expect(202)
    ended = client.wait_for_job(job["id"])
    assert ended["state"] == "canceled"
    assert 0 < ended["progress"]["fraction"] < 1
    assert client.get("/volumes").expect().json()["items"] == []
    assert client.get("/dicom/loaded").expect().json()["items"] == []
    assert client.get("/nodes", limit=500).expect().json()["total"] == before
    loaded = client.job_result(client.start_job("dicom.load", series_instance_uid=series)["id"])
    described = client.get(f"/volumes/{loaded['node_ids'][0]}").expect().json()
    assert described["dimensions_ijk"] == [256, 256, FRAMES]


def test_bridge_answers_while_a_series_is_loaded(lung):
    """issue:#6: headers are read in small steps; one step holds the main thread for the voxels."""
    client, _ = lung
    job = client.start_job("dicom.load", series_instance_uid=lung_series.SERIES)
    answered = 0
    give_up = time.monotonic() + 60
    while client.get(f"/jobs/{job['id']}").expect().json()["state"] not in {"succeeded", "failed"}:
        client.get("/scene").expect()
        answered += 1
        assert time.monotonic() < give_up
    assert answered > 0


def test_canceled_import_keeps_whole_instances_only(start_bridge, tmp_path):
    """issue:#6: cancel while files are added; what is in stays and can be read, importing again adds the rest."""
    lung_series.write_series(tmp_path / "in")
    client = start_bridge(grants=GRANTS, options=[f"--allow-folder={tmp_path}", "--no-views"]).client
    job = client.start_job("dicom.import_files", path=str(tmp_path / "in"))
    give_up = time.monotonic() + 60
    while not (count := len(client.get("/dicom/instances", limit=100).expect().json()["items"])):
        assert time.monotonic() < give_up
    client.delete(f"/jobs/{job['id']}").expect(202)
    client.wait_for_job(job["id"])
    kept = client.get("/dicom/instances", limit=100).expect().json()["items"]
    assert count <= len(kept) <= 49
    for one in kept:
        client.get(f"/dicom/instances/{one['SOPInstanceUID']}/metadata").expect()
    again = client.job_result(client.start_job("dicom.import_files", path=str(tmp_path / "in"))["id"])
    assert again["counts"].get("already_there", 0) == len(kept)
    assert again["counts"].get("added", 0) == 49 - len(kept)
