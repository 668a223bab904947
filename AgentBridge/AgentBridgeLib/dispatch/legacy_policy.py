"""The safety settings as Slicer's own web routes are judged by them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.errors import (
    AddressNotAllowedError,
    ArgumentInvalidError,
    BridgeError,
    FileUnreadableError,
    OutOfMemoryError,
    PathOutsideRootsError,
)
from AgentBridgeLib.policy.paths import resolve_inside
from AgentBridgeLib.policy.references import check_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.audit import AuditLog
    from AgentBridgeLib.dispatch.safety import Safety
    from AgentBridgeLib.host.ports.files import FileHost

OPERATION = "slicer.web_server"


class LegacyPolicy:
    """Answers the guard of Slicer's WebServer. Nobody can be asked there, so only ``allow`` lets anything in.

    Parameters
    ----------
    safety
        The settings; read anew at each question.
    audit
        Where a request that was turned away is noted.
    files
        Looks into files before Slicer reads them.
    """

    def __init__(self, safety: Safety, audit: AuditLog, files: FileHost) -> None:
        self._safety = safety
        self._audit = audit
        self._files = files

    def is_guarding(self) -> bool:
        """Say whether the guard is switched on."""
        return self._safety.current().guards_web_server

    def allows_capability(self, name: str) -> bool:
        """Say whether a capability is allowed and nothing is stopped."""
        return not self._safety.is_stopped and self._safety.current().mode(name) == "allow"

    def path_problem(self, path: str, *, writing: bool) -> BridgeError | None:
        """Say why a local file may not be touched; None when it may.

        The words name neither folders nor other files: a client of that server has no token.
        """
        folders = self._safety.current().allowed_folders
        try:
            resolved = resolve_inside(path, "/path", folders, os.path.realpath)
        except (ArgumentInvalidError, PathOutsideRootsError):
            return PathOutsideRootsError("The path has to lie inside the allowed folders.")
        return None if writing or not Path(resolved).is_file() else self._content_problem(resolved, folders)

    def _content_problem(self, path: str, folders: Sequence[str]) -> BridgeError | None:
        """Look for what `files.load` and `scene.load` would refuse."""
        try:
            found = self._files.references(path)
            check_inside(Path(path).name, found.paths, found.addresses, folders, os.path.realpath)
            self._files.check(path)
        except PathOutsideRootsError:
            return PathOutsideRootsError(
                "The file names others, to be read with it, outside the allowed folders."
            )
        except (AddressNotAllowedError, FileUnreadableError, OutOfMemoryError) as error:
            return error
        return None

    def note_denied(self, action: str, error: BridgeError) -> None:
        """Note a request that was turned away."""
        caller = Caller("Slicer's WebServer", "", "webserver_plain")
        self._audit.note(caller, f"{OPERATION} {action}"[:200], "deny", error.code)
