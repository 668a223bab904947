"""Make sequences of nodes, read them, and show their items."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import NodeId, NodeName, SequenceId
from AgentBridgeLib.model.tables import SequenceDescription, SequenceSummary
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

SEQUENCE = "vtkMRMLSequenceNode"
BROWSER = "vtkMRMLSequenceBrowserNode"
MOST_VALUES = 1000
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}\.?[0-9]{0,15}|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?")
"""What Slicer reads as the same number; words such as nan would keep it searching without an end."""
_Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class SequenceArguments(Arguments):
    """Which sequence."""

    sequence_id: SequenceId = Field(description="The sequence.")


class BrowseArguments(SequenceArguments):
    """Which item to show."""

    item: int | None = Field(default=None, ge=0, description="Zero-based number of the item.")
    index_value: _Text | None = Field(default=None, description="Its index value, in place of `item`.")


class CreateArguments(Arguments):
    """What to put into the sequence."""

    node_ids: Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=MOST_VALUES)] = Field(
        description="Nodes of one class; the sequence gets copies of them, in this order, or in that of the index "
        "values if those are numbers."
    )
    index_values: Annotated[tuple[_Text, ...], Field(max_length=MOST_VALUES)] | None = Field(
        default=None,
        description="One value for each node, all different; numbers if all are, else text. Without: 0, 1, 2, …",
    )
    index_name: _Text = Field(default="index", description="What the index counts, such as time.")
    index_unit: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Unit of the index, such as s."
    )
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")


@operation(
    name="sequences.list",
    capability="scene.read",
    route="GET /sequences",
    read_only=True,
    keywords="time series 4D cine dynamic",
)
def list_sequences(context: OperationContext, arguments: PageArguments) -> Page[SequenceSummary]:
    """List the sequences of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(
        context,
        arguments,
        SEQUENCE,
        Page[SequenceSummary],
        lambda node: SequenceSummary(
            id=node.GetID(),
            name=node.GetName() or "",
            item_count=node.GetNumberOfDataNodes(),
            data_class_name=node.GetDataNodeClassName() or None,
        ),
    )


@operation(
    name="sequences.get",
    capability="scene.read",
    route="GET /sequences/{sequence_id}",
    read_only=True,
    revision_scope="scene",
)
def get_sequence(context: OperationContext, arguments: SequenceArguments) -> SequenceDescription:
    """Describe one sequence: its items, its index with unit, and which item is shown.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such sequence.

    Notes
    -----
    Source: `vtkMRMLSequenceNode`, `vtkMRMLSequenceBrowserNode`.
    """
    return _describe(context, context.host.scene.node(arguments.sequence_id, SEQUENCE))


@operation(
    name="sequences.create",
    capability="scene.edit",
    route="POST /sequences",
    status=201,
    keywords="time series 4D cine dynamic phases animation",
)
def create_sequence(context: OperationContext, arguments: CreateArguments) -> SequenceDescription:
    """Make a sequence of copies of nodes, such as volumes or transforms over time.

    Returns
    -------
    SequenceDescription
        The new node.

    Raises
    ------
    ArgumentInvalidError
        Nodes are of different classes, or index values are too few, too many or not all different, also
        as numbers.
    NodeNotFoundError, NodeTypeError
        No node has one of the ids, or it is of a kind without data, such as a view.

    Notes
    -----
    Source: `vtkMRMLSequenceNode::SetDataNodeAtValue`.
    """
    host = context.host.scene
    nodes = [host.node(node_id, "vtkMRMLStorableNode") for node_id in arguments.node_ids]
    values = arguments.index_values or tuple(str(number) for number in range(len(nodes)))
    if len(values) != len(nodes) or len(set(values)) != len(values):
        raise invalid("index_values", "there must be one for each node, all different")
    if len({node.GetClassName() for node in nodes}) != 1:
        raise invalid("node_ids", "the nodes are of different classes")
    is_numeric = all(_NUMBER.fullmatch(value) for value in values)
    if is_numeric and _least_gap(values) == 0:
        raise invalid("index_values", "two of them are the same number")
    name = host.scene.GenerateUniqueName(arguments.name or "Sequence")
    sequence = host.scene.AddNewNodeByClass(SEQUENCE, name)
    sequence.SetIndexName(arguments.index_name)
    sequence.SetIndexUnit(arguments.index_unit)
    sequence.SetIndexType(sequence.NumericIndex if is_numeric else sequence.TextIndex)
    if is_numeric:
        sequence.SetNumericIndexValueTolerance(
            min(sequence.GetNumericIndexValueTolerance(), _least_gap(values) / 4)
        )
    for node, value in zip(nodes, values, strict=True):
        sequence.SetDataNodeAtValue(node, value)
    context.mark_made([sequence])
    return _describe(context, sequence)


