"""The arrangement of the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.host.ports.views import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX, _SUFFIX = "SlicerLayout", "View"


def layout_numbers() -> dict[str, int]:
    """Slicer's layouts by name, such as ``FourUpView``."""
    return {
        name.removeprefix(_PREFIX): int(number)
        for name, number in vars(slicer.vtkMRMLLayoutNode).items()
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
    }


def set_layout(name: str) -> None:
    """Arrange the views.

    Raises
    ------
    ArgumentInvalidError
        There is no such layout; the message names those there are.
    """
    node = _layout_node()
    known = {key: number for key, number in layout_numbers().items() if node.IsLayoutDescription(number)}
    if name not in known:
        problem = f"no layout is called {name!r}"
        raise ArgumentInvalidError(
            f"`layout` cannot be used: {problem}. There are: {', '.join(sorted(known))}.",
            errors=[FieldProblem("/layout", problem, ", ".join(sorted(known)))],
        )
    slicer.app.layoutManager().setLayout(known[name])


def describe_layout(slice_names: Sequence[str], threed_widgets: Sequence[Any]) -> Layout:
    """Describe the present arrangement."""
    number = int(_layout_node().GetViewArrangement())
    names = [name for name, known in layout_numbers().items() if known == number]
    views = slicer.app.layoutManager().layoutLogic().GetViewNodes()
    shown = {views.GetItemAsObject(index).GetLayoutName() for index in range(views.GetNumberOfItems())}
    threed_names = [str(widget.mrmlViewNode().GetLayoutName()) for widget in threed_widgets]
    return Layout(
        number,
        names[0] if names else None,
        tuple(name for name in slice_names if name in shown),
        tuple(name for name in threed_names if name in shown),
    )


def _layout_node() -> Any:
    return slicer.app.layoutManager().layoutLogic().GetLayoutNode()
