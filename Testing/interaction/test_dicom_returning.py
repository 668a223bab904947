"""Objects that a client makes of data it retrieved, identifiers covered, land in the study of the right patient."""

import copy
import io
import json

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

import dicom_data
from multipart_answers import parts_of
from served_bridge import ServedBridge
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "files.read": "allow"}
AS_SENT = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
NAME = "Mueller^Jörg"


def segmentation_of(sources):
    """What an agent makes of images it retrieved: one segment, with highdicom."""
    mask = np.zeros((len(sources), 24, 32), np.uint8)
    mask[1:, 5:9, 6:11] = 1
    described = highdicom.seg.SegmentDescription(
        1, "lesion", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion, "MANUAL"
    )
    return highdicom.seg.Segmentation(
        sources,
        mask,
        "BINARY",
        [described],
        generate_uid(),
        50,
        generate_uid(),
        1,
        "agent",
        "agent",
        "1",
        "1",
    )


def as_bytes(dataset):
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def store(client, *files):
    body = b"".join(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in files)
    return client.post_bytes(
        "/dicomweb/studies", body + b"--x--", 'multipart/related; type="application/dicom"; boundary=x'
    )


def values(answer):
    """Keyword to first value of an instance as DICOM JSON."""
    dataset = pydicom.Dataset.from_json(answer.expect().json()[0], lambda _: b"")
    return {element.keyword: element.value for element in dataset}


class Host:
    """A host with two patients; with it the real UIDs of the first one's CT."""

    def __init__(self, factory, policy):
        self.folder, self.home = factory.mktemp("data"), factory.mktemp("home")
        self.study, self.series = dicom_data.write_ct(self.folder / "a", 4, PatientName=NAME)
        dicom_data.write_ct(self.folder / "b", 2, PatientName="Other^One", PatientID="P-18")
        self.policy = policy

    def served(self, policy):
        write_setting(self.home, "patient_identifiers", policy)
        options = [f"--allow-folder={self.folder}", "--no-views"]
        return ServedBridge(self.home, grants=GRANTS, options=options)

    def bring(self, client, path):
        return client.job_result(client.start_job("dicom.import_files", path=str(path))["id"])


def retrieved(client, **filters):
    """The CT of one study, as a client gets it."""
    (series,) = client.get("/dicom/series", Modality="CT", limit=10, **filters).expect().json()["items"]
    path = f"/dicomweb/studies/{series['StudyInstanceUID']}/series/{series['SeriesInstanceUID']}"
    return [pydicom.dcmread(io.BytesIO(part)) for part in parts_of(client.get(path, headers=AS_SENT))]


@pytest.fixture(params=["pseudonymize", "hide"])
def host(request, tmp_path_factory):
    return Host(tmp_path_factory, request.param)


def shown_instances(host):
    """What the database really has, by modality, identifiers shown."""
    with host.served("show") as served:
        path = f"/dicomweb/studies/{host.study}"
        found = served.client.get(f"{path}/instances", includefield="Modality").expect().json()
        files = [
            pydicom.dcmread(io.BytesIO(one)) for one in parts_of(served.client.get(path, headers=AS_SENT))
        ]
        patients = {
            json.dumps(one["00100020"]) for one in served.client.get("/dicomweb/studies").expect().json()
        }
    assert len(found) == len(files)
    return files, patients


