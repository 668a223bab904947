"""Transforms of every kind turned into grids: where they lead, and how far that is from what they were."""

import numpy as np
import pytest
import slicer
import vtk
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError, OutOfMemoryError
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.transforms import combining, fields, mapping, new_nodes, sampling, transforms

BOX = (-60.0, 60.0, -50.0, 50.0, -40.0, 40.0)


def to_grid(context, run, node_id, **arguments):
    return run(sampling.sample_to_grid(context, sampling.SampleArguments(transform_id=node_id, **arguments)))


def mapped(context, node_id, points, direction="to_world"):
    arguments = mapping.MapArguments(
        transform_id=node_id, points_ras=tuple(map(tuple, points)), direction=direction
    )
    return np.array(mapping.map_points(context, arguments).points_ras)


@pytest.fixture
def bspline(scene):
    """A B-spline that bends by some mm, with a matrix on top."""
    image = vtk.vtkImageData()
    image.SetDimensions(8, 8, 8)
    image.SetSpacing(40, 40, 40)
    image.SetOrigin(-140, -140, -140)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    array = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    array[...] = np.random.default_rng(2).uniform(-6, 6, array.shape)
    transform = slicer.vtkOrientedBSplineTransform()
    transform.SetCoefficientData(image)
    turn = vtk.vtkTransform()
    turn.RotateZ(4)
    transform.SetBulkTransformMatrix(turn.GetMatrix())
    node = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    node.SetAndObserveTransformFromParent(transform)
    return node


def linear(context, **arguments):
    return transforms.create_transform(context, transforms.CreateArguments(**arguments)).id


def chained(context, *ids):
    return combining.concatenate(context, combining.ConcatenateArguments(transform_ids=ids)).id


def inside(count=300, share=0.9):
    low, high = np.array(BOX).reshape(3, 2).T
    return np.random.default_rng(7).uniform(low * share, high * share, (count, 3))


@pytest.mark.parametrize("kind", ["linear", "bspline", "inverse", "composite", "nested"])
def test_grid_leads_where_the_transform_leads(context, run, bspline, kind):
    """issue:#3 - any transform: linear, B-spline, inverse, chain, under parents."""
    turn = linear(
        context, matrix_to_parent_ras=((0.9, -0.1, 0, 5), (0.2, 1.1, 0, -3), (0, 0.1, 1, 2), (0, 0, 0, 1))
    )
    node_id = bspline.GetID()
    if kind == "linear":
        node_id = turn
    elif kind == "inverse":
        combining.invert(context, new_nodes.TransformArguments(transform_id=node_id))
    elif kind == "composite":
        node_id = chained(context, turn, node_id, turn)
    elif kind == "nested":
        bspline.SetAndObserveTransformNodeID(turn)
    made = to_grid(context, run, node_id, bounds_ras=BOX, spacing_mm=(5, 5, 5))
    assert (made.kind, made.class_name, made.parent_transform_id) == (
        "grid",
        "vtkMRMLGridTransformNode",
        None,
    )
    found = mapped(context, made.id, inside(), "from_world")
    off = np.linalg.norm(found - mapped(context, node_id, inside(), "from_world"), axis=1)
    assert off.max() < 0.1
    assert made.maximum_error_mm < 0.1
    assert off.max() < 3 * made.maximum_error_mm + 1e-4
    assert 0 < made.checked_point_count <= 1000
    assert made.rms_error_mm <= made.maximum_error_mm


def test_finer_grid_is_nearer_and_the_errors_are_true(context, run, bspline):
    """issue:#3 - honest about what sampling costs."""
    errors = [
        to_grid(context, run, bspline.GetID(), bounds_ras=BOX, spacing_mm=(mm, mm, mm)).maximum_error_mm
        for mm in (30, 15, 6)
    ]
    assert errors[0] > 3 * errors[1] > 9 * errors[2] > 0


def test_outward_direction_is_exact_outwards(context, run, bspline):
    """slicer: a grid is inverted by iteration."""
    made = to_grid(context, run, bspline.GetID(), bounds_ras=BOX, spacing_mm=(5, 5, 5), direction="to_parent")
    assert made.grid.direction == "to_parent"
    off = mapped(context, made.id, inside()) - mapped(context, bspline.GetID(), inside())
    assert np.abs(off).max() < 0.1


