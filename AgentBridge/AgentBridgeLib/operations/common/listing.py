"""One page of a list, the same for every family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from AgentBridgeLib.model.base import Listing, Page, Result
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.operations.common.node_index import node_index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.model.base import PageArguments

Summary = TypeVar("Summary", bound=Result)
Entry = TypeVar("Entry")
AnyListing = TypeVar("AnyListing", bound=Listing[Any])


def page_of(
    listing: type[AnyListing],
    entries: Sequence[Entry],
    arguments: PageArguments,
    key: Callable[[Entry], str],
    question: str,
    **more: Any,
) -> AnyListing:
    """Give the page of `entries` that `arguments` ask for.

    Parameters
    ----------
    key
        Gives what an entry is known by, which no other has.
    question
        Text that is the same for all pages of one list: its name and its filters.
    more
        Members that this listing has beyond those of every one.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    bounds = page_bounds(
        len(entries),
        lambda position: key(entries[position]),
        limit=arguments.limit,
        cursor=arguments.cursor,
        question=question,
    )
    items = list(entries[bounds.start : bounds.stop])
    return listing(items=items, next_cursor=bounds.next_cursor, total=len(entries), **more)


def page_of_class(
    context: OperationContext,
    arguments: PageArguments,
    class_name: str,
    page: type[Page[Summary]],
    summarize: Callable[[Any], Summary],
) -> Page[Summary]:
    """List the nodes of a class, those of derived classes too, in the scene's order; hidden ones are left out.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    scene = context.host.scene
    entries = node_index(scene).of_class(class_name)
    bounds = page_bounds(
        len(entries),
        lambda position: entries[position].id,
        limit=arguments.limit,
        cursor=arguments.cursor,
        question=f"nodes of {class_name}",
    )
    items = [summarize(scene.node(entry.id)) for entry in entries[bounds.start : bounds.stop]]
    return page(items=items, next_cursor=bounds.next_cursor, total=len(entries))
