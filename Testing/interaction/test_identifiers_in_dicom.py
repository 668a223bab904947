"""Planted identifiers of real DICOM files leave through no route, tool, event, log, audit line, file or picture."""

from __future__ import annotations

import contextlib
import json
import re
from itertools import count

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

import dicom_data
from AgentBridgeLib.model.confidentiality import COVERED_BY_NAME
from mcp_client import MODERN, McpClient
from served_bridge import ServedBridge

NAME = "QUUXBY^ZEBEDEE"
TELLTALES = re.compile(rb"quuxby|zebedee|mrn7734921|19310917|1931-09-17|zqz[0-9a-f]+zqz", re.IGNORECASE)
"""The name, the number and the birth date, and what every other text attribute of table E.1-1 is given."""
TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC", "PN"}
GRANTS = {"dicom.write": "allow", "scene.delete": "allow", "files.write": "allow", "files.read": "allow"}


def plant(made: Dataset) -> Dataset:
    """Give every text attribute of table E.1-1 a value of its own, at the top and in a sequence."""
    numbers = count(1)
    inner = Dataset()
    for keyword in sorted(COVERED_BY_NAME):
        kind = dictionary_VR(tag_for_keyword(keyword)).partition(" ")[0]
        if kind in TEXTS and tag_for_keyword(keyword) >> 16 not in {0, 2, 4}:
            for place in (made, inner):
                setattr(place, keyword, f"Zqz{next(numbers):x}zqz")
        elif kind == "DA":
            setattr(made, keyword, "19310917")
    made.PatientName, made.PatientID = NAME, "MRN7734921"
    made.StudyDate = made.SeriesDate = "20260105"
    inner.PatientName = "Zebedee Quuxby"
    made.RequestAttributesSequence = [inner]
    made.add(DataElement(0x00091001, "LO", "private Zebedee"))
    made.add(DataElement(0x00090010, "LO", "QUUXBY WORKS"))
    return made


def write_files(folder):
    """A CT series, a report that names the patient, and a document."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for k in range(4):
        dicom_data.write(plant(dicom_data.ct_slice(study, series, frame, k)), folder / f"im{k}.dcm")
    report = plant(dicom_data.report(study))
    report.ContentSequence[1].TextValue = "Mr. Zebedee Quuxby (MRN7734921) shall come back."
    dicom_data.write(report, folder / "report.dcm")
    document = plant(
        dicom_data.dataset(
            dicom_data.ENCAPSULATED_PDF, study, generate_uid(), Modality="DOC", InstanceNumber=1
        )
    )
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document.EncapsulatedDocument = dicom_data.pdf("Letter about Zebedee Quuxby")
    dicom_data.write(document, folder / "letter.dcm")
    (folder / "broken QUUXBY.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\x00Zebedee")
    return study, series


class Host:
    """A host whose database has the patient, everything that came from it, and how far that is looked at."""

    def __init__(self, served, folder, study, series):
        self.served, self.folder, self.client = served, folder, served.client
        self.study, self.series = study, series
        self.received = []
        self.filled = {}

    def send(self, method, path, body=None, **headers):
        """Send a request; every byte that comes back, headers included, is kept."""
        answer = self.client.request(method, path, json_body=body, headers=headers)
        self.received.append(
            (
                f"{method} {path} {answer.status}",
                json.dumps(dict(answer.headers)).encode() + b"\n" + answer.body,
            )
        )
        return answer

    def leaks(self, extra=()):
        """Where a telltale stands in what was received."""
        return [
            (place, found.group(), content[max(0, found.start() - 80) : found.end() + 20])
            for place, content in (*self.received, *extra)
            if (found := TELLTALES.search(content))
        ]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The database filled, the CT loaded, a segmentation and a line made of it."""
    folder, home = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("home")
    study, series = write_files(folder / "QUUXBY_ZEBEDEE 1931-09-17")
    options = [f"--allow-folder={folder}"]
    with ServedBridge(home, grants=GRANTS, options=options) as served:
        made = Host(served, folder, study, series)
        made.send("POST", "/dicom/import", {"path": str(folder)}, Prefer="wait=25").expect()
        loaded = made.send("POST", "/dicom/load", {"series_instance_uid": series}, Prefer="wait=25").expect()
        (volume,) = loaded.json()["node_ids"]
        threshold = {"minimum": -500, "maximum": 3000}
        segmented = made.send(
            "POST", "/segmentations", {"source_volume_id": volume, "threshold": threshold}, Prefer="wait=25"
        ).expect()
        instances = made.client.get("/dicom/instances", SeriesInstanceUID=series).expect().json()["items"]
        made.filled = {
            "volume_id": volume,
            "node_id": volume,
            "segmentation_id": segmented.json()["id"],
            "study_instance_uid": study,
            "series_instance_uid": series,
            "sop_instance_uid": instances[0]["SOPInstanceUID"],
            "frames": "1",
            "name": "Red",
        }
        yield made


def of_kind(host, modality):
    """The instance of the report or of the document."""
    (series,) = host.client.get("/dicom/series", Modality=modality).expect().json()["items"]
    uid = series["SeriesInstanceUID"]
    (instance,) = host.client.get("/dicom/instances", SeriesInstanceUID=uid).expect().json()["items"]
    return instance["SOPInstanceUID"]


