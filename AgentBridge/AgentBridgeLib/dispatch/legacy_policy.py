"""The safety settings as Slicer's own web routes are judged by them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.policy.paths import resolve_inside

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.audit import AuditLog
    from AgentBridgeLib.dispatch.safety import Safety

OPERATION = "slicer.web_server"


class LegacyPolicy:
    """Answers the guard of Slicer's WebServer. Nobody can be asked there, so only ``allow`` lets anything in.

    Parameters
    ----------
    safety
        The settings; read anew at each question.
    audit
        Where a request that was turned away is noted.
    """

    def __init__(self, safety: Safety, audit: AuditLog) -> None:
        self._safety = safety
        self._audit = audit

    def is_guarding(self) -> bool:
        """Say whether the guard is switched on."""
        return self._safety.current().guards_web_server

    def allows_capability(self, name: str) -> bool:
        """Say whether a capability is allowed and nothing is stopped."""
        return not self._safety.is_stopped and self._safety.current().mode(name) == "allow"

    def allows_path(self, path: str, writing: bool) -> bool:  # noqa: ARG002 - one list of folders serves both
        """Say whether a local path lies inside the allowed folders."""
        try:
            resolve_inside(path, "/path", self._safety.current().allowed_folders, os.path.realpath)
        except BridgeError:
            return False
        return True

    def note_denied(self, action: str, error: BridgeError) -> None:
        """Note a request that was turned away."""
        caller = Caller("Slicer's WebServer", "", "webserver_plain")
        self._audit.note(caller, f"{OPERATION} {action}"[:200], "deny", error.code)
