"""Find the view that a caller means: by its name in the layout, the id of its node, or the node's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.host.ports.views import NamedView, ViewKind


def view_called(said: str, views: Sequence[NamedView], kind: ViewKind | None, argument: str) -> NamedView:
    """Find a view, of one kind or of any.

    The name in the layout goes first, then the id, then the node's name if only one view has it, then the name in the
    layout whatever its case.

    Raises
    ------
    ArgumentInvalidError
        There is no such view; the message names those there are.
    """
    of_kind = [view for view in views if kind in (None, view.kind)]
    for matching in (
        [view for view in of_kind if view.name == said],
        [view for view in of_kind if view.node_id == said],
        [view for view in of_kind if view.node_name == said],
        [view for view in of_kind if view.name.casefold() == said.casefold()],
    ):
        if len(matching) == 1:
            return matching[0]
    problem = f"no {kind + ' ' if kind else ''}view is called {said!r}"
    expected = ", ".join(_told(view) for view in of_kind) or "none"
    elsewhere = [view for view in views if view not in of_kind and said in view[1:]]
    hint = f" {said!r} is a {elsewhere[0].kind} view." if elsewhere else ""
    raise ArgumentInvalidError(
        f"`{argument}` cannot be used: {problem}. There are: {expected}.{hint}",
        errors=[FieldProblem(f"/{argument}", problem, expected)],
    )


def _told(view: NamedView) -> str:
    return view.name if view.node_name == view.name else f"{view.name} ({view.node_name})"
