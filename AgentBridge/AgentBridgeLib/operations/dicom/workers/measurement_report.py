"""Write a DICOM measurement report (TID 1500) in a process of its own: ``measurement_report.py REQUEST.json``.

REQUEST.json names the source images, the measurements and the file to write. Needs highdicom and pydicom, nothing of
the bridge.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pydicom
from highdicom import sr
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

LENGTH = sr.CodedConcept("410668003", "SCT", "Length")
UNITS = {
    "mm": sr.CodedConcept("mm", "UCUM", "millimeter"),
    "mm2": sr.CodedConcept("mm2", "UCUM", "square millimeter"),
    "deg": sr.CodedConcept("deg", "UCUM", "degree"),
    "ml": sr.CodedConcept("ml", "UCUM", "milliliter"),
}
CONCEPTS = {
    "length": LENGTH,
    "angle": sr.CodedConcept("1483009", "SCT", "Angle"),
    "area": sr.CodedConcept("42798000", "SCT", "Area"),
    "volume": sr.CodedConcept("118565006", "SCT", "Volume"),
}


def references(one: dict[str, Any], slices: list[tuple[str, int]], sources: dict[str, Any]) -> list[Any]:
    """Refer to the images, and of multi-frame ones to the frames, that a structure lies in."""
    frames: dict[str, list[int]] = {}
    for index in one["images"]:
        path, frame = slices[index]
        frames.setdefault(path, []).append(frame + 1)
    return [
        sr.SourceImageForMeasurementGroup(
            sources[path].SOPClassUID,
            sources[path].SOPInstanceUID,
            sorted(numbers) if int(sources[path].get("NumberOfFrames", 1) or 1) > 1 else None,
        )
        for path, numbers in frames.items()
    ]


def group(one: dict[str, Any], images: list[Any]) -> Any:
    """Make the measurement group of one structure."""
    measurement = sr.Measurement(
        name=CONCEPTS[one["quantity"]], value=float(one["value"]), unit=UNITS[one["unit"]]
    )
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=one["label"][:64]),
        source_images=images,
        measurements=[measurement],
    )


def main(arguments: list[str]) -> int:
    """Write one file."""
    request = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    sources = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in request["sources"]}
    slices = request["slices"]
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(),
            name="AgentBridge",
            manufacturer_name="AgentBridge",
            model_name=request["version"],
        ),
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=sr.CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[
            group(one, references(one, slices, sources)) for one in request["measurements"]
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = sr.ComprehensiveSR(
        evidence=list(sources.values()),
        content=content,
        series_number=request["series_number"],
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="AgentBridge",
        series_description=request["series_description"],
        is_complete=False,
        is_verified=False,
    )
    # What the report was made of has no place of its own in the constructor.
    made.ManufacturerModelName, made.SoftwareVersions = "AgentBridge", request["version"]
    contribution: Any = pydicom.Dataset.from_json(request["contribution"])
    made.ContributingEquipmentSequence = [contribution]
    made.SpecificCharacterSet = "ISO_IR 192"  # names come in every script, whatever that of the images is
    made.save_as(request["target"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
