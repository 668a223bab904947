"""Files that were made to do harm, or that are merely unusual: refused in words, or read right."""

import io
import struct
import zlib

import numpy as np
import pydicom
import pytest
import slicer
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

import dicom_data
from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, FileUnreadableError
from AgentBridgeLib.operations.dicom import (
    attributes,
    database,
    finding,
    leaving_files,
    library,
    pixels,
    reports,
    web_metadata,
)
from AgentBridgeLib.operations.dicom.instances import OneInstance
from AgentBridgeLib.operations.dicom.query import SearchArguments
from AgentBridgeLib.operations.dicom.web_metadata import BulkDataArguments

AS_STORED = "application/dicom; transfer-syntax=*"
UIDS = ("1.2.3", "1.2.4", "1.2.5")


@pytest.fixture
def add(context, run_jobs, tmp_path):
    """Write a data set, or bytes, into the application's DICOM database, which is emptied afterwards."""

    def put(made):
        path = tmp_path / "in" / "one.dcm"
        if isinstance(made, bytes):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(made)
        else:
            dicom_data.write(made, path)
        return run_jobs(database.import_files(context, database.ImportArguments(path=str(path)))).counts

    yield put
    base = slicer.app.dicomDatabase()
    for patient in base.patients():
        base.removePatient(patient)


def deflated(made):
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return made


def left(path, accept, *, hides):
    """Run the steps to their end."""
    steps = leaving_files.leaving_file(path, accept, hides=hides)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def leave(path, *, hides, accept=AS_STORED):
    found = left(str(path), accept, hides=hides)
    return b"".join(bytes(piece) for piece in found.pieces), found.burned_in


@pytest.mark.parametrize("hides", [True, False])
def test_large_deflated_file_leaves_and_says_what_its_pixels_show(tmp_path, hides):
    """slicer: PS3.5 A.5; its data set is one stream, which the first 64 KiB do not tell."""
    noise = np.random.default_rng(1).integers(0, 255, 1 << 18, np.uint8).tobytes()
    made = dicom_data.ct_slice(*UIDS, 1, Rows=512, Columns=256, PixelData=noise, BurnedInAnnotation="YES")
    path = dicom_data.write(deflated(made), tmp_path / "one.dcm")
    data, flag = leave(path, hides=hides)
    found = pydicom.dcmread(io.BytesIO(data))
    assert (found.PixelData, bool(found.PatientName), flag) == (noise, not hides, "yes")


def test_deflated_bomb_is_neither_taken_nor_read(add, tmp_path, monkeypatch):
    """issue:#6: a few kilobytes that would fill the memory."""
    monkeypatch.setattr(library, "MOST_INFLATED_BYTES", 1 << 20)
    made = dicom_data.ct_slice(*UIDS, 1, Rows=2048, Columns=2048, PixelData=bytes(1 << 23))
    path = dicom_data.write(deflated(made), tmp_path / "bomb.dcm")
    assert path.stat().st_size < 20_000
    assert add(path.read_bytes()) == {"not_dicom": 1}
    with pytest.raises(FileUnreadableError, match="inflate"):
        library.read_dataset(str(path), tags=["PatientID"])
    with pytest.raises(FileUnreadableError, match="inflate"):
        leave(path, hides=True)


def test_moderate_deflated_file_is_read(tmp_path, monkeypatch):
    """issue:#6: the limit is of what is inside."""
    monkeypatch.setattr(library, "MOST_INFLATED_BYTES", 1 << 20)
    made = dicom_data.ct_slice(*UIDS, 1, Rows=512, Columns=512, PixelData=bytes(1 << 19))
    path = dicom_data.write(deflated(made), tmp_path / "one.dcm")
    assert len(library.read_dataset(str(path), pixels=True).PixelData) == 1 << 19


def nested(depth, *, has_lengths):
    """Encode a report whose items are inside each other."""
    inner, open_end = b"", 0xFFFFFFFF
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner) if has_lengths else open_end) + inner
        item += b"" if has_lengths else struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        inner = b"\x40\x00\x30\xa7SQ\0\0" + struct.pack("<I", len(item) if has_lengths else open_end) + item
        inner += b"" if has_lengths else struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    made, out = dicom_data.report("1.2.3"), io.BytesIO()
    del made.ContentSequence
    made.save_as(out, enforce_file_format=True)
    return out.getvalue() + inner, str(made.SOPInstanceUID)