@operation(
    name="sequences.browse",
    capability="scene.edit",
    route="POST /sequences/{sequence_id}/browse",
    idempotent=True,
    revision_scope="scene",
    keywords="play animation cine loop next frame step cardiac phase time point 4D movie scroll time series",
)
def browse(context: OperationContext, arguments: BrowseArguments) -> SequenceDescription:
    """Show one item of a sequence: a node of the scene takes its content.

    Returns
    -------
    SequenceDescription
        With `proxy_node_id`, the node that holds the item now; it stays the same for all items.

    Raises
    ------
    ArgumentInvalidError
        Neither or both of `item` and `index_value` are given, or there is no such item; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such sequence.
    FeatureMissingError
        This Slicer has no module Sequences.

    Notes
    -----
    A browser is made if the sequence has none; other sequences in the same browser move along. Source:
    `vtkSlicerSequencesLogic::UpdateProxyNodesFromSequences`.
    """
    host = context.host.scene
    sequence, logic = host.node(arguments.sequence_id, SEQUENCE), host.logic("Sequences")
    number = _item(sequence, arguments)
    browser = logic.GetFirstBrowserNodeForSequenceNode(sequence)
    if browser is None:
        name = host.scene.GenerateUniqueName(f"{sequence.GetName()} browser")
        browser = host.scene.AddNewNodeByClass(BROWSER, name)
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
        context.mark_made([browser])
    value = sequence.GetNthIndexValue(number)
    browser.SetSelectedItemNumber(browser.GetMasterSequenceNode().GetItemNumberFromIndexValue(value, False))
    logic.UpdateProxyNodesFromSequences(browser)
    return _describe(context, sequence)


def _item(sequence: Any, arguments: BrowseArguments) -> int:
    count = sequence.GetNumberOfDataNodes()
    if (arguments.item is None) == (arguments.index_value is None):
        raise invalid("item", "give either `item` or `index_value`")
    if arguments.item is not None:
        if arguments.item >= count:
            raise invalid("item", f"the sequence has {count} items, counted from 0")
        return arguments.item
    number = sequence.GetItemNumberFromIndexValue(arguments.index_value)
    if number < 0:
        raise invalid("index_value", f"no item has the index value '{arguments.index_value}'")
    return int(number)


def _describe(context: OperationContext, sequence: Any) -> SequenceDescription:
    count = sequence.GetNumberOfDataNodes()
    browser = context.host.scene.logic("Sequences").GetFirstBrowserNodeForSequenceNode(sequence)
    proxy = browser.GetProxyNode(sequence) if browser is not None else None
    selected = browser.GetSelectedItemNumber() if browser is not None else -1
    return SequenceDescription(
        id=sequence.GetID(),
        name=sequence.GetName() or "",
        item_count=count,
        data_class_name=sequence.GetDataNodeClassName() or None,
        index_name=sequence.GetIndexName() or "",
        index_unit=sequence.GetIndexUnit() or "",
        is_index_numeric=sequence.GetIndexType() == sequence.NumericIndex,
        index_values=tuple(sequence.GetNthIndexValue(number) for number in range(min(count, MOST_VALUES))),
        browser_id=browser.GetID() if browser is not None else None,
        selected_item=selected if selected >= 0 else None,
        proxy_node_id=proxy.GetID() if proxy is not None else None,
    )


def _least_gap(values: Sequence[str]) -> float:
    """Give the least distance between two numbers; infinite without two."""
    numbers = sorted(map(float, values))
    return min((after - before for before, after in pairwise(numbers)), default=math.inf)
