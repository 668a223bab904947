import gzip
import io

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    DataInvalidError,
    GeometryMismatchError,
    NodeNotFoundError,
    NodeTypeError,
)
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.volumes import data as volume_data
from AgentBridgeLib.operations.volumes import uploads, volumes

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def get(context, node, frame="ras"):
    return volumes.get_volume(context, volumes.VolumeArguments(volume_id=node.GetID(), frame=frame))


def data(context, node, **arguments):
    return volume_data.read_data(context, volume_data.DataArguments(volume_id=node.GetID(), **arguments))


def body(content):
    return b"".join(bytes(part) for part in content.parts)


def upload(context, run, content, **arguments):
    return run(uploads.create_volume(context, uploads.CreateArguments(content=Bytes(content), **arguments)))


def nrrd_of(array, matrix, frame="ras"):
    shape = array.shape
    components = shape[3] if array.ndim == 4 else 1
    head = nrrd.write_header(array.dtype.name, shape[2::-1], components, matrix, frame, {})
    return bytearray(head + array.tobytes())


def test_volume_is_described_in_ras_and_in_lps(context, a_volume, oblique):
    """issue:#2."""
    ras = get(context, a_volume).model_dump(mode="json")
    lps = get(context, a_volume, "lps").model_dump(mode="json")
    assert ras["dimensions_ijk"] == [20, 24, 16]
    assert np.allclose(ras["spacing_mm"], [0.8, 1.1, 2.5])
    assert np.allclose(ras["ijk_to_ras"], oblique)
    assert np.allclose(lps["ijk_to_lps"], np.diag([-1, -1, 1, 1]) @ oblique)
    assert np.allclose(lps["origin_lps"], [31, -12.5, 77])
    assert not [name for name in lps if name.endswith("_ras")]
    assert not [name for name in ras if name.endswith("_lps")]
    bounds = [0.0] * 6
    a_volume.GetRASBounds(bounds)
    assert np.allclose(ras["bounds_ras"], bounds)
    assert np.allclose(
        lps["bounds_lps"], [-bounds[1], -bounds[0], -bounds[3], -bounds[2], bounds[4], bounds[5]]
    )
    assert (ras["scalar_minimum"], ras["scalar_maximum"]) == (-4000, 3679)


def test_zero_has_no_sign_in_the_other_frame(context, make_volume):
    """house - nobody wants to read -0.0."""
    node = make_volume(np.zeros((2, 2, 2), np.uint8))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.eye(4)))
    assert "-0.0" not in get(context, node, "lps").model_dump_json()


def test_bounds_include_the_parent_transform_and_the_origin_does_not(context, a_volume, scene):
    """slicer: parent transforms apply to what is shown, not to the node's own geometry."""
    before = get(context, a_volume)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    shift = np.eye(4)
    shift[:3, 3] = (100, 0, 0)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift))
    a_volume.SetAndObserveTransformNodeID(transform.GetID())
    after = get(context, a_volume)
    assert after.origin_ras == before.origin_ras
    assert after.bounds_ras[0] == pytest.approx(before.bounds_ras[0] + 100)
    assert after.parent_transform_id == transform.GetID()


def test_unknown_volume_and_wrong_type_are_told_apart(context, scene):
    """issue:#2."""
    with pytest.raises(NodeNotFoundError):
        volumes.get_volume(context, volumes.VolumeArguments(volume_id="vtkMRMLScalarVolumeNode99"))
    model = scene.AddNewNodeByClass("vtkMRMLModelNode")
    with pytest.raises(NodeTypeError):
        get(context, model)


def test_list_has_pages(context, make_volume):
    """house."""
    for number in range(5):
        make_volume(np.zeros((2, 2, 2), np.uint8), f"v{number}")
    first = volumes.list_volumes(context, volumes.PageArguments(limit=2))
    second = volumes.list_volumes(context, volumes.PageArguments(limit=2, cursor=first.next_cursor))
    third = volumes.list_volumes(context, volumes.PageArguments(limit=2, cursor=second.next_cursor))
    assert [item.name for page in (first, second, third) for item in page.items] == [
        f"v{n}" for n in range(5)
    ]
    assert first.total == 5
    assert third.next_cursor is None


@pytest.mark.parametrize("scalar_type", TYPES)
@pytest.mark.parametrize("form", ["nrrd", "npy"])
def test_every_scalar_type_survives_upload_and_download_exactly(context, run, oblique, scalar_type, form):
    """issue:#2."""
    info = np.iinfo(scalar_type) if scalar_type[0] in "iu" else np.finfo(scalar_type)
    array = np.array([info.min, info.max, 0, 1, 2, 3, 4, 5] * 3, scalar_type).reshape(2, 3, 4)
    if form == "nrrd":
        sent = nrrd_of(array, oblique)
        made = upload(context, run, sent)
    else:
        stream = io.BytesIO()
        np.save(stream, array)
        made = upload(context, run, bytearray(stream.getvalue()), ijk_to_ras=tuple(oblique.ravel()))
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert np.allclose(_matrix(node), oblique)
    answer = data(context, node, format="raw")
    assert answer.facts["scalar_type"] == scalar_type
    assert body(answer) == array.tobytes()
    back = nrrd.read_header(memoryview(body(data(context, node))))
    assert back.scalar_type == scalar_type
    assert np.load(io.BytesIO(body(data(context, node, format="npy")))).tobytes() == array.tobytes()


