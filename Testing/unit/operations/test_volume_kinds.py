"""Volumes with several components, labelmaps, and whose data a volume is."""

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, GeometryMismatchError, NodeTypeError
from AgentBridgeLib.operations.common.handedness import is_left_handed_file
from AgentBridgeLib.operations.volumes import arithmetic, editing, volumes
from AgentBridgeLib.policy.identifiers import MEMBER_NAMES


@pytest.fixture
def vectors(make_volume):
    """A float32 volume with three components."""
    array = np.arange(2 * 3 * 4 * 3, dtype=np.float32).reshape(2, 3, 4, 3)
    return make_volume(array, "vectors", "vtkMRMLVectorVolumeNode")


@pytest.fixture
def labels(make_volume):
    """A labelmap with 0, 3 and 7."""
    array = np.zeros((4, 4, 4), np.uint8)
    array[1], array[2] = 3, 7
    return make_volume(array, "labels", "vtkMRMLLabelMapVolumeNode")


def array_of(node_id):
    return slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(node_id))


def threshold(context, run, node, **arguments):
    return run(
        arithmetic.threshold_volume(
            context, arithmetic.ThresholdArguments(volume_id=node.GetID(), **arguments)
        )
    )


def combine(context, run, node, **arguments):
    return run(
        arithmetic.combine_volumes(context, arithmetic.MathArguments(volume_id=node.GetID(), **arguments))
    )


def update(context, node, **arguments):
    return editing.update_volume(context, editing.UpdateArguments(volume_id=node.GetID(), **arguments))


def test_components_are_compared_one_by_one(context, run, vectors):
    """issue:#3 - vector volumes in threshold."""
    made = threshold(context, run, vectors, minimum=10, maximum=40)
    source = slicer.util.arrayFromVolume(vectors)
    assert made.class_name == "vtkMRMLVectorVolumeNode"
    assert np.array_equal(array_of(made.id), np.where((source >= 10) & (source <= 40), source, 0))
    with pytest.raises(NodeTypeError, match="3 components"):
        threshold(context, run, vectors, minimum=10, maximum=40, type="labelmap")


def test_components_are_computed_one_by_one(context, run, vectors, make_volume):
    """issue:#3 - vector volumes in math."""
    source = slicer.util.arrayFromVolume(vectors)
    half = combine(context, run, vectors, operator="multiply", value=0.5)
    assert (half.class_name, half.component_count) == ("vtkMRMLVectorVolumeNode", 3)
    assert np.array_equal(array_of(half.id), source * 0.5)
    other = slicer.mrmlScene.GetNodeByID(half.id)
    total = combine(context, run, vectors, operator="add", other_volume_id=other.GetID())
    assert np.array_equal(array_of(total.id), source * 1.5)
    scalar = make_volume(np.ones((2, 3, 4), np.float32), "scalar")
    with pytest.raises(GeometryMismatchError, match=r"3 values in each voxel.*one value"):
        combine(context, run, vectors, operator="add", other_volume_id=scalar.GetID())


def test_vector_volume_is_placed_windowed_and_named(context, vectors):
    """issue:#3 - vector volumes in update."""
    changed = update(context, vectors, name="Flow", spacing_mm=(1, 2, 3), window_width=10, window_level=5)
    assert (changed.name, changed.component_count, changed.is_labelmap) == ("Flow", 3, False)
    assert changed.spacing_mm == pytest.approx((1, 2, 3))
    assert (changed.display.window_width, changed.display.window_level) == (10, 5)
    assert np.array_equal(slicer.util.arrayFromVolume(vectors).ravel(), np.arange(72))


def test_labelmap_has_colors_and_no_window(context, labels, scene):
    """issue:#3 - label volumes."""
    table = scene.AddNewNodeByClass("vtkMRMLColorTableNode")
    table.SetTypeToUser()
    table.SetNumberOfColors(8)
    changed = update(context, labels, color_node_id=table.GetID(), name="Organs")
    assert (changed.name, changed.is_labelmap) == ("Organs", True)
    assert labels.GetDisplayNode().GetColorNodeID() == table.GetID()
    with pytest.raises(NodeTypeError, match="no window"):
        update(context, labels, window_width=3)


def test_labelmap_stays_one_and_scalars_become_one(context, run, labels, a_volume):
    """issue:#3 - a threshold that makes labels."""
    one = threshold(context, run, labels, minimum=7, maximum=7)
    assert one.class_name == "vtkMRMLLabelMapVolumeNode"
    assert set(np.unique(array_of(one.id))) == {0, 7}
    gray = threshold(context, run, labels, minimum=7, maximum=7, type="scalar")
    assert gray.class_name == "vtkMRMLScalarVolumeNode"
    made = threshold(context, run, a_volume, minimum=0, maximum=5000, type="labelmap")
    assert (made.class_name, made.scalar_type) == ("vtkMRMLLabelMapVolumeNode", "uint8")
    assert np.array_equal(array_of(made.id), slicer.util.arrayFromVolume(a_volume) >= 0)
    two = threshold(
        context, run, a_volume, minimum=0, maximum=9, type="labelmap", inside_value=2, outside_value=1
    )
    assert set(np.unique(array_of(two.id))) == {1, 2}
    for arguments in ({"outside_value": None}, {"inside_value": 300}, {"inside_value": 0.5}):
        with pytest.raises(ArgumentInvalidError):
            threshold(context, run, a_volume, minimum=0, maximum=9, type="labelmap", **arguments)


def test_matrix_places_a_volume_in_one_piece(context, a_volume):
    """http: section 6 - PATCH of IJK to RAS."""
    matrix = ((0.0, 0, -2, 5), (1.5, 0, 0, 6), (0, 1, 0, 7), (0, 0, 0, 1))
    changed = update(context, a_volume, ijk_to_ras=matrix)
    assert np.allclose(changed.ijk_to_ras, matrix)
    assert changed.is_left_handed == (np.linalg.det(np.array(matrix)[:3, :3]) < 0)
    with pytest.raises(ArgumentInvalidError):
        update(context, a_volume, ijk_to_ras=matrix, origin_ras=(0, 0, 0))
    with pytest.raises(ArgumentInvalidError):
        update(context, a_volume, ijk_to_ras=((1, 0, 0, 0), (2, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)))


def test_patient_and_study_are_told_under_names_that_are_covered(context, a_volume, scene):
    """http: section 6 - patient and study reference."""
    get = volumes.VolumeArguments(volume_id=a_volume.GetID())
    assert volumes.get_volume(context, get).subject is None
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe^Jane")
    study = hierarchy.CreateStudyItem(patient, "Chest CT")
    folder = hierarchy.CreateFolderItem(study, "Series")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(a_volume), folder)
    found = volumes.get_volume(context, get).subject
    assert (found.patient_item_id, found.study_item_id) == (patient, study)
    assert (found.patient_name, found.study_description) == ("Doe^Jane", "Chest CT")
    assert {"patient_name", "study_description"} <= set(MEMBER_NAMES)


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd"])
@pytest.mark.parametrize("flipped", [False, True])
def test_handedness_of_a_file_is_told(a_volume, oblique, tmp_path, ending, flipped):
    """slicer: its reader turns left-handed files around."""
    if flipped:
        a_volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique @ np.diag([1, 1, -1, 1])))
    path = tmp_path / f"volume.{ending}"
    assert slicer.util.saveNode(a_volume, str(path), {"useCompression": 0})
    assert is_left_handed_file(str(path)) == flipped
