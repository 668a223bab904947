"""One page of the nodes of a class, the same for every family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from AgentBridgeLib.model.base import Page, Result
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.operations.common.node_index import node_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.model.base import PageArguments

Summary = TypeVar("Summary", bound=Result)


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
