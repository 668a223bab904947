import numpy as np
import pytest
import slicer
import vtk
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError
from AgentBridgeLib.model.base import PageArguments
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.markups import drawing, markups
from AgentBridgeLib.operations.transforms import (
    applying,
    combining,
    landmarks,
    mapping,
    new_nodes,
    steps,
    transforms,
)

NUMBERS = some.floats(-50, 50, allow_nan=False, width=32)
MATRICES = some.lists(some.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=3, max_size=3)
QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POINTS = ((10.0, 0.0, 0.0), (0.0, 20.0, 5.0), (-7.0, 3.0, 30.0), (4.0, -9.0, 2.0), (1.0, 1.0, -8.0))


def create(context, **arguments):
    return transforms.create_transform(context, transforms.CreateArguments(**arguments))


def update(context, node_id, **arguments):
    return transforms.update_transform(context, transforms.UpdateArguments(transform_id=node_id, **arguments))


def mapped(context, node_id, points, direction="to_world", frame="ras"):
    arguments = mapping.MapArguments(
        transform_id=node_id, points_ras=points, direction=direction, frame=frame
    )
    found = mapping.map_points(context, arguments)
    return np.array(found.points_ras if frame == "ras" else found.points_lps)


def point_list(context, points, **arguments):
    return drawing.create_markups(
        context, drawing.CreateArguments(type="fiducial", points_ras=tuple(map(tuple, points)), **arguments)
    ).id


def world_points(context, node_id):
    found = markups.get_markups(context, markups.MarkupsArguments(markups_id=node_id))
    return np.array([point.position_ras for point in found.control_points])


def rows(matrix):
    return tuple(map(tuple, matrix.tolist()))


def affine(lines):
    matrix = np.eye(4)
    matrix[:3] = lines
    return matrix


@pytest.fixture
def warp(scene):
    """A transform that is not linear: a grid that moves one place by 5 mm."""
    vectors = np.zeros((9, 8, 7, 3))
    vectors[4, 4, 3] = (5, -3, 2)
    image = vtk.vtkImageData()
    image.SetDimensions(7, 8, 9)
    image.SetSpacing(10, 10, 10)
    image.SetOrigin(-30, -40, -40)
    image.GetPointData().SetScalars(vtk.util.numpy_support.numpy_to_vtk(vectors.reshape(-1, 3), deep=1))
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(image)
    node = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "warp")
    node.SetAndObserveTransformToParent(transform)
    return node


@QUIET
@given(lines=MATRICES)
def test_matrix_comes_back_exactly(context, lines):
    """issue:#3: a property."""
    matrix = affine(lines)
    assume(abs(np.linalg.det(matrix)) > 1)
    slicer.mrmlScene.Clear(0)
    made = create(context, matrix_to_parent_ras=rows(matrix))
    assert np.array_equal(made.matrix_to_parent_ras, matrix)
    assert made.kind == "linear"
    read = transforms.get_transform(context, new_nodes.TransformArguments(transform_id=made.id))
    assert read.matrix_to_parent_ras == made.matrix_to_parent_ras


@QUIET
@given(first=MATRICES, second=MATRICES)
def test_concatenation_and_inverse_obey_algebra(context, first, second):
    """issue:#3: a property."""
    a, b = affine(first), affine(second)
    assume(np.linalg.cond(a) < 1e4 and np.linalg.cond(b) < 1e4)
    slicer.mrmlScene.Clear(0)
    ids = tuple(create(context, matrix_to_parent_ras=rows(matrix)).id for matrix in (a, b))
    both = combining.concatenate(context, combining.ConcatenateArguments(transform_ids=ids))
    assert np.allclose(both.matrix_to_parent_ras, b @ a)
    inverse = combining.invert(context, new_nodes.TransformArguments(transform_id=ids[0]))
    assert np.allclose(inverse.matrix_to_parent_ras @ a, np.eye(4), atol=1e-6)


