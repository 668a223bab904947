"""The safety settings in front of Slicer's own WebServer handlers.

The guard claims a legacy request only when the settings deny it, with a confidence above Slicer's 0.5; everything else
it leaves to Slicer. There is nobody to ask on that server, so *ask* means deny there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from AgentBridgeLib.errors import (
    BridgeError,
    CapabilityDisabledError,
    DataInvalidError,
    PathOutsideRootsError,
    RequestMalformedError,
)
from AgentBridgeLib.model.exchange import RequestHead
from AgentBridgeLib.transport import legacy
from AgentBridgeLib.transport.handlers import as_plain_answer
from AgentBridgeLib.transport.peers import UNKNOWN_PEER

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.transport.handlers import PlainAnswer
    from AgentBridgeLib.transport.legacy import Need
    from AgentBridgeLib.transport.safe_application import SafeApplication

_CONFIDENCE = 0.9


class GuardPolicy(Protocol):
    """The safety settings, as far as the guard asks for them; read anew at each question."""

    def is_guarding(self) -> bool:
        """Say whether the guard is switched on."""

    def allows_capability(self, name: str) -> bool:
        """Say whether a capability is allowed without asking anybody."""

    def path_problem(self, path: str, *, writing: bool) -> BridgeError | None:
        """Say why a local file may not be touched: where it lies, or what would be read with it; None when it may."""

    def note_denied(self, action: str, error: BridgeError) -> None:
        """Take note of a request that was turned away, for the audit."""


class Guard:
    """Judges requests to Slicer's own handlers; a `handlers.HandlerCore`.

    Parameters
    ----------
    application
        Describes the refusals.
    policy
        The settings.
    get_docroot
        Gives the folder of the static pages; None when there is none.
    """

    def __init__(
        self, application: SafeApplication, policy: GuardPolicy, get_docroot: Callable[[], bytes | None]
    ) -> None:
        self._application = application
        self._policy = policy
        self._get_docroot = get_docroot

    def confidence(self, method: str, uri: bytes, body: bytes) -> float:
        """Claim what is denied, nothing else."""
        return 0.0 if self.judge(method, uri, body) is None else _CONFIDENCE

    def answer(self, method: str, uri: bytes, body: bytes) -> PlainAnswer:
        """Refuse."""
        error = self.judge(method, uri, body) or CapabilityDisabledError(
            "The safety settings denied this request."
        )
        target = uri.decode("latin-1")
        self._policy.note_denied(f"{method} {target.partition('?')[0]}", error)
        head = RequestHead(method, target, {}, UNKNOWN_PEER, 0, 0, "webserver_plain", len(body))
        return as_plain_answer(self._application.refuse(head, error))

    def judge(self, method: str, uri: bytes, body: bytes) -> BridgeError | None:
        """Find the reason why a request is denied; None when Slicer may handle it."""
        if not self._policy.is_guarding():
            return None
        try:
            needs = legacy.needs_of(method, uri)
            is_a_trap = legacy.claims_more_voxels_than_bytes(uri, body)
        except ValueError:
            return RequestMalformedError("The address of the request cannot be read.")
        if is_a_trap:
            return DataInvalidError("The NRRD header claims more voxels than bytes were sent.")
        docroot = self._get_docroot()
        if docroot is not None and legacy.leaves_document_root(uri, docroot):
            return PathOutsideRootsError("The address leaves the folder of the static pages.")
        return next(filter(None, map(self._missing, needs)), None)

    def _missing(self, need: Need) -> BridgeError | None:
        if not self._policy.allows_capability(need.capability):
            return CapabilityDisabledError(
                f"The safety settings do not let requests to Slicer's WebServer {need.action} "
                f"(capability {need.capability}).",
                facts={"capability": need.capability},
            )
        return None if need.path is None else self._policy.path_problem(need.path, writing=need.writing)
