"""`slicer.cli`: run command line modules.

Follows `Base/Python/slicer/cli.py` (run); waiting for the end is not emulated.
"""

from __future__ import annotations

from typing import Any

from EmbeddedSlicer.not_emulated import refuse


def run(
    module: Any,
    node: Any = None,
    parameters: dict[str, Any] | None = None,
    wait_for_completion: bool = False,
    delete_temporary_files: bool = True,
    update_display: bool = True,
    hide_window: bool = True,
) -> Any:
    """Start a module and give its node, whose status tells the rest."""
    if wait_for_completion or node is not None or not delete_temporary_files:
        error = refuse("slicer.cli.run with a node, with waiting, or with files that stay")
        raise error
    made = module.logic().CreateNodeInScene()
    module.logic().start(made, dict(parameters or {}))
    return made