@pytest.mark.parametrize("left_handed", [False, True])
def test_reference_gives_the_points_of_the_grid_in_any_orientation(
    context, run, bspline, a_volume, oblique, left_handed
):
    """issue:#3 - any orientation; the reference under a transform."""
    matrix = oblique @ np.diag([1, 1, -1 if left_handed else 1, 1])
    a_volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    parent = linear(context, rotation={"axis_ras": (1, 2, 3), "angle_deg": 33}, translation_ras_mm=(4, 5, 6))
    a_volume.SetAndObserveTransformNodeID(parent)
    made = to_grid(context, run, bspline.GetID(), reference_id=a_volume.GetID())
    turned = slicer.util.arrayFromTransformMatrix(slicer.mrmlScene.GetNodeByID(parent)) @ matrix
    assert made.grid.dimensions_ijk == (20, 24, 16)
    assert np.allclose(made.grid.ijk_to_ras, turned)
    sent = fields.read_data(context, fields.DataArguments(transform_id=made.id, frame="ras"))
    vectors = np.frombuffer(bytes(sent.parts[-1])).reshape(16, 24, 20, 3)
    corner = (turned @ [19, 23, 15, 1])[:3]
    assert np.allclose(
        corner + vectors[15, 23, 19], mapped(context, bspline.GetID(), [corner], "from_world")[0], atol=1e-6
    )
    coarse = to_grid(context, run, bspline.GetID(), reference_id=a_volume.GetID(), spacing_mm=(4, 4, 4))
    assert coarse.grid.dimensions_ijk == (4, 7, 10)


def test_turned_roi_is_covered(context, run, bspline, scene):
    """issue:#3."""
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetSize(40, 60, 20)
    turn = vtk.vtkTransform()
    turn.RotateX(30)
    roi.SetAndObserveObjectToNodeMatrix(turn.GetMatrix())
    made = to_grid(context, run, bspline.GetID(), roi_id=roi.GetID(), spacing_mm=(5, 10, 4))
    assert made.grid.dimensions_ijk == (8, 6, 5)
    assert np.allclose(
        np.array(made.grid.ijk_to_ras)[:3, :3],
        slicer.util.arrayFromVTKMatrix(turn.GetMatrix())[:3, :3] * (5, 10, 4),
    )


def test_bytes_of_the_grid_make_the_same_transform(context, run, bspline):
    """issue:#3 - sampled, sent, taken back."""
    made = to_grid(context, run, bspline.GetID(), bounds_ras=BOX, spacing_mm=(10, 10, 10))
    sent = fields.read_data(context, fields.DataArguments(transform_id=made.id))
    content = Bytes(bytearray(b"".join(bytes(part) for part in sent.parts)))
    again = run(fields.create_grid(context, fields.CreateArguments(content=content)))
    one, other = (mapped(context, node_id, inside(), "from_world") for node_id in (made.id, again.id))
    assert np.allclose(one, other, atol=1e-9)


def test_change_of_the_transform_meanwhile_does_not_bend_the_result(context, bspline):
    """house - the transform is copied first."""
    turn = linear(context, translation_ras_mm=(1, 2, 3))
    chain = chained(context, bspline.GetID(), turn)
    slicer.mrmlScene.GetNodeByID(chain).SetAndObserveTransformNodeID(turn)
    before = mapped(context, chain, inside(), "from_world")
    steps = sampling.sample_to_grid(
        context, sampling.SampleArguments(transform_id=chain, bounds_ras=BOX, spacing_mm=(5, 5, 5))
    )
    next(steps)
    moved = vtk.vtkMatrix4x4()
    moved.SetElement(0, 3, 100)
    slicer.mrmlScene.GetNodeByID(turn).SetMatrixTransformToParent(moved)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made = end.value
            break
    assert np.abs(mapped(context, made.id, inside(), "from_world") - before).max() < 0.1


def test_places_that_make_no_grid_are_refused(context, run, bspline, a_volume, scene, monkeypatch):
    """house."""
    count = scene.GetNumberOfNodes()
    with pytest.raises(ArgumentInvalidError):
        to_grid(context, run, bspline.GetID(), bounds_ras=(0, 0, 0, 1, 0, 1), spacing_mm=(1, 1, 1))
    with pytest.raises(ArgumentInvalidError, match="grid points"):
        to_grid(context, run, bspline.GetID(), bounds_ras=(0, 500) * 3, spacing_mm=(0.5, 0.5, 0.5))
    with pytest.raises(NodeTypeError):
        to_grid(context, run, a_volume.GetID(), bounds_ras=BOX, spacing_mm=(1, 1, 1))
    monkeypatch.setattr(type(context.host.application), "available_memory_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemoryError):
        to_grid(context, run, bspline.GetID(), bounds_ras=BOX, spacing_mm=(1, 1, 1))
    assert scene.GetNumberOfNodes() == count
    a_volume.SetAndObserveTransformNodeID(bspline.GetID())
    with pytest.raises(NodeTypeError):
        to_grid(context, run, bspline.GetID(), reference_id=a_volume.GetID())


def test_one_box_and_a_spacing_are_needed():
    """house."""
    for arguments in ({}, {"bounds_ras": BOX}, {"bounds_ras": BOX, "reference_id": "x"}, {"roi_id": "x"}):
        with pytest.raises(ValidationError):
            sampling.SampleArguments(transform_id="t", **arguments)
