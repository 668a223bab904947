"""DICOMweb with an outside client, dicomweb-client, against our routes."""

import io
import json

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset

import dicom_data

XML = 'multipart/related; type="application/dicom+xml"'
GRANTS = {"dicom.write": "allow", "files.read": "allow"}


def outside_client(bridge):
    """Make a dicomweb-client for a bridge."""
    import requests

    def authorize(request):
        request.headers["Authorization"] = f"Bearer {bridge.token}"
        return request

    session = requests.Session()
    session.auth = authorize
    return DICOMwebClient(f"{bridge.base_url}/dicomweb", session=session)


def start(factory, policy):
    from served_bridge import ServedBridge

    return ServedBridge(factory.mktemp("home"), grants=GRANTS, options=["--no-views", *policy])


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    """An outside client of a host whose database has one study, what was sent, and a client of ours."""
    with start(tmp_path_factory, []) as served:
        web = outside_client(served.client)
        sent = [dicom_data.ct_slice("1.2.826.1", "1.2.826.2", "1.2.826.3", k) for k in (2, 0, 1)]
        answer = web.store_instances(sent)
        assert len(answer.ReferencedSOPSequence) == 3
        yield web, sent, served.client


def test_stored_study_is_found_with_the_attributes_asked_for(chest):
    """slicer: QIDO-RS, PS3.18 10.6; includefield may stand several times."""
    web, _, _ = chest
    (found,) = web.search_for_studies(
        fields=["StudyDescription", "PatientAge"], search_filters={"ModalitiesInStudy": "CT"}
    )
    dataset = Dataset.from_json(found)
    assert dataset.StudyInstanceUID == "1.2.826.1"
    assert dataset.NumberOfStudyRelatedInstances == 3
    instances = web.search_for_instances("1.2.826.1", "1.2.826.2")
    assert [Dataset.from_json(one).InstanceNumber for one in instances] == [1, 2, 3]
    assert web.search_for_series("1.2.826.1", search_filters={"Modality": "MR"}) == []


def test_metadata_and_files_come_without_identifiers_by_default(chest):
    """issue:#6: the policy applies to every answer; UIDs and pixels stay."""
    web, sent, _ = chest
    described = web.retrieve_series_metadata("1.2.826.1", "1.2.826.2")
    assert described[0]["00280030"]["Value"] == [0.7, 0.9]
    assert "Doe" not in str(described)
    files = web.retrieve_study("1.2.826.1")
    assert [one.InstanceNumber for one in files] == [1, 2, 3]
    assert all(one.PatientName == "" and one.PatientIdentityRemoved == "YES" for one in files)
    assert files[2].PixelData == sent[0].PixelData
    assert files[2].SOPInstanceUID == sent[0].SOPInstanceUID


def test_one_instance_comes_alone_when_only_that_is_accepted(chest):
    """slicer: PS3.18 8.7.3."""
    _, sent, client = chest
    path = f"/dicomweb/studies/1.2.826.1/series/1.2.826.2/instances/{sent[0].SOPInstanceUID}"
    answer = client.get(path, headers={"Accept": "application/dicom"}).expect(200)
    assert answer.headers["content-type"] == "application/dicom"
    assert pydicom.dcmread(io.BytesIO(answer.body)).InstanceNumber == 3
    client.get(path, headers={"Accept": "video/mp4"}).expect(406)
    client.get(path.replace("1.2.826.2", "1.2.826.9")).expect(404)


def test_frames_come_raw_and_rendered(chest):
    """slicer: PS3.18 10.4."""
    web, sent, client = chest
    uids = ("1.2.826.1", "1.2.826.2", sent[1].SOPInstanceUID)
    (frame,) = web.retrieve_instance_frames(*uids, [1], media_types=("application/octet-stream",))
    assert frame == sent[1].PixelData
    path = "/dicomweb/studies/{}/series/{}/instances/{}/frames/1".format(*uids)
    for address in (path, f"{path}/rendered"):  # whether the pixels may show text about the patient
        said = json.loads(client.get(address).expect().headers["x-agentbridge-content"])
        assert said == {"frame_count": 1, "burned_in_annotation": "unknown"}
    png = web.retrieve_instance_frames_rendered(*uids, [1], media_types=("image/png",))
    assert np.asarray(Image.open(io.BytesIO(png))).shape == (24, 32)
    jpeg = web.retrieve_instance_rendered(*uids, media_types=("image/jpeg",))
    assert jpeg.startswith(b"\xff\xd8")


def test_storing_again_makes_no_duplicates(chest):
    """issue:#6."""
    web, sent, _ = chest
    assert len(web.store_instances(sent).ReferencedSOPSequence) == 3
    assert len(web.search_for_instances("1.2.826.1")) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart",
        b"--x\r\nContent-Type: application/dicom\r\n\r\ncut off",
    ],
)
def test_broken_messages_are_refused(chest, body):
    """issue:#6: nothing is half stored."""
    _, _, client = chest
    answer = client.post_bytes(
        "/dicomweb/studies", body, 'multipart/related; type="application/dicom"; boundary=x'
    )
    assert answer.expect(422).code == "data.invalid"


