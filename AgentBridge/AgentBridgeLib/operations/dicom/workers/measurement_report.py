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


def group(one: dict[str, Any], sources: list[Any]) -> Any:
    """Make the measurement group of one structure."""
    measurement = sr.Measurement(
        name=CONCEPTS[one["quantity"]], value=float(one["value"]), unit=UNITS[one["unit"]]
    )
    images = [
        sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)
        for source in (sources[index] for index in one["images"])
    ]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=one["label"][:64]),
        source_images=images,
        measurements=[measurement],
    )


def main(arguments: list[str]) -> int:
    """Write one file."""
    request = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    sources = [pydicom.dcmread(path, stop_before_pixels=True) for path in request["sources"]]
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
        imaging_measurements=[group(one, sources) for one in request["measurements"]],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = sr.ComprehensiveSR(
        evidence=sources,
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
    made.save_as(request["target"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