def _matrix(node):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("compressed", [False, True])
def test_upload_reads_both_byte_orders_and_gzip(context, run, order, compressed):
    """http: NRRD format definition."""
    array = (np.arange(24).reshape(2, 3, 4) / 7).astype(f"{order}f4")
    word = {"<": "little", ">": "big"}[order]
    head = nrrd.write_header("float32", (4, 3, 2), 1, np.eye(4), "lps", {}).decode()
    head = head.replace("endian: little", f"endian: {word}")
    payload = array.tobytes()
    if compressed:
        head, payload = head.replace("encoding: raw", "encoding: gzip"), gzip.compress(payload)
    made = upload(context, run, bytearray(head.encode() + payload))
    voxels = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(made.id))
    assert np.array_equal(voxels, array.astype(np.float32))


def test_raw_upload_keeps_the_buffer_it_came_in(context, run, oblique):
    """issue:#2 no copy of a volume in either direction."""
    array = np.arange(2 * 3 * 4, dtype=np.float64).reshape(2, 3, 4)
    sent = nrrd_of(array, oblique)
    made = upload(context, run, sent)
    node = slicer.mrmlScene.GetNodeByID(made.id)
    voxels = slicer.util.arrayFromVolume(node)
    assert np.array_equal(voxels, array)
    start = np.frombuffer(sent, np.uint8).ctypes.data
    assert start <= voxels.ctypes.data < start + len(sent)
    assert voxels.ctypes.data % 8 == 0
    voxels[0, 0, 0] = 42
    assert body(data(context, node, format="raw"))[:8] == np.float64(42).tobytes()


def test_download_of_whole_slices_is_the_live_memory(context, a_volume):
    """issue:#2 no copy of a volume in either direction."""
    voxels = slicer.util.arrayFromVolume(a_volume)
    part = data(context, a_volume, format="raw", region=(0, 20, 0, 24, 3, 5)).parts[-1]
    assert np.frombuffer(part, np.int16).ctypes.data == voxels[3:].ctypes.data
    voxels[3, 0, 0] = 7
    assert np.frombuffer(part, np.int16)[0] == 7


def test_region_and_stride_have_their_own_geometry(context, a_volume, oblique):
    """issue:#2 and slicer: the same voxel stays at the same place."""
    answer = data(context, a_volume, region=(3, 14, 2, 23, 5, 12), stride=3)
    sent = memoryview(body(answer))
    header = nrrd.read_header(sent)
    part = np.frombuffer(sent, np.int16, offset=header.data_offset).reshape(header.dimensions_ijk[::-1])
    whole = slicer.util.arrayFromVolume(a_volume)
    assert header.dimensions_ijk == (4, 7, 3)
    assert np.array_equal(part, whole[5:12:3, 2:23:3, 3:14:3])
    matrix = np.array(answer.facts["ijk_to_ras"])
    assert np.allclose(matrix @ [1, 2, 1, 1], oblique @ [6, 8, 8, 1])
    assert np.allclose(answer.facts["spacing_mm"], [2.4, 3.3, 7.5])


def test_slicer_reads_what_the_bridge_sends(context, a_volume, tmp_path, oblique):
    """slicer: its own NRRD reader agrees with header and voxels, in both frames."""
    for frame in ("ras", "lps"):
        path = tmp_path / f"{frame}.nrrd"
        path.write_bytes(body(data(context, a_volume, frame=frame)))
        (node,) = context.host.files.load(str(path), "VolumeFile", {})
        assert np.array_equal(slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(a_volume))
        assert np.allclose(_matrix(node), oblique, atol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"region": (0, 21, 0, 24, 0, 16)},
        {"region": (5, 5, 0, 24, 0, 16)},
        {"region": (-1, 5, 0, 24, 0, 16)},
        {"component": 1},
    ],
)
def test_region_outside_the_volume_is_refused(context, a_volume, arguments):
    """house."""
    with pytest.raises(ArgumentInvalidError):
        data(context, a_volume, **arguments)


def test_region_in_a_query_is_a_comma_list():
    """http: a query has text only."""
    arguments = volume_data.DataArguments.model_validate(
        {"volume_id": "v", "region": "0,1,0,2,0,3", "stride": "2"}
    )
    assert arguments.region == (0, 1, 0, 2, 0, 3)
    assert arguments.stride == 2


def test_color_volume_keeps_its_components(context, run, oblique):
    """house."""
    array = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    made = upload(context, run, nrrd_of(array, oblique))
    assert made.class_name == "vtkMRMLVectorVolumeNode"
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert body(data(context, node, format="raw")) == array.tobytes()
    assert body(data(context, node, format="raw", component=1)) == array[..., 1].tobytes()
    assert get(context, node).component_count == 3


