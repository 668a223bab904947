"""NIfTI bytes: against VTK's reader and writer, against Slicer's own, and against headers that lie."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vtkmodules.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    DataInvalidError,
    OutOfMemoryError,
    RevisionConflictError,
)
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nifti
from AgentBridgeLib.operations.volumes import data as volume_data
from AgentBridgeLib.operations.volumes import uploads

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
POSITION_MM = 2e-4
"""NIfTI-1 holds positions as float32: some hundred mm to seven digits."""


ITK_NAMES = {
    "int8": "8-bit signed integer", "uint8": "8-bit unsigned integer", "int16": "16-bit signed integer",
    "uint16": "16-bit unsigned integer", "int32": "32-bit signed integer", "uint32": "32-bit unsigned integer",
    "int64": "64-bit signed integer", "uint64": "64-bit unsigned integer", "float32": "32-bit float",
    "float64": "64-bit float",
}  # fmt: skip


def file_of(array, matrix, **changes):
    """A file as this module writes it; `changes`: offset to (struct format, value)."""
    components = array.shape[3] if array.ndim == 4 else 1
    head = bytearray(nifti.write_header(array.dtype.name, array.shape[2::-1], components, matrix))
    for offset, (form, *values) in changes.items():
        struct.pack_into(form, head, int(offset.removeprefix("at_")), *values)
    return bytes(head) + array.tobytes()


def upload(context, run, content, **arguments):
    return run(
        uploads.create_volume(
            context, uploads.CreateArguments(content=Bytes(bytearray(content)), **arguments)
        )
    )


def download(context, node_id, **arguments):
    content = volume_data.read_data(
        context, volume_data.DataArguments(volume_id=node_id, format="nii", **arguments)
    )
    return b"".join(bytes(part) for part in content.parts)


def matrix_of(node):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


@st.composite
def geometries(draw):
    """A rotated, anisotropic, off-origin matrix; half of them left-handed."""
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if draw(st.booleans()) == (np.linalg.det(axes) > 0):
        axes[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = axes * rng.uniform(0.2, 6, 3)
    matrix[:3, 3] = rng.uniform(-400, 400, 3)
    return matrix


@given(
    matrix=geometries(), scalar_type=st.sampled_from(TYPES), packed=st.booleans(), seed=st.integers(0, 999)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_type_and_geometry_survives_the_way_there_and_back(
    context, run, matrix, scalar_type, packed, seed
):
    """issue:#3 - bit-exact both ways, left-handed too."""
    shape = tuple(np.random.default_rng(seed).integers(1, 6, 3))
    array = np.frombuffer(np.random.default_rng(seed).bytes(8 * int(np.prod(shape))), scalar_type)
    array = np.nan_to_num(array[: int(np.prod(shape))]).reshape(shape)
    sent = file_of(array, matrix)
    made = upload(context, run, gzip.compress(sent) if packed else sent)
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert (made.scalar_type, made.dimensions_ijk) == (scalar_type, shape[::-1])
    assert np.allclose(matrix_of(node), matrix, atol=POSITION_MM)
    back = download(context, made.id)
    assert back[nifti.WRITTEN_DATA_OFFSET :] == array.tobytes()
    assert np.allclose(nifti.read_header(back).ijk_to_ras, matrix, atol=POSITION_MM)
    slicer.mrmlScene.RemoveNode(node)


@given(matrix=geometries())
@settings(max_examples=40, deadline=None)
def test_qform_alone_says_the_same_as_sform(matrix):
    """issue:#3 - nifti1.h, method 2."""
    head = bytearray(nifti.write_header("int16", (5, 6, 7), 1, matrix))
    assert nifti.read_header(bytes(head)).warnings == ()
    struct.pack_into("=h", head, 254, 0)
    by_qform = nifti.read_header(bytes(head))
    assert np.allclose(by_qform.ijk_to_ras, matrix, atol=POSITION_MM)
    assert by_qform.warnings == ()


@pytest.mark.parametrize("scalar_type", TYPES)
def test_vtk_reads_the_same_voxels_at_the_same_places(oblique, tmp_path, scalar_type):
    """issue:#3 - second implementation: vtkNIFTIImageReader."""
    array = np.arange(60).reshape(3, 4, 5).astype(scalar_type)
    path = tmp_path / "sent.nii"
    path.write_bytes(file_of(array, oblique))
    reader = vtk.vtkNIFTIImageReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    read = vtk_to_numpy(image.GetPointData().GetScalars())
    assert read.dtype.itemsize == array.dtype.itemsize
    assert read.tobytes() == array.tobytes()
    axes = slicer.util.arrayFromVTKMatrix(reader.GetSFormMatrix())
    # VTK keeps the spacing in the image, and in the matrix only what remains.
    assert np.allclose(axes[:3, :3] * image.GetSpacing(), oblique[:3, :3], atol=1e-5)
    assert np.allclose(axes[:3, 3], oblique[:3, 3], atol=1e-4)


