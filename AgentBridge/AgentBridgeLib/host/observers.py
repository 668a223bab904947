"""The one wrapper around every VTK observer.

VTK prints what an observer raises and goes on, except for `SystemExit`, which would end Slicer. So observers go
through `run_guarded`, as Qt slots do.

An observer of AnyEvent also observes ErrorEvent and WarningEvent, and VTK shows a message only while nobody observes
it. So whoever observes everything here also hands messages on to the output window, hence to Slicer's log.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import vtk

from AgentBridgeLib.host.qtcompat import run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable

_MESSAGES = ("ErrorEvent", "WarningEvent")


def node_observer(callback: Callable[[Any], None]) -> Callable[..., None]:
    """Make an observer of an event whose call data is a node (`NodeAddedEvent`, `NodeRemovedEvent`)."""

    def observe(_caller: Any, _event: str, node: Any) -> None:
        if node is not None:
            run_guarded(partial(callback, node))

    vtk.calldata_type(vtk.VTK_OBJECT)(observe)
    return observe


def caller_observer(callback: Callable[[Any], None]) -> Callable[..., None]:
    """Make an observer that is told who sent the event; not called for messages and by a sender in its destructor."""

    def observe(caller: Any, event: str) -> None:
        if caller is not None and event not in _MESSAGES:
            run_guarded(partial(callback, caller))

    return observe


def observe_everything(node: Any, observer: Callable[..., None]) -> tuple[int, ...]:
    """Observe all events of a node without taking its messages from the log; gives the tags."""
    return (
        node.AddObserver("AnyEvent", observer),
        node.AddObserver("ErrorEvent", _show_error),
        node.AddObserver("WarningEvent", _show_warning),
    )


def _show_error(_caller: Any, _event: str, text: str) -> None:
    run_guarded(partial(vtk.vtkOutputWindow.GetInstance().DisplayErrorText, text))


def _show_warning(_caller: Any, _event: str, text: str) -> None:
    run_guarded(partial(vtk.vtkOutputWindow.GetInstance().DisplayWarningText, text))


for _show in (_show_error, _show_warning):
    vtk.calldata_type(vtk.VTK_STRING)(_show)
