"""The safety settings in force, and *Stop all*."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import StoppedError
from AgentBridgeLib.policy.identifiers import Redactor
from AgentBridgeLib.policy.settings import KEYS, SafetySettings, parse_settings
from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from AgentBridgeLib.host.ports.application import SettingsStore
    from AgentBridgeLib.host.ports.scene import SceneHost
    from AgentBridgeLib.policy.capabilities import Mode
    from AgentBridgeLib.policy.settings import IdentifierPolicy


LOOK_AGAIN_S = 0.05
"""How long settings are believed without looking again: seventeen look-ups per call would be half of its time."""


class Safety:
    """Reads the settings again as calls come, so that a change counts at once, whoever made it.

    Parameters
    ----------
    store
        Slicer's user settings.
    grants
        Modes given on the command line for this run.
    default_folders
        Allowed folders while the person has not chosen any.
    on_change
        Called when the settings are not what they were at the last look.
    now
        Monotonic seconds.
    """

    def __init__(
        self,
        store: SettingsStore,
        grants: Mapping[str, Mode],
        default_folders: tuple[str, ...],
        on_change: Callable[[SafetySettings], None],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._grants = dict(grants)
        self._default_folders = default_folders
        self._on_change = on_change
        self._now = now
        self._look_again_at = float("-inf")
        self._texts: tuple[str | None, ...] | None = None
        self._settings = parse_settings({}, default_folders, self._grants)
        self._is_stopped = False

    def current(self) -> SafetySettings:
        """Give the settings as they are now, at most `LOOK_AGAIN_S` old."""
        now = self._now()
        if now < self._look_again_at:
            return self._settings
        self._look_again_at = now + LOOK_AGAIN_S
        texts = tuple(self._store.read(key) for key in KEYS)
        if texts != self._texts:
            is_first = self._texts is None
            self._texts = texts
            self._settings = parse_settings(
                dict(zip(KEYS, texts, strict=True)), self._default_folders, self._grants
            )
            if not is_first:
                self._on_change(self._settings)
        return self._settings

    def look_again(self) -> SafetySettings:
        """Read the settings now; for who has just changed them."""
        self._look_again_at = float("-inf")
        return self.current()

    @property
    def grants(self) -> Mapping[str, Mode]:
        """Modes given for this run; they win over the stored ones."""
        return self._grants

    @property
    def is_stopped(self) -> bool:
        """Whether *Stop all* is in force."""
        return self._is_stopped

    def stop(self) -> None:
        """Deny every new call until `resume`."""
        self._is_stopped = True
        self._on_change(self._settings)

    def resume(self) -> None:
        """Let calls in again; only the person can."""
        self._is_stopped = False
        self._on_change(self._settings)

    def check_running(self) -> None:
        """Refuse while stopped.

        Raises
        ------
        StoppedError
            The person or a client pressed *Stop all*.
        """
        if self._is_stopped:
            raise StoppedError(
                "Everything is stopped. Calls are accepted again when the person presses Resume in the AgentBridge "
                "panel.",
                retry_after_s=30.0,
            )


class Redaction:
    """Gives the redactor for the policy as it is now, and for all that was in the scene since the start.

    What has left the scene is still in logs, labels, names of files and the session's script, and an agent may take an
    attribute away from a node whose name says the same.

    Parameters
    ----------
    key
        Secret that pseudonyms are made with: kept, it makes them the same after a restart.
    """

    def __init__(self, safety: Safety, scene: SceneHost, key: bytes | None = None) -> None:
        self._safety = safety
        self._scene = scene
        self._key = key or secrets.token_bytes(32)
        self._last: Mapping[str, str] | None = None
        self._known: dict[str, str] = {}
        self._made_for: tuple[str, int] | None = None
        self._redactor = Redactor("show", {}, self._key)
        self._uids = UidPseudonyms(self._key)

    def redactor(self) -> Redactor:
        """Make the redactor, or reuse the last one when nothing has changed."""
        policy = self.policy
        identifiers = self._scene.identifiers()
        if identifiers is not self._last:
            self._known |= identifiers
            self._last = identifiers
        if self._made_for != (policy, len(self._known)):
            self._redactor = Redactor(policy, dict(self._known), self._key, self.uids)
            self._made_for = (policy, len(self._known))
        return self._redactor

    @property
    def policy(self) -> IdentifierPolicy:
        """The policy as it is now."""
        return self._safety.current().identifiers

    @property
    def uids(self) -> UidPseudonyms | None:
        """What gives UIDs their pseudonyms; None where the policy gives them none."""
        return self._uids if self.policy == "pseudonymize" else None