@pytest.mark.parametrize("scalar_type", [name for name in TYPES if name not in ("int64", "uint64")])
def test_slicer_takes_the_file_as_the_same_volume(context, a_volume, tmp_path, oblique, scalar_type):
    """slicer: its reader (ITK) and this writer agree on RAS and LPS."""
    slicer.util.updateVolumeFromArray(a_volume, slicer.util.arrayFromVolume(a_volume).astype(scalar_type))
    path = tmp_path / "sent.nii"
    path.write_bytes(download(context, a_volume.GetID()))
    loaded = slicer.util.loadVolume(str(path), {"show": False})
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(a_volume))
    assert slicer.util.arrayFromVolume(loaded).dtype == scalar_type
    assert np.allclose(matrix_of(loaded), oblique, atol=1e-4)


@pytest.mark.parametrize("flipped", [False, True])
def test_file_that_slicer_wrote_is_read_where_slicer_has_it(context, run, a_volume, tmp_path, flipped):
    """slicer: the other way, right- and left-handed."""
    if flipped:
        matrix = matrix_of(a_volume) @ np.diag([1, 1, -1, 1])
        a_volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    path = tmp_path / "written.nii.gz"
    assert slicer.util.saveNode(a_volume, str(path), {"useCompression": 1})
    made = upload(context, run, path.read_bytes())
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert np.array_equal(slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(a_volume))
    assert np.allclose(matrix_of(node), matrix_of(a_volume), atol=1e-4)


def test_other_byte_order_and_version_2_are_read(context, run, oblique):
    """http: nifti2.h; the byte order is that of `sizeof_hdr`."""
    array = np.arange(24).reshape(2, 3, 4).astype(">i2")
    head = bytearray(544)
    struct.pack_into(">i", head, 0, 540)
    head[4:12] = b"n+2\0\r\n\x1a\n"
    struct.pack_into(">hh8q", head, 12, 4, 16, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into(">8d", head, 104, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into(">qdd", head, 168, 544, 0, 0)
    struct.pack_into(">ii", head, 344, 0, 1)
    struct.pack_into(">12d", head, 400, *oblique[:3].ravel())
    struct.pack_into(">i", head, 500, 2)
    made = upload(context, run, bytes(head) + array.tobytes())
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert np.array_equal(slicer.util.arrayFromVolume(node), array)
    assert np.allclose(matrix_of(node), oblique, atol=1e-12)


@pytest.mark.parametrize(
    ("scalar_type", "count", "interleaved"),
    [("uint8", 3, True), ("uint8", 4, True), ("float32", 3, False), ("int16", 2, False)],
)
def test_components_come_back(context, run, make_volume, tmp_path, oblique, scalar_type, count, interleaved):
    """issue:#3 - colors stand side by side in NIfTI, other components image by image."""
    array = np.arange(2 * 3 * 4 * count).reshape(2, 3, 4, count).astype(scalar_type)
    node = make_volume(array, "vectors", "vtkMRMLVectorVolumeNode")
    sent = download(context, node.GetID())
    voxels = sent[nifti.WRITTEN_DATA_OFFSET :]
    assert voxels == (array if interleaved else np.moveaxis(array, 3, 0)).tobytes()
    made = upload(context, run, sent)
    assert made.class_name == "vtkMRMLVectorVolumeNode"
    assert np.array_equal(slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(made.id)), array)
    path = tmp_path / "vectors.nii"
    path.write_bytes(sent)
    reader = vtk.vtkNIFTIImageReader()
    reader.SetFileName(str(path))
    reader.Update()
    read = vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars())
    assert np.array_equal(read.reshape(array.shape), array)


