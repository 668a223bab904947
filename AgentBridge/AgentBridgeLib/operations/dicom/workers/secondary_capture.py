"""Write a DICOM secondary capture in a process of its own: ``secondary_capture.py REQUEST.json``.

REQUEST.json names the images it belongs to, the picture (NPY, uint8, shape (row, column, RGB)) and the file to write.
Needs pydicom and NumPy, nothing of the bridge.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
OF_PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "StudyDescription"),
    *("ReferringPhysicianName", "PatientAge", "PatientSize", "PatientWeight"),
)
REQUIRED_THOUGH_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "Laterality"),
)


def new_object(source: Any, request: dict[str, Any]) -> Any:
    """Make the data set without its pixels, in the study of its source."""
    now = dt.datetime.now(dt.UTC).astimezone()
    made = pydicom.Dataset()
    for keyword in OF_PATIENT_AND_STUDY:
        if keyword in source:
            made[keyword] = source[keyword]
    for keyword in REQUIRED_THOUGH_EMPTY:
        if keyword not in made:
            setattr(made, keyword, "")
    made.SpecificCharacterSet = (
        "ISO_IR 192"  # descriptions come in every script, whatever that of the images is
    )
    made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = (
        SECONDARY_CAPTURE,
        generate_uid(),
        generate_uid(),
    )
    made.Modality, made.ConversionType = "OT", "WSD"
    made.SeriesNumber, made.InstanceNumber = request["series_number"], 1
    made.SeriesDescription = request["series_description"]
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.InstanceCreationDate = made.ContentDate = made.SeriesDate = now.strftime("%Y%m%d")
    made.InstanceCreationTime = made.ContentTime = made.SeriesTime = now.strftime("%H%M%S")
    made.PatientOrientation = None
    made.BurnedInAnnotation = "YES" if request["has_annotations"] else "NO"
    made.SecondaryCaptureDeviceManufacturer = made.Manufacturer = "AgentBridge"
    made.ContributingEquipmentSequence = [pydicom.Dataset.from_json(request["contribution"])]
    return made


def reference(path: str) -> Any:
    """Refer to an image."""
    found = pydicom.dcmread(path, specific_tags=["SOPClassUID", "SOPInstanceUID"], stop_before_pixels=True)
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = found.SOPClassUID, found.SOPInstanceUID
    return item


def main(arguments: list[str]) -> int:
    """Write one file."""
    request = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    pixels = np.load(request["pixels"])
    made = new_object(pydicom.dcmread(request["source"], stop_before_pixels=True), request)
    made.SourceImageSequence = [reference(path) for path in request["images"]]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    data = np.ascontiguousarray(pixels, np.uint8).tobytes()
    made.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    # pydicom 3 has another name for it, and Slicer 5.10 brings pydicom 2.
    is_old = int(pydicom.__version__.partition(".")[0]) < 3
    made.preamble, made.is_little_endian, made.is_implicit_VR = b"\0" * 128, True, False
    how = {"write_like_original": False} if is_old else {"enforce_file_format": True}
    pydicom.dcmwrite(request["target"], made, **how)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
