"""Several sequences that are browsed together."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError
from AgentBridgeLib.operations.sequences import browsers, sequences

SECONDS = {"index_name": "time", "index_unit": "s"}


@pytest.fixture
def two_sequences(context, make_volume, scene):
    """Three volumes and three transforms over the same time."""
    volumes = [make_volume(np.full((2, 3, 4), 10 * (number + 1), np.int16)) for number in range(3)]
    transforms = [scene.AddNewNodeByClass("vtkMRMLLinearTransformNode") for _ in range(3)]
    for number, transform in enumerate(transforms):
        matrix = transform.GetMatrixTransformToParent()
        matrix.SetElement(0, 3, 100.0 * number)
        transform.SetMatrixTransformToParent(matrix)
    values = ("0.5", "1.5", "2.5")
    return tuple(
        sequences.create_sequence(
            context,
            sequences.CreateArguments(
                node_ids=tuple(node.GetID() for node in nodes), index_values=values, **SECONDS
            ),
        ).id
        for nodes in (volumes, transforms)
    )


def synchronize(context, *ids, **arguments):
    return browsers.synchronize(context, browsers.SynchronizeArguments(sequence_ids=ids, **arguments))


def proxies(described):
    return [slicer.mrmlScene.GetNodeByID(entry.proxy_node_id) for entry in described.sequences]


def browse(context, sequence_id, item):
    return sequences.browse(context, sequences.BrowseArguments(sequence_id=sequence_id, item=item))


def test_both_move_with_one_call(context, two_sequences):
    """issue:#3: several sequences in a browser."""
    made = synchronize(context, *two_sequences, name="4D")
    assert made.name == "4D"
    assert [entry.sequence_id for entry in made.sequences] == list(two_sequences)
    assert (made.item_count, made.selected_item, made.index_value) == (3, 0, "0.5")
    for leading in two_sequences:
        browse(context, leading, 2)
        seen = browsers.get_browser(context, browsers.BrowserArguments(browser_id=made.id))
        volume, transform = proxies(seen)
        assert (seen.selected_item, seen.index_value) == (2, "2.5")
        assert (slicer.util.arrayFromVolume(volume) == 30).all()
        assert transform.GetMatrixTransformToParent().GetElement(0, 3) == 200
        browse(context, leading, 0)
    assert (slicer.util.arrayFromVolume(volume) == 10).all()
    assert transform.GetMatrixTransformToParent().GetElement(0, 3) == 0


def test_browsers_of_their_own_are_given_up(context, two_sequences, scene):
    """issue:#3: one browser in the end; synchronizing again changes nothing."""
    for sequence_id in two_sequences:
        browse(context, sequence_id, 1)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 2
    made = synchronize(context, *two_sequences)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1
    assert made.selected_item == 1
    again = synchronize(context, *two_sequences)
    assert (again.id, again.sequences) == (made.id, made.sequences)
    assert sequences.get_sequence(
        context, sequences.SequenceArguments(sequence_id=two_sequences[1])
    ).browser_id == (made.id)


def test_what_cannot_be_together_is_refused_and_changes_nothing(context, two_sequences, a_volume, scene):
    """house."""
    other = sequences.create_sequence(
        context, sequences.CreateArguments(node_ids=(a_volume.GetID(),), index_name="dose", index_unit="Gy")
    )
    empty = scene.AddNewNodeByClass("vtkMRMLSequenceNode")
    count = scene.GetNumberOfNodes()
    first = two_sequences[0]
    for ids, word in (
        ((first, first), "twice"),
        ((first, other.id), "dose"),
        ((first, empty.GetID()), "no items"),
    ):
        with pytest.raises(ArgumentInvalidError, match=word):
            synchronize(context, *ids)
    with pytest.raises(NodeTypeError):
        synchronize(context, first, a_volume.GetID())
    with pytest.raises(NodeTypeError):
        browsers.get_browser(context, browsers.BrowserArguments(browser_id=first))
    assert scene.GetNumberOfNodes() == count


def test_sequence_that_is_left_alone_keeps_its_browser(context, two_sequences, scene):
    """house: taking a sequence out of a browser does not end it for the others."""
    first = synchronize(context, *two_sequences)
    line = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
    third = sequences.create_sequence(
        context,
        sequences.CreateArguments(node_ids=(line.GetID(),), index_values=("0.5",), **SECONDS),
    ).id
    second = synchronize(context, two_sequences[1], third)
    assert second.id != first.id
    left = browsers.get_browser(context, browsers.BrowserArguments(browser_id=first.id))
    assert [entry.sequence_id for entry in left.sequences] == [two_sequences[0]]
    assert [entry.sequence_id for entry in second.sequences] == [two_sequences[1], third]
