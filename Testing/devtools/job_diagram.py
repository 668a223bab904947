"""The diagram of job states in the manual, drawn from the one table of transitions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from devtools.page_parts import with_part

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ("docs", "ARCHITECTURE.md")


def render(checkout: Path) -> str:
    """Return the page with its diagram equal to the table in ``jobs/states.py``."""
    page = checkout.joinpath(*PAGE).read_text(encoding="utf-8")
    return with_part(page, "jobs", _diagram(checkout))


def _diagram(checkout: Path) -> str:
    library = str(checkout / "AgentBridge")
    if library not in sys.path:
        sys.path.insert(0, library)
    from AgentBridgeLib.jobs.states import ENDED, TRANSITIONS

    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> awaiting_approval", "    [*] --> queued"]
    lines += [f"    {before} --> {after}: {event}" for (before, event), (after, _) in TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in sorted(ENDED)]
    return "\n".join([*lines, "```", ""])
