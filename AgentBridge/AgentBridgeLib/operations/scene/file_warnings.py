"""What a careful reader of a file of images or markups would want to know about what Slicer's reader made of it."""

from __future__ import annotations

import gzip
import json
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.handedness import is_left_handed_file

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD_BYTES = 64 * 1024
LEFT_HANDED = (
    "The image axes of the file are left-handed. Slicer reversed the k axis on reading: positions in RAS are those of "
    "the file, voxel indices along k are not."
)
TURNED = (
    "A ROI in the file is in RAS. Slicer's reader took its orientation as LPS, so that it is turned wrongly. Send the "
    "file's bytes to POST /agent/v1/markups/import, which reads it right."
)
_WIDE_INTEGERS = {
    "int64": "int64",
    "int64_t": "int64",
    "long long": "int64",
    "long long int": "int64",
    "signed long long": "int64",
    "longlong": "int64",
    "uint64": "uint64",
    "uint64_t": "uint64",
    "unsigned long long": "uint64",
    "unsigned long long int": "uint64",
    "ulonglong": "uint64",
    "met_long_long": "int64",
    "met_ulong_long": "uint64",
    "met_long": "int64",
    "met_ulong": "uint64",
}
_NIFTI_WIDE = {1024: "int64", 1280: "uint64"}
_DECLARED = re.compile(rb"^(?:type|ElementType)\s*[:=]\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)


def file_warnings(path: str, nodes: Sequence[Any]) -> tuple[str, ...]:
    """Compare a file of images or markups with the nodes that were made of it."""
    if any(node.IsA("vtkMRMLMarkupsNode") for node in nodes):
        return _markups_warnings(path)
    images = [node for node in nodes if node.IsA("vtkMRMLVolumeNode") or node.IsA("vtkMRMLSegmentationNode")]
    if not images:
        return ()
    found = [LEFT_HANDED] if is_left_handed_file(path) else []
    stored = wide_integers(path)
    made = next((voxels.scalar_type(node) for node in images if node.IsA("vtkMRMLVolumeNode")), None)
    if stored and made and made != stored:
        found.append(
            f"The file stores voxels as {stored}; Slicer's reader made {made} of them. "
            f"{_exact_words(made)} Upload the file's bytes to POST /agent/v1/volumes to keep the type."
        )
    return tuple(found)


def _markups_warnings(path: str) -> tuple[str, ...]:
    """Say what Slicer's reader of Markups JSON passes over."""
    try:
        entries = json.loads(Path(path).read_bytes())["markups"] if path.lower().endswith(".json") else []
        units = [entry.get("coordinateUnits", "mm") for entry in entries]
        is_turned = any(
            entry["type"] == "ROI" and entry.get("coordinateSystem") == "RAS" and "orientation" in entry
            for entry in entries
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()
    strange = {unit[0] if isinstance(unit, list) and unit else unit for unit in units} - {"mm"}
    found = [
        f"The file says that its unit is {unit}; Slicer's reader took the numbers as mm." for unit in strange
    ]
    return (*found, *([TURNED] if is_turned else []))


def wide_integers(path: str) -> str | None:
    """Give the type of the voxels in an NRRD, MetaImage or NIfTI file if it is an integer of 64 bits; else None."""
    try:
        head = _head(path)
    except (OSError, EOFError, zlib.error):
        return None
    name = path.lower().removesuffix(".gz")
    if name.endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        declared = _DECLARED.search(head)
        return _WIDE_INTEGERS.get(declared.group(1).decode("latin-1").lower()) if declared else None
    if name.endswith(".nii"):
        return _nifti_type(head)
    return None


def _head(path: str) -> bytes:
    if path.lower().endswith(".gz"):
        with gzip.open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    with Path(path).open("rb") as file:
        return file.read(HEAD_BYTES)


def _nifti_type(head: bytes) -> str | None:
    if len(head) < 72:
        return None
    size = head[:4]
    for order, version in (("<", 348), (">", 348), ("<", 540), (">", 540)):
        if size == struct.pack(f"{order}i", version):
            return _NIFTI_WIDE.get(struct.unpack_from(f"{order}h", head, 70 if version == 348 else 12)[0])
    return None


def _exact_words(scalar_type: str) -> str:
    if scalar_type == "float32":
        return "It holds whole numbers up to 16,777,216 exactly; larger ones are rounded."
    if scalar_type == "float64":
        return "It holds whole numbers up to 9,007,199,254,740,992 exactly; larger ones are rounded."
    return "Values outside its range are lost."