def test_rotation_and_translation_are_put_together(context):
    """issue:#3: by hand: 90° about S through (10, 0, 0), then 5 mm up."""
    made = create(
        context,
        rotation=steps.Rotation(axis_ras=(0, 0, 2), angle_deg=90, center_ras=(10, 0, 0)),
        translation_ras_mm=(0, 0, 5),
    )
    assert mapped(context, made.id, ((11, 0, 0), (10, 0, 0))) == pytest.approx(
        np.array([(10, 1, 5), (10, 0, 5)])
    )
    further = update(context, made.id, translation_ras_mm=(1, 2, 3), name="Turned")
    assert further.name == "Turned"
    assert mapped(context, made.id, ((10, 0, 0),))[0] == pytest.approx((11, 2, 8))
    whole = update(context, made.id, matrix_to_parent_ras=rows(np.diag([2.0, 2, 2, 1])))
    assert np.array_equal(whole.matrix_to_parent_ras, np.diag([2.0, 2, 2, 1]))


def test_nodes_are_moved_hardened_and_freed(context, oblique, a_volume):
    """issue:#3."""
    node_id = point_list(context, POINTS)
    made = create(context, matrix_to_parent_ras=rows(oblique), apply_to_ids=(node_id, a_volume.GetID()))
    assert set(made.transformed_ids) == {node_id, a_volume.GetID()}
    moved = np.array(POINTS) @ oblique[:3, :3].T + oblique[:3, 3]
    assert world_points(context, node_id) == pytest.approx(moved)
    before = vtk.vtkMatrix4x4()
    a_volume.GetIJKToRASMatrix(before)
    arguments = applying.HardenArguments(node_ids=(node_id, a_volume.GetID()))
    done = applying.harden(context, arguments)
    assert done.transform_id is None
    assert world_points(context, node_id) == pytest.approx(moved)
    after = vtk.vtkMatrix4x4()
    a_volume.GetIJKToRASMatrix(after)
    expected = oblique @ slicer.util.arrayFromVTKMatrix(before)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(after), expected)
    with pytest.raises(NodeTypeError, match="no parent transform"):
        applying.harden(context, applying.HardenArguments(node_ids=(node_id,)))


def test_transform_is_told_what_it_is_applied_to(context):
    """issue:#3."""
    node_id = point_list(context, POINTS)
    made = create(context, translation_ras_mm=(1, 0, 0))
    applying.apply_transform(context, applying.ApplyArguments(transform_id=made.id, node_ids=(node_id,)))
    read = transforms.get_transform(context, new_nodes.TransformArguments(transform_id=made.id))
    assert read.transformed_ids == (node_id,)
    assert world_points(context, node_id)[0] == pytest.approx((11, 0, 0))


def test_transform_never_lies_under_itself(context):
    """slicer: a circle hangs the application."""
    outer = create(context, name="outer")
    inner = create(context, name="inner", parent_transform_id=outer.id)
    for child, parent in ((outer.id, inner.id), (outer.id, outer.id)):
        with pytest.raises(ArgumentInvalidError, match="under itself"):
            applying.apply_transform(context, applying.ApplyArguments(transform_id=parent, node_ids=(child,)))
    with pytest.raises(ArgumentInvalidError, match="under itself"):
        create(context, parent_transform_id=inner.id, apply_to_ids=(outer.id,))
    assert inner.parent_transform_id == outer.id