@pytest.mark.parametrize("has_lengths", [True, False])
def test_sequences_inside_each_other_without_end_are_refused_in_words(
    context, run, add, tmp_path, has_lengths
):
    """issue:#6: never an internal error."""
    data, uid = nested(5000, has_lengths=has_lengths)
    path = tmp_path / "nested.dcm"
    path.write_bytes(data)
    if has_lengths:  # they are only taken apart when somebody looks inside
        assert add(data) == {"added": 1}
        for read in (attributes.metadata, reports.report_text):
            with pytest.raises(FileUnreadableError, match="nested"):
                run(read(context, OneInstance(sop_instance_uid=uid)))
    else:
        with pytest.raises(FileUnreadableError):
            leave(path, hides=True)


def test_long_report_is_read_in_small_steps(context, add):
    """issue:#6: thousands of items must not hold Slicer's thread."""
    made = dicom_data.report("1.2.3")
    made.ContentSequence = [*made.ContentSequence, *[made.ContentSequence[-1]] * 1000]
    add(made)
    steps = list(reports.report_text(context, OneInstance(sop_instance_uid=str(made.SOPInstanceUID))))
    assert sum(isinstance(one, Progress) for one in steps) >= 20


@pytest.mark.parametrize("level", ["metadata", "search", "frames", "file"])
def test_image_of_many_frames_is_read_in_small_steps(context, add, tmp_path, level):
    """issue:#6: the attributes of 500 frames, and their pixels."""
    made = dicom_data.enhanced_ct("1.2.3", "1.2.4", 500)
    path, uid = dicom_data.write(made, tmp_path / "many.dcm"), str(made.SOPInstanceUID)
    add(path.read_bytes())
    place = {"study_instance_uid": "1.2.3", "series_instance_uid": "1.2.4", "sop_instance_uid": uid}
    steps = {
        "metadata": lambda: attributes.metadata(context, OneInstance(sop_instance_uid=uid)),
        "search": lambda: finding.find_instances(context, SearchArguments(includefield=["all"])),
        "frames": lambda: web_metadata.bulk_data(
            context, BulkDataArguments(**place, place="7FE00010", accept="application/octet-stream")
        ),
        "file": lambda: leaving_files.leaving_file(str(path), "application/dicom", hides=True),
    }
    assert sum(isinstance(one, Progress) for one in steps[level]()) >= 10


def test_attribute_that_no_dictionary_knows_stays_here(context, run, add, tmp_path):
    """issue:#6: a name may stand anywhere; ADR 36."""
    made = dicom_data.ct_slice(*UIDS, 1)
    made.add_new(0x00100099, "LO", "Doe^Jane")
    assert b"Doe" not in leave(dicom_data.write(made, tmp_path / "one.dcm"), hides=True)[0]
    assert b"Doe" in leave(tmp_path / "one.dcm", hides=False)[0]
    add(made)
    told = run(attributes.metadata(context, OneInstance(sop_instance_uid=str(made.SOPInstanceUID))))
    assert "00100099" not in told.attributes
    assert "00100099" in told.left_out


def test_frame_that_would_fill_the_memory_is_refused(tmp_path):
    """issue:#6: run-length encoding makes a megabyte of eight kilobytes; the file leaves as it is stored."""
    made = dicom_data.ct_slice(
        *UIDS, 1, Rows=30_000, Columns=30_000, BitsAllocated=8, BitsStored=8, HighBit=7
    )
    made.PixelRepresentation, made.file_meta.TransferSyntaxUID = 0, RLELossless
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 1000
    made.PixelData = pydicom.encaps.encapsulate([frame])
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    path = dicom_data.write(made, tmp_path / "one.dcm")
    with pytest.raises(DataInvalidError, match="too large"):
        pixels.render(library.read_dataset(str(path), pixels=True), 1, None)
    assert leave(path, hides=False, accept="application/dicom")[0] == path.read_bytes()


