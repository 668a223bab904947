"""The nine reading tools on the same data in Slicer's database and on a real Orthanc."""

import io
import json
import subprocess

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid

import dicom_data
from components import component
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

STUDY, SERIES, FRAME = "1.2.826.21.1", "1.2.826.21.2", "1.2.826.21.3"
GRANTS = {"dicom.write": "allow", "files.read": "allow", "network": "allow"}
SOURCES = ("local", "pacs")


def a_document(folder):
    """Encapsulate a PDF document with dcmtk's pdf2dcm, under a modality that says nothing."""
    (folder / "letter.pdf").write_bytes(dicom_data.pdf("Dear Jane, all is well"))
    program = component("dcmtk").find().with_name("pdf2dcm")
    keys = {
        "Modality": "OT",
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": "1.2.826.21.9",
        "InstanceNumber": "1",
    }
    keys |= {"StudyDate": "20260105", "StudyTime": "101500"}
    said = [part for name, value in keys.items() for part in ("--key", f"{name}={value}")]
    target = folder / "letter.dcm"
    names = ["--patient-name", dicom_data.PATIENT_NAME, "--patient-id", "P-17", "--title", "Letter"]
    subprocess.run([program, *names, *said, folder / "letter.pdf", target], check=True, timeout=60)
    import pydicom

    return pydicom.dcmread(target)


@pytest.fixture(scope="module")
def _hosts(tmp_path_factory):
    """A study with a CT series, a report and a document, on Orthanc and in the databases of two hosts."""
    for name in ("orthanc", "dcmtk"):
        if component(name).find() is None:
            pytest.skip(component(name).reason)
    from dicomweb_client.api import DICOMwebClient

    folder = tmp_path_factory.mktemp("both")
    made = [dicom_data.ct_slice(STUDY, SERIES, FRAME, k) for k in range(3)]
    report = dicom_data.report(STUDY)
    document = a_document(folder)
    (folder / "in").mkdir()
    for number, one in enumerate([*made, report, document]):
        one.preamble = bytes(128)
        dicom_data.write(one, folder / "in" / f"{number}.dcm")
    with running_orthanc(component("orthanc").find(), tmp_path_factory.mktemp("orthanc")) as url:
        DICOMwebClient(url).store_instances([*made, report, document])
        hosts = {}
        for policy in ("hide", "show"):
            home = tmp_path_factory.mktemp(policy)
            write_setting(home, "dicom_nodes", json.dumps([{"name": "pacs", "url": url}]))
            write_setting(home, "patient_identifiers", policy)
            options = [f"--allow-folder={folder}", "--no-views"]
            served = hosts[policy] = ServedBridge(home, grants=GRANTS, options=options)
            job = served.client.start_job("dicom.import_files", path=str(folder / "in"))
            assert served.client.job_result(job["id"])["counts"] == {"added": 5}
        uids = {
            "image": made[1].SOPInstanceUID,
            "report": report.SOPInstanceUID,
            "pdf": document.SOPInstanceUID,
        }
        yield {policy: host.client for policy, host in hosts.items()}, uids, made
        for host in hosts.values():
            host.stop()


@pytest.fixture
def shown(_hosts):
    """A client that sees identifiers, and the UIDs of an image, a report and a document."""
    return _hosts[0]["show"], _hosts[1]


@pytest.fixture
def hidden(_hosts):
    """A client that sees no identifiers, and the same UIDs."""
    return _hosts[0]["hide"], _hosts[1]


@pytest.mark.parametrize("source", SOURCES)
def test_studies_series_and_instances_are_found(shown, source):
    """issue:#6: tools 1 to 3, one `source` argument."""
    client, _ = shown
    (study,) = client.get("/dicom/studies", source=source, PatientName="Doe*").expect().json()["items"]
    assert (study["StudyInstanceUID"], study["PatientName"]) == (STUDY, dicom_data.PATIENT_NAME)
    series = client.get("/dicom/series", source=source, StudyInstanceUID=STUDY).expect().json()["items"]
    assert {one["Modality"] for one in series} == {"CT", "SR", "OT"}
    query = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}
    found = client.get("/dicom/instances", source=source, **query).expect().json()["items"]
    assert [one["InstanceNumber"] for one in found] == [1, 2, 3]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"PatientName": "Doe^Jane Anne"}, 1),
        ({"PatientName": "doe^j*"}, 1),
        ({"PatientName": "O'Brien"}, 0),
        ({"query": 'PatientName="Doe^Jane Anne" PatientID=P-17'}, 1),
        ({"00100020": "P-1?"}, 1),
        ({"PatientID": "P&17"}, 0),
        ({"StudyDate": "20260101-20261231", "ModalitiesInStudy": "CT"}, 1),
        ({"StudyDate": "-20251231"}, 0),
        ({"StudyInstanceUID": f"1.2.3,{STUDY}"}, 1),
        ({"PatientName": "jan", "fuzzymatching": True}, 1),
        ({"PatientName": "xan", "fuzzymatching": True}, 0),
    ],
)
def test_questions_have_the_same_answer_at_both(shown, source, filters, count):
    """issue:#6: spaces, apostrophes, signs of addresses, ranges, lists; what Orthanc ignores is looked at again."""
    client, _ = shown
    found = client.get("/dicom/studies", source=source, **filters).expect().json()
    assert (len(found["items"]), found["total"]) == (count, count)


