"""The diagram of job states in the manual, drawn from the one table of transitions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- jobs: begin -->\n", "<!-- jobs: end -->"
PAGE = ("docs", "ARCHITECTURE.md")


def render(checkout: Path) -> str:
    """Return the page with its diagram equal to the table in ``jobs/machine.py``."""
    page = checkout.joinpath(*PAGE).read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{'/'.join(PAGE)} has lost the marks around its diagram of jobs")
    return f"{before}{BEGIN}{_diagram(checkout)}{END}{after}"


def _diagram(checkout: Path) -> str:
    library = str(checkout / "AgentBridge")
    if library not in sys.path:
        sys.path.insert(0, library)
    from AgentBridgeLib.jobs.machine import ENDED, TRANSITIONS

    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> awaiting_approval", "    [*] --> queued"]
    lines += [f"    {before} --> {after}: {event}" for (before, event), (after, _) in TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in sorted(ENDED)]
    return "\n".join([*lines, "```", ""])
