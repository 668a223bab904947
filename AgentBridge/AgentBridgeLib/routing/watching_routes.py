"""Routes to watch and to stop: events, audit, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result
from AgentBridgeLib.model.envelopes import timestamp
from AgentBridgeLib.routing.event_feed import EventFeed
from AgentBridgeLib.routing.visit import PAGE_QUERY, Rows, ServiceRoute, invalid, whole_number

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.audit import AuditEntry
    from AgentBridgeLib.policy.identifiers import Redactor
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.visit import Visit


class AuditRow(Result):
    """One call."""

    number: int
    time: str = Field(description="When it was decided; ISO 8601, UTC.")
    client: str
    door: str = Field(description="Where it came in.")
    request_id: str
    operation: str
    decision: Literal["allow", "ask", "deny", "refused"]
    outcome: str = Field(description="succeeded, accepted, canceled, not_modified, or the code of an error.")
    duration_ms: float = Field(description="From the decision to the outcome.")
    arguments_digest: str = Field(description="SHA-256 of its arguments; empty where they were not valid.")
    job: str | None


class AuditRows(Rows[AuditRow]):
    """Calls, newest first; never their arguments."""


class Stopped(Result):
    """What *Stop all* did."""

    stopped: Literal[True] = True
    canceled_jobs: int = Field(description="Jobs that were asked to stop.")
    resume: str = "The person presses Resume in the AgentBridge panel."


def events(services: Services, visit: Visit) -> None:
    """Stream events (server-sent events); `Last-Event-ID` resumes."""
    visit.expect_query("last_event_id")
    EventFeed(services, visit.exchange, visit.query.get("last_event_id")).open()


def audit(services: Services, visit: Visit) -> None:
    """List who called what, newest first; never arguments."""
    visit.expect_query(*PAGE_QUERY)
    cursor = visit.query.get("cursor")
    before = None if cursor is None else whole_number(cursor)
    if cursor is not None and before is None:
        raise invalid("cursor", cursor, "the next_cursor of the page before")
    entries, total, following = services.audit.page(before, visit.page_limit())
    cover = services.redaction.redactor()
    items = [_row(entry, cover) for entry in entries]
    next_cursor = None if following is None else str(following)
    visit.give(AuditRows(items=items, next_cursor=next_cursor, total=total))


def stop(services: Services, visit: Visit) -> None:
    """Cancel every job and deny every new call until the person resumes."""
    visit.expect_query()
    services.safety.stop()
    visit.give(Stopped(canceled_jobs=services.jobs.cancel_all()))


ROUTES: tuple[ServiceRoute, ...] = (
    ServiceRoute(
        "GET",
        "/events",
        "What happens, as server-sent events",
        events,
        media_type="text/event-stream",
        query={"last_event_id": "Resume after this event, where the header Last-Event-ID cannot be sent."},
    ),
    ServiceRoute("GET", "/audit", "Who called what", audit, result=AuditRows, query=PAGE_QUERY),
    ServiceRoute("POST", "/stop", "Stop everything until the person resumes", stop, result=Stopped),
)


def _row(entry: AuditEntry, cover: Redactor) -> AuditRow:
    covered = cover.apply(
        {
            "number": entry.number,
            "time": timestamp(entry.time),
            "client": entry.client,
            "door": entry.door,
            "request_id": entry.request_id,
            "operation": entry.operation,
            "decision": entry.decision,
            "outcome": entry.outcome,
            "duration_ms": entry.duration_ms,
            "arguments_digest": entry.arguments_digest,
            "job": entry.job_id or None,
        }
    )
    return AuditRow(**covered)
