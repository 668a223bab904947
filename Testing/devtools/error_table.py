"""``docs/errors.md``, written from the error tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """# Errors

Every problem document carries one of these codes. Codes, statuses and the meaning of "may retry" are covered by the
versioning promise (`VERSIONING.md`); titles and messages are not. A request that may be retried was not executed.

Written by `python3 Testing/dev.py lists` from `AgentBridge/AgentBridgeLib/errors.py`.

| code | HTTP | JSON-RPC | may retry | meaning |
|---|---|---|---|---|
"""


def render(checkout: Path) -> str:
    """Return the page as text."""
    sys.path.insert(0, str(checkout / "AgentBridge"))
    try:
        from AgentBridgeLib.errors import WIRE, leaves
    finally:
        sys.path.pop(0)
    meanings = {kind.code: (kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ") for kind in leaves()}
    rows = (
        f'| <a id="{code}"></a>`{code}` | {wire.status} | {wire.jsonrpc} '
        f"| {'yes' if wire.is_retryable else 'no'} | {meanings[code]} |"
        for code, wire in WIRE.items()
    )
    return HEAD + "\n".join(rows) + "\n"
