"""Files as they leave: without identifiers, in the transfer syntax that was asked for, pixels intact."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import dicom_data
from AgentBridgeLib.errors import FileUnreadableError, NotAcceptableError
from AgentBridgeLib.model.confidentiality import COVERED_BY_NAME
from AgentBridgeLib.model.exchange import length_of
from AgentBridgeLib.model.file_ranges import FileRange
from AgentBridgeLib.operations.dicom import leaving_files
from AgentBridgeLib.operations.dicom.stored_files import StoredFile
from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
SAMPLES = Path(get_testdata_file("CT_small.dcm")).parent
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
UNCOMPRESSED = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'


def sample_files():
    found = [*SAMPLES.glob("*.dcm"), *(SAMPLES / "dicomdirtests").rglob("*")]
    found += (SAMPLES.parent / "charset_files").glob("*.dcm")
    return sorted(path for path in found if path.is_file() and path.stat().st_size < 700_000)


def left(path, accept, *, hides):
    """Run the steps to their end."""
    steps = leaving_files.leaving_file(path, accept, hides=hides)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def leaving(path, accept, *, hides):
    syntax, pieces, _ = left(str(path), accept, hides=hides)
    return syntax, b"".join(bytes(piece) for piece in pieces)


@pytest.mark.parametrize("uids", [None, UidPseudonyms(b"key")], ids=["real UIDs", "pseudonyms"])
def test_filtering_bytes_and_rewriting_with_pydicom_agree_on_every_sample(uids):
    """issue:#6: the fast way is the slow way, for all encodings that it takes; pydicom is the oracle."""
    fast, slow = [], []
    for path in sample_files():
        data = path.read_bytes()
        try:
            syntax, start = leaving_files._syntax_of(data)
            wanted = pydicom.dcmread(io.BytesIO(leaving_files._rewritten(data, uids)))
        except FileUnreadableError:
            continue
        pieces = leaving_files._filtered(StoredFile(str(path)), syntax, start, uids)
        if not pieces:
            slow.append(path.name)
            continue
        found = pydicom.dcmread(io.BytesIO(b"".join(bytes(piece) for piece in pieces)))
        assert found == wanted, path.name
        fast.append(path.name)
    assert len(fast) > 140, slow
    assert len(slow) < 25, slow


def test_no_sample_leaves_with_an_identifying_value():
    """issue:#6: PS3.15 table E.1-1, nested items too, private attributes gone."""
    for path in sample_files():
        try:
            _, data = leaving(path, AS_STORED, hides=True)
        except FileUnreadableError:
            continue
        for element in pydicom.dcmread(io.BytesIO(data)).iterall():
            assert not element.tag.is_private, (path.name, element)
            if element.keyword in COVERED_BY_NAME:
                assert not element.value, (path.name, element)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_names_in_sequences_of_any_encoding_are_emptied(tmp_path, syntax):
    """issue:#6: defined and undefined lengths, one sequence inside another; what says nothing stays byte by byte."""
    made = dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1)
    inner, outer, plain = Dataset(), Dataset(), Dataset()
    inner.OperatorsName, inner.FrameLaterality = "Doe^Jane", "L"
    inner.DerivationImageSequence = Sequence([])
    outer.FrameAnatomySequence = Sequence([inner])
    plain.CodeValue = "T-1"
    made.SharedFunctionalGroupsSequence = Sequence([outer, Dataset(), plain])
    made["SharedFunctionalGroupsSequence"].is_undefined_length = True
    made.AnatomicRegionSequence = Sequence([plain])
    made.add_new(0x60004000, "LT", "Doe on the overlay")
    made.add_new(0x00091001, "LO", "Doe in private")
    made.add_new(0x50000005, "US", 1)
    made.add_new(0xFFFCFFFC, "OB", b"Doe behind the pixels ")
    made.file_meta.SourceApplicationEntityTitle = "DOES_CT"
    made.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "one.dcm"
    made.save_as(
        path,
        implicit_vr=syntax == "1.2.840.10008.1.2",
        little_endian=not syntax.endswith(".2.2"),
        enforce_file_format=True,
    )
    kept, data = leaving(path, AS_STORED, hides=True)
    assert kept == syntax
    assert b"Doe" not in data
    assert b"DOES_CT" not in data
    found = pydicom.dcmread(io.BytesIO(data))
    assert found.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0].FrameLaterality == "L"
    assert (
        found.SharedFunctionalGroupsSequence[2].CodeValue
        == found.AnatomicRegionSequence[0].CodeValue
        == "T-1"
    )
    assert (found.PatientIdentityRemoved, found.PixelData) == ("YES", made.PixelData)


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "image_dfl.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "JPEG-lossy.dcm",
        "examples_palette.dcm",
    ],
)
def test_file_leaves_uncompressed_for_a_client_that_says_so(name, hides):
    """slicer: PS3.18 8.7.3; the voxels are those of the stored file, whatever decoder it takes."""
    from AgentBridgeLib.operations.dicom.decoders import decode

    stored = pydicom.dcmread(SAMPLES / name)
    syntax, data = leaving(SAMPLES / name, UNCOMPRESSED, hides=hides)
    found = pydicom.dcmread(io.BytesIO(data))
    assert syntax == found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    count = int(stored.get("NumberOfFrames", 1) or 1)
    assert np.array_equal(decode(found, 0, count), decode(stored, 0, count))
    assert found.SOPInstanceUID == stored.SOPInstanceUID


