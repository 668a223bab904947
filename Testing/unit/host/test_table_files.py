"""Tables in files keep their digits and texts, alone and with the scene."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from AgentBridgeLib.errors import NodeTypeError, StorageFailedError
from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles

COLUMNS = {
    "length, mm": (vtk.vtkDoubleArray, [123456.789, 0.1 + 0.2, 1e308]),
    "part": (vtk.vtkFloatArray, [float(np.float32(0.1)), 16777216.0, -0.5]),
    "long": (vtk.vtkTypeInt64Array, [2**63 - 1, -(2**63), 0]),
    "byte": (vtk.vtkUnsignedCharArray, [0, 65, 255]),
    "is new": (vtk.vtkBitArray, [1, 0, 1]),
    "text": (vtk.vtkStringArray, ["", " a,b\tc ", "#ä😀"]),
}


@pytest.fixture
def files(host_scene):
    return SlicerFiles(host_scene, FileChecks())


def add_table(scene, columns):
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "Größen")
    for name, (make, values) in columns.items():
        array = make()
        array.SetName(name)
        for value in values:
            array.InsertNextValue(value)
        node.AddColumn(array)
    return node


def values_of(node):
    table = node.GetTable()
    arrays = [table.GetColumn(index) for index in range(table.GetNumberOfColumns())]
    return {
        array.GetName(): [array.GetValue(row) for row in range(table.GetNumberOfRows())] for array in arrays
    }


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
def test_table_comes_back_with_all_digits_and_texts(files, scene, tmp_path, ending):
    """slicer: its writer keeps six digits, writes bytes as characters, and masks no text in .tsv files."""
    path = tmp_path / f"t{ending}"
    files.save(add_table(scene, COLUMNS), str(path), {})
    (loaded,) = files.load(str(path), "TableFile", {})
    assert values_of(loaded) == {name: values for name, (_, values) in COLUMNS.items()}


@pytest.mark.parametrize("ending", [".mrb", ".mrml"])
def test_table_of_a_scene_comes_back_with_all_digits_and_texts(files, scene, tmp_path, ending):
    """slicer: scenes keep their tables in .tsv files."""
    add_table(scene, COLUMNS)
    path = tmp_path / f"s{ending}"
    files.save_scene(str(path))
    files.load_scene(str(path), clear=True)
    node = scene.GetFirstNodeByName("Größen")
    assert values_of(node) == {name: values for name, (_, values) in COLUMNS.items()}


def test_text_that_no_table_file_can_hold_leaves_the_rest_of_its_row(files, scene, tmp_path):
    """slicer: nothing stands for a quotation mark or a line break; the reader would take them for ends of cells."""
    columns = {
        "text": (vtk.vtkStringArray, ['say "hi"', "two\nlines"]),
        "number": (vtk.vtkDoubleArray, [1.0, 2.0]),
    }
    path = tmp_path / "t.csv"
    files.save(add_table(scene, columns), str(path), {})
    (loaded,) = files.load(str(path), "TableFile", {})
    assert values_of(loaded) == {"text": ["say ”hi”", "two lines"], "number": [1.0, 2.0]}


def test_sequence_of_transforms_comes_back_with_the_scene(files, scene, tmp_path):
    """slicer: their file is an image without voxels."""
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "moves")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for number in range(3):
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, number)
        transform.SetMatrixTransformToParent(matrix)
        sequence.SetDataNodeAtValue(transform, str(number))
    path = tmp_path / "s.mrb"
    files.save_scene(str(path))
    files.load_scene(str(path), clear=True)
    loaded = scene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    moved = [
        loaded.GetNthDataNode(number).GetTransformToParent().TransformPoint(0, 0, 0) for number in range(3)
    ]
    assert moved == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]


def test_voxels_that_slicer_writes_to_no_file_are_refused_with_a_way_out(files, scene, tmp_path):
    """issue:#3: refused explicitly, and the answer says which; a scene with them names the node."""
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.int8), name="bytes")
    with pytest.raises(NodeTypeError, match=r"volumes\.data"):
        files.save(volume, str(tmp_path / "v.nrrd"), {})
    with pytest.raises(StorageFailedError, match=volume.GetID()):
        files.save_scene(str(tmp_path / "s.mrb"))
    assert list(tmp_path.iterdir()) == []
