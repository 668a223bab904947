"""Calls that wait for the person.

The desk holds the requests. Somebody who can answer them, the panel, attends it; while nobody does, ``ask`` means
``deny``. An approval names the digest of the call it is for, so nobody can approve one call and get another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import JobStateConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What the person is asked.

    Attributes
    ----------
    effect
        What will happen, in words: the operation's own first sentence.
    nodes
        Names of the nodes it is about, as the person sees them.
    paths
        Files it reads or writes.
    values
        What else was given, as JSON, such as the code to run.
    expires_at
        Seconds since 1970.
    patients
        Whose data the nodes are, as the person sees them.
    warning
        Why the person should look twice; empty when there is no reason.
    asking
        Every capability that the call is asked about; an approval for the session holds for these.
    can_last
        Whether an approval may hold for the session. What a guard asks for, and each piece of code, is approved once.
    """

    job_id: str
    operation: str
    capability: str
    effect: str
    nodes: Sequence[str]
    paths: Sequence[str]
    client: str
    arguments_digest: str
    expires_at: float
    patients: Sequence[str] = ()
    warning: str = ""
    can_last: bool = True
    asking: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


class ApprovalDesk:
    """Requests in the order they came.

    Parameters
    ----------
    on_decision
        Called with the request and whether it was approved.
    wall_clock
        Seconds since 1970.
    """

    def __init__(
        self,
        on_decision: Callable[[ApprovalRequest, bool], None],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._on_decision = on_decision
        self._wall_clock = wall_clock
        self._waiting: dict[str, ApprovalRequest] = {}
        self._for_session: dict[tuple[str, str], set[str]] = {}
        self._attendants: list[Callable[[], None]] = []

    @property
    def is_attended(self) -> bool:
        """Whether somebody can answer."""
        return bool(self._attendants)

    @property
    def waiting(self) -> Sequence[ApprovalRequest]:
        """Requests without an answer, oldest first."""
        return tuple(self._waiting.values())

    def attend(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Begin to answer requests; `on_change` is called when the list changes. The result ends it."""
        self._attendants.append(on_change)

        def leave() -> None:
            if on_change in self._attendants:
                self._attendants.remove(on_change)

        return leave

    def is_approved_for_session(self, client: str, operation: str, asking: Sequence[str]) -> bool:
        """Whether the person has approved this operation for this client until Slicer ends.

        An approval holds for the capabilities that were asked about: one for loading a file does not let a later call
        of the same operation reach the network.
        """
        return set(asking) <= self._for_session.get((client, operation), set()) and bool(asking)

    @property
    def leases(self) -> Sequence[tuple[str, str]]:
        """Client and operation of every approval that holds for the session."""
        return tuple(sorted(self._for_session))

    def end_lease(self, client: str, operation: str) -> None:
        """Withdraw an approval that held for the session. Safe to repeat."""
        self._for_session.pop((client, operation), None)
        self._tell()

    @property
    def now(self) -> float:
        """The time that requests expire by, in seconds since 1970."""
        return self._wall_clock()

    def seconds_left(self, request: ApprovalRequest) -> float:
        """How long the request still waits; 0 when it is overdue."""
        return max(0.0, request.expires_at - self._wall_clock())

    def ask(self, request: ApprovalRequest) -> None:
        """Add a request."""
        self._waiting[request.job_id] = request
        self._tell()

    def withdraw(self, job_id: str) -> None:
        """Take a request away: it expired, or its job was canceled."""
        if self._waiting.pop(job_id, None) is not None:
            self._tell()

    def decide(self, job_id: str, arguments_digest: str, *, approve: bool, for_session: bool = False) -> None:
        """Answer a request.

        Raises
        ------
        JobStateConflictError
            The request is no longer there, or is not the call that the person saw.
        """
        request = self._waiting.get(job_id)
        if request is None or request.arguments_digest != arguments_digest:
            raise JobStateConflictError(f"The request '{job_id}' is no longer waiting; nothing was decided.")
        if request.expires_at and not self.seconds_left(request):
            # The clock decides, not the timer: a busy Slicer may not have come to let it expire.
            raise JobStateConflictError(f"The request '{job_id}' has expired; nothing was decided.")
        del self._waiting[job_id]
        if approve and for_session and request.can_last:
            self._for_session.setdefault((request.client, request.operation), set()).update(request.asking)
        self._on_decision(request, approve)
        self._tell()

    def forget_session(self) -> None:
        """Withdraw every approval that was given for the session."""
        self._for_session.clear()
        self._tell()

    def _tell(self) -> None:
        for attendant in list(self._attendants):
            attendant()