def test_pages_and_order_are_the_same_at_both(shown):
    """issue:#6: stable order over the whole result, limit and offset."""
    client, _ = shown
    for level, name in (("series", "SeriesInstanceUID"), ("instances", "SOPInstanceUID")):
        orders = []
        for source in SOURCES:
            pages = [
                client.get(f"/dicom/{level}", source=source, limit=2, offset=offset).expect().json()
                for offset in (0, 2, 4)
            ]
            orders.append([one[name] for page in pages for one in page["items"]])
            assert [page["is_truncated"] for page in pages][-1] is False
        assert orders[0] == orders[1]
        assert len(set(orders[0])) == (3 if level == "series" else 5)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("kind", "which"), [("structured_report", "report"), ("pdf", "pdf")])
def test_reports_and_documents_are_found_by_class(shown, source, kind, which):
    """issue:#6: tools 4 and 5; a document under the modality OT too."""
    client, uids = shown
    found = client.get("/dicom/reports", source=source, kind=kind, StudyInstanceUID=STUDY).expect().json()
    assert [one["SOPInstanceUID"] for one in found["items"]] == [uids[which]]


def test_report_reads_the_same_from_both(shown):
    """issue:#6: tool 6."""
    client, uids = shown
    path = f"/dicom/instances/{uids['report']}/report"
    texts = [client.get(path, source=source).expect().json() for source in SOURCES]
    assert texts[0] == texts[1]
    assert "Diameter: 12.5 mm (millimeter)" in texts[0]["text"]


def test_document_reads_the_same_from_both(shown):
    """issue:#6: tool 7."""
    client, uids = shown
    path = f"/dicom/instances/{uids['pdf']}/document"
    pages = [client.get(path, source=source).expect().json()["pages"] for source in SOURCES]
    assert pages[0] == pages[1] == ["Dear Jane, all is well"]


@pytest.mark.parametrize("which", ["image", "report", "pdf"])
def test_attributes_are_the_same_from_both(shown, which):
    """issue:#6: tool 8."""
    client, uids = shown
    path = f"/dicom/instances/{uids[which]}/metadata"
    local, remote = (client.get(path, source=source).expect().json() for source in SOURCES)
    for name in ("SpecificCharacterSet",):  # Orthanc converts to UTF-8 and says so
        local["attributes"].pop(name, None)
        remote["attributes"].pop(name, None)
    assert remote["attributes"] == local["attributes"]
    assert local["burned_in_annotation"] == remote["burned_in_annotation"]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_frame_looks_the_same_from_both(shown, kind):
    """issue:#6: tool 9; study and series spare the node a search."""
    client, uids = shown
    path = f"/dicom/instances/{uids['image']}/image"
    named = {"study_instance_uid": STUDY, "series_instance_uid": SERIES}
    local, remote, direct = (
        client.get(path, source=source, format=kind, **more).expect().body
        for source, more in (("local", {}), ("pacs", {}), ("pacs", named))
    )
    assert local == remote == direct
    assert np.asarray(Image.open(io.BytesIO(local))).shape == (24, 32)


@pytest.mark.parametrize("route", ["metadata", "report", "document", "image"])
@pytest.mark.parametrize("source", SOURCES)
def test_instance_that_is_nowhere_is_not_found(shown, source, route):
    """issue:#6."""
    client, _ = shown
    client.get(f"/dicom/instances/{generate_uid()}/{route}", source=source).expect(404)


@pytest.mark.parametrize("source", SOURCES)
def test_identifiers_stay_hidden_whatever_the_source(hidden, source):
    """issue:#6: the policy applies to every answer; whoever is only on the node is hidden too."""
    client, uids = hidden
    answers = [client.get(f"/dicom/{level}", source=source) for level in ("studies", "series", "instances")]
    for which, route in (
        ("report", "report"),
        ("pdf", "document"),
        ("image", "metadata"),
        ("report", "metadata"),
    ):
        answers.append(client.get(f"/dicom/instances/{uids[which]}/{route}", source=source))
    for answer in answers:
        body = answer.expect().body
        assert not [word for word in (b"Jane", b"Doe", b"P-17", b"19610203") if word in body], body
    shown_flag = client.get(f"/dicom/instances/{uids['image']}/image", source=source).expect().headers
    assert json.loads(shown_flag["x-agentbridge-content"])["burned_in_annotation"] == "unknown"
