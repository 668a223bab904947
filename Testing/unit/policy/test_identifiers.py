"""Identifying texts do not leave, in whatever form they turn up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.model import markups, segmentations  # noqa: F401 - they declare members
from AgentBridgeLib.model.base import FIELD_NAMES
from AgentBridgeLib.policy.identifiers import HIDDEN, Redactor

PATIENT = {
    "DOE^JANE": "PatientName",
    "MRN-4711": "PatientID",
    "19700101": "PatientBirthDate",
    "F": "PatientSex",
}


def hiding():
    return Redactor("hide", PATIENT, b"k")


@pytest.mark.parametrize(
    "text",
    ["DOE^JANE", "DOE JANE", "doe_jane_T1.nrrd", "/data/Doe-Jane/x", "MRN-4711", "scan 19700101", "JaNe"],
)
def test_patient_does_not_show_in_any_form(text):
    """http: section 4"""
    covered = hiding().text(text).lower()
    assert not any(part in covered for part in ("doe", "jane", "4711", "19700101"))


def test_single_letter_is_hidden_alone_but_not_inside_words():
    """house: replacing F everywhere would destroy the answer"""
    assert hiding().text("F") == HIDDEN
    assert hiding().text("Fiducials") == "Fiducials"


def test_structure_and_numbers_stay():
    """house"""
    covered = hiding().apply({"name": "DOE^JANE T1", "count": 3, "list": ["MRN-4711", None, True]})
    assert covered == {"name": f"{HIDDEN} T1", "count": 3, "list": [HIDDEN, None, True]}


def test_keys_are_covered_too():
    """house: attributes have free names"""
    assert "DOE" not in json.dumps(hiding().apply({"DOE^JANE": 1}))


def test_pseudonym_is_stable_and_tells_the_kind():
    """http: section 4"""
    redactor = Redactor("pseudonymize", PATIENT, b"k")
    assert redactor.text("MRN-4711") == redactor.text("mrn-4711")
    assert redactor.text("MRN-4711").startswith("PatientID-")
    assert Redactor("pseudonymize", PATIENT, b"other").text("MRN-4711") != redactor.text("MRN-4711")


def test_show_shows():
    """http: section 4"""
    assert Redactor("show", PATIENT, b"k").text("DOE^JANE") == "DOE^JANE"


@given(st.text(max_size=30), st.text(max_size=30))
def test_name_is_hidden_whatever_stands_around_it(before, after):
    """house"""
    assert "MRN-4711" not in hiding().text(before + "MRN-4711" + after)


@pytest.mark.parametrize(
    "text",
    ["Jane Doe", "DOE, JANE", "JANE_DOE.nrrd", "born 1970-01-01", "01.01.1970", "DOE%5EJANE", "19700101_T1"],
)
def test_other_spellings_of_name_and_date_do_not_show(text):
    """issue:#4"""
    covered = hiding().text(text).lower()
    assert not any(part in covered for part in ("doe", "jane", "1970"))


def test_digits_inside_longer_numbers_stay():
    """house: 4711 is not a part of 147110"""
    redactor = Redactor("hide", {"4711": "PatientID"}, b"k")
    assert redactor.text("147110") == "147110"
    assert redactor.text("id-4711.") == f"id-{HIDDEN}."


@pytest.mark.parametrize("name", ["PatientAge", "DICOM.PatientAge", "00101010", "patient_age"])
def test_member_named_as_identifying_is_covered_whatever_its_value(name):
    """issue:#4: PS3.15 table E.1-1 by name, also for what is not in the scene"""
    covered = Redactor("hide", {}, b"k").apply({name: "042Y", "age": "042Y", "none": None})
    assert covered == {name: HIDDEN, "age": "042Y", "none": None}


def test_dicom_json_keeps_its_shape():
    """issue:#4"""
    element = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "X^Y"}]},
        "00280010": {"vr": "US", "Value": [4]},
    }
    covered = Redactor("hide", {}, b"k").apply(element)
    assert covered == {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": HIDDEN}]},
        "00280010": {"vr": "US", "Value": [4]},
    }


def test_whole_name_has_one_pseudonym_in_all_its_spellings():
    """issue:#4: stable pseudonyms"""
    redactor = Redactor("pseudonymize", PATIENT, b"k")
    assert redactor.text("DOE JANE") == redactor.text("jane_doe") == redactor.text("DOE^JANE")
    assert redactor.apply({"PatientName": "Doe, Jane"}) == {"PatientName": redactor.text("DOE^JANE")}