def test_metadata_address_bulk_data_and_a_standard_client_joins_them(chest):
    """slicer: PS3.18 10.4.1.1.5; a data set made of metadata and bulk data has the pixels that were sent."""
    web, sent, client = chest
    described = web.retrieve_instance_metadata("1.2.826.1", "1.2.826.2", sent[0].SOPInstanceUID)
    assert described["7FE00010"]["BulkDataURI"].startswith(f"{client.base_url}/dicomweb/studies/")
    made = Dataset.from_json(described, lambda uri: bytes(web.retrieve_bulkdata(uri)[0]))
    assert made.PixelData == sent[0].PixelData
    path = described["7FE00010"]["BulkDataURI"].removeprefix(client.base_url)
    client.get(path.replace("7FE00010", "00420011")).expect(404)
    assert client.get(path, headers={"Accept": "application/octet-stream"}).expect().body == sent[0].PixelData


def test_answers_say_where_to_retrieve(chest):
    """slicer: PS3.18 10.6.3.3; the address of each match works as it is."""
    web, _, client = chest
    for found in (web.search_for_studies()[0], web.search_for_series()[0], web.search_for_instances()[0]):
        url = found["00081190"]["Value"][0]
        assert client.get(url.removeprefix(client.base_url)).expect(200).body.count(b"DICM") >= 1


def test_more_matches_than_asked_for_are_announced(chest):
    """slicer: PS3.18 8.3.4.4: Warning 299; a limit above ours is no error."""
    _, _, client = chest
    answer = client.get("/dicomweb/studies/1.2.826.1/instances?limit=2").expect(200)
    assert len(answer.json()) == 2
    assert answer.headers["warning"].startswith("299 ")
    everything = client.get("/dicomweb/studies/1.2.826.1/instances?limit=5000").expect(200)
    assert "warning" not in everything.headers


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("application/dicom+json", 200, "application/dicom+json"),
        ("application/json", 200, "application/json"),
        ("*/*", 200, "application/dicom+json"),
        ("application/dicom+json;q=0.1, application/json", 200, "application/json"),
        ("application/dicom+xml", 200, "application/dicom+xml"),
        ('multipart/related; type="application/dicom+xml"', 200, "multipart/related"),
        ("text/html", 406, "application/problem+json"),
    ],
)
def test_attributes_come_in_the_form_that_the_client_takes(chest, accept, status, kind):
    """slicer: PS3.18 8.7.4; 406 says what there is, and the query parameter stands in for the header."""
    _, _, client = chest
    for path in ("/dicomweb/studies", "/dicomweb/studies/1.2.826.1/series/1.2.826.2/instances?limit=1"):
        answer = client.get(path, headers={"Accept": accept}).expect(status)
        assert answer.headers["content-type"].partition(";")[0] == kind
        if status == 406:
            assert 'type=\\"application/dicom+xml\\"' in answer.body.decode()
    overridden = client.get("/dicomweb/studies?accept=application/json", headers={"Accept": accept})
    assert overridden.expect(200).headers["content-type"] == "application/json"


def test_text_leaves_in_utf8_only(chest):
    """slicer: PS3.18 8.3.3.2."""
    _, _, client = chest
    for path in ("/dicomweb/studies", "/dicomweb/studies/1.2.826.1/metadata"):
        client.get(f"{path}?charset=iso-8859-1,utf-8;q=0.1").expect(200)
        client.get(f"{path}?charset=iso-8859-1").expect(406)


def test_xml_has_no_identifiers_where_json_has_none(chest):
    """issue:#6: the policy applies to every answer."""
    _, _, client = chest
    for path in ("/dicomweb/studies", "/dicomweb/studies/1.2.826.1/metadata"):
        text = client.get(path, headers={"Accept": XML}).expect().body
        assert b"1.2.826.1<" in text
        assert not any(secret in text for secret in (b"Doe", b"Jane", b"P-17", b"19610203", b"ACC9"))