def test_segmentation_of_retrieved_images_lands_in_their_study(host):
    """issue:#6: stored over STOW-RS, references and patient are the real ones."""
    with host.served(host.policy) as served:
        host.bring(served.client, host.folder)
        sources = retrieved(served.client, PatientID="P-17")
        assert NAME not in str(sources[0].PatientName)
        made = segmentation_of(sources)
        answer = store(served.client, as_bytes(made)).expect(200)
        for secret in (b"J\xc3\xb6rg", b"P-17", *([host.study.encode()] if host.policy != "hide" else [])):
            assert secret not in answer.body
    files, patients = shown_instances(host)
    (found,) = [one for one in files if one.Modality == "SEG"]
    images = {one.SOPInstanceUID: one for one in files if one.Modality == "CT"}
    assert (found.StudyInstanceUID, found.PatientName, found.PatientID) == (host.study, NAME, "P-17")
    assert (found.PatientBirthDate, found.AccessionNumber, found.StudyDate) == (
        "19610203",
        "ACC9",
        "20260105",
    )
    first = next(iter(images.values()))
    assert found.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert found.SOPInstanceUID == found.file_meta.MediaStorageSOPInstanceUID
    referenced = {
        one.ReferencedSOPInstanceUID
        for each in found.ReferencedSeriesSequence
        for one in each.ReferencedInstanceSequence
    }
    assert referenced == set(images)
    assert {each.SeriesInstanceUID for each in found.ReferencedSeriesSequence} == {host.series}
    assert "PatientIdentityRemoved" not in found
    assert len(patients) == 2
    assert np.array_equal(pydicom.pixels.pixel_array(found), pydicom.pixels.pixel_array(made))


def test_file_that_comes_back_unchanged_is_the_one_that_is_there(host):
    """issue:#6: no duplicate under a pseudonym."""
    with host.served(host.policy) as served:
        host.bring(served.client, host.folder)
        sources = retrieved(served.client, PatientID="P-17")
        store(served.client, *map(as_bytes, sources)).expect(200)
    files, _ = shown_instances(host)
    assert len(files) == 4
    assert {str(one.PatientName) for one in files} == {NAME}


def test_imported_files_are_put_right_as_stored_ones_are(host):
    """issue:#6: an agent may write files and have them imported; its own files stay as they are."""
    with host.served(host.policy) as served:
        host.bring(served.client, host.folder)
        made = segmentation_of(retrieved(served.client, PatientID="P-17"))
        path = host.folder / "made" / "seg.dcm"
        path.parent.mkdir()
        path.write_bytes(as_bytes(made))
        job = served.client.start_job("dicom.import_files", path=str(path), copies_files=False)
        assert served.client.job_result(job["id"])["counts"] == {"added": 1}
        assert path.read_bytes() == as_bytes(made)
    files, patients = shown_instances(host)
    (found,) = [one for one in files if one.Modality == "SEG"]
    assert (found.StudyInstanceUID, found.PatientID) == (host.study, "P-17")
    assert len(patients) == 2


def test_object_that_names_another_patient_is_refused(tmp_path_factory):
    """issue:#6: a pseudonym of the other patient is recognized; that of the right one is taken."""
    host = Host(tmp_path_factory, "pseudonymize")
    with host.served("pseudonymize") as served:
        client = served.client
        host.bring(client, host.folder)
        known = {
            one["PatientID"]: one["PatientName"]
            for one in client.get("/dicom/studies").expect().json()["items"]
        }
        sources = retrieved(client, PatientID="P-17")
        right, wrong = (segmentation_of(copy.deepcopy(sources)) for _ in range(2))  # it shares their elements
        own, *_ = client.get("/dicom/studies", PatientID="P-17").expect().json()["items"]
        assert own["PatientID"].startswith("PatientID-")
        right.PatientID, right.PatientName = own["PatientID"], own["PatientName"]
        wrong.PatientID, wrong.PatientName = next((k, v) for k, v in known.items() if k != own["PatientID"])
        answer = store(client, as_bytes(right), as_bytes(wrong)).expect(202).json()
        assert len(answer["00081199"]["Value"]) == 1
        assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    files, _ = shown_instances(host)
    assert [one.PatientID for one in files if one.Modality == "SEG"] == ["P-17"]


def test_what_others_have_made_anonymous_stays_so(tmp_path_factory):
    """house: nobody's name is put into a file that another program has taken it out of."""
    host = Host(tmp_path_factory, "hide")
    with host.served("hide") as served:
        host.bring(served.client, host.folder)
        made = dicom_data.ct_slice(host.study, generate_uid(), "1.2.3.4.5.6", 1, PatientName="", PatientID="")
        made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", "by another program"
        store(served.client, as_bytes(made)).expect(200)
    files, _ = shown_instances(host)
    assert [one.PatientID for one in files if one.SOPInstanceUID == made.SOPInstanceUID] == [""]
