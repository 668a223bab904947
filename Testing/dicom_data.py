"""DICOM files for tests, written with pydicom: series with known voxels and geometry, reports, a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

if TYPE_CHECKING:
    from pathlib import Path

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
PATIENT_NAME = "Doe^Jane Anne"
# Rotated about the patient's superior axis; in LPS.
ORIENTATION = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0)
FIRST_POSITION = (-30.5, 20.25, 100.0)
SPACING_MM = 2.5


def dataset(sop_class: str, study: str, series: str, **values: Any) -> Dataset:
    """Make a data set with everything that a database demands."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = sop_class
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.StudyInstanceUID, made.SeriesInstanceUID = study, series
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = (
        PATIENT_NAME,
        "P-17",
        "19610203",
        "F",
    )
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20260105", "101500", "7", "ACC9"
    made.StudyDescription, made.ReferringPhysicianName = "Chest of Jane", "Who^Doctor"
    for name, value in values.items():
        setattr(made, name, value)
    return made


def slice_voxels(k: int, rows: int = 24, columns: int = 32) -> np.ndarray:
    """Stored values of slice `k`: every voxel of a series is another one."""
    y, x = np.mgrid[0:rows, 0:columns]
    return (k * rows * columns + y * columns + x).astype(np.int16)


def ct_slice(study: str, series: str, frame: str, k: int, **values: Any) -> Dataset:
    """Make one slice of a CT series, rotated, anisotropic and off the origin."""
    made = dataset(CT_IMAGE, study, series, Modality="CT", SeriesNumber=3, SeriesDescription="thorax")
    made.SeriesDate, made.FrameOfReferenceUID, made.InstanceNumber = "20260105", frame, k + 1
    made.ImageType, made.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS"
    made.PixelSpacing, made.SliceThickness = [0.7, 0.9], SPACING_MM
    made.ImageOrientationPatient = list(ORIENTATION)
    made.ImagePositionPatient = [*FIRST_POSITION[:2], FIRST_POSITION[2] + SPACING_MM * k]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.RescaleSlope, made.RescaleIntercept = 1, -1024
    made.WindowCenter, made.WindowWidth = -500, 1000
    voxels = slice_voxels(k)
    made.Rows, made.Columns = voxels.shape
    made.PixelData = voxels.astype("<i2").tobytes()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def enhanced_ct(study: str, series: str, count: int, side_px: int = 16) -> Dataset:
    """Make a multi-frame CT of `count` axial frames, run-length encoded: decoding takes a while for each."""
    made = dataset(ENHANCED_CT, study, series, Modality="CT", SeriesNumber=4, InstanceNumber=1)
    made.ImageType, made.FrameOfReferenceUID = ["DERIVED", "PRIMARY", "VOLUME", "NONE"], generate_uid()
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.Rows = made.Columns = side_px
    voxels = np.random.default_rng(2).integers(-1000, 1000, (side_px, side_px)).astype("<i2")
    made.PixelData = voxels.tobytes()
    made.compress(RLELossless)
    made.PixelData = encapsulate([get_frame(made.PixelData, 0)] * count)
    made.NumberOfFrames = count
    shared = Dataset()
    shared.PlaneOrientationSequence = [_values(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    shared.PixelMeasuresSequence = [_values(PixelSpacing=[0.5, 0.5], SliceThickness=1.5)]
    shared.PixelValueTransformationSequence = [_values(RescaleSlope=1, RescaleIntercept=0)]
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = [
        _values(PlanePositionSequence=[_values(ImagePositionPatient=[0, 0, 1.5 * k])]) for k in range(count)
    ]
    return made


def _values(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def write(made: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def write_ct(folder: Path, count: int = 8, skipped: tuple[int, ...] = (), **values: Any) -> tuple[str, str]:
    """Write a CT series whose file order is not its slice order; give study and series UID."""
    study, series, frame = values.pop("study", None) or generate_uid(), generate_uid(), generate_uid()
    order = np.random.default_rng(5).permutation([k for k in range(count) if k not in skipped])
    for place, k in enumerate(order):
        write(ct_slice(study, series, frame, int(k), **values), folder / f"im{place:04d}.dcm")
    return study, series


def _concept(value: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "99TEST", meaning
    return made


def _item(kind: str, relation: str, concept: str, **values: Any) -> Dataset:
    made = Dataset()
    made.ValueType, made.RelationshipType = kind, relation
    made.ConceptNameCodeSequence = [_concept(concept.upper()[:8], concept)]
    for name, value in values.items():
        setattr(made, name, value)
    return made


def report(study: str) -> Dataset:
    """Make a structured report: sections, a number with unit and a child, a referenced image, the patient's name."""
    made = dataset(ENHANCED_SR, study, generate_uid(), Modality="SR", SeriesNumber=9, InstanceNumber=1)
    made.ValueType, made.CompletionFlag, made.VerificationFlag = "CONTAINER", "COMPLETE", "UNVERIFIED"
    made.ContinuityOfContent = "SEPARATE"
    made.ConceptNameCodeSequence = [_concept("RPT", "Chest CT report")]
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "12.5", [_concept("mm", "millimeter")]
    number = _item("NUM", "CONTAINS", "Diameter", MeasuredValueSequence=[measured])
    number.ContentSequence = [_item("TEXT", "HAS PROPERTIES", "Method", TextValue="caliper")]
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT_IMAGE, "1.2.3.4"
    section = _item("CONTAINER", "CONTAINS", "Findings", ContinuityOfContent="SEPARATE")
    section.ContentSequence = [
        _item("TEXT", "CONTAINS", "Finding", TextValue="Nodule of Jane Anne in the left lobe."),
        number,
        _item("IMAGE", "CONTAINS", "Source", ReferencedSOPSequence=[reference]),
    ]
    made.ContentSequence = [section, _item("TEXT", "CONTAINS", "Conclusion", TextValue="Follow up.")]
    return made


def pdf(text: str) -> bytes:
    """Write a PDF document with one page."""
    content = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start
    return bytes(out)