def stow(client, *parts, kind="application/dicom"):
    body = b"".join(b"--x\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + part + b"\r\n" for part in parts)
    return client.post_bytes(
        "/dicomweb/studies", body + b"--x--", 'multipart/related; type="application/dicom"; boundary=x'
    )


def as_file(made):
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_partly_stored_is_202_and_not_stored_409(chest):
    """slicer: PS3.18 table 10.5.3-1; the reason stands beside each instance."""
    _, _, client = chest
    good = dicom_data.ct_slice("1.2.826.1", "1.2.826.81", "1.2.826.3", 1)
    partly = stow(client, as_file(good), b"garbage").expect(202).json()
    assert partly["00081199"]["Value"][0]["00081155"]["Value"] == [good.SOPInstanceUID]
    assert partly["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    nothing = stow(client, b"garbage").expect(409).json()
    assert "00081199" not in nothing
    stow(client, as_file(good), kind="application/dicom+json").expect(415)


def test_bare_file_can_be_stored(chest):
    """slicer: PS3.18 8.7.3.2."""
    _, _, client = chest
    one = dicom_data.ct_slice("1.2.826.1", "1.2.826.82", "1.2.826.3", 1)
    answer = client.post_bytes("/dicomweb/studies", as_file(one), "application/dicom").expect(200)
    assert answer.json()["00081190"]["Value"] == [f"{client.base_url}/dicomweb/studies/1.2.826.1"]


def test_instance_of_another_study_fails_with_its_reason(chest):
    """slicer: PS3.18 10.5."""
    web, _, _ = chest
    other = dicom_data.ct_slice("1.2.826.77", "1.2.826.78", "1.2.826.3", 1)
    mine = dicom_data.ct_slice("1.2.826.1", "1.2.826.79", "1.2.826.3", 1)
    answer = web.store_instances([mine, other], study_instance_uid="1.2.826.1")
    assert answer.FailedSOPSequence[0].FailureReason == 0xA900
    assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == mine.SOPInstanceUID


def wado(client, sent, status=200, accept="*/*", **parameters):
    place = {"studyUID": "1.2.826.1", "seriesUID": "1.2.826.2", "objectUID": sent[0].SOPInstanceUID}
    query = {"requestType": "WADO", **place, **parameters}
    return client.request("GET", "/dicomweb/wado", query=query, headers={"Accept": accept}).expect(status)


def test_older_viewers_get_pictures_and_files_by_query(chest):
    """slicer: PS3.18 chapter 9."""
    _, sent, client = chest
    assert wado(client, sent).headers["content-type"] == "image/jpeg"
    answer = wado(
        client, sent, contentType="image/png", rows=12, columns=100, windowCenter=0, windowWidth=300
    )
    assert np.asarray(Image.open(io.BytesIO(answer.body))).shape == (12, 16)
    file = wado(client, sent, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.1")
    found = pydicom.dcmread(io.BytesIO(file.body))
    assert (found.PixelData, found.PatientName) == (sent[0].PixelData, "")


@pytest.mark.parametrize(
    ("status", "parameters"),
    [
        (422, {"requestType": "WADI"}),
        (422, {"frameNumber": 2}),
        (422, {"windowCenter": 40}),
        (422, {"region": "0,0,1,1"}),
        (404, {"studyUID": "1.2.3"}),
        (406, {"contentType": "video/mpeg"}),
        (406, {"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.70"}),
    ],
)
def test_query_that_cannot_be_answered_says_why(chest, status, parameters):
    """slicer: PS3.18 9.4; what is not supported is never ignored."""
    _, sent, client = chest
    wado(client, sent, status, **parameters)


def test_rendered_frame_takes_window_viewport_and_quality(chest):
    """slicer: PS3.18 8.3.5.1."""
    _, sent, client = chest
    path = f"/dicomweb/studies/1.2.826.1/series/1.2.826.2/instances/{sent[0].SOPInstanceUID}/rendered"
    png = {"Accept": "image/png"}
    plain = client.get(path, headers=png).expect().body
    narrow = client.get(f"{path}?window=500,10,linear-exact", headers=png).expect().body
    assert set(np.unique(np.asarray(Image.open(io.BytesIO(narrow))))) <= {0, 255} or narrow != plain
    large = Image.open(io.BytesIO(client.get(f"{path}?viewport=64,64", headers=png).expect().body))
    assert large.size == (64, 48)
    worst, best = (len(client.get(f"{path}?quality={quality}").expect().body) for quality in (1, 100))
    assert worst < best
    for wrong in ("window=1", "window=1,0", "window=a,b", "viewport=0,1", "quality=101"):
        client.get(f"{path}?{wrong}").expect(422)


def test_viewer_like_ohif_gets_its_worklist_and_series(chest):
    """issue:#6: pattern C; parameters as OHIF and its DICOMweb client send them."""
    _, _, client = chest
    worklist = (
        "/dicomweb/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060"
        "&PatientName=*doe*&00080020=20260101-20261231&ModalitiesInStudy=CT%5CMR"
    )
    (study,) = client.get(worklist, headers={"Accept": "application/dicom+json"}).expect().json()
    for tag in (
        "00080020",
        "00080030",
        "00080050",
        "00080061",
        "00100010",
        "00100020",
        "0020000D",
        "00201206",
    ):
        assert tag in study
    series = (
        client.get("/dicomweb/studies/1.2.826.1/series?includefield=00080021,00080031,0008103E")
        .expect()
        .json()
    )
    assert {one["00080060"]["Value"][0] for one in series} == {"CT"}
    described = client.get("/dicomweb/studies/1.2.826.1/series/1.2.826.2/metadata").expect().json()
    needed = ("00080016", "00080018", "00280010", "00280011", "00280100", "00200032", "00200037", "7FE00010")
    assert all(tag in one for one in described for tag in needed)
    frame = client.get(
        f"/dicomweb/studies/1.2.826.1/series/1.2.826.2/instances/{described[0]['00080018']['Value'][0]}/frames/1",
        headers={"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"},
    ).expect()
    assert frame.headers["content-type"].startswith("multipart/related")
