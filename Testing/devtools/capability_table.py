"""The table of capabilities in the README, written from `policy/capabilities.py`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from devtools.page_parts import with_part

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "README.md"


def render(checkout: Path) -> str:
    """Return the page with its table equal to the capabilities."""
    page = (checkout / PAGE).read_text(encoding="utf-8")
    return with_part(page, "capabilities", _table(checkout))


def _table(checkout: Path) -> str:
    library = str(checkout / "AgentBridge")
    if library not in sys.path:
        sys.path.insert(0, library)
    from AgentBridgeLib.policy.capabilities import CAPABILITIES

    rows = [f"| `{row.name}` | {row.default} | {row.sentence} |" for row in CAPABILITIES.values()]
    return "\n".join(["| capability | default | what it lets an agent do |", "|---|---|---|", *rows, ""])
