"""A secret of this user that is kept: made once, readable by its owner only."""

from __future__ import annotations

import secrets
from pathlib import Path

from AgentBridgeLib.host.instance_file import write_private

_BYTES = 32


def kept_secret(folder: str, name: str) -> bytes:
    """Read a secret of 32 bytes, or make it. Another one each time where the folder cannot be written."""
    path = Path(folder) / name
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        secret = b""
    if len(secret) != _BYTES:
        secret = secrets.token_bytes(_BYTES)
        try:
            write_private(path, secret.hex())
        except OSError:
            return secret
    return secret
