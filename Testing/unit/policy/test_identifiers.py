"""Identifying texts do not leave, in whatever form they turn up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
