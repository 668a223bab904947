"""What representation a DICOMweb client gets (PS3.18, 8.7)."""

import pytest

from AgentBridgeLib.errors import NotAcceptableError
from AgentBridgeLib.operations.dicom import negotiation

EXPLICIT, JLS, JPEG, J2K = (
    negotiation.EXPLICIT_LITTLE,
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
)
OCTETS = 'multipart/related; type="application/octet-stream"'


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/jpeg;q=0.2, image/png;q=0.9", "image/png"),
        ('multipart/related; type="image/png"', "image/png"),
        ("Image/PNG ; q=1", "image/png"),
        ("text/html, ;, image/png;q=x", "image/png"),
        ("*/*, image/jpeg;q=0", "image/png"),
        ("image/*, image/jpeg;q=0.1", "image/png"),
    ],
)
def test_most_wanted_offered_type_is_chosen(accept, kind):
    """http: RFC 9110, 12.5.1."""
    assert negotiation.choose(accept, "image/jpeg", "image/png") == kind


@pytest.mark.parametrize(
    "accept", ["video/mp4", "image/jpeg;q=0, image/png;q=0", 'multipart/related; type="text/html"']
)
def test_client_that_takes_nothing_of_it_is_told_what_there_is(accept):
    """http: 406."""
    with pytest.raises(NotAcceptableError, match="image/png"):
        negotiation.choose(accept, "image/jpeg", "image/png")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", negotiation.JSON),
        ("*/*", negotiation.JSON),
        ("application/*", negotiation.JSON),
        ("application/json", "application/json"),
        ("application/dicom+xml", negotiation.XML),
        ("multipart/related", negotiation.XML),
        ('multipart/related; type="application/dicom+xml", application/dicom+json;q=0.5', negotiation.XML),
        ('multipart/related; type="application/dicom+xml";q=0.4, */*;q=0.5', negotiation.JSON),
        ("application/dicom+json;q=0, application/*", "application/json"),
    ],
)
def test_attributes_are_json_unless_xml_is_wanted(accept, kind):
    """slicer: PS3.18 8.7.4."""
    assert negotiation.choose_attributes(accept) == kind


@pytest.mark.parametrize(
    "accept", ['multipart/related; type="application/dicom+json"', "text/xml", "application/dicom"]
)
def test_attributes_have_no_other_form(accept):
    """slicer: PS3.18 8.7.4; JSON is never multipart."""
    with pytest.raises(NotAcceptableError, match="dicom\\+xml"):
        negotiation.choose_attributes(accept)


@pytest.mark.parametrize("charsets", ["", "utf-8", "UTF-8", "*", "latin1;q=0.9, utf-8;q=0.1", "x, *;q=0.2"])
def test_text_is_given_to_who_takes_utf8(charsets):
    """slicer: PS3.18 8.3.3.2."""
    negotiation.require_utf8(charsets)


@pytest.mark.parametrize("charsets", ["latin1", "utf-8;q=0", "*, utf-8;q=0"])
def test_no_text_is_given_to_who_does_not_take_utf8(charsets):
    """slicer: PS3.18 8.3.3.2."""
    with pytest.raises(NotAcceptableError):
        negotiation.require_utf8(charsets)


def test_wildcard_still_takes_what_is_named_with_a_transfer_syntax():
    """http: RFC 9110, 12.5.1: only the same representation is meant by the name."""
    assert (
        negotiation.file_syntax(f"application/dicom; transfer-syntax={J2K}, */*", JLS, can_decode=True)
        == EXPLICIT
    )


@pytest.mark.parametrize(
    ("accept", "stored", "wanted"),
    [
        ("", EXPLICIT, EXPLICIT),
        ("", JLS, EXPLICIT),
        ("*/*", JLS, EXPLICIT),
        (OCTETS, JLS, EXPLICIT),
        (f"{OCTETS}; transfer-syntax=*", JLS, JLS),
        (f"{OCTETS}; transfer-syntax={EXPLICIT}", JLS, EXPLICIT),
        (f'multipart/related; type="image/jls"; transfer-syntax={JLS}', JLS, JLS),
        ('multipart/related; type="image/jls"', JLS, JLS),
        ("image/jls", JLS, JLS),
        ('multipart/related; type="image/*"', JPEG, JPEG),
        (f"multipart/related; type=image/jp2; transfer-syntax={J2K}, {OCTETS}", JLS, EXPLICIT),
        ('multipart/related; type="image/jp2"; transfer-syntax=*', J2K, J2K),
    ],
)
def test_frames_come_as_stored_or_uncompressed(accept, stored, wanted):
    """slicer: PS3.18 tables 8.7.3-3 to 8.7.3-5."""
    assert negotiation.frame_syntax(accept, stored, can_decode=True) == wanted


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        ("image/jls", JPEG),
        (f'multipart/related; type="image/jls"; transfer-syntax={JLS}', JPEG),
        ("application/dicom", JLS),
        (f"{OCTETS}; transfer-syntax={JPEG}", JLS),
    ],
)
def test_frames_are_not_compressed_for_anybody(accept, stored):
    """house: ADR 36."""
    with pytest.raises(NotAcceptableError):
        negotiation.frame_syntax(accept, stored, can_decode=True)


def test_frames_that_cannot_be_decoded_are_offered_as_stored():
    """house: ADR 36."""
    assert negotiation.frame_syntax("", JPEG, can_decode=False) == JPEG
    with pytest.raises(NotAcceptableError, match="image/jpeg"):
        negotiation.frame_syntax(OCTETS, JPEG, can_decode=False)


def test_one_thing_comes_bare_only_when_named_bare():
    """slicer: PS3.18 8.7.3.2."""
    assert negotiation.wants_single("application/dicom", "application/dicom")
    assert not negotiation.wants_single('multipart/related; type="application/dicom"', "application/dicom")
    assert not negotiation.wants_single("*/*", "application/dicom")
