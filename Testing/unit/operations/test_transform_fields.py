import numpy as np
import pytest
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from AgentBridgeLib.errors import DataInvalidError, NodeTypeError
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.transforms import fields as transform_fields
from AgentBridgeLib.operations.transforms import mapping, new_nodes, transforms
from AgentBridgeLib.operations.volumes import byte_formats

SHAPE = (5, 6, 7)  # k, j, i


def field_bytes(vectors, ijk_to_lps, scalar_type="float64"):
    array = np.ascontiguousarray(vectors, scalar_type)
    k, j, i, components = array.shape
    head = nrrd.write_header(scalar_type, (i, j, k), components, ijk_to_lps.tolist(), "lps", {})
    return Bytes(bytearray(head + array.tobytes()))


def read(context, run, node_id, frame="lps"):
    content = transform_fields.read_data(
        context, transform_fields.DataArguments(transform_id=node_id, frame=frame)
    )
    data = b"".join(bytes(part) for part in content.parts)
    return run(byte_formats.read_volume(context.host.application, memoryview(bytearray(data)))), content


def mapped(context, node_id, points, direction="to_world"):
    arguments = mapping.MapArguments(transform_id=node_id, points_ras=points, direction=direction)
    return np.array(mapping.map_points(context, arguments).points_ras)


def create(context, run, content, **arguments):
    return run(
        transform_fields.create_grid(context, transform_fields.CreateArguments(content=content, **arguments))
    )


def some_vectors():
    return np.random.default_rng(3).uniform(-0.4, 0.4, (*SHAPE, 3))


@pytest.fixture
def left_handed(oblique):
    """Rotated, anisotropic, off the origin, i reversed."""
    matrix = oblique.copy()
    matrix[:3, 0] *= -1
    return matrix


@pytest.mark.parametrize("hand", ["oblique", "left_handed"])
@pytest.mark.parametrize("direction", ["from_parent", "to_parent"])
def test_vector_at_every_grid_point_moves_as_the_field_says(context, run, request, hand, direction):
    """issue:#3: any orientation; LPS in the file, RAS in the scene."""
    matrix = request.getfixturevalue(hand)
    vectors = some_vectors()
    made = create(context, run, field_bytes(vectors, matrix), direction=direction, name="Field")
    assert (made.kind, made.name, made.grid.direction) == ("grid", "Field", direction)
    assert made.grid.dimensions_ijk == (7, 6, 5)
    assert np.allclose(made.grid.ijk_to_ras, np.diag([-1, -1, 1, 1]) @ matrix)
    flip = np.array([-1, -1, 1])
    for i, j, k in ((1, 2, 3), (5, 4, 1), (3, 3, 2)):
        place = (matrix @ [i, j, k, 1])[:3]
        found = mapped(context, made.id, (tuple(place * flip),), direction)[0] * flip
        assert found == pytest.approx(place + vectors[k, j, i], abs=1e-9)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=some.integers(0, 2**32 - 1),
    shape=some.tuples(*[some.integers(2, 5)] * 3),
    scalar_type=some.sampled_from(["float32", "float64"]),
    frame=some.sampled_from(["ras", "lps"]),
    direction=some.sampled_from(["from_parent", "to_parent"]),
)
def test_field_comes_back_bit_for_bit(context, run, seed, shape, scalar_type, frame, direction):
    """issue:#3: a property."""
    slicer.mrmlScene.Clear(0)
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(random.uniform(0.5, 4, 3))
    matrix[:3, 3] = random.uniform(-100, 100, 3)
    vectors = random.uniform(-9, 9, (*shape, 3)).astype(scalar_type)
    made = create(context, run, field_bytes(vectors, matrix, scalar_type), frame=frame, direction=direction)
    received, content = read(context, run, made.id, frame)
    assert np.array_equal(received.array, vectors)
    assert received.array.dtype == scalar_type
    assert np.allclose(np.diag([-1, -1, 1, 1]) @ received.grid.ijk_to_ras, matrix, atol=1e-9)
    assert (content.facts["direction"], content.facts["kind"]) == (direction, "grid")