def test_json_text_without_anything_identifying_is_passed_on_untouched():
    """house: the usual answer costs one search for member names"""
    redactor = Redactor("hide", {}, b"k")
    assert not redactor.is_needed_for(b'{"name":"T1","scene_revision":3,"time":1}')
    assert redactor.is_needed_for(b'{"attributes":{"DICOM.PatientWeight":"70"}}')
    assert not Redactor("show", {}, b"k").is_needed_for(b'{"patient_name":"x"}')


def test_letters_that_only_unicode_takes_for_equal_are_covered_too():
    """house: a long s is an s, and its lower case is itself"""
    covered = Redactor("hide", {"SMITH^SASKIA": "PatientName"}, b"key").text("scan of \u017fmith and Smith")
    assert covered == "scan of [hidden] and [hidden]"


def covered_of(name, text, kind="PatientName"):
    return Redactor("hide", {name: kind}, b"k").text(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MÜLLER^JÜRGEN", "Mueller_Juergen"),
        ("MÜLLER^JÜRGEN", "jurgen muller"),
        ("MÜLLER^JÜRGEN", "Mu\u0308ller"),
        ("MÜLLER^JÜRGEN", "m%c3%bcller"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "太郎"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Tarou Yamada"),
        ("Doe, Jane", "JANE_DOE"),
        ("Jane Doe", "Doe, Jane"),
        ("O'BRIEN^SEÁN", "OBrien Sean"),
        ("ИВАНОВ^ИВАН", "иван_иванов"),
        ("VAN DER BERG^JAN", "van_der_Berg.Jan"),
    ],
)
def test_name_does_not_show_in_another_order_script_or_without_its_accents(name, text):
    """issue:#4: names of files are ASCII, whoever lies in them"""
    assert set(covered_of(name, text).replace(HIDDEN, "")) <= set("_. ")


@pytest.mark.parametrize("text", ["31 Jan 1970", "January 31, 1970", "31-JAN-1970", "31.1.1970", "1/31/1970"])
def test_date_does_not_show_in_words(text):
    """issue:#4"""
    assert covered_of("19700131", text, "PatientBirthDate") == HIDDEN


def test_id_does_not_show_without_what_divides_it():
    """issue:#4: folders are named so"""
    assert covered_of("MRN 77-34/921", "/data/mrn7734921/x", "PatientID") == f"/data/{HIDDEN}/x"


@pytest.mark.parametrize("text", ["maximum", "climax", "order of headers", "January", "[0, 1]"])
def test_short_name_inside_another_word_destroys_nothing(text):
    """house: many are called Max, Jan, or van der something"""
    redactor = Redactor("hide", {"VAN DER BERG^MAX JAN": "PatientName"}, b"k")
    assert redactor.text(text) == text
    assert redactor.text(f"{text} scanMaxCT, MAX_2") == f"{text} scan{HIDDEN}CT, {HIDDEN}_2"


def test_words_of_the_product_stay_whoever_has_the_same_name():
    """house: an answer without its members and handles is none"""
    redactor = Redactor("hide", {"ANGLE^SEGMENTATION": "PatientName"}, b"k")
    answer = {"angle_deg": 1, "id": "vtkMRMLMarkupsAngleNode1", "segmentation_id": "vtkMRMLSegmentationNode2"}
    assert {"angle_deg", "segmentation_id"} <= FIELD_NAMES
    assert redactor.apply(answer) == answer
    assert redactor.text("Angle of vtkMRMLMarkupsAngleNode1") == f"{HIDDEN} of vtkMRMLMarkupsAngleNode1"


def test_handles_and_bytes_stay_what_they_are_when_letters_in_them_spell_a_name_by_chance():
    """house: a job that cannot be named any more, a mesh with other vertices"""
    redactor = Redactor("hide", {"DOE^ADA": "PatientName", "0ada0ada0ada0ada": "PatientID"}, b"k")
    answer = {
        "id": "e3ada1bb22cc33dd",
        "arguments_digest": "7ada" * 16,
        "uri": "data:application/octet-stream;base64,AA9ada7+ada/",
        "InlineBinary": "AA9ada7+",
    }
    assert redactor.apply(answer) == answer
    assert redactor.text("ada1, job 0ada0ada0ada0ada") == f"{HIDDEN}1, job {HIDDEN}"
