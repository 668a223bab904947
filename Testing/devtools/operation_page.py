"""``docs/operations.md``, written from the catalogue; needs the wheels of the host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from AgentBridgeLib.registry.operation import Operation

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = ("docs", "operations.md")
HEAD = """# Operations

Every operation can be called by its route, or by its name with `POST /agent/v1/operations/{name}` and its arguments
as the body. `GET /agent/v1/operations/{name}` describes it with the JSON Schemas of arguments and result.

Written by `python3 Testing/dev.py lists` from the declarations in `AgentBridge/AgentBridgeLib/operations/`. *Job*
means that the operation works in steps or in a process of its own, and is answered with a job unless the client waits.
"""


def render() -> str:
    """Return the page."""
    from AgentBridgeLib.operations.index import make_catalog

    families: dict[str, list[Operation]] = {}
    for operation in make_catalog():
        families.setdefault(operation.name.partition(".")[0], []).append(operation)
    parts = [HEAD]
    for family, operations in families.items():
        rows = [_row(operation) for operation in operations]
        parts += [
            f"## {family}\n",
            "| operation | route | capability | | does |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(parts)


def _row(operation: Operation) -> str:
    mark = operation.mark
    route = f"`{mark.route.method} {mark.route.path}`" if mark.route else "by name"
    hints = ["job"] if mark.execution != "inline" else []
    hints += ["destructive"] if mark.destructive else []
    return (
        f"| `{operation.name}` | {route} | `{mark.capability}` | {', '.join(hints)} | {operation.summary} |"
    )


if __name__ == "__main__":
    sys.path[:0] = [str(CHECKOUT / "AgentBridge"), str(CHECKOUT / "Testing")]
    CHECKOUT.joinpath(*PAGE).write_text(render(), encoding="utf-8", newline="\n")
