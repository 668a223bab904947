"""What Slicer's readers do to a file, and whether it is told."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import slicer

from AgentBridgeLib.operations.scene import files
from AgentBridgeLib.operations.scene.file_warnings import wide_integers

LARGE = 2**24 + 1


def write_nrrd(path, kind, array):
    head = f"NRRD0005\ntype: {kind}\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw\n\n"
    path.write_bytes(head.encode() + array.tobytes())


def write_meta(path, kind, array):
    head = f"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = {kind}\nElementDataFile = LOCAL\n"
    path.write_bytes(head.encode() + array.tobytes())


def load(run, context, path):
    return run(files.load_file(context, files.LoadArguments(path=str(path))))


@pytest.mark.parametrize(
    ("name", "write", "kind", "dtype"),
    [
        ("v.nrrd", write_nrrd, "int64", np.int64),
        ("v.nrrd", write_nrrd, "long long", np.int64),
        ("v.mha", write_meta, "MET_LONG_LONG", np.int64),
        ("v.nrrd", write_nrrd, "unsigned long long", np.uint64),
    ],
)
def test_integers_of_64_bits_come_with_a_warning_when_they_become_floats(
    run, context, scene, tmp_path, name, write, kind, dtype
):
    """issue:#3: the answer says which type was made; nothing is rounded in silence."""
    write(tmp_path / name, kind, np.full((2, 2, 2), LARGE, dtype))
    made = load(run, context, tmp_path / name)
    volume = scene.GetNodeByID(made.nodes[0].id)
    read = slicer.util.arrayFromVolume(volume)
    assert read.dtype == np.float32
    assert int(read[0, 0, 0]) != LARGE
    assert len(made.warnings) == 1
    assert np.dtype(dtype).name in made.warnings[0]
    assert "float32" in made.warnings[0]


@pytest.mark.parametrize(
    ("kind", "dtype"), [("int32", np.int32), ("double", np.float64), ("short", np.int16)]
)
def test_other_types_are_read_as_they_are_without_a_warning(run, context, scene, tmp_path, kind, dtype):
    """issue:#3."""
    write_nrrd(tmp_path / "v.nrrd", kind, np.full((2, 2, 2), 7, dtype))
    made = load(run, context, tmp_path / "v.nrrd")
    assert made.warnings == ()
    assert slicer.util.arrayFromVolume(scene.GetNodeByID(made.nodes[0].id)).dtype == dtype


@pytest.mark.parametrize("order", ["<", ">"])
def test_type_of_a_nifti_file_is_found_in_both_versions_and_byte_orders(tmp_path, order):
    """slicer: NIfTI keeps 64-bit integers, which then need no warning."""
    old = bytearray(352)
    struct.pack_into(f"{order}i", old, 0, 348)
    struct.pack_into(f"{order}h", old, 70, 1024)
    new = bytearray(544)
    struct.pack_into(f"{order}i", new, 0, 540)
    struct.pack_into(f"{order}h", new, 12, 1280)
    (tmp_path / "a.nii").write_bytes(old)
    (tmp_path / "b.nii").write_bytes(new)
    (tmp_path / "c.nii").write_bytes(b"short")
    assert wide_integers(str(tmp_path / "a.nii")) == "int64"
    assert wide_integers(str(tmp_path / "b.nii")) == "uint64"
    assert wide_integers(str(tmp_path / "c.nii")) is None
    assert wide_integers(str(tmp_path / "nothing.nrrd")) is None


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"coordinateUnits": "um"}, "unit is um"),
        ({"coordinateUnits": ["cm", "UCUM", "centimeter"]}, "unit is cm"),
        ({"coordinateSystem": "RAS", "orientation": [0, 1, 0, -1, 0, 0, 0, 0, 1]}, "turned wrongly"),
        ({"coordinateSystem": "RAS", "coordinateUnits": "mm"}, None),
    ],
)
def test_markups_that_slicer_misreads_come_with_a_warning(run, context, tmp_path, members, said):
    """slicer: `vtkMRMLMarkupsJsonStorageNode` passes over the unit, and over the frame of a ROI's orientation."""
    points = [{"position": [1, 2, 3]}]
    entry = {"type": "ROI", "center": [1, 2, 3], "size": [4, 5, 6], "controlPoints": points, **members}
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/markups-schema-v1.0.3.json#"
    path = tmp_path / "box.mrk.json"
    path.write_text(json.dumps({"@schema": schema, "markups": [entry]}))
    warnings = load(run, context, path).warnings
    assert [said in text for text in warnings] == ([True] if said else [])
