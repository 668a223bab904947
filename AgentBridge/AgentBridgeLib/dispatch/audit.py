"""Who asked for what, what was decided and what came of it. Never arguments, never patient data."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import PANEL_DOOR
from AgentBridgeLib.model.envelopes import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.audit_file import AuditFile
    from AgentBridgeLib.dispatch.context import Caller
    from AgentBridgeLib.policy.identifiers import Redactor


_MOST_CLIENTS = 100


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


@dataclass(slots=True)
class ClientRecord:
    """What is known of one client: how often it called, and when last (seconds since 1970)."""

    calls: int = 0
    last_time: float = 0.0


_FIELDS = tuple(field.name for field in fields(AuditEntry))


class AuditLog:
    """The last entries in memory, all of them on disk.

    Parameters
    ----------
    wall_clock
        Seconds since 1970.
    size
        How many entries are kept in memory.
    redactor
        Gives what covers identifiers in texts that clients choose: their name, request id, unknown operations.
    file
        Where every entry is appended; None keeps them in memory only.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float],
        size: int = 10_000,
        redactor: Callable[[], Redactor] | None = None,
        file: AuditFile | None = None,
    ) -> None:
        self._wall_clock = wall_clock
        self._redactor = redactor
        self.file = file
        self._entries: deque[AuditEntry] = deque(maxlen=size)
        self._next = 1
        self._listeners: list[Callable[[AuditEntry], None]] = []
        self.clients: dict[str, ClientRecord] = {}

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
        cover = str if self._redactor is None else self._redactor().text
        entry = AuditEntry(
            number=self._next,
            time=self._wall_clock(),
            client=cover(caller.client),
            door=caller.door,
            request_id=cover(caller.request_id),
            operation=cover(operation),
            decision=decision,
            outcome=outcome,
            duration_ms=round(duration_ms, 3),
            arguments_digest=arguments_digest,
            job_id=job_id,
        )
        self._next += 1
        self._entries.append(entry)
        self._count(entry)
        if self.file is not None:
            self.file.append(
                {**{name: getattr(entry, name) for name in _FIELDS}, "time": timestamp(entry.time)}
            )
        for listener in self._listeners:
            listener(entry)
        return entry

    def page(self, before: int | None, limit: int) -> tuple[Sequence[AuditEntry], int, int | None]:
        """Give entries newest first: those with a number below `before`, how many there are, and where to go on."""
        chosen = [entry for entry in reversed(self._entries) if before is None or entry.number < before]
        following = chosen[limit - 1].number if len(chosen) > limit else None
        return chosen[:limit], len(self._entries), following

    def listen(self, listener: Callable[[AuditEntry], None]) -> Callable[[], None]:
        """Call `listener` with every new entry; for the panel. The result ends it and may be called again."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def _count(self, entry: AuditEntry) -> None:
        if entry.door == PANEL_DOOR:  # the person is no client
            return
        if entry.client not in self.clients and len(self.clients) >= _MOST_CLIENTS:
            del self.clients[min(self.clients, key=lambda name: self.clients[name].last_time)]
        record = self.clients.setdefault(entry.client, ClientRecord())
        record.calls += 1
        record.last_time = entry.time
