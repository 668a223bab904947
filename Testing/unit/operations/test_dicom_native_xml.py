"""The Native DICOM Model, written of DICOM JSON (PS3.19, A.1)."""

import json
from xml.etree import ElementTree as ET

import pytest
from pydicom.dataset import Dataset

import native_xml_reading
from AgentBridgeLib.operations.dicom import native_xml
from AgentBridgeLib.operations.dicom.json_writing import JsonWriter


def test_values_names_items_and_binary_values_come_through():
    """slicer: PS3.19 A.1.5."""
    dataset = {
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
        "00080050": {"vr": "SH"},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}, {}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane^^Dr", "Ideographic": "山田^太郎"}]},
        "00420011": {"vr": "OB", "InlineBinary": "AAE="},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://127.0.0.1/a?b=1&c=2"},
    }
    assert native_xml_reading.read(native_xml.write(dataset).encode()) == dataset


def test_keywords_and_private_creators_are_named():
    """slicer: PS3.19 A.1.5: the block number of a private attribute has no meaning beside its creator."""
    dataset = {
        "00090010": {"vr": "LO", "Value": ['ACME "1"']},
        "00091001": {"vr": "LO", "Value": ["x"]},
        "00111102": {"vr": "LO", "Value": ["nobody reserved this block"]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
    }
    found = [dict(one.attrib) for one in ET.fromstring(native_xml.write(dataset))]
    assert found == [
        {"tag": "00090010", "vr": "LO"},
        {"tag": "00090001", "vr": "LO", "privateCreator": 'ACME "1"'},
        {"tag": "00100020", "vr": "LO", "keyword": "PatientID"},
        {"tag": "00111102", "vr": "LO"},
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a < b & c > d", "a < b & c > d"),
        ("two\r\nlines\r", "two\r\nlines\r"),
        ("page\x0cbreak\x00", "page\ufffdbreak\ufffd"),
        ("]]></Value>", "]]></Value>"),
        ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\N{GRINNING FACE}"),
    ],
)
def test_every_text_makes_a_well_formed_document(text, read):
    """http: XML 1.0, 2.2 and 2.11; what cannot be written is replaced, never dropped silently."""
    document = native_xml.write({"00104000": {"vr": "LT", "Value": [text]}})
    assert native_xml_reading.read(document.encode())["00104000"]["Value"] == [read]


def test_numbers_that_json_cannot_write_are_null():
    """http: RFC 8259, 6: a strict reader takes the answer; the other values stay in their places."""
    dataset = Dataset()
    dataset.DiffusionBValue = 1.5
    dataset.add_new(0x00720074, "FD", [1.0, float("nan"), float("-inf")])
    made = JsonWriter().write(dataset)
    assert made["00720074"]["Value"] == [1.0, None, None]
    assert made["00189087"]["Value"] == [1.5]
    json.dumps(made, allow_nan=False)
