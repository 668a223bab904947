"""What remote nodes answer: names in every script on a real Orthanc, and servers that are not to be believed."""

import http.server
import io
import json
import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import dicom_data
from components import component
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

GRANTS = {"dicom.write": "allow", "files.read": "allow", "network": "allow"}
NAMES = (
    "O'Brien^Pat",
    "Müller^Jörg",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Smith-Jones^A (B)",
    "A,B^C",
    "Lopez^José/Maria",
)
STUDY, SERIES = "1.2.826.91.1", "1.2.826.91.2"
COUNT, SERVER_GIVES = 130, 60


def element(kind, *values):
    return {"vr": kind, "Value": list(values)}


def match(number=0, **more):
    uids = {"0020000D": STUDY, "0020000E": SERIES, "00080018": f"1.2.826.91.3.{number}"}
    return {tag: element("UI", uid) for tag, uid in uids.items()} | more


NESTED = "[" * 100_000 + "]" * 100_000
ANSWERS = {
    "wordless": [match(**{"00080020": None, "00080060": {"Value": "CT"}, "XYZ": element("CS", "CT")})],
    "shapeless": [
        match(**{"00081110": element("SQ", "x", None), "00100010": element("PN", {"Alphabetic": 5})})
    ],
    "private": [match(**{"00091001": element("LO", "Doe^Jane"), "00100099": element("LO", "Doe^Jane")})],
    "deaf": [match()],
    "nested": NESTED,
    "nothing": [{"0020000D": []}, {"00080018": element("UI", "../../x")}],
}


class Saying(http.server.BaseHTTPRequestHandler):
    """Answers searches as its path says; stores nothing and says why; gives any instance that is asked for."""

    def do_GET(self):
        parts = urlsplit(self.path)
        name, *rest = parts.path.strip("/").split("/")
        if name == "miserly" and rest[-1] != "instances":
            return self._give(as_file(int(rest[-1].rpartition(".")[2])), "application/dicom")
        if name in {"miserly", "inventing", "repeating"}:
            query = {key: int(values[0]) for key, values in parse_qs(parts.query).items()}
            return self._give(json.dumps(self._page(name, query)).encode(), "application/dicom+json")
        said = ANSWERS[name]
        text = said if isinstance(said, str) else json.dumps(said)
        return self._give(text.encode(), "application/dicom+json")

    @staticmethod
    def _page(name, query):
        first, asked = query.get("offset", 0), query["limit"]
        if name == "repeating":
            first = 0
        if name in {"inventing", "repeating"}:
            return [match(number) for number in range(first, first + asked)]
        return [match(number) for number in range(first, min(first + min(asked, SERVER_GIVES), COUNT))]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        uids = {uid.decode() for uid in re.findall(rb"1\.2\.826\.91\.3\.\d+", body)}
        failed = [{"00081155": element("UI", uid), "00081197": element("US", 0xA700)} for uid in uids]
        self._give(json.dumps({"00081198": element("SQ", *failed)}).encode(), "application/dicom+json", 409)

    def _give(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def as_file(number):
    made, out = dicom_data.ct_slice(STUDY, SERIES, "1.2.826.91.9", number), io.BytesIO()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.91.3.{number}"
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    program = component("orthanc").find()
    if program is None:
        pytest.skip(component("orthanc").reason)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Saying)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    names = (*ANSWERS, "miserly", "inventing", "repeating")
    with running_orthanc(program, tmp_path_factory.mktemp("orthanc")) as url:
        for number, name in enumerate(NAMES):
            made, out = (
                dicom_data.ct_slice(f"1.2.826.92.{number}", f"1.2.826.93.{number}", "1.2.3", 0),
                io.BytesIO(),
            )
            made.PatientName, made.PatientID, made.KVP = name, f"N{number}/x", 100 + number
            made.save_as(out, enforce_file_format=True)
            root = url.removesuffix("/dicom-web")
            requests.post(f"{root}/instances", data=out.getvalue(), timeout=30).raise_for_status()
        home = tmp_path_factory.mktemp("home")
        nodes = [{"name": "pacs", "url": url}, *({"name": name, "url": f"{base}/{name}"} for name in names)]
        write_setting(home, "dicom_nodes", json.dumps(nodes))
        write_setting(home, "patient_identifiers", "show")
        with ServedBridge(home, grants=GRANTS, options=["--no-views"]) as served:
            yield served.client
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("wanted", [*NAMES, "o'brien*", "Müller*", "müller^jörg", "山田*", "*太郎*", "*JOS*"])
def test_person_is_found_on_the_node_by_every_name(client, wanted):
    """issue:#6: apostrophes, commas, brackets, every script, any case; Orthanc 1.10 decodes no percent signs."""
    found = client.get("/dicom/studies", source="pacs", PatientName=wanted).expect().json()["items"]
    assert len(found) == 1
    assert found[0]["PatientName"] in NAMES