def test_file_that_cannot_be_decoded_leaves_as_it_is_unless_the_client_insists():
    """house: ADR 36."""
    path = SAMPLES / "JPEG2000-embedded-sequence-delimiter.dcm"
    stored, data = leaving(path, "", hides=False)
    assert (stored, data) == ("1.2.840.10008.1.2.4.91", path.read_bytes())
    with pytest.raises(NotAcceptableError):
        leaving(path, UNCOMPRESSED, hides=False)
    with pytest.raises(NotAcceptableError):
        leaving(SAMPLES / "CT_small.dcm", UNCOMPRESSED.replace("1.2.1", "1.2.4.70"), hides=False)


def test_stored_bytes_are_given_untouched_when_nothing_is_hidden():
    """issue:#6."""
    for name in ("CT_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"):
        assert leaving(SAMPLES / name, AS_STORED, hides=False)[1] == (SAMPLES / name).read_bytes()


@pytest.mark.parametrize("hides", [False, True])
def test_pixels_stay_in_the_file_until_they_are_sent(tmp_path, hides):
    """issue:#6: what is made of a file needs as much memory as its header."""
    made = dicom_data.ct_slice(
        "1.2.3", "1.2.4", "1.2.5", 1, Rows=2000, Columns=2000, PixelData=bytes(8_000_000)
    )
    path = dicom_data.write(made, tmp_path / "one.dcm")
    found = left(str(path), AS_STORED, hides=hides)
    in_memory = [piece for piece in found.pieces if not isinstance(piece, FileRange)]
    assert length_of(in_memory) < 3000
    assert length_of(found.pieces) > 8_000_000


def test_header_longer_than_the_first_bytes_is_read_on(tmp_path):
    """issue:#6: large multi-frame objects; the pixels are still not read."""
    made = dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1, ImageComments="x" * 300)
    made.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(8000)]
    for item in made.PerFrameFunctionalGroupsSequence:
        item.FrameLaterality, item.ReferencedFrameOfReferenceUID = "L", "1.2.840.10008.1.4.1.1"
    path = dicom_data.write(made, tmp_path / "one.dcm")
    assert path.stat().st_size > 300_000
    found = left(str(path), AS_STORED, hides=True)
    assert isinstance(found.pieces[1], FileRange)
    read = pydicom.dcmread(io.BytesIO(b"".join(bytes(piece) for piece in found.pieces)))
    assert read.PixelData == made.PixelData
    assert len(read.PerFrameFunctionalGroupsSequence) == 8000
    assert "ImageComments" not in read or not read.ImageComments


@pytest.mark.parametrize(("said", "flag"), [("YES", "yes"), ("NO", "no"), ("", "unknown"), (None, "unknown")])
def test_file_says_whether_its_pixels_may_show_the_patient(tmp_path, said, flag):
    """issue:#6: PS3.3 C.7.6.1.1: Burned In Annotation."""
    made = dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1)
    if said is not None:
        made.BurnedInAnnotation = said
    path = dicom_data.write(made, tmp_path / "one.dcm")
    assert left(str(path), AS_STORED, hides=True).burned_in == flag


def test_flag_is_found_in_every_sample_as_pydicom_finds_it():
    """house: the fast way is the slow way."""
    compared = 0
    for path in sample_files():
        try:
            truth = pydicom.dcmread(path, stop_before_pixels=True).get("BurnedInAnnotation", "")
            found = left(str(path), AS_STORED, hides=False).burned_in
        except (FileUnreadableError, pydicom.errors.InvalidDicomError):
            continue
        assert found == {"YES": "yes", "NO": "no"}.get(truth, "unknown"), path.name
        compared += 1
    assert compared > 140
