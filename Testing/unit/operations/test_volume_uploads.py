"""Volumes made of bytes in every format, and filled ones; any type, any geometry."""

import gzip
import io

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, OutOfMemoryError
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nifti, nrrd
from AgentBridgeLib.operations.volumes import data as volume_data
from AgentBridgeLib.operations.volumes import uploads

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
POSITION_MM = {"nii": 2e-4, "nrrd": 1e-9, "npy": 1e-9}


def create(context, run, **arguments):
    made = run(uploads.create_volume(context, uploads.CreateArguments(**arguments)))
    return made, slicer.mrmlScene.GetNodeByID(made.id)


def matrix_of(node):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def encoded(form, array, matrix, packed):
    """The bytes of a volume, and the arguments that go with them."""
    components = array.shape[3] if array.ndim == 4 else 1
    if form == "npy":
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue(), {"ijk_to_ras": tuple(matrix.ravel())}
    if form == "nii":
        head = nifti.write_header(array.dtype.name, array.shape[2::-1], components, matrix)
        is_color = array.dtype == np.uint8 and components in (3, 4)
        voxels = array if components == 1 or is_color else np.moveaxis(array, 3, 0)
        content = head + voxels.tobytes()
        return (gzip.compress(content) if packed else content), {}
    head = nrrd.write_header(array.dtype.name, array.shape[2::-1], components, matrix, "ras", {})
    if packed:
        return head.replace(b"encoding: raw", b"encoding: gzip") + gzip.compress(array.tobytes()), {}
    return head + array.tobytes(), {}


@st.composite
def volumes(draw):
    """Voxels of any type and a geometry that is rotated, anisotropic, off the origin, and often left-handed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=3, max_size=3)))
    components = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    count = int(np.prod(shape)) * components
    bits = np.frombuffer(rng.bytes(count * dtype.itemsize), dtype)
    array = bits if dtype.kind in "iu" else np.nan_to_num(bits)
    array = array.reshape(shape if components == 1 else (*shape, components))
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = axes * rng.uniform(0.2, 6, 3) * (1, 1, draw(st.sampled_from([-1, 1])))
    matrix[:3, 3] = rng.uniform(-400, 400, 3)
    return array, matrix


@given(volume=volumes(), form=st.sampled_from(["nrrd", "nii", "npy"]), packed=st.booleans())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_volume_of_any_type_and_geometry_comes_back_bit_for_bit(context, run, volume, form, packed):
    """issue:#3 - property: upload, then download in the same format."""
    array, matrix = volume
    content, geometry = encoded(form, array, matrix, packed)
    made, node = create(context, run, content=Bytes(bytearray(content)), **geometry)
    assert made.scalar_type == array.dtype.name
    assert np.allclose(matrix_of(node), matrix, atol=POSITION_MM[form])
    back = volume_data.read_data(context, volume_data.DataArguments(volume_id=made.id, format=form))
    sent = b"".join(bytes(part) for part in back.parts)
    again, geometry = (
        sent,
        {"ijk_to_ras": tuple(np.ravel(back.facts["ijk_to_ras"]))} if form == "npy" else {},
    )
    _, second = create(context, run, content=Bytes(bytearray(again)), **geometry)
    raw = volume_data.read_data(context, volume_data.DataArguments(volume_id=second.GetID(), format="raw"))
    assert b"".join(bytes(part) for part in raw.parts) == array.tobytes()
    assert np.allclose(matrix_of(second), matrix, atol=POSITION_MM[form])
    slicer.mrmlScene.Clear(0)


@pytest.mark.parametrize("scalar_type", TYPES)
def test_filled_volume_has_type_value_and_place(context, run, oblique, scalar_type):
    """issue:#3 - {shape, spacing_mm, origin_ras, ...}."""
    axes = (oblique[:3, :3] / [0.8, 1.1, 2.5]).T
    made, node = create(
        context,
        run,
        name="Phantom",
        shape=(4, 5, 6),
        scalar_type=scalar_type,
        fill_value=100,
        spacing_mm=(0.8, 1.1, 2.5),
        origin_ras=(-31, 12.5, 77),
        axes_ras=tuple(axes.ravel()),
    )
    array = slicer.util.arrayFromVolume(node)
    assert (array.shape, array.dtype.name, made.name) == ((4, 5, 6), scalar_type, "Phantom")
    assert (array == 100).all()
    assert made.dimensions_ijk == (6, 5, 4)
    assert np.allclose(matrix_of(node), oblique)
    assert node.GetAttribute("AgentBridge.operation") == "tested.operation"