def test_chain_with_a_warp_maps_points_and_back_and_is_independent(context, warp, oblique):
    """issue:#3: any kind of transform."""
    linear = create(context, matrix_to_parent_ras=rows(oblique))
    both = combining.concatenate(
        context, combining.ConcatenateArguments(transform_ids=(warp.GetID(), linear.id))
    )
    assert (both.kind, both.is_linear, both.matrix_to_parent_ras) == ("composite", False, None)
    there = mapped(context, both.id, ((0, 0, 0), (100, 0, 0)))
    assert there[0] == pytest.approx((oblique @ [5, -3, 2, 1])[:3], abs=1e-6)
    assert there[1] == pytest.approx((oblique @ [100, 0, 0, 1])[:3], abs=1e-6)
    update(context, linear.id, translation_ras_mm=(1000, 0, 0))
    assert mapped(context, both.id, ((0, 0, 0),))[0] == pytest.approx(there[0], abs=1e-6)
    back = mapped(context, both.id, tuple(map(tuple, there)), "from_world")
    assert back == pytest.approx(np.array([(0, 0, 0), (100, 0, 0)]), abs=0.05)
    lps = mapped(context, both.id, ((0, 0, 0),), frame="lps")[0]
    assert lps == pytest.approx(there[0] * (-1, -1, 1), abs=1e-6)


def test_warp_is_hardened_into_points(context, warp):
    """issue:#3."""
    node_id = point_list(context, ((0, 0, 0), (200, 0, 0)))
    applying.apply_transform(context, applying.ApplyArguments(transform_id=warp.GetID(), node_ids=(node_id,)))
    applying.harden(context, applying.HardenArguments(node_ids=(node_id,)))
    assert world_points(context, node_id) == pytest.approx(np.array([(5, -3, 2), (200, 0, 0)]), abs=1e-6)
    with pytest.raises(NodeTypeError, match="not linear"):
        update(context, warp.GetID(), translation_ras_mm=(1, 0, 0))


@pytest.mark.parametrize("scalar_type", ["int64", "uint64"])
def test_warp_of_64_bit_integers_is_refused(context, a_volume, warp, scalar_type):
    """slicer: vtkImageReslice ends the process when it interpolates them."""
    volume = a_volume
    volume.GetDisplayNode().SetAutoWindowLevel(0)
    volume.SetAndObserveImageData(voxels.image_of(np.arange(24, dtype=scalar_type).reshape(2, 3, 4)))
    volume.SetAndObserveTransformNodeID(warp.GetID())
    with pytest.raises(NodeTypeError, match="64 bits"):
        applying.harden(context, applying.HardenArguments(node_ids=(volume.GetID(),)))
    assert volume.GetParentTransformNode() is warp


def test_node_that_is_named_twice_is_hardened_once(context):
    """house."""
    node_id = point_list(context, POINTS)
    create(context, translation_ras_mm=(1, 0, 0), apply_to_ids=(node_id,))
    applying.harden(context, applying.HardenArguments(node_ids=(node_id, node_id)))
    assert world_points(context, node_id)[0] == pytest.approx(np.add(POINTS[0], (1, 0, 0)))


def test_bad_matrices_are_refused(context, scene):
    """house."""
    before = scene.GetNumberOfNodes()
    singular, projective = np.diag([1.0, 1, 0, 1]), np.eye(4)
    projective[3, 0] = 1
    for arguments in (
        {"matrix_to_parent_ras": rows(singular)},
        {"matrix_to_parent_ras": rows(projective)},
        {"matrix_to_parent_ras": rows(np.eye(4)), "translation_ras_mm": (1, 0, 0)},
        {"rotation": steps.Rotation(axis_ras=(0, 0, 0), angle_deg=10)},
    ):
        with pytest.raises(ArgumentInvalidError):
            create(context, **arguments)
    assert scene.GetNumberOfNodes() == before


def test_transforms_are_listed_with_their_kind(context, warp):
    """house."""
    create(context, name="linear")
    found = transforms.list_transforms(context, PageArguments())
    assert [(item.name, item.kind) for item in found.items] == [("warp", "grid"), ("linear", "linear")]


