"""Rendered resources and thumbnails of DICOMweb (PS3.18, 8.3.5), and what the service says of itself."""

import io
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import dicom_data
from multipart_answers import parts_of
from served_bridge import ServedBridge
from stored_settings import write_setting

PNG = {"Accept": "image/png"}
STUDY, SERIES = "1.2.826.21", "1.2.826.22"
ROOT = f"/dicomweb/studies/{STUDY}"


def start(factory, policy):
    """Start a host whose database has a series of three slices and a report."""
    folder, home = factory.mktemp("data"), factory.mktemp("home")
    write_setting(home, "patient_identifiers", policy)
    sent = [dicom_data.ct_slice(STUDY, SERIES, "1.2.826.23", k, BurnedInAnnotation="NO") for k in range(3)]
    for k, one in enumerate([*sent, dicom_data.report(STUDY)]):
        dicom_data.write(one, folder / f"{k}.dcm")
    options = [f"--allow-folder={folder}", "--no-views"]
    served = ServedBridge(home, grants={"dicom.write": "allow", "files.read": "allow"}, options=options)
    served.client.job_result(served.client.start_job("dicom.import_files", path=str(folder))["id"])
    return served, sent


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    served, sent = start(tmp_path_factory, "hide")
    with served:
        yield served.client, sent


def shown(answer):
    """The picture of an answer."""
    return np.asarray(Image.open(io.BytesIO(answer.expect(200).body)))


def rendered(sent, k=1):
    return f"{ROOT}/series/{SERIES}/instances/{sent[k].SOPInstanceUID}"


@pytest.mark.parametrize(
    ("viewport", "part"),
    [
        ("32,24,0,0,32,24", np.s_[:, :]),
        ("16,12,4,6,16,12", np.s_[6:18, 4:20]),
        ("16,12,4,6,-16,12", np.s_[6:18, 19:3:-1]),
        ("16,12,4,6,16,-12", np.s_[17:5:-1, 4:20]),
        ("28,24,4,,,", np.s_[:, 4:]),
        ("22,14,10,10,100,100", np.s_[10:, 10:]),
    ],
)
def test_viewport_shows_a_part_of_the_image(host, viewport, part):
    """slicer: PS3.18 8.3.5.1.3; a negative extent mirrors, an absent one is the rest of the image."""
    client, sent = host
    whole = shown(client.get(f"{rendered(sent)}/rendered", headers=PNG))
    found = shown(client.get(f"{rendered(sent)}/rendered?viewport={viewport}", headers=PNG))
    assert np.array_equal(found, whole[part])


def test_viewport_beside_the_image_is_refused(host):
    """slicer: PS3.18 8.3.5.1.3."""
    client, sent = host
    for wrong in ("16,12,40,0,5,5", "16,12,0,0,0,5", "16,12,0,0,5,5,5"):
        client.get(f"{rendered(sent)}/rendered?viewport={wrong}").expect(422)


def test_study_and_series_are_rendered_as_messages_of_pictures(host):
    """slicer: PS3.18 10.4.1.1.3; the report has no picture."""
    client, sent = host
    single = shown(client.get(f"{rendered(sent, 2)}/rendered", headers=PNG))
    for place in (ROOT, f"{ROOT}/series/{SERIES}"):
        answer = client.get(f"{place}/rendered", headers={"Accept": 'multipart/related; type="image/png"'})
        assert 'type="image/png"' in answer.expect(200).headers["content-type"]
        pictures = [np.asarray(Image.open(io.BytesIO(one))) for one in parts_of(answer)]
        assert len(pictures) == 3
        assert np.array_equal(pictures[2], single)
        said = json.loads(answer.headers["x-agentbridge-content"])
        assert said == {"picture_count": 3, "burned_in_annotation": "no"}


def test_files_come_with_the_warning_that_pictures_have(host):
    """issue:#6: the report says nothing of its pixels, so nothing is known of the study."""
    client, sent = host
    for path, count, flag in (
        (ROOT, 4, "unknown"),
        (f"{ROOT}/series/{SERIES}", 3, "no"),
        (rendered(sent), 1, "no"),
    ):
        answer = client.get(path).expect(200)
        said = json.loads(answer.headers["x-agentbridge-content"])
        assert said == {"instance_count": count, "burned_in_annotation": flag}


