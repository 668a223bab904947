"""Our answers beside those of a real Orthanc, and beside what pydicom reads, on the same files.

Where Orthanc 1.10 differs, `dicom_peers` lists it with the reason; everything else has to be equal.
"""

import io
import json

import numpy as np
import pydicom
import pytest
import requests

from dicom_peers import BINARY, ORTHANC_GARBLES, ORTHANC_REFUSES, differing, place, running_peers

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
AS_STORED = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
UNREADABLE = {"badVR.dcm": {"00280008"}}  # NumberOfFrames is "1A"


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    yield from running_peers(tmp_path_factory)


def test_there_is_something_to_compare(peers):
    """house: compressed syntaxes, character sets, modalities."""
    syntaxes = {dataset.file_meta.TransferSyntaxUID for _, _, dataset in peers.samples}
    charsets = {str(dataset.get("SpecificCharacterSet", "")) for _, _, dataset in peers.samples}
    modalities = {dataset.get("Modality", "") for _, _, dataset in peers.samples}
    assert len(peers.samples) > 110
    assert (len(syntaxes) > 10, len(charsets) > 11, len(modalities) > 10) == (True, True, True)


def test_metadata_say_what_pydicom_reads(peers):
    """issue:#6: every attribute of every sample, in every character set."""
    wrong = {}
    for path, _, dataset in peers.samples:
        (found,) = peers.ours(f"{place(dataset)}/metadata").json()
        truth = {
            tag: item
            for tag, item in json.loads(dataset.to_json(suppress_invalid_tags=True)).items()
            if tag[4:] != "0000"
        }
        tags = differing({tag: found.get(tag, {}) for tag in truth}, truth)
        # What pydicom gives up because of one bad value inside, ours still has.
        tags |= {f"{int(item.tag):08X}" for item in dataset if item.tag.element and item.VR not in BINARY} - {
            *found
        }
        if tags - UNREADABLE.get(path.name, set()):
            wrong[path.name] = {tag: (found.get(tag), truth.get(tag)) for tag in tags}
    assert wrong == {}


def test_metadata_say_what_orthanc_says(peers):
    """issue:#6: differences only where Orthanc is known to be wrong."""
    wrong = {}
    for path, _, dataset in peers.samples:
        if path.name in ORTHANC_REFUSES | ORTHANC_GARBLES:
            continue
        theirs = peers.theirs(f"{place(dataset)}/metadata", Accept="application/dicom+json").json()[0]
        (found,) = peers.ours(f"{place(dataset)}/metadata").json()
        tags = differing(found, theirs)
        if tags:
            wrong[path.name] = {tag: (found.get(tag), theirs.get(tag)) for tag in tags}
    assert set(wrong) == set(), wrong


def test_files_are_those_that_were_imported(peers):
    """issue:#6: byte by byte; Orthanc's have the same pixels."""
    for path, data, dataset in peers.samples:
        answer = peers.ours(place(dataset), Accept="application/dicom; transfer-syntax=*")
        assert answer.body == data, path.name
        if path.name in ORTHANC_REFUSES or "PixelData" not in dataset:
            continue
        theirs = peers.theirs(place(dataset), **AS_STORED).content
        start = theirs.index(b"\r\n\r\n") + 4
        found = pydicom.dcmread(io.BytesIO(theirs[start : theirs.rindex(b"\r\n--")]))
        assert found.PixelData == dataset.PixelData, path.name


def test_uncompressed_frames_are_the_voxels(peers):
    """issue:#6: beside pydicom, and beside Orthanc where that one transcodes."""
    compared = 0
    for path, _, dataset in peers.samples:
        if "Rows" not in dataset or "PixelData" not in dataset or int(dataset.BitsAllocated) < 8:
            continue
        try:
            truth = pydicom.pixels.pixel_array(dataset, index=0, raw=True)
        except Exception:  # noqa: BLE001 - what pydicom cannot decode has no truth here
            continue
        accept = 'multipart/related; type="application/octet-stream"'
        answer = peers.client.get(f"/dicomweb{place(dataset)}/frames/1", headers={"Accept": accept})
        body = answer.expect(200).body
        frame = body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--")]
        if truth.ndim == 3 and dataset.get("PlanarConfiguration", 0) == 1:
            truth = np.moveaxis(truth, -1, 0)
        expected = truth.astype(truth.dtype.newbyteorder("<")).tobytes()
        assert frame == expected, path.name
        compared += 1
    assert compared > 50


def test_compressed_frames_leave_as_they_are_stored(peers):
    """issue:#6: with the media type of PS3.18, table 8.7.3-5."""
    seen = set()
    for path, _, dataset in peers.samples:
        syntax = dataset.file_meta.TransferSyntaxUID
        if not syntax.is_compressed or "PixelData" not in dataset or syntax == "1.2.840.10008.1.2.1.99":
            continue
        if path.name == "JPEG2000-embedded-sequence-delimiter.dcm":
            continue
        accept = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
        body = peers.client.get(f"/dicomweb{place(dataset)}/frames/1", headers=accept).expect(200).body
        head, _, rest = body.partition(b"\r\n\r\n")
        count = int(dataset.get("NumberOfFrames", 1) or 1)
        frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=count)
        assert rest[: rest.rindex(b"\r\n--")] == frame, path.name
        seen.add(head.split(b"Content-Type: ")[1].partition(b";")[0].decode())
        assert f"transfer-syntax={syntax}".encode() in head
    assert seen == {"image/jpeg", "image/jls", "image/jp2", "image/dicom-rle"}


