"""The real lung CT as a DICOM series with a report: ``lung_series.py FOLDER``.

48 CT images of 512 x 512 voxels, 0.57 x 0.57 x 5 mm, and a structured report of the tumor, measured on its label map.
The UIDs are always the same, so that examples can name them.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import dicom_data
from devtools.data import data_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

CHECKOUT = Path(__file__).resolve().parent.parent
STUDY, SERIES, FRAME = "2.25.4801", "2.25.4802", "2.25.4803"
REPORT_SERIES, REPORT = "2.25.4804", "2.25.4805"
FIRST_IMAGE = 4900
AIR_HU = -1024
IDENTITY = {
    "PatientName": "Sample^Ada",
    "PatientID": "LUNG1",
    "PatientBirthDate": "",
    "PatientSex": "O",
    "StudyDescription": "CT of the chest",
    "Manufacturer": "unknown",
    "ManufacturerModelName": "unknown",
    "SoftwareVersions": "unknown",
    "DeviceSerialNumber": "unknown",
}


@dataclass(frozen=True, slots=True)
class Scan:
    """Voxels (k, j, i) of an axial scan; spacing and the center of the first voxel in mm, LPS."""

    voxels: NDArray[np.int16]
    spacing_mm: tuple[float, ...]
    origin_lps: tuple[float, ...]


def read_scan(path: Path) -> Scan:
    """Read one of the scans: int16 NRRD in LPS, gzip, along the patient's axes."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    fields = dict(re.findall(r"^([a-z ]+): (.*)$", head.decode(), re.MULTILINE))
    sizes = tuple(map(int, fields["sizes"].split()))
    directions = np.array([_vector(one) for one in fields["space directions"].split()])
    voxels = np.frombuffer(gzip.decompress(data), "<i2").reshape(sizes[::-1])
    return Scan(voxels, tuple(np.diag(directions).tolist()), _vector(fields["space origin"]))


def ct_image(scan: Scan, k: int, **identity: Any) -> Dataset:
    """Make the image of slice `k`."""
    made = dicom_data.ct_slice(STUDY, SERIES, FRAME, k, **IDENTITY)
    uid = f"2.25.{FIRST_IMAGE + k}"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = uid
    made.SeriesDescription, made.PatientPosition = "lung", "HFS"
    made.PixelSpacing, made.SliceThickness = [scan.spacing_mm[1], scan.spacing_mm[0]], scan.spacing_mm[2]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    x, y, z = scan.origin_lps
    made.ImagePositionPatient = [x, y, round(z + scan.spacing_mm[2] * k, 6)]
    made.Rows, made.Columns = scan.voxels.shape[1:]
    made.WindowCenter, made.WindowWidth = -500, 1500
    made.BitsStored, made.HighBit, made.PixelRepresentation = 12, 11, 0
    made.PixelData = (scan.voxels[k] - AIR_HU).astype("<u2").tobytes()
    for name, value in identity.items():
        setattr(made, name, value)
    return made


def report(label: Scan) -> Dataset:
    """Make a report on the tumor of a label map: its volume, and a sentence."""
    made = dicom_data.report(STUDY)
    for name, value in IDENTITY.items():
        setattr(made, name, value)
    made.SeriesInstanceUID = REPORT_SERIES
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = REPORT
    volume_ml = float((label.voxels > 0).sum() * np.prod(label.spacing_mm) / 1000)
    section, conclusion = made.ContentSequence
    text, number, image = section.ContentSequence
    slices = np.flatnonzero((label.voxels > 0).any(axis=(1, 2)))
    text.TextValue = f"Mass on the images {slices[0] + 1} to {slices[-1] + 1}."
    number.ConceptNameCodeSequence[0].CodeMeaning = "Volume"
    measured = number.MeasuredValueSequence[0]
    measured.NumericValue = f"{volume_ml:.1f}"
    measured.MeasurementUnitsCodeSequence[0].CodeValue = "ml"
    measured.MeasurementUnitsCodeSequence[0].CodeMeaning = "milliliter"
    number.ContentSequence[0].TextValue = "label map"
    middle = FIRST_IMAGE + int(slices[len(slices) // 2])
    image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = f"2.25.{middle}"
    conclusion.TextValue = "Mass of the lung."
    return made


def write_series(folder: Path) -> None:
    """Write everything; the scans have been downloaded."""
    scan = read_scan(data_folder(CHECKOUT) / "lung1_image.nrrd")
    for k in range(len(scan.voxels)):
        dicom_data.write(ct_image(scan, k), folder / f"ct{k + 1:02d}.dcm")
    label = read_scan(data_folder(CHECKOUT) / "lung1_label.nrrd")
    dicom_data.write(report(label), folder / "report.dcm")


def _vector(text: str) -> tuple[float, ...]:
    return tuple(float(one) for one in text.strip("()").split(","))


def main(arguments: list[str]) -> int:
    """Write the files and say how many."""
    options = argparse.ArgumentParser(
        prog="dev.py series",
        description="Write the real lung CT as a DICOM series of 48 images, and a report.",
    )
    options.add_argument("folder", type=Path, help="made if it is not there")
    folder = options.parse_args(arguments).folder
    write_series(folder)
    print(
        f"{len(list(folder.glob('*.dcm')))} files in {folder}: study {STUDY}, CT series {SERIES}, report {REPORT}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