@pytest.mark.parametrize(
    ("level", "filters", "count"),
    [
        ("studies", {"PatientID": "N3/x"}, 1),
        ("studies", {"StudyInstanceUID": "1.2.826.92.1\\1.2.826.92.2"}, 2),
        ("studies", {"Modality": "CT"}, len(NAMES)),
        ("studies", {"Modality": "MR"}, 0),
        ("instances", {"KVP": "103"}, 1),
        ("instances", {"KVP": "99"}, 0),
    ],
)
def test_what_orthanc_takes_otherwise_is_asked_for_so_that_it_understands(client, level, filters, count):
    """issue:#6: slashes, lists with backslashes, modalities, numbers (it compares 103 with 103.0 as text)."""
    found = client.get(f"/dicom/{level}", source="pacs", **filters).expect().json()
    assert (len(found["items"]), found["total"]) == (count, count)


@pytest.mark.parametrize(
    ("level", "key"), [("studies", "KVP"), ("series", "KVP"), ("studies", "SeriesNumber")]
)
def test_filter_of_a_lower_level_is_refused_as_it_is_at_home(client, level, key):
    """issue:#6: never a silently dropped filter."""
    answer = client.get(f"/dicom/{level}", source="pacs", **{key: "1"}).expect(422)
    assert key in answer.json()["detail"]


def test_filter_that_a_node_does_not_show_is_not_believed(client):
    """issue:#6: it may have dropped it."""
    answer = client.get("/dicom/instances", source="deaf", PatientName="Doe*").expect(502)
    assert answer.json()["reason"] == "filter_unknown"


@pytest.mark.parametrize("node", ["wordless", "shapeless", "nothing"])
def test_what_is_no_dicom_json_is_left_out(client, node):
    """issue:#6: a node that makes mistakes, or lies, is no internal error of ours."""
    for one in client.get("/dicom/instances", source=node).expect().json()["items"]:
        assert one["SOPInstanceUID"] == "1.2.826.91.3.0"
        assert set(one) <= {*("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), "PatientName"} | {
            "ReferencedStudySequence"
        }


def test_answer_that_is_nested_without_end_is_refused(client):
    """issue:#6."""
    assert client.get("/dicom/instances", source="nested").expect(502).json()["reason"] == "broken"


def test_private_and_unknown_attributes_of_a_node_stay_there(client):
    """issue:#6: nobody knows whom they name; in searches as in attributes."""
    assert b"Doe" not in client.get("/dicom/instances", source="private", includefield="all").expect().body


def test_node_that_gives_fewer_at_a_time_is_asked_until_it_has_no_more(client):
    """issue:#6: half of a study would be a wrong study."""
    job = client.start_job("dicom.pull", node="miserly", study_instance_uid=STUDY)
    pulled = client.job_result(job["id"])
    assert (pulled["added_count"], pulled["failed"]) == (COUNT, [])


@pytest.mark.parametrize("node", ["inventing", "repeating"])
def test_node_that_never_lists_all_is_given_up(client, node):
    """issue:#6: without end, or the same page again and again: the study would not be whole."""
    job = client.start_job("dicom.pull", node=node, study_instance_uid=STUDY)
    ended = client.wait_for_job(job["id"])
    assert ended["error"]["reason"] == "too_large"


def test_reason_why_a_node_does_not_take_an_instance_is_told(client):
    """slicer: PS3.18 10.5: 409 and a failure reason for each."""
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + as_file(0) + b"\r\n--x--\r\n"
    client.post_bytes("/dicomweb/studies", body).expect()
    job = client.start_job("dicom.push", node="deaf", series_instance_uid=SERIES)
    ended = client.wait_for_job(job["id"])
    assert "A700" in ended["error"]["detail"]
