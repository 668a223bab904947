"""Private folders for exchange files, each gone when its call has ended."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkFolders:
    """Lends folders below the application's temporary folder.

    Parameters
    ----------
    parent
        Gives the application's temporary folder; asked when the first file is needed.
    """

    def __init__(self, parent: Callable[[], str]) -> None:
        self._parent = parent
        self._root: str | None = None

    def root(self) -> str:
        """Give the bridge's own folder (mode 0700); made at the first use."""
        if self._root is None or not Path(self._root).is_dir():
            self._root = tempfile.mkdtemp(prefix="agentbridge-", dir=self._parent())
        return self._root

    def lend(self) -> tuple[Callable[[], str], Callable[[], None]]:
        """Give a function that makes one folder at its first call, and one that removes it."""
        made: list[str] = []

        def folder() -> str:
            if not made:
                made.append(tempfile.mkdtemp(prefix="work-", dir=self.root()))
            return made[0]

        def release() -> None:
            if made:
                shutil.rmtree(made.pop(), ignore_errors=True)

        return folder, release

    def close(self) -> None:
        """Remove everything."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None