@pytest.mark.parametrize(("scalar_type", "expected"), [("int16", "float32"), ("int32", "float64")])
def test_scaling_is_applied_and_said(context, run, oblique, scalar_type, expected):
    """issue:#3 - no silent conversion."""
    array = np.arange(24).reshape(2, 3, 4).astype(scalar_type)
    made = upload(context, run, file_of(array, oblique, at_112=("=2f", 0.5, -3)))
    assert made.scalar_type == expected
    read = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(made.id))
    assert np.array_equal(read, array * 0.5 - 3)
    assert "int16" in made.warnings[0] or "int32" in made.warnings[0]
    assert expected in made.warnings[0]


def test_assumptions_are_said(oblique):
    """house."""
    head = nifti.write_header("int16", (4, 3, 2), 1, oblique)
    moved = bytearray(head)
    struct.pack_into("=f", moved, 268, 500.0)
    assert "qform and sform" in nifti.read_header(bytes(moved)).warnings[0]
    bare = bytearray(head)
    struct.pack_into("=2h", bare, 252, 0, 0)
    read = nifti.read_header(bytes(bare))
    assert "no orientation" in read.warnings[0]
    assert np.allclose(np.diag(read.ijk_to_ras), [0.8, 1.1, 2.5, 1])
    meters = bytearray(head)
    meters[123] = 1
    assert np.allclose(nifti.read_header(bytes(meters)).ijk_to_ras[:3], oblique[:3] * 1000, rtol=1e-6)


BAD = {
    "complex voxels": {"at_70": ("=h", 32)},
    "unknown type": {"at_70": ("=h", 77)},
    "no axes": {"at_40": ("=h", 0)},
    "time series": {"at_40": ("=8h", 4, 4, 3, 2, 2, 1, 1, 1)},
    "negative size": {"at_42": ("=h", -4)},
    "more voxels than bytes": {"at_42": ("=h", 400)},
    "two files": {"at_344": ("=4s", b"ni1\0")},
    "infinite offset": {"at_108": ("=f", float("inf"))},
    "offset in the header": {"at_108": ("=f", 0)},
    "flat axes": {"at_280": ("=4f", 0, 0, 0, 0)},
    "axes that are not numbers": {"at_280": ("=4f", float("nan"), 0, 0, 0)},
    "unknown unit": {"at_123": ("=B", 5)},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_header_that_cannot_be_used_is_refused_and_adds_nothing(context, run, oblique, scene, changes):
    """house."""
    count = scene.GetNumberOfNodes()
    array = np.zeros((2, 3, 4), np.int16)
    with pytest.raises(DataInvalidError):
        upload(context, run, file_of(array, oblique, **changes))
    with pytest.raises(DataInvalidError):
        upload(context, run, gzip.compress(file_of(array, oblique, **changes)))
    assert scene.GetNumberOfNodes() == count


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 347), value=st.integers(0, 255))
def test_any_damaged_byte_is_read_or_refused(place, value):
    """house - never another error, never a wild allocation."""
    head = bytearray(nifti.write_header("float32", (4, 3, 2), 1, np.eye(4)))
    head[place] = value
    try:
        read = nifti.read_header(bytes(head))
    except DataInvalidError:
        return
    assert np.isfinite(read.ijk_to_ras).all()
    assert min(read.dimensions_ijk) >= 1


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\3garbage", b"\\\x01\0\0"])
def test_stub_of_a_file_is_refused(context, run, content):
    """house."""
    with pytest.raises(DataInvalidError):
        upload(context, run, content)


def test_voxels_beyond_memory_are_refused_before_they_are_unpacked(context, run, monkeypatch):
    """house - VTK and NumPy would end the process or swap."""
    monkeypatch.setattr(type(context.host.application), "available_memory_bytes", lambda _: 1000)
    packed = gzip.compress(file_of(np.zeros((20, 30, 40), np.int16), np.eye(4)))
    with pytest.raises(OutOfMemoryError):
        upload(context, run, packed)


def test_more_voxels_along_an_axis_than_nifti_counts_are_refused(context, make_volume):
    """http: nifti1.h, dim is short."""
    node = make_volume(np.zeros((1, 1, 40_000), np.uint8))
    with pytest.raises(DataInvalidError, match="32767"):
        download(context, node.GetID())
    assert len(download(context, node.GetID(), stride=2)) == nifti.WRITTEN_DATA_OFFSET + 20_000


def test_region_of_a_file_lies_where_the_region_does(context, run, a_volume, oblique):
    """http: section 6, region and stride."""
    sent = download(context, a_volume.GetID(), region=(2, 10, 4, 12, 6, 9), stride=2)
    node = slicer.mrmlScene.GetNodeByID(upload(context, run, sent).id)
    assert np.array_equal(
        slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(a_volume)[6:9:2, 4:12:2, 2:10:2]
    )
    assert np.allclose(matrix_of(node)[:3, 3], (oblique @ [2, 4, 6, 1])[:3], atol=1e-4)


