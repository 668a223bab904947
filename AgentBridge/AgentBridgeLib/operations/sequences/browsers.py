"""Browse several sequences together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from vtkmodules.vtkCommonCore import vtkCollection

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import NodeId, NodeName, SequenceId
from AgentBridgeLib.model.tables import BrowsedSequence, BrowserDescription
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.sequences.sequences import BROWSER, SEQUENCE
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.context import OperationContext


class SynchronizeArguments(Arguments):
    """Which sequences."""

    sequence_ids: Annotated[tuple[SequenceId, ...], Field(min_length=2, max_length=100)] = Field(
        description="The first leads: its items are counted and its index values are looked up in the others."
    )
    name: NodeName | None = Field(
        default=None, description="Name of the browser, if one has to be made; made unique."
    )


class BrowserArguments(Arguments):
    """Which browser."""

    browser_id: NodeId = Field(description="The browser; sequences.get names it.")


@operation(
    name="sequences.synchronize",
    capability="scene.edit",
    route="POST /sequences/synchronize",
    idempotent=True,
    keywords="play together link time series 4D",
)
def synchronize(context: OperationContext, arguments: SynchronizeArguments) -> BrowserDescription:
    """Put sequences into one browser, so that sequences.browse moves all of them together.

    Returns
    -------
    BrowserDescription
        With the nodes that hold the shown items.

    Raises
    ------
    ArgumentInvalidError
        A sequence is named twice, is empty, or counts something else than the first (index name or unit); nothing was
        changed.
    NodeNotFoundError, NodeTypeError
        There is no such sequence.
    FeatureMissingError
        This Slicer has no module Sequences.

    Notes
    -----
    Where a sequence has no item at an index value, Slicer shows the last one before it. Source:
    `vtkMRMLSequenceBrowserNode::AddSynchronizedSequenceNode`.
    """
    host = context.host.scene
    logic = host.logic("Sequences")
    sequences = [host.node(sequence_id, SEQUENCE) for sequence_id in arguments.sequence_ids]
    _check(sequences)
    browser = logic.GetFirstBrowserNodeForSequenceNode(sequences[0])
    if browser is None or browser.GetMasterSequenceNode() is not sequences[0]:
        name = host.scene.GenerateUniqueName(arguments.name or f"{sequences[0].GetName()} browser")
        browser = host.scene.AddNewNodeByClass(BROWSER, name)
        _move(host.scene, logic, sequences[0], browser)
    for sequence in sequences[1:]:
        _move(host.scene, logic, sequence, browser)
    if browser.GetSelectedItemNumber() < 0:
        browser.SetSelectedItemNumber(0)
    logic.UpdateProxyNodesFromSequences(browser)
    context.mark_made([browser])
    return _describe(browser)


@operation(
    name="sequences.browser",
    capability="scene.read",
    route="GET /sequences/browsers/{browser_id}",
    read_only=True,
    revision_scope="scene",
)
def get_browser(context: OperationContext, arguments: BrowserArguments) -> BrowserDescription:
    """Describe a browser: its sequences, the nodes that hold the shown items, and which item that is.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such browser.

    Notes
    -----
    Source: `vtkMRMLSequenceBrowserNode`.
    """
    return _describe(context.host.scene.node(arguments.browser_id, BROWSER))


def _check(sequences: Sequence[Any]) -> None:
    first = sequences[0]
    for number, sequence in enumerate(sequences):
        if sequence in sequences[:number]:
            raise invalid(f"sequence_ids/{number}", f"{sequence.GetID()} is named twice")
        if sequence.GetNumberOfDataNodes() == 0:
            raise invalid(f"sequence_ids/{number}", f"{sequence.GetID()} has no items")
        counts = (sequence.GetIndexName(), sequence.GetIndexUnit())
        if counts != (first.GetIndexName(), first.GetIndexUnit()):
            problem = (
                f"{sequence.GetID()} counts {' '.join(counts).strip()}, the first one {first.GetIndexName()}"
            )
            raise invalid(f"sequence_ids/{number}", problem)


def _move(scene: Any, logic: Any, sequence: Any, browser: Any) -> None:
    """Take a sequence out of the browsers that it is in and put it into another, with the node that shows it."""
    if browser.IsSynchronizedSequenceNodeID(sequence.GetID(), True):
        return
    proxy = None
    while (old := logic.GetFirstBrowserNodeForSequenceNode(sequence)) is not None:
        proxy = proxy or old.GetProxyNode(sequence)
        old.RemoveSynchronizedSequenceNode(sequence.GetID())
        if old.GetNumberOfSynchronizedSequenceNodes(True) == 0:
            scene.RemoveNode(old)
    if browser.GetMasterSequenceNode() is None:
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    else:
        browser.AddSynchronizedSequenceNode(sequence.GetID())
    if proxy is not None:
        browser.AddProxyNode(proxy, sequence, False)


def _describe(browser: Any) -> BrowserDescription:
    master = browser.GetMasterSequenceNode()
    found = vtkCollection()
    browser.GetSynchronizedSequenceNodes(found, True)
    nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    selected = browser.GetSelectedItemNumber()
    value = master.GetNthIndexValue(selected) if master is not None and selected >= 0 else None
    return BrowserDescription(
        id=browser.GetID(),
        name=browser.GetName() or "",
        item_count=master.GetNumberOfDataNodes() if master is not None else 0,
        selected_item=selected if selected >= 0 else None,
        index_value=value or None,
        sequences=tuple(
            BrowsedSequence(sequence_id=node.GetID(), proxy_node_id=_proxy_id(browser, node))
            for node in nodes
        ),
    )


def _proxy_id(browser: Any, sequence: Any) -> str | None:
    proxy = browser.GetProxyNode(sequence)
    return proxy.GetID() if proxy is not None else None