def test_no_answer_about_the_database_or_the_scene_tells_who_it_is(host):
    """issue:#4: every GET route of the OpenAPI document, then what changes and what fails"""
    document = host.client.get("/openapi.json").expect().json()
    job = host.client.start_job("scene.summary")["id"]
    filled = {**host.filled, "job_id": job}
    paths = [path.removeprefix("/agent/v1") for path, entry in document["paths"].items() if "get" in entry]
    for path in sorted(path for path in paths if not path.endswith("/events")):
        host.send("GET", re.sub(r"\{(\w+)\}", lambda found: filled.get(found[1], "nothing"), path) or "/")
    answered = [place for place, _ in host.received if place.startswith("GET") and place.endswith(" 200")]
    assert len(answered) > 45, "most routes answer"
    assert any("/dicomweb/" in place and "/frames/" in place for place in answered)
    study, instance = host.study, host.filled["sop_instance_uid"]
    for accept in ("application/dicom+json", 'multipart/related; type="application/dicom"', "image/png"):
        host.send("GET", f"/dicomweb/studies/{study}", Accept=accept)
        host.send("GET", f"/dicomweb/studies/{study}/metadata", Accept=accept)
    host.send(
        "GET",
        f"/dicomweb/wado?requestType=WADO&studyUID={study}&seriesUID={host.series}&objectUID={instance}",
    )
    host.send("GET", "/dicom/studies?PatientName=Quux*&includefield=all")
    host.send("GET", "/dicomweb/studies?PatientName=QUUXBY*&includefield=all")
    host.send("GET", f"/dicom/instances/{of_kind(host, 'SR')}/report")
    host.send("GET", f"/dicom/instances/{of_kind(host, 'DOC')}/document")
    host.send("POST", "/dicom/load", {"series_instance_uid": "1.2.3"}, Prefer="wait=25")
    host.send("POST", "/files/load", {"path": str(host.folder / "QUUXBY_ZEBEDEE 1931-09-17" / "no.nrrd")})
    host.send("POST", "/dicom/import", {"path": str(host.folder)}, Prefer="wait=25")
    for path in (
        "/jobs",
        "/log?limit=1000",
        "/audit?limit=1000",
        "/checkpoints",
        "/scene",
        "/nodes?limit=1000",
    ):
        host.send("GET", path)
    for place, _ in list(host.received):
        assert "500" not in place.rsplit(" ", 1)[1:]
    assert host.leaks() == []


def test_pictures_have_no_annotation(host):
    """issue:#4: corner annotations; a picture of the same voxels without a patient is the same picture"""
    volume = host.filled["volume_id"]
    with_patient = host.client.get(
        "/views/slices/Red/image", background=volume, width=300, height=300
    ).expect()
    copy = (
        host.client.post(f"/volumes/{volume}/clone", {"name": "nobody"}, headers={"Prefer": "wait=25"})
        .expect()
        .json()["id"]
    )
    node = host.client.get(f"/nodes/{copy}").expect().json()
    assert not [name for name in node["attributes"] if name.startswith("DICOM.Patient")]
    without = host.client.get("/views/slices/Red/image", background=copy, width=300, height=300).expect()
    assert with_patient.body == without.body
    assert not TELLTALES.search(with_patient.body)


@pytest.mark.parametrize("era", [MODERN, "2025-11-25"])
def test_no_tool_resource_or_prompt_tells_who_it_is(host, era):
    """issue:#4: over /mcp too"""
    token = host.client.token
    agent = McpClient(host.client.base_url + "/mcp", token, era="modern" if era == MODERN else era)
    if era != MODERN:
        agent.initialize()
    received = []

    def keep(reply):
        received.append((f"mcp {len(received)}", json.dumps([reply.messages, dict(reply.headers)]).encode()))
        return reply

    uids = {
        name: host.filled[name] for name in ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    }
    for tool in keep(agent.request("tools/list")).result["tools"]:
        wanted = tool["inputSchema"].get("required", [])
        if tool["annotations"]["readOnlyHint"] and set(wanted) <= host.filled.keys():
            keep(agent.call(tool["name"], {name: host.filled[name] for name in wanted}))
    for name in ("dicom.find_studies", "dicom.find_series", "dicom.find_instances", "dicom.find_reports"):
        keep(agent.call("operations_run", {"name": name, "arguments": {}}))
    instance = {"sop_instance_uid": uids["sop_instance_uid"]}
    keep(agent.call("operations_run", {"name": "dicom.metadata", "arguments": instance}))
    report = {"sop_instance_uid": of_kind(host, "SR")}
    keep(agent.call("operations_run", {"name": "dicom.report_text", "arguments": report}))
    keep(agent.call("nodes_get", {"node_id": "Zebedee^Quuxby"}))
    for resource in keep(agent.request("resources/list")).result["resources"]:
        keep(agent.request("resources/read", {"uri": resource["uri"]}))
    keep(agent.request("resources/read", {"uri": f"slicer://node/{host.filled['volume_id']}"}))
    assert len(received) > 20
    assert host.leaks(received) == []


def test_neither_events_nor_what_is_written_on_disk_tell_who_it_is(host):
    """issue:#4: event, audit line, log, instance file"""
    host.send("PATCH", f"/nodes/{host.filled['volume_id']}", {"name": "CT of Zebedee Quuxby"})
    with contextlib.closing(host.client.events(last_event_id="0")) as events:
        told = [
            (f"event {event.event}", json.dumps([event.id, event.event, event.data]).encode())
            for event, _ in zip(events, range(8), strict=False)
        ]
    home = host.served.folder
    written = [
        (path.name, path.read_bytes())
        for pattern in ("*.jsonl", "instances/*.json", "*.log")
        for path in home.rglob(pattern)
    ]
    assert {name.rpartition(".")[2] for name, _ in written} >= {"jsonl", "json"}
    printed = [("what the host printed", host.served.tail().encode())]
    assert host.leaks([*told, *written, *printed]) == []


def test_the_files_themselves_do_tell(host):
    """house: the test can fail"""
    planted = (host.folder / "QUUXBY_ZEBEDEE 1931-09-17" / "im0.dcm").read_bytes()
    assert len(set(TELLTALES.findall(planted))) > 100
