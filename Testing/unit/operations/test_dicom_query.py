"""Which values match which question (PS3.4, C.2.2.2)."""

import pytest

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.operations.dicom.query import SearchArguments, matches, understand

YAMADA = "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    ("keyword", "wanted", "value", "is_match"),
    [
        ("PatientName", "yamada^*", YAMADA, True),
        ("PatientName", "山田*", YAMADA, True),
        ("PatientName", "やまだ^たろう", YAMADA, True),
        ("PatientName", "*太郎*", YAMADA, True),
        ("PatientName", YAMADA, YAMADA, True),
        ("PatientName", "Yamada", YAMADA, False),
        ("PatientName", "Müller", "Mu\u0308ller^^^", True),
        ("PatientName", "Αλέξανδρος^*", "αλέξανδρος^x", True),
        ("PatientName", "O'Brien^*", "O'Brien^Pat", True),
        ("PatientName", "O", "O'Brien^Pat", False),
        ("PatientID", "A?C", "ABC", True),
        ("PatientID", "abc", "ABC", False),
        ("PatientID", "A.C", "ABC", False),
        ("PatientID", "A[BC]", "AB", False),
        ("StudyDescription", "CT of head and neck", "CT of head and neck ", True),
        ("ModalitiesInStudy", "MR", "CT\\MR", True),
        ("ModalitiesInStudy", "PT,MR", "CT\\MR", True),
        ("ModalitiesInStudy", "PT\\US", "CT\\MR", False),
        ("Modality", "C*", "CT", True),
        ("StudyInstanceUID", "1.2,1.3", "1.3", True),
        ("StudyInstanceUID", "1.2\\1.3", "1.3", True),
        ("StudyInstanceUID", "1.2", "1.22", False),
        ("StudyDate", "20260105", "20260105", True),
        ("StudyDate", "20260101-20260131", "20260131", True),
        ("StudyDate", "20260101-20260131", "20260201", False),
        ("StudyDate", "-20260131", "", False),
        ("StudyDate", "19970101-19971231", "1997.04.24", True),
        ("StudyTime", "1015", "101559.25", True),
        ("StudyTime", "10:15", "101500", True),
        ("StudyTime", "0900-1015", "101559", True),
        ("StudyTime", "0900-1014", "101500", False),
        ("InstanceNumber", "7", "007", True),
        ("SliceThickness", "2.5", "2.50", True),
        ("SliceThickness", "2.5", "", False),
    ],
)
def test_value_matches_as_the_standard_says(keyword, wanted, value, is_match):
    """slicer: PS3.4 C.2.2.2.1 to C.2.2.2.6."""
    assert matches(keyword, wanted, value) is is_match


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [("yamada tar", True), ("太郎", True), ("*amad*", True), ("tanaka", False), ("YAMADA^TAROU", True)],
)
def test_fuzzy_match_takes_beginnings_of_words_and_wildcards(wanted, is_match):
    """slicer: PS3.18 8.3.4.2; viewers send wildcards and fuzzymatching together."""
    assert matches("PatientName", wanted, YAMADA, is_fuzzy=True) is is_match


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("StudyDate", "yesterday"),
        ("StudyDate", "2026-01-05"),
        ("00080020", "2026*"),
        ("StudyTime", "noon"),
        ("StudyInstanceUID", "1.2.x"),
        ("StudyInstanceUID", "1.2; DROP TABLE Studies"),
        ("InstanceNumber", "one"),
        ("PatientID", "a\x00b"),
    ],
)
def test_value_that_nothing_can_match_is_a_mistake_and_said_so(key, value):
    """issue:#6: an empty list would be read as 'there is none'."""
    with pytest.raises(ArgumentInvalidError, match=key):
        understand(SearchArguments(filters={key: value}))


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("", {}),
        ("PatientID=7", {"PatientID": "7"}),
        ('patientname="Doe Jane" Modality=CT', {"PatientName": "Doe Jane", "Modality": "CT"}),
        ("PatientName=O'Brien", {"PatientName": "O'Brien"}),
        ("""StudyDescription='it is "fine"'""", {"StudyDescription": 'it is "fine"'}),
        ("00100020=A1", {"PatientID": "A1"}),
        ("PatientID=", {}),
        ("PatientID=*", {}),
    ],
)
def test_query_text_is_read_with_quotes_and_apostrophes(query, filters):
    """issue:#6: an apostrophe neither cuts a value nor widens a filter."""
    assert understand(SearchArguments(query=query)).filters == filters
