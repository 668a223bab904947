"""DICOMweb with an outside client, dicomweb-client, against our routes."""

import io

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset

import dicom_data

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
    assert Dataset.from_json(described[0]).PixelSpacing == [0.7, 0.9]
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
    web, sent, _ = chest
    uids = ("1.2.826.1", "1.2.826.2", sent[1].SOPInstanceUID)
    (frame,) = web.retrieve_instance_frames(*uids, [1], media_types=("application/octet-stream",))
    assert frame == sent[1].PixelData
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
        b"--x\r\nContent-Type: application/dicom\r\n\r\ngarbage\r\n--x--",
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


def test_instance_of_another_study_fails_with_its_reason(chest):
    """slicer: PS3.18 10.5."""
    web, _, _ = chest
    other = dicom_data.ct_slice("1.2.826.77", "1.2.826.78", "1.2.826.3", 1)
    mine = dicom_data.ct_slice("1.2.826.1", "1.2.826.79", "1.2.826.3", 1)
    answer = web.store_instances([mine, other], study_instance_uid="1.2.826.1")
    assert answer.FailedSOPSequence[0].FailureReason == 0xA900
    assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == mine.SOPInstanceUID
