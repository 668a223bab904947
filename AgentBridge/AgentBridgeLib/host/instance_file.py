"""The token, and one file per running instance, so that a client never has to copy a port or a token.

Both lie in the user's AgentBridge folder, readable by their owner only.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from AgentBridgeLib.host.process_table import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_FILE = "token"  # noqa: S105 - the name of the file
INSTANCES = "instances"
_TOKEN_BYTES = 32


class TokenFile:
    """The bearer token of this user's bridges: 256 random bits in a file with mode 0600.

    Parameters
    ----------
    folder
        The user's AgentBridge folder.
    """

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / TOKEN_FILE
        self._token = self._read() or self.renew()

    @property
    def token(self) -> str:
        """The token in force."""
        return self._token

    def renew(self) -> str:
        """Make a new token; the old one is worthless from now on."""
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        write_private(self._path, self._token)
        return self._token

    def _read(self) -> str:
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""
        if os.name == "posix" and self._path.stat().st_mode & 0o077:
            return ""  # others could have read it: it is no secret any more
        return text if len(text) >= _TOKEN_BYTES else ""


class InstanceFile:
    """Tells clients where this process listens; removed at the end.

    Parameters
    ----------
    folder
        The user's AgentBridge folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) / INSTANCES
        self.path = self._folder / f"{os.getpid()}.json"

    def write(self, content: Mapping[str, object]) -> None:
        """Write the file, and clean up what dead processes left."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_stale()
        write_private(self.path, json.dumps(dict(content), indent=2))

    def remove(self) -> None:
        """Remove the file. Safe to repeat."""
        self.path.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        for path in self._folder.glob("*.json"):
            if not path.stem.isdigit() or not is_alive(int(path.stem)):
                path.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, complete or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
