"""The list of identifying attributes is the standard's."""

from __future__ import annotations

import pytest

from AgentBridgeLib.model.confidentiality import (
    COVERED_BY_NAME,
    FOUND_BY_VALUE,
    KEYWORD_OF_TAG,
    REPRESENTATIONS,
)
from devtools import confidentiality_table


def test_table_is_the_one_of_the_maintained_package():
    """issue:#4: DICOM PS3.15 table E.1-1 by dicom-anonymizer; rewritten by devtools/confidentiality_table.py"""
    assert confidentiality_table.TARGET.read_text(encoding="ascii") == confidentiality_table.table()
    assert len(REPRESENTATIONS) > 600


@pytest.mark.parametrize(
    "keyword", ["PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StationName"]
)
def test_what_everybody_knows_to_identify_is_in_both_lists(keyword):
    """issue:#4"""
    assert keyword in COVERED_BY_NAME
    assert keyword in FOUND_BY_VALUE


def test_codes_and_weights_are_covered_by_name_only():
    """house: an age of 042Y or a sex of M stands in texts that have nothing to do with a patient"""
    assert {"PatientSex", "PatientAge", "PatientWeight"} <= COVERED_BY_NAME
    assert not {"PatientSex", "PatientAge", "PatientWeight"} & FOUND_BY_VALUE


def test_uids_are_found_by_value_and_stay_usable_as_handles():
    """house"""
    assert "SeriesInstanceUID" in FOUND_BY_VALUE
    assert "SeriesInstanceUID" not in COVERED_BY_NAME
    assert KEYWORD_OF_TAG["00100010"] == "PatientName"