def test_slicers_own_reader_takes_the_file_as_the_same_transform(context, run, oblique, tmp_path):
    """slicer: vtkMRMLTransformStorageNode, from_parent in LPS."""
    made = create(context, run, field_bytes(some_vectors(), oblique))
    content = transform_fields.read_data(context, transform_fields.DataArguments(transform_id=made.id))
    path = tmp_path / "field.nrrd"
    path.write_bytes(b"".join(bytes(part) for part in content.parts))
    assert context.host.files.file_type(str(path)) == "TransformFile"
    loaded = context.host.files.load(str(path), "TransformFile", {})[0]
    places = [
        tuple((np.diag([-1, -1, 1, 1]) @ oblique @ [*index, 1])[:3]) for index in ((2, 2, 2), (4, 3, 1))
    ]
    for direction in ("from_parent", "to_parent"):
        ours = mapped(context, made.id, places, direction)
        assert mapped(context, loaded.GetID(), places, direction) == pytest.approx(ours, abs=1e-4)
        assert np.abs(ours - places).max() > 0.01


def test_field_is_replaced_and_nodes_under_it_stay(context, run, oblique):
    """issue:#3."""
    made = create(context, run, field_bytes(some_vectors(), oblique))
    shift = np.broadcast_to([1.0, 2.0, 3.0], (*SHAPE, 3))
    changed = run(
        transform_fields.replace_data(
            context,
            transform_fields.ReplaceArguments(
                transform_id=made.id, content=field_bytes(shift, oblique), frame="ras", direction="to_parent"
            ),
        )
    )
    assert (changed.id, changed.grid.direction) == (made.id, "to_parent")
    place = tuple((np.diag([-1, -1, 1, 1]) @ oblique @ [3, 3, 2, 1])[:3])
    assert mapped(context, made.id, (place,))[0] == pytest.approx(np.add(place, (1, 2, 3)))


def test_bytes_that_are_no_field_are_refused(context, run, oblique, scene):
    """house."""
    before = scene.GetNumberOfNodes()
    vectors = some_vectors()
    broken = vectors.copy()
    broken[0, 0, 0, 0] = np.nan
    for content in (
        Bytes(b"junk"),
        field_bytes(vectors[..., :2], oblique),
        field_bytes(vectors, oblique, "int16"),
        field_bytes(broken, oblique),
    ):
        with pytest.raises(DataInvalidError):
            create(context, run, content)
    assert scene.GetNumberOfNodes() == before


def test_linear_transform_has_no_field(context, run, oblique):
    """house."""
    made = transforms.create_transform(context, transforms.CreateArguments())
    with pytest.raises(NodeTypeError, match="neither a grid nor a B-spline"):
        read(context, run, made.id)
    content = field_bytes(some_vectors(), oblique)
    with pytest.raises(NodeTypeError, match="matrices only"):
        run(
            transform_fields.replace_data(
                context, transform_fields.ReplaceArguments(transform_id=made.id, content=content)
            )
        )


def test_coefficients_of_a_bspline_are_read(context, run, scene, oblique):
    """issue:#3."""
    coefficients = some_vectors()
    image = vtk.vtkImageData()
    image.SetDimensions(7, 6, 5)
    image.SetSpacing(8, 9, 10)
    image.SetOrigin(-11, 12, 13)
    image.GetPointData().SetScalars(vtk.util.numpy_support.numpy_to_vtk(coefficients.reshape(-1, 3), deep=1))
    direction = np.eye(4)
    direction[:3, :3] = oblique[:3, :3] / np.linalg.norm(oblique[:3, :3], axis=0)
    spline = slicer.vtkOrientedBSplineTransform()
    spline.SetCoefficientData(image)
    spline.SetGridDirectionMatrix(slicer.util.vtkMatrixFromArray(direction))
    bulk = np.eye(4)
    bulk[:3, 3] = (1, 2, 3)
    spline.SetBulkTransformMatrix(slicer.util.vtkMatrixFromArray(bulk))
    node = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    node.SetAndObserveTransformFromParent(spline)
    received, content = read(context, run, node.GetID(), "ras")
    assert np.array_equal(received.array, coefficients)
    expected = direction @ np.diag([8.0, 9, 10, 1])
    expected[:3, 3] = (-11, 12, 13)
    assert np.allclose(received.grid.ijk_to_ras, expected)
    assert content.facts["kind"] == "bspline"
    assert np.array_equal(content.facts["bulk_matrix_ras"], bulk)
    described = transforms.get_transform(
        context, new_nodes.TransformArguments(transform_id=node.GetID(), frame="lps")
    )
    assert described.kind == "bspline"
    assert np.allclose(described.grid.ijk_to_lps, np.diag([-1, -1, 1, 1]) @ expected)