def studies_of(peers, predicate):
    """Truth: the studies of which any instance fits."""
    return {str(dataset.StudyInstanceUID) for _, _, dataset in peers.samples if predicate(dataset)}


def contradictory_studies(peers):
    """Give the studies whose files do not agree about patient and date: any answer about them is as good.

    And those with dates as ACR-NEMA wrote them (1997.04.24), which CTK does not take into its tables.
    """
    said = {}
    for _, _, dataset in peers.samples:
        keys = (
            str(dataset.get(name, "")) for name in ("PatientID", "PatientName", "PatientSex", "StudyDate")
        )
        said.setdefault(str(dataset.StudyInstanceUID), set()).add(tuple(keys))
    old = {study for study, versions in said.items() if "." in "".join(date for *_, date in versions)}
    return old | {study for study, versions in said.items() if len(versions) > 1}


QUERIES = {
    "PatientID=77654033": lambda d: d.get("PatientID") == "77654033",
    "PatientID=7765403?": lambda d: str(d.get("PatientID", "")).startswith("7765403"),
    "00100020=CT*": lambda d: str(d.get("PatientID", "")).startswith("CT"),
    "PatientName=compressedsamples*": lambda d: str(d.get("PatientName", "")).startswith("CompressedSamples"),
    "PatientName=CompressedSamples^CT1": lambda d: d.get("PatientName") == "CompressedSamples^CT1",
    "StudyDate=20040119": lambda d: d.get("StudyDate") == "20040119",
    "StudyDate=20000101-20051231": lambda d: "20000101" <= str(d.get("StudyDate") or "") <= "20051231",
    "StudyDate=20100101-": lambda d: str(d.get("StudyDate") or "") >= "20100101",
    "StudyDate=-19991231": lambda d: "" < str(d.get("StudyDate") or "") <= "19991231",
    "ModalitiesInStudy=MR": lambda d: d.get("Modality") == "MR",
    "ModalitiesInStudy=RTDOSE": lambda d: d.get("Modality") == "RTDOSE",
    "PatientSex=F": lambda d: d.get("PatientSex") == "F",
    "PatientID=nobody": lambda d: False,
}


ORTHANC_MATCHES_EMPTY = {"StudyDate=-19991231"}  # takes studies without a date for old ones


@pytest.mark.parametrize("query", QUERIES)
def test_studies_that_match_are_those_of_pydicom_and_of_orthanc(peers, query):
    """issue:#6: keywords, tags, wildcards, ranges; Orthanc's oracle is /tools/find, since its QIDO decodes nothing."""
    found = {one["0020000D"]["Value"][0] for one in peers.ours(f"/studies?{query}").json()}
    unclear = contradictory_studies(peers)
    assert len(unclear) < 4
    assert found - unclear == studies_of(peers, QUERIES[query]) - unclear
    if query in ORTHANC_MATCHES_EMPTY:
        return
    key, value = query.split("=")
    key = "PatientID" if key == "00100020" else key
    asked = {"Level": "Study", "Query": {key: value}, "Expand": True, "CaseSensitive": key != "PatientName"}
    theirs = requests.post(f"{peers.root}/tools/find", json=asked, timeout=30).json()
    assert found - unclear == {one["MainDicomTags"]["StudyInstanceUID"] for one in theirs} - unclear


def test_every_patient_is_found_by_name_in_the_script_it_is_written_in(peers):
    """issue:#6: person names in every character set, the whole name and each of its forms."""
    missing = []
    for path, _, dataset in peers.samples:
        if path.parent.name != "charset_files" or not dataset.get("PatientName"):
            continue
        name = str(dataset.PatientName)
        for asked in {name, *name.split("=")} - {""}:
            found = peers.client.get("/dicomweb/studies", PatientName=asked).expect(200).json()
            if str(dataset.StudyInstanceUID) not in {one["0020000D"]["Value"][0] for one in found}:
                missing.append((path.name, asked))
    assert missing == []


def test_series_and_instances_are_counted_as_orthanc_counts(peers):
    """issue:#6: at every level, in one study."""
    for study in sorted({str(dataset.StudyInstanceUID) for _, _, dataset in peers.samples}):
        if any(
            one.name in ORTHANC_REFUSES for one in peers.samples if str(one.dataset.StudyInstanceUID) == study
        ):
            continue
        for level, tag in (("series", "0020000E"), ("instances", "00080018")):
            ours = {one[tag]["Value"][0] for one in peers.ours(f"/studies/{study}/{level}").json()}
            theirs = peers.theirs(f"/studies/{study}/{level}", Accept="application/dicom+json").json()
            assert ours == {one[tag]["Value"][0] for one in theirs}


def test_pages_of_instances_make_the_whole_result(peers):
    """issue:#6: limit and offset in a stable order."""
    whole = [one["00080018"]["Value"][0] for one in peers.ours("/instances").json()]
    pages = []
    for offset in range(0, len(whole) + 20, 20):
        pages += [
            one["00080018"]["Value"][0] for one in peers.ours(f"/instances?limit=20&offset={offset}").json()
        ]
    assert pages == whole
    assert len(whole) == len(set(whole)) == len(peers.samples)
