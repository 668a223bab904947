"""Displacement fields in NIfTI: whose vectors are in which frame, by Slicer's own reader and writer, and by ITK's."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, NodeTypeError
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.common import nifti
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.transforms import fields, mapping
from AgentBridgeLib.operations.volumes import nifti_bytes

SHAPE = (5, 6, 7)  # k, j, i
FLIP = np.array([-1.0, -1.0, 1.0])
PLACES_IJK = ((2, 2, 2), (4, 3, 1), (1, 4, 3))


def file_of(vectors, matrix, intent):
    """A file as this module writes it."""
    head = nifti.write_header(vectors.dtype.name, vectors.shape[2::-1], 3, matrix, intent)
    return head + b"".join(bytes(part) for part in nifti_bytes.body_parts(vectors))


def create(context, run, content, **arguments):
    body = Bytes(bytearray(content))
    return run(fields.create_grid(context, fields.CreateArguments(content=body, **arguments)))


def read(context, run, node_id, **arguments):
    result = fields.read_data(context, fields.DataArguments(transform_id=node_id, **arguments))
    content = run(result) if arguments["format"] == "nii.gz" else result
    return b"".join(bytes(part) for part in content.parts), content


def moved_by(context, node_id, matrix):
    """By how much places of the grid move where resampling looks for them, RAS, mm."""
    places = tuple(tuple((matrix @ [*index, 1])[:3]) for index in PLACES_IJK)
    asked = mapping.MapArguments(transform_id=node_id, points_ras=places, direction="from_parent")
    return np.array(mapping.map_points(context, asked).points_ras) - places


def at_places(vectors):
    return np.array([vectors[k, j, i] for i, j, k in PLACES_IJK])


def some_vectors(scalar_type="float64"):
    return np.random.default_rng(3).uniform(-0.4, 0.4, (*SHAPE, 3)).astype(scalar_type)


@pytest.fixture
def left_handed(oblique):
    matrix = oblique.copy()
    matrix[:3, 0] *= -1
    return matrix


@pytest.mark.parametrize("hand", ["oblique", "left_handed"])
@pytest.mark.parametrize("form", ["nii", "nii.gz"])
def test_slicer_reads_the_file_as_the_same_transform(context, run, request, tmp_path, hand, form):
    """slicer: vtkMRMLTransformStorageNode over ITK's reader; any orientation."""
    matrix, vectors = request.getfixturevalue(hand), some_vectors()
    made = create(context, run, file_of(vectors, matrix, nifti.DISPLACEMENTS))
    assert moved_by(context, made.id, matrix) == pytest.approx(at_places(vectors), abs=1e-5)
    path = tmp_path / f"field.{form}"
    path.write_bytes(read(context, run, made.id, format=form)[0])
    loaded = slicer.util.loadTransform(str(path))
    moved = [
        np.array(loaded.GetTransformFromParent().TransformPoint((matrix @ [*p, 1])[:3])) for p in PLACES_IJK
    ]
    places = [(matrix @ [*index, 1])[:3] for index in PLACES_IJK]
    assert np.array(moved) - places == pytest.approx(at_places(vectors), abs=1e-4)


@pytest.mark.parametrize("hand", ["oblique", "left_handed"])
def test_file_that_slicer_wrote_is_taken_as_the_same_transform(context, run, request, tmp_path, hand):
    """slicer: the other way; its writer says intent 1006 and turns LPS into RAS."""
    matrix, vectors = request.getfixturevalue(hand), some_vectors()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "theirs")
    grid = Grid(vectors.shape[2::-1], matrix)
    node.SetAndObserveTransformFromParent(fields.grid_transform(vectors.copy(), grid))
    path = tmp_path / "theirs.nii.gz"
    assert slicer.util.saveNode(node, str(path))
    content = path.read_bytes()
    assert struct.unpack_from("<h", gzip.decompress(content), 68) == (1006,)
    made = create(context, run, content)
    assert moved_by(context, made.id, matrix) == pytest.approx(at_places(vectors), abs=1e-4)