@pytest.mark.parametrize("syntax", ["1.2.3.4.5.6.7.8.901", "1.2.840.10008.1.2.9"])
def test_file_of_an_unknown_transfer_syntax_leaves_as_it_is(context, run, add, tmp_path, syntax):
    """issue:#6: what it holds is anybody's guess; never an internal error."""
    made = dicom_data.ct_slice(*UIDS, 1)
    path = dicom_data.write(made, tmp_path / "one.dcm")
    known, unknown = b"1.2.840.10008.1.2.1\0", syntax.encode().ljust(20, b"\0")
    path.write_bytes(path.read_bytes().replace(known, unknown))
    add(path.read_bytes())
    assert leave(path, hides=False, accept="application/dicom")[0] == path.read_bytes()
    for read in (
        lambda: pixels.render(library.read_dataset(str(path), pixels=True), 1, None),
        lambda: bulk(context, run, made, "7FE00010"),
    ):
        with pytest.raises(DataInvalidError):
            read()


def test_image_that_contradicts_itself_is_refused_in_words(tmp_path):
    """issue:#6: a palette without colors."""
    made = dicom_data.ct_slice(*UIDS, 1, PhotometricInterpretation="PALETTE COLOR")
    path = dicom_data.write(made, tmp_path / "one.dcm")
    with pytest.raises(DataInvalidError, match="contradiction"):
        pixels.render(library.read_dataset(str(path), pixels=True), 1, None)


def bulk(context, run, made, place):
    arguments = BulkDataArguments(
        study_instance_uid=made.StudyInstanceUID,
        series_instance_uid=made.SeriesInstanceUID,
        sop_instance_uid=made.SOPInstanceUID,
        place=place,
        accept="application/octet-stream",
    )
    return b"".join(bytes(part) for part in run(web_metadata.bulk_data(context, arguments)).parts)


def test_pixels_inside_a_sequence_are_those_and_not_the_image_s_own(context, run, add):
    """slicer: PS3.18 10.4.1.1.5; here a picture in a sequence."""
    made, inner = dicom_data.ct_slice(*UIDS, 1), Dataset()
    inner.Rows = inner.Columns = 64
    inner.BitsAllocated, inner.PixelData = 8, bytes(range(256)) * 16
    inner["PixelData"].VR = "OB"
    made.DerivationImageSequence = [inner]
    add(made)
    assert bulk(context, run, made, "00089124.0.7FE00010") == inner.PixelData
    assert bulk(context, run, made, "7FE00010") == made.PixelData


def test_single_bits_come_as_they_stand(context, run, add):
    """slicer: PS3.5 8.1.1: a frame of 10 x 10 bits does not end with a byte."""
    bits = np.random.default_rng(4).integers(0, 2, (3, 10, 10)).astype(np.uint8)
    made = dicom_data.ct_slice(*UIDS, 1, Rows=10, Columns=10, BitsAllocated=1, BitsStored=1, HighBit=0)
    made.PixelRepresentation, made.NumberOfFrames = 0, 3
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    made.PixelData = packed
    add(made)
    assert bulk(context, run, made, "7FE00010") == packed


def test_binary_values_of_a_big_endian_file_come_little_endian(context, run, add, tmp_path):
    """slicer: PS3.18 8.7.3 and F.2.7."""
    values = np.arange(1000, dtype=np.uint16)
    made = dicom_data.ct_slice(*UIDS, 1)
    made.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    made.PixelData = dicom_data.slice_voxels(1).astype(">i2").tobytes()
    made.add_new(0x00281201, "OW", values.astype(">u2").tobytes())
    path = tmp_path / "big.dcm"
    made.save_as(path, implicit_vr=False, little_endian=False, enforce_file_format=True)
    add(path.read_bytes())
    assert bulk(context, run, made, "00281201") == values.astype("<u2").tobytes()
    assert bulk(context, run, made, "7FE00010") == dicom_data.slice_voxels(1).astype("<i2").tobytes()


def test_deflate_makes_nothing_smaller_than_the_ratio_that_is_counted_on():
    """zlib: at most 1032 bytes of one."""
    assert len(zlib.compress(bytes(1 << 24), 9)) * 1032 > 1 << 24
