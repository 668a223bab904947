"""Who asked for what, what was decided and what came of it. Never arguments, never patient data."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.context import Caller


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One call.

    Attributes
    ----------
    time
        Seconds since 1970 at which it was decided.
    decision
        ``allow``, ``ask``, ``deny``, or ``refused`` when it did not come that far (unknown operation, bad
        arguments, stopped).
    outcome
        ``succeeded``, ``accepted``, ``canceled``, ``not_modified`` or an error code.
    duration_ms
        From the decision to the outcome.
    arguments_digest
        SHA-256 of the validated arguments; empty when they were not valid.
    """

    number: int
    time: float
    client: str
    door: str
    request_id: str
    operation: str
    decision: str
    outcome: str
    duration_ms: float
    arguments_digest: str = ""
    job_id: str = ""


class AuditLog:
    """The last entries in memory.

    Parameters
    ----------
    wall_clock
        Seconds since 1970.
    size
        How many entries are kept.
    """

    def __init__(self, wall_clock: Callable[[], float], size: int = 10_000) -> None:
        self._wall_clock = wall_clock
        self._entries: deque[AuditEntry] = deque(maxlen=size)
        self._next = 1
        self._listeners: list[Callable[[AuditEntry], None]] = []

    def note(
        self,
        caller: Caller,
        operation: str,
        decision: str,
        outcome: str,
        *,
        duration_ms: float = 0.0,
        arguments_digest: str = "",
        job_id: str = "",
    ) -> AuditEntry:
        """Append one entry."""
        entry = AuditEntry(
            number=self._next,
            time=self._wall_clock(),
            client=caller.client,
            door=caller.door,
            request_id=caller.request_id,
            operation=operation,
            decision=decision,
            outcome=outcome,
            duration_ms=round(duration_ms, 3),
            arguments_digest=arguments_digest,
            job_id=job_id,
        )
        self._next += 1
        self._entries.append(entry)
        for listener in self._listeners:
            listener(entry)
        return entry

    def page(self, before: int | None, limit: int) -> tuple[Sequence[AuditEntry], int, int | None]:
        """Give entries newest first: those with a number below `before`, how many there are, and where to go on."""
        chosen = [entry for entry in reversed(self._entries) if before is None or entry.number < before]
        following = chosen[limit - 1].number if len(chosen) > limit else None
        return chosen[:limit], len(self._entries), following

    def listen(self, listener: Callable[[AuditEntry], None]) -> None:
        """Call `listener` with every new entry; for the panel."""
        self._listeners.append(listener)