def test_header_with_more_voxels_than_bytes_is_refused_and_adds_nothing(context, run, oblique, scene):
    """issue:#2."""
    before = scene.GetNumberOfNodes()
    head = nrrd.write_header("float64", (100000, 100000, 100000), 1, oblique, "ras", {})
    with pytest.raises(DataInvalidError, match="claims"):
        upload(context, run, bytearray(head + bytes(64)))
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("cut", [1, 20])
def test_cut_gzip_is_refused(context, run, cut):
    """issue:#2 upload cut in the middle."""
    head = nrrd.write_header("int16", (4, 3, 2), 1, np.eye(4), "ras", {}).replace(b"raw", b"gzip")
    packed = gzip.compress(np.arange(24, dtype=np.int16).tobytes())
    with pytest.raises(DataInvalidError):
        upload(context, run, bytearray(head + packed[:-cut]))


def test_gzip_that_holds_more_than_claimed_is_refused(context, run):
    """issue:#2."""
    head = nrrd.write_header("int16", (4, 3, 2), 1, np.eye(4), "ras", {}).replace(b"raw", b"gzip")
    with pytest.raises(DataInvalidError, match="more than"):
        upload(context, run, bytearray(head + gzip.compress(bytes(10_000))))


def test_labelmap_needs_integers(context, run, oblique):
    """house."""
    array = np.ones((2, 3, 4), np.uint8)
    made = upload(context, run, nrrd_of(array, oblique), type="labelmap", name="labels")
    assert made.class_name == "vtkMRMLLabelMapVolumeNode"
    with pytest.raises(DataInvalidError):
        upload(context, run, nrrd_of(array.astype(np.float32), oblique), type="labelmap")


def test_made_volume_says_who_made_it_and_is_shown_with_a_sensible_window(context, run, oblique):
    """issue:#2."""
    array = np.zeros((4, 10, 10), np.int16)
    array[1:3] = 1000
    made = upload(context, run, nrrd_of(array, oblique))
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert node.GetAttribute("AgentBridge.client") == "pytest"
    assert node.GetAttribute("AgentBridge.job") == "job7"
    described = get(context, node)
    assert (described.display.window_width, described.display.window_level) == (1000, 500)
    assert described.display.color_node_id


def test_replaced_voxels_keep_display_and_id(context, run, a_volume):
    """issue:#2."""
    a_volume.CreateDefaultDisplayNodes()
    display = a_volume.GetDisplayNode()
    display.SetAutoWindowLevel(0)
    display.SetWindowLevel(77, 33)
    array = np.full((16, 24, 20), 2.5, np.float32)
    arguments = uploads.ReplaceArguments(volume_id=a_volume.GetID(), content=Bytes(_npy(array)))
    made = run(uploads.replace_data(context, arguments))
    assert made.scalar_type == "float32"
    assert a_volume.GetDisplayNode() is display
    assert (display.GetWindow(), display.GetLevel()) == (77, 33)
    assert np.array_equal(slicer.util.arrayFromVolume(a_volume), array)


def _npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return bytearray(stream.getvalue())


def test_bytes_of_another_format_than_was_said_are_refused(context, run, a_volume):
    """house."""
    content = Bytes(_npy(np.zeros((16, 24, 20), np.int16)))
    wanted = uploads.ReplaceArguments(volume_id=a_volume.GetID(), content=content, format="nii")
    with pytest.raises(DataInvalidError, match="the bytes are npy"):
        run(uploads.replace_data(context, wanted))
    assert slicer.util.arrayFromVolume(a_volume).any()


def test_other_dimensions_need_bytes_that_say_where_they_lie(context, run, a_volume):
    """issue:#2."""
    array = np.zeros((2, 3, 4), np.int16)
    arguments = uploads.ReplaceArguments(volume_id=a_volume.GetID(), content=Bytes(_npy(array)))
    with pytest.raises(GeometryMismatchError):
        run(uploads.replace_data(context, arguments))
    matrix = np.diag([1.0, 2, 3, 1])
    arguments = uploads.ReplaceArguments(volume_id=a_volume.GetID(), content=Bytes(nrrd_of(array, matrix)))
    run(uploads.replace_data(context, arguments))
    assert np.allclose(_matrix(a_volume), matrix)
    arguments = uploads.ReplaceArguments(
        volume_id=a_volume.GetID(), content=Bytes(bytearray(47)), format="raw"
    )
    with pytest.raises(DataInvalidError):
        run(uploads.replace_data(context, arguments))


@pytest.mark.parametrize("size", [16 * 24 * 20 * 2 - 1, 16 * 24 * 20 * 2 + 1])
def test_raw_bytes_must_be_exactly_as_many_as_the_voxels_have(context, run, a_volume, size):
    """issue:#2."""
    before = slicer.util.arrayFromVolume(a_volume).copy()
    arguments = uploads.ReplaceArguments(
        volume_id=a_volume.GetID(), content=Bytes(bytearray(size)), format="raw"
    )
    with pytest.raises(DataInvalidError, match=str(size)):
        run(uploads.replace_data(context, arguments))
    assert np.array_equal(slicer.util.arrayFromVolume(a_volume), before)
