"""The one wrapper around every VTK observer.

VTK prints what an observer raises and goes on, except for `SystemExit`, which would end Slicer. So observers go
through `run_guarded`, as Qt slots do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import vtk

from AgentBridgeLib.host.qtcompat import run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable


def node_observer(callback: Callable[[Any], None]) -> Callable[..., None]:
    """Make an observer of an event whose call data is a node (`NodeAddedEvent`, `NodeRemovedEvent`)."""

    def observe(_caller: Any, _event: str, node: Any) -> None:
        if node is not None:
            run_guarded(partial(callback, node))

    vtk.calldata_type(vtk.VTK_OBJECT)(observe)
    return observe


def caller_observer(callback: Callable[[Any], None]) -> Callable[..., None]:
    """Make an observer that is told who sent the event; not called for a sender in its destructor."""

    def observe(caller: Any, _event: str) -> None:
        if caller is not None:
            run_guarded(partial(callback, caller))

    return observe