class TestLandmarks:
    def register(self, context, moving, fixed, **arguments):
        return landmarks.register_landmarks(
            context, landmarks.LandmarkArguments(moving_id=moving, fixed_id=fixed, **arguments)
        )

    def test_rigid_motion_is_found_and_applied(self, context, oblique):
        """issue:#3."""
        motion = oblique.copy()
        motion[:3, :3] /= np.linalg.norm(motion[:3, :3], axis=0)
        target = np.array(POINTS) @ motion[:3, :3].T + motion[:3, 3]
        moving, fixed = point_list(context, POINTS), point_list(context, target)
        found = self.register(context, moving, fixed, apply_to_ids=(moving,))
        assert np.allclose(found.matrix_ras, motion)
        assert found.rms_error_mm < 1e-6
        assert found.scale == pytest.approx(1)
        assert found.rms_distance_before_mm > 10
        assert world_points(context, moving) == pytest.approx(target)

    def test_errors_are_those_of_an_independent_computation(self, context):
        """issue:#3: Kabsch's algorithm in NumPy."""
        noise = np.random.default_rng(7).normal(0, 2, (5, 3))
        source, target = np.array(POINTS), np.array(POINTS) + noise + (5, 6, 7)
        found = self.register(context, point_list(context, source), point_list(context, target))
        a, b = source - source.mean(axis=0), target - target.mean(axis=0)
        u, _, vt = np.linalg.svd(a.T @ b)
        turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
        distances = np.linalg.norm(a @ turn.T - b, axis=1)
        assert found.rms_error_mm == pytest.approx(np.sqrt((distances**2).mean()))
        assert found.maximum_error_mm == pytest.approx(distances.max())
        assert [error.distance_mm for error in found.errors] == pytest.approx(distances)

    def test_scale_and_shear_are_found_where_allowed(self, context, oblique):
        """issue:#3."""
        target = np.array(POINTS) @ oblique[:3, :3].T + oblique[:3, 3]
        moving, fixed = point_list(context, POINTS), point_list(context, target)
        assert self.register(context, moving, fixed, mode="affine").rms_error_mm < 1e-6
        assert self.register(context, moving, fixed).rms_error_mm > 1
        doubled = point_list(context, 2 * np.array(POINTS))
        assert self.register(context, moving, doubled, mode="similarity").scale == pytest.approx(2)

    def test_pairs_by_label(self, context):
        """issue:#3."""
        moving = point_list(context, POINTS, labels=("a", "b", "c", "d", "e"))
        fixed = point_list(context, POINTS[::-1], labels=("e", "d", "c", "b", "a"))
        assert self.register(context, moving, fixed, pairing="label").rms_error_mm < 1e-6
        assert self.register(context, moving, fixed).rms_error_mm > 1
        other = point_list(context, POINTS, labels=("a", "b", "c", "d", "x"))
        with pytest.raises(ArgumentInvalidError, match="pairing"):
            self.register(context, moving, other, pairing="label")

    def test_points_that_span_too_little_are_refused(self, context, scene):
        """house: a line leaves one rotation open."""
        line = [(index, 2 * index, 3 * index) for index in range(5)]
        flat = [(*point[:2], 4.0) for point in POINTS]
        before = scene.GetNumberOfNodesByClass("vtkMRMLTransformNode")
        good = point_list(context, POINTS)
        cases = [(point_list(context, line), "rigid"), (point_list(context, flat), "affine")]
        cases += [(point_list(context, POINTS[:3]), "rigid")]
        for node_id, mode in cases:
            for pair in ((node_id, good), (good, node_id)):
                with pytest.raises(ArgumentInvalidError, match=r"points"):
                    self.register(context, *pair, mode=mode)
        assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == before

    def test_node_that_is_transformed_already_is_refused(self, context):
        """house: the result is in the world."""
        made = create(context, translation_ras_mm=(1, 0, 0))
        moving = point_list(context, POINTS, parent_transform_id=made.id)
        with pytest.raises(NodeTypeError, match="parent transform"):
            self.register(context, moving, point_list(context, POINTS), apply_to_ids=(moving,))
