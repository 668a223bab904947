"""The table of capabilities in the README, written from `policy/capabilities.py`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "README.md"
BEGIN, END = "<!-- capabilities: begin -->\n", "<!-- capabilities: end -->"


def render(checkout: Path) -> str:
    """Return the page with its table equal to the capabilities."""
    page = (checkout / PAGE).read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has lost the marks around its table of capabilities")
    return f"{before}{BEGIN}{_table(checkout)}{END}{after}"


def _table(checkout: Path) -> str:
    library = str(checkout / "AgentBridge")
    if library not in sys.path:
        sys.path.insert(0, library)
    from AgentBridgeLib.policy.capabilities import CAPABILITIES

    rows = [f"| `{row.name}` | {row.default} | {row.sentence} |" for row in CAPABILITIES.values()]
    return "\n".join(["| capability | default | what it lets an agent do |", "|---|---|---|", *rows, ""])