def test_bytes_with_geometry_refuse_another_one(context, run, oblique):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        upload(context, run, file_of(np.zeros((2, 2, 2), np.int8), oblique), spacing_mm=(1, 1, 1))


def test_replaced_voxels_move_where_the_file_says(context, run, a_volume, oblique):
    """issue:#3 - PUT keeps the node and its display."""
    display = a_volume.GetDisplayNode().GetID()
    matrix = oblique @ np.diag([1, 1, 2, 1])
    content = Bytes(bytearray(file_of(np.ones((3, 4, 5), np.float64), matrix)))
    made = run(
        uploads.replace_data(context, uploads.ReplaceArguments(volume_id=a_volume.GetID(), content=content))
    )
    assert (made.id, made.scalar_type) == (a_volume.GetID(), "float64")
    assert np.allclose(matrix_of(a_volume), matrix, atol=POSITION_MM)
    assert a_volume.GetDisplayNode().GetID() == display


def compressed(context, run, node_id, **arguments):
    asked = volume_data.DataArguments(volume_id=node_id, format="nii.gz", **arguments)
    content = run(volume_data.read_data(context, asked))
    return content, b"".join(content.parts)


@pytest.mark.parametrize("scalar_type", TYPES)
def test_compressed_file_holds_what_the_plain_one_does(context, run, tmp_path, oblique, scalar_type):
    """issue:#3: all scalar types bit-exact; header by ITK's reader, whose positions are LPS."""
    array = np.random.default_rng(4).integers(0, 100, (5, 6, 7)).astype(scalar_type)
    node = slicer.mrmlScene.GetNodeByID(upload(context, run, file_of(array, oblique)).id)
    content, packed = compressed(context, run, node.GetID())
    assert (content.filename, content.media_type) == (f"{node.GetID()}.nii.gz", "application/gzip")
    assert gzip.decompress(packed) == download(context, node.GetID())
    assert compressed(context, run, node.GetID())[1] == packed, "the same bytes each time"
    path = tmp_path / "packed.nii.gz"
    path.write_bytes(packed)
    read = SimpleITK.ReadImage(str(path))
    assert read.GetPixelIDTypeAsString() == ITK_NAMES[scalar_type]
    assert np.array_equal(SimpleITK.GetArrayFromImage(read), array)
    corner = np.array(read.TransformIndexToPhysicalPoint((6, 5, 4))) * (-1, -1, 1)
    assert np.allclose(corner, (oblique @ (6, 5, 4, 1))[:3], atol=POSITION_MM)
    assert [int(read.GetMetaData(name)) for name in ("qform_code", "sform_code")] == [1, 1]


def test_compressed_region_comes_back_as_a_volume(context, run, a_volume, oblique):
    """issue:#3: bit-exact both ways."""
    _, packed = compressed(context, run, a_volume.GetID(), region=(1, 5, 0, 4, 1, 3))
    made = slicer.mrmlScene.GetNodeByID(upload(context, run, packed).id)
    assert np.array_equal(
        slicer.util.arrayFromVolume(made), slicer.util.arrayFromVolume(a_volume)[1:3, 0:4, 1:5]
    )
    assert np.allclose(matrix_of(made)[:, 3], oblique @ (1, 0, 1, 1), atol=POSITION_MM)


def test_compressing_yields_between_small_steps_and_refuses_what_changed_meanwhile(context, make_volume):
    """house: nothing holds the event loop; an answer is one state of the voxels."""
    node = make_volume(np.random.default_rng(5).integers(0, 9, (64, 64, 64)).astype(np.int16))
    work = volume_data.read_data(context, volume_data.DataArguments(volume_id=node.GetID(), format="nii.gz"))
    assert next(work).fraction < 0.5
    node.GetImageData().Modified()
    with pytest.raises(RevisionConflictError):
        for _ in work:
            pass


def test_compressing_that_would_not_fit_is_refused(context, a_volume, monkeypatch):
    """house: VTK and zlib end the process when memory is short."""
    monkeypatch.setattr(context.host.application, "available_memory_bytes", lambda: 10)
    asked = volume_data.DataArguments(volume_id=a_volume.GetID(), format="nii.gz")
    with pytest.raises(OutOfMemoryError):
        next(volume_data.read_data(context, asked))