def test_vectors_without_the_code_of_displacements_are_lps_as_itk_leaves_them(
    context, run, oblique, tmp_path
):
    """issue:#3: fields of ANTs have intent 1007; ITK neither turns them on writing nor on reading."""
    vectors = some_vectors()
    image = sitk.GetImageFromArray(vectors * FLIP, isVector=True)
    to_lps = np.diag([-1, -1, 1, 1]) @ oblique
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing)
    image.SetOrigin(to_lps[:3, 3])
    image.SetDirection((to_lps[:3, :3] / spacing).ravel())
    path = tmp_path / "ants.nii.gz"
    sitk.WriteImage(image, str(path))
    content = path.read_bytes()
    assert struct.unpack_from("<h", gzip.decompress(content), 68) == (1007,)
    made = create(context, run, content)
    assert moved_by(context, made.id, oblique) == pytest.approx(at_places(vectors), abs=1e-4)
    warp = sitk.DisplacementFieldTransform(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkVectorFloat64))
    places = [(to_lps @ [*index, 1])[:3] for index in PLACES_IJK]
    theirs = [(np.array(warp.TransformPoint(place)) - place) * FLIP for place in places]
    assert np.array(theirs) == pytest.approx(at_places(vectors), abs=1e-4)


@pytest.mark.parametrize("intent", [1006, 1007])
@pytest.mark.parametrize(("frame", "signs"), [("ras", (1, 1, 1)), ("lps", (-1, -1, 1))])
def test_frame_that_is_given_counts_more_than_the_code(context, run, oblique, intent, frame, signs):
    """house: some programs write the wrong code."""
    vectors = some_vectors()
    made = create(context, run, file_of(vectors, oblique, intent), frame=frame)
    assert moved_by(context, made.id, oblique) == pytest.approx(at_places(vectors) * signs, abs=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=some.integers(0, 2**32 - 1),
    shape=some.tuples(*[some.integers(2, 5)] * 3),
    scalar_type=some.sampled_from(["float32", "float64"]),
    direction=some.sampled_from(["from_parent", "to_parent"]),
)
def test_field_comes_back_bit_for_bit(context, run, seed, shape, scalar_type, direction):
    """issue:#3: a property."""
    slicer.mrmlScene.Clear(0)
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(random.uniform(0.5, 4, 3))
    vectors = random.uniform(-9, 9, (*shape, 3)).astype(scalar_type)
    sent = file_of(vectors, matrix, nifti.DISPLACEMENTS)
    made = create(context, run, sent, direction=direction)
    back, content = read(context, run, made.id, format="nii")
    assert back[nifti.WRITTEN_DATA_OFFSET :] == sent[nifti.WRITTEN_DATA_OFFSET :]
    assert nifti.read_header(back).intent == nifti.DISPLACEMENTS
    assert np.allclose(nifti.read_header(back).ijk_to_ras, matrix, atol=1e-5)
    facts = (content.facts["frame"], content.facts["direction"], content.filename)
    assert facts == ("ras", direction, f"{made.id}.nii")


def test_lps_and_coefficients_are_refused(context, run, oblique, scene):
    """house: a file must not say one thing and mean another."""
    made = create(context, run, file_of(some_vectors(), oblique, nifti.DISPLACEMENTS))
    with pytest.raises(ArgumentInvalidError, match="RAS always"):
        read(context, run, made.id, format="nii", frame="lps")
    spline = slicer.vtkOrientedBSplineTransform()
    spline.SetCoefficientData(
        fields.grid_transform(some_vectors(), Grid((7, 6, 5), oblique)).GetDisplacementGrid()
    )
    node = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "spline")
    node.SetAndObserveTransformFromParent(spline)
    with pytest.raises(NodeTypeError, match="B-spline"):
        read(context, run, node.GetID(), format="nii")


def test_nifti_that_is_no_field_is_refused(context, run, oblique):
    """house."""
    plain = np.zeros(SHAPE, np.float32)
    head = nifti.write_header("float32", SHAPE[::-1], 1, oblique)
    for content in (head + plain.tobytes(), file_of(some_vectors().astype(np.int16), oblique, 1006)):
        with pytest.raises(DataInvalidError, match="five axes"):
            create(context, run, content)
