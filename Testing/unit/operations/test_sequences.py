import numpy as np
import pytest

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError
from AgentBridgeLib.operations.markups import drawing, markups
from AgentBridgeLib.operations.sequences import sequences
from AgentBridgeLib.operations.transforms import new_nodes, transforms


def lines(context, count=3):
    return tuple(
        drawing.create_markups(
            context, drawing.CreateArguments(points_ras=((0, 0, 0), (10 * (number + 1), 0, 0)), name="Line")
        ).id
        for number in range(count)
    )


def create(context, node_ids, **arguments):
    return sequences.create_sequence(context, sequences.CreateArguments(node_ids=node_ids, **arguments))


def browse(context, sequence_id, **arguments):
    return sequences.browse(context, sequences.BrowseArguments(sequence_id=sequence_id, **arguments))


def length_of(context, node_id):
    return markups.get_markups(context, markups.MarkupsArguments(markups_id=node_id)).length_mm


def test_items_are_browsed_through_one_node(context):
    """issue:#3."""
    made = create(
        context, lines(context), index_values=("0.5", "1.5", "2.5"), index_name="time", index_unit="s"
    )
    assert (made.item_count, made.index_values, made.browser_id) == (3, ("0.5", "1.5", "2.5"), None)
    assert (made.index_name, made.index_unit, made.is_index_numeric) == ("time", "s", True)
    assert made.data_class_name == "vtkMRMLMarkupsLineNode"
    shown = browse(context, made.id, item=1)
    assert shown.selected_item == 1
    assert length_of(context, shown.proxy_node_id) == pytest.approx(20)
    later = browse(context, made.id, index_value="2.5")
    assert (later.selected_item, later.proxy_node_id) == (2, shown.proxy_node_id)
    assert later.browser_id == shown.browser_id
    assert length_of(context, later.proxy_node_id) == pytest.approx(30)


def test_numbers_that_lie_close_together_are_items_of_their_own(context):
    """slicer: within 0.001 it takes numeric index values for the same, and the later item replaces the other."""
    made = create(context, lines(context), index_values=("0.0001", "0.0002", "0.0003"))
    assert (made.item_count, made.is_index_numeric) == (3, True)
    shown = [browse(context, made.id, index_value=value) for value in made.index_values]
    assert [length_of(context, one.proxy_node_id) for one in shown[-1:]] == pytest.approx([30])
    assert length_of(context, browse(context, made.id, index_value="0.0001").proxy_node_id) == pytest.approx(
        10
    )


def test_index_values_that_are_the_same_number_are_refused(context):
    """issue:#3: one item would be lost."""
    with pytest.raises(ArgumentInvalidError, match="same number"):
        create(context, lines(context), index_values=("10", "9", "1e1"))


def test_index_values_that_only_look_like_numbers_are_text(context):
    """slicer: looking for nan among numbers does not end."""
    made = create(context, lines(context), index_values=("nan", "inf", "1"))
    assert (made.item_count, made.is_index_numeric) == (3, False)
    assert browse(context, made.id, index_value="1").selected_item == 2


def test_sequence_holds_copies(context, scene):
    """slicer: SetDataNodeAtValue copies."""
    node_ids = lines(context)
    made = create(context, node_ids)
    scene.GetNodeByID(node_ids[0]).SetNthControlPointPosition(1, 500, 0, 0)
    assert length_of(context, browse(context, made.id, item=0).proxy_node_id) == pytest.approx(10)


def test_voxels_and_matrices_are_items_too(context, make_volume):
    """issue:#3."""
    volumes = tuple(
        make_volume(np.full((2, 3, 4), number, np.int16), f"v{number}").GetID() for number in range(3)
    )
    shown = browse(context, create(context, volumes).id, item=2)
    proxy = context.host.scene.node(shown.proxy_node_id)
    assert proxy.GetImageData().GetScalarRange() == (2, 2)
    moves = tuple(
        transforms.create_transform(context, transforms.CreateArguments(translation_ras_mm=(number, 0, 0))).id
        for number in range(3)
    )
    moved = browse(
        context, create(context, moves, index_values=("rest", "peak", "end")).id, index_value="peak"
    )
    assert not moved.is_index_numeric
    described = transforms.get_transform(
        context, new_nodes.TransformArguments(transform_id=moved.proxy_node_id)
    )
    assert described.matrix_to_parent_ras[0][3] == 1


def test_bad_sequences_and_items_change_nothing(context, scene, a_volume):
    """house."""
    node_ids = lines(context)
    before = scene.GetNumberOfNodes()
    for arguments, named in (
        ({"index_values": ("1", "2")}, "index_values"),
        ({"index_values": ("1", "2", "1")}, "index_values"),
    ):
        with pytest.raises(ArgumentInvalidError, match=named):
            create(context, node_ids, **arguments)
    with pytest.raises(ArgumentInvalidError, match="different classes"):
        create(context, (*node_ids, a_volume.GetID()))
    with pytest.raises(NodeTypeError):
        create(context, (scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode").GetID(),))
    assert scene.GetNumberOfNodes() == before
    made = create(context, node_ids)
    before = scene.GetNumberOfNodes()
    for arguments, named in (
        ({}, "item"),
        ({"item": 0, "index_value": "0"}, "item"),
        ({"item": 3}, "item"),
        ({"index_value": "9"}, "index_value"),
    ):
        with pytest.raises(ArgumentInvalidError, match=named):
            browse(context, made.id, **arguments)
    assert scene.GetNumberOfNodes() == before


def test_sequences_are_listed(context):
    """house."""
    made = create(context, lines(context), name="Lines")
    listed = sequences.list_sequences(context, sequences.PageArguments())
    assert [(item.id, item.name, item.item_count) for item in listed.items] == [(made.id, "Lines", 3)]