@pytest.mark.parametrize(
    "place", ["", f"/series/{SERIES}", "instance", "frame"], ids=["study", "series", "instance", "frame"]
)
def test_thumbnail_is_a_small_picture_of_the_middle(host, place):
    """slicer: PS3.18 10.4.1.1.4."""
    client, sent = host
    instance = rendered(sent).removeprefix(ROOT)
    path = ROOT + {"instance": instance, "frame": f"{instance}/frames/1"}.get(place, place)
    found = shown(client.get(f"{path}/thumbnail?viewport=16,16", headers=PNG))
    expected = shown(client.get(f"{rendered(sent)}/rendered?viewport=16,16", headers=PNG))
    assert found.shape == (12, 16)
    assert np.array_equal(found, expected)
    usual = client.get(f"{path}/thumbnail").expect(200)
    assert usual.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(usual.body)).size == (128, 96)


def test_thumbnail_of_what_has_no_images_says_so(host):
    """house: no blank picture."""
    client, _ = host
    (report,) = client.get(f"{ROOT}/series?Modality=SR").expect().json()
    client.get(f"{ROOT}/series/{report['0020000E']['Value'][0]}/thumbnail").expect(422)
    client.get("/dicomweb/studies/1.2.3/thumbnail").expect(404)
    client.get(f"{ROOT}/thumbnail", headers={"Accept": "video/mp4"}).expect(406)


def test_patient_is_not_written_on_pictures_while_identifiers_are_hidden(host):
    """issue:#6: the policy applies to pixels that the bridge itself makes; a warning says so."""
    client, sent = host
    plain = shown(client.get(f"{rendered(sent)}/rendered?viewport=320,240", headers=PNG))
    path = f"{rendered(sent)}/rendered?viewport=320,240&annotation="
    patient = client.get(f"{path}patient", headers=PNG)
    assert np.array_equal(shown(patient), plain)
    assert patient.headers["warning"].startswith("299 AgentBridge")
    technique = client.get(f"{path}technique", headers=PNG)
    changed = np.argwhere(shown(technique) != plain)
    assert changed.size
    assert changed[:, 0].min() > 120  # the lower left corner
    assert "warning" not in technique.headers
    client.get(f"{path}name").expect(422)


def test_patient_is_written_on_pictures_where_identifiers_are_shown(tmp_path_factory):
    """slicer: PS3.18 8.3.5.1.1."""
    served, sent = start(tmp_path_factory, "show")
    with served:
        path = f"{rendered(sent)}/rendered?viewport=320,240"
        plain, marked = (
            shown(served.client.get(path + more, headers=PNG)) for more in ("", "&annotation=patient")
        )
    assert np.argwhere(marked != plain)[:, 0].max() < 120  # the upper left corner


def test_service_lists_its_resources(host):
    """slicer: PS3.18 8.9 and annex H; as WADL and as JSON, the same ones."""
    client, _ = host
    root = ET.fromstring(client.get("/dicomweb").expect(200).body)
    name = "{http://wadl.dev.java.net/2009/02}"
    base = root.find(f"{name}resources").attrib["base"]
    assert base == f"{client.base_url}/dicomweb/"
    listed = {
        (one.attrib["path"], one.find(f"{name}method").attrib["name"]) for one in root.iter(f"{name}resource")
    }
    described = (
        client.get("/dicomweb", headers={"Accept": "application/json"}).expect(200).json()["resources"]
    )
    assert listed == {(one["path"], one["method"]) for one in described}
    assert {
        ("studies", "GET"),
        ("studies", "POST"),
        ("studies/{study_instance_uid}/thumbnail", "GET"),
    } <= listed
    search = next(one for one in described if one["operation"] == "dicomweb.search_studies")
    assert {"limit", "offset", "fuzzymatching", "includefield", "accept", "charset"} <= set(search["query"])
    assert 'multipart/related; type="application/dicom+xml"' in search["media_types"]
    assert client.request("OPTIONS", "/dicomweb").expect(204).headers["allow"] == "GET, HEAD, OPTIONS"