def test_filled_volume_needs_a_shape_only(context, run):
    """house - 1 mm, at the origin, zeros."""
    _, node = create(context, run, shape=(2, 3, 4))
    assert slicer.util.arrayFromVolume(node).dtype == np.int16
    assert not slicer.util.arrayFromVolume(node).any()
    assert np.array_equal(matrix_of(node), np.eye(4))
    labels, node = create(context, run, shape=(2, 3, 4), type="labelmap")
    assert (labels.class_name, labels.scalar_type) == ("vtkMRMLLabelMapVolumeNode", "uint8")
    vectors, node = create(context, run, shape=(2, 3, 4, 3), scalar_type="float32", fill_value=0.5)
    assert vectors.component_count == 3
    assert (slicer.util.arrayFromVolume(node) == 0.5).all()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"fill_value": 0.5}, "fill_value"),
        ({"fill_value": 40_000}, "fill_value"),
        ({"scalar_type": "float32", "fill_value": 1e39}, "fill_value"),
        ({"spacing_mm": (1, 0, 1)}, "spacing_mm"),
        ({"spacing_mm": (1, -2, 1)}, "spacing_mm"),
        ({"axes_ras": (1, 0, 0, 1, 0, 0, 0, 0, 1)}, "axes_ras"),
        ({"axes_ras": (0, 0, 0, 0, 1, 0, 0, 0, 1)}, "axes_ras"),
        ({"ijk_to_ras": (1, 0, 0, 0) * 4}, "ijk_to_ras"),
        ({"ijk_to_ras": tuple(np.eye(4).ravel()), "origin_ras": (1, 2, 3)}, "ijk_to_ras"),
        ({"origin_ras": (1e9, 0, 0)}, "origin_ras"),
        ({"shape": (2, 2, 2, 17)}, "shape"),
    ],
)
def test_volume_that_cannot_be_is_refused_by_name(context, run, scene, arguments, name):
    """house."""
    count = scene.GetNumberOfNodes()
    with pytest.raises(ArgumentInvalidError) as refused:
        create(context, run, **{"shape": (2, 2, 2), **arguments})
    assert refused.value.errors[0].pointer == f"/{name}"
    assert scene.GetNumberOfNodes() == count


def test_bytes_and_shape_exclude_each_other():
    """house."""
    for arguments in (
        {},
        {"content": Bytes(b""), "shape": (2, 2, 2)},
        {"content": Bytes(b""), "fill_value": 3},
        {"shape": (2, 2)},
        {"shape": (2, 2, 0)},
    ):
        with pytest.raises(ValidationError):
            uploads.CreateArguments(**arguments)


def test_matrix_may_be_rows_in_json_and_a_list_in_a_query():
    """house - POST /volumes takes both bodies."""
    rows = '{"shape": [2, 2, 2], "ijk_to_ras": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}'
    assert len(uploads.CreateArguments.model_validate_json(rows, strict=True).ijk_to_ras) == 16
    text = {"shape": "2,2,2", "axes_ras": "1,0,0,0,1,0,0,0,-1"}
    assert uploads.CreateArguments.model_validate(text).axes_ras[8] == -1


def test_filled_volume_beyond_memory_is_refused(context, run, monkeypatch):
    """slicer: VTK ends the process."""
    monkeypatch.setattr(type(context.host.application), "available_memory_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemoryError):
        create(context, run, shape=(8192, 8192, 8192), scalar_type="float64")


def test_labelmap_of_fractions_is_refused(context, run):
    """house."""
    with pytest.raises(DataInvalidError):
        create(context, run, shape=(2, 2, 2), type="labelmap", scalar_type="float32")
