"""Write a DICOM segmentation in a process of its own: ``segmentation_object.py REQUEST.json``.

REQUEST.json names the source images in slice order (or one with a frame for each slice), the masks (NPY, uint8, shape
(k, j, i, segment)), the frame of each slice (0 of single-frame images), the segments and the file to write. Needs
highdicom and pydicom, nothing of the bridge.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.uid import generate_uid

MANUAL_PROCESSING = highdicom.sr.CodedConcept("123109", "DCM", "Manual Processing")  # of CID 7162


def describe(number: int, segment: dict[str, Any], version: str) -> SegmentDescription:
    """Describe one segment."""
    category, kind = (
        highdicom.sr.CodedConcept(code["value"], code["scheme"], code["meaning"])
        for code in (segment["category"], segment["type"])
    )
    algorithm = highdicom.AlgorithmIdentificationSequence("AgentBridge", MANUAL_PROCESSING, version)
    return SegmentDescription(
        number,
        segment["label"][:64],
        category,
        kind,
        "SEMIAUTOMATIC",
        algorithm,
        display_color=highdicom.color.CIELabColor.from_rgb(*segment["color_rgb"]),
    )


def main(arguments: list[str]) -> int:
    """Write one file."""
    request = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    sources = [pydicom.dcmread(path, stop_before_pixels=True) for path in request["sources"]]
    masks = np.load(request["masks"], mmap_mode="r")[np.argsort(request["frames"], kind="stable")]
    version = request["version"]
    made = Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(masks),
        segmentation_type="BINARY",
        segment_descriptions=[
            describe(number, one, version) for number, one in enumerate(request["segments"], 1)
        ],
        series_instance_uid=generate_uid(),
        series_number=request["series_number"],
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="AgentBridge",
        manufacturer_model_name="AgentBridge",
        software_versions=version,
        device_serial_number="1",
        series_description=request["series_description"],
    )
    contribution: Any = pydicom.Dataset.from_json(request["contribution"])
    made.ContributingEquipmentSequence = [contribution]
    made.SpecificCharacterSet = "ISO_IR 192"  # names come in every script, whatever that of the images is
    made.save_as(request["target"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
