"""The service's own routes: health, catalogue, jobs, events, audit, stop. What is not an operation on the scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.call import Call, Preference
from AgentBridgeLib.errors import ArgumentInvalidError, BridgeError, FieldProblem
from AgentBridgeLib.jobs.machine import State
from AgentBridgeLib.model.base import Arguments, Result
from AgentBridgeLib.model.envelopes import JobView, timestamp
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.routing import answers, reading
from AgentBridgeLib.routing.docs_page import asset, page
from AgentBridgeLib.routing.event_feed import EventFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from AgentBridgeLib.dispatch.call import Outcome
    from AgentBridgeLib.dispatch.context import Caller
    from AgentBridgeLib.jobs.machine import Job
    from AgentBridgeLib.model.exchange import Exchange
    from AgentBridgeLib.registry.operation import Operation
    from AgentBridgeLib.routing.services import Services

PREFIX = "/agent/v1"


@dataclass(slots=True)
class Visit:
    """One request on a service route."""

    exchange: Exchange
    caller: Caller
    parameters: Mapping[str, str]
    query: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)

    def give(self, value: object, *, status: int = 200, headers: answers.Headers | None = None) -> None:
        """Answer with a JSON-like value."""
        self.exchange.respond(
            answers.from_value(value, self.caller.request_id, status=status, headers=headers)
        )

    def expect_query(self, *names: str) -> None:
        """Refuse query arguments that the route does not know.

        Raises
        ------
        ArgumentInvalidError
            There is one.
        """
        unknown = [name for name in self.query if name not in names]
        if unknown:
            known = ", ".join(names) or "none"
            raise ArgumentInvalidError(
                f"The query argument '{unknown[0]}' is unknown here; there are: {known}.",
                errors=[FieldProblem(f"/{name}", "is unknown", f"one of: {known}") for name in unknown],
            )


@dataclass(frozen=True, slots=True)
class ServiceRoute:
    """A route of the service itself; documents itself like an operation does."""

    method: str
    path: str
    summary: str
    handle: Callable[[Services, Visit], None]
    needs_token: bool = True
    body: type[Arguments] | None = None
    result: type[Result] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    status: int = 200


class Health(Result):
    """Whether the bridge answers."""

    status: Literal["ok"] = "ok"
    busy: bool = Field(description="Whether an operation is on the stack right now.")
    api: Literal["v1"] = "v1"


class JobStart(Arguments):
    """What to run as a job."""

    operation: str = Field(description="Name of the operation.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")


class Stopped(Result):
    """What *Stop all* did."""

    stopped: Literal[True] = True
    canceled_jobs: int = Field(description="Jobs that were asked to stop.")
    resume: str = "The person presses Resume in the AgentBridge panel."


def health(services: Services, visit: Visit) -> None:
    """Say that the bridge answers, and nothing more."""
    visit.give(Health(busy=services.turn.is_taken).model_dump())


def service_document(services: Services, visit: Visit) -> None:
    """Describe this running instance: links, version, capabilities with their modes, limits."""
    visit.expect_query()
    settings = services.safety.current()
    visit.give(
        {
            **services.identity(),
            "capabilities": {
                name: {"mode": settings.mode(name), "sentence": row.sentence}
                for name, row in CAPABILITIES.items()
            },
            "identifier_policy": settings.identifiers,
            "stopped": services.safety.is_stopped,
            "attended": services.dispatcher.desk.is_attended,
            "operations": len(services.catalog.operations),
            "limits": services.limits(),
            "links": {
                name: PREFIX + path
                for name, path in {
                    "self": "/",
                    "health": "/health",
                    "openapi": "/openapi.json",
                    "docs": "/docs",
                    "operations": "/operations",
                    "jobs": "/jobs",
                    "events": "/events",
                    "audit": "/audit",
                    "stop": "/stop",
                }.items()
            },
        }
    )


def openapi(services: Services, visit: Visit) -> None:
    """Give the OpenAPI 3.1 document of every route."""
    visit.expect_query()
    visit.exchange.respond(answers.from_json(services.openapi_text(), visit.caller.request_id))


def docs(_services: Services, visit: Visit) -> None:
    """Give a page that shows the OpenAPI document; it asks for the token itself and needs no network."""
    visit.exchange.respond(page())


def docs_asset(_services: Services, visit: Visit) -> None:
    """Give a file of the documentation page."""
    visit.exchange.respond(asset(visit.parameters["name"]))


def list_operations(services: Services, visit: Visit) -> None:
    """List the operations; `search` looks in names and descriptions."""
    visit.expect_query("search")
    words = visit.query.get("search", "").lower().split()
    chosen = [operation for operation in services.catalog if _mentions(operation, words)]
    items = [_operation_row(services, operation) for operation in chosen]
    visit.give({"items": items, "next_cursor": None, "total": len(items)})


def describe_operation(services: Services, visit: Visit) -> None:
    """Describe one operation with the JSON Schemas of its arguments and its result."""
    visit.expect_query()
    operation = services.catalog.get(visit.parameters["name"])
    visit.give(
        {
            **_operation_row(services, operation),
            "description": operation.description,
            "arguments_schema": operation.schemas["arguments"],
            "result_schema": operation.schemas.get("result"),
            "binary_result": operation.result is None,
        }
    )


def call_operation(services: Services, visit: Visit) -> None:
    """Call any operation by its name, with its arguments as the body."""
    visit.expect_query()
    _call(services, visit, visit.parameters["name"], visit.body, reading.preferences(visit.exchange.head))


def start_job(services: Services, visit: Visit) -> None:
    """Run an operation as a job; the answer is the job."""
    visit.expect_query()
    start = _validated(JobStart, visit.body)
    wishes = reading.preferences(visit.exchange.head)
    preference = Preference(
        respond_async=True, if_match=wishes.if_match, idempotency_key=wishes.idempotency_key
    )
    _call(services, visit, start.operation, start.arguments, preference)


def list_jobs(services: Services, visit: Visit) -> None:
    """List the jobs, newest first."""
    visit.expect_query("state", "operation", "limit", "cursor")
    state, operation = visit.query.get("state"), visit.query.get("operation")
    if state is not None and state not in set(State):
        raise _invalid("state", state, f"one of: {', '.join(State)}")
    newest = [job for job in reversed(list(services.jobs.machine)) if _is_wanted(job, state, operation)]
    start, limit = _page(visit.query, len(newest))
    chosen = newest[start : start + limit]
    following = start + limit if start + limit < len(newest) else None
    visit.give(
        {
            "items": [services.jobs.view(job).model_dump(mode="json") for job in chosen],
            "next_cursor": None if following is None else str(following),
            "total": len(newest),
        }
    )


def get_job(services: Services, visit: Visit) -> None:
    """Give one job; with `wait`, when it changes or after so many seconds (at most 25)."""
    wait_s = reading.wait_seconds(visit.exchange.head, visit.query)
    visit.expect_query()
    job = services.jobs.machine.get(visit.parameters["job_id"])
    seen = job.version

    def tell() -> None:
        headers = [] if job.has_ended else [("Retry-After", "1")]
        visit.exchange.respond(
            answers.from_model(services.jobs.view(job), visit.caller.request_id, headers=headers)
        )

    services.jobs.when_changed(job.id, lambda now: now.has_ended or now.version != seen, wait_s, tell)


def job_result(services: Services, visit: Visit) -> None:
    """Give the result of a job that succeeded, or the problem of one that failed."""
    visit.expect_query()
    done = replace(services.jobs.result(visit.parameters["job_id"]), status=200)
    visit.exchange.respond(answers.from_outcome(done, visit.caller.request_id))


def cancel_job(services: Services, visit: Visit) -> None:
    """Ask a job to stop; it says `canceled` only when the work has really stopped."""
    visit.expect_query()
    job = services.jobs.cancel(visit.parameters["job_id"])
    visit.give(services.jobs.view(job).model_dump(mode="json"), status=202)


def events(services: Services, visit: Visit) -> None:
    """Stream events (server-sent events); `Last-Event-ID` resumes."""
    visit.expect_query("last_event_id")
    EventFeed(services, visit.exchange, visit.query.get("last_event_id")).open()


def audit(services: Services, visit: Visit) -> None:
    """List who called what, newest first; never arguments."""
    visit.expect_query("limit", "cursor")
    cursor = visit.query.get("cursor")
    if cursor is not None and not cursor.isdigit():
        raise _invalid("cursor", cursor, "the next_cursor of the page before")
    _, limit = _page({name: text for name, text in visit.query.items() if name == "limit"}, 1)
    entries, total, following = services.audit.page(None if cursor is None else int(cursor), limit)
    cover = services.redaction.redactor()
    items = [
        cover.apply(
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
        for entry in entries
    ]
    visit.give({"items": items, "next_cursor": None if following is None else str(following), "total": total})


def stop(services: Services, visit: Visit) -> None:
    """Cancel every job and deny every new call until the person resumes."""
    visit.expect_query()
    services.safety.stop()
    visit.give(Stopped(canceled_jobs=services.jobs.cancel_all()).model_dump())


def model_context_protocol(services: Services, visit: Visit) -> None:
    """Hand the request to the Model Context Protocol, which has answers of its own."""
    services.mcp(visit.exchange)


SERVICE_ROUTES: tuple[ServiceRoute, ...] = (
    ServiceRoute("GET", "/health", "Whether the bridge answers", health, needs_token=False, result=Health),
    ServiceRoute("GET", "/", "This running instance", service_document),
    ServiceRoute("GET", "/openapi.json", "The OpenAPI 3.1 document", openapi),
    ServiceRoute(
        "GET", "/docs", "A page that shows the document", docs, needs_token=False, media_type="text/html"
    ),
    ServiceRoute(
        "GET",
        "/docs/{name}",
        "A file of that page",
        docs_asset,
        needs_token=False,
        media_type="application/octet-stream",
    ),
    ServiceRoute(
        "GET", "/operations", "All operations", list_operations, query={"search": "Words to look for."}
    ),
    ServiceRoute("GET", "/operations/{name}", "One operation with its schemas", describe_operation),
    ServiceRoute("POST", "/operations/{name}", "Call any operation by name", call_operation, body=Arguments),
    ServiceRoute(
        "POST", "/jobs", "Run an operation as a job", start_job, body=JobStart, result=JobView, status=202
    ),
    ServiceRoute(
        "GET",
        "/jobs",
        "All jobs, newest first",
        list_jobs,
        query={
            "state": "Only jobs in this state.",
            "operation": "Only jobs of this operation.",
            "limit": "How many at the most, 1 to 1000.",
            "cursor": "next_cursor of the page before.",
        },
    ),
    ServiceRoute(
        "GET",
        "/jobs/{job_id}",
        "One job",
        get_job,
        result=JobView,
        query={"wait": "Answer when it changes, or after so many seconds (at most 25)."},
    ),
    ServiceRoute("GET", "/jobs/{job_id}/result", "The result of a job", job_result),
    ServiceRoute("DELETE", "/jobs/{job_id}", "Ask a job to stop", cancel_job, result=JobView, status=202),
    ServiceRoute(
        "GET",
        "/events",
        "What happens, as server-sent events",
        events,
        media_type="text/event-stream",
        query={"last_event_id": "Resume after this event, where the header Last-Event-ID cannot be sent."},
    ),
    ServiceRoute(
        "GET",
        "/audit",
        "Who called what",
        audit,
        query={"limit": "How many at the most, 1 to 1000.", "cursor": "next_cursor of the page before."},
    ),
    ServiceRoute("POST", "/stop", "Stop everything until the person resumes", stop, result=Stopped),
    ServiceRoute("POST", "/mcp", "A message of the Model Context Protocol", model_context_protocol),
    ServiceRoute(
        "GET", "/mcp", "Resume a stream of the Model Context Protocol", model_context_protocol, status=405
    ),
    ServiceRoute(
        "DELETE", "/mcp", "End a session of the Model Context Protocol", model_context_protocol, status=204
    ),
)


def _call(
    services: Services, visit: Visit, operation: str, arguments: Mapping[str, Any], preference: Preference
) -> None:
    def answer(outcome: Outcome) -> None:
        visit.exchange.respond(answers.from_outcome(outcome, visit.caller.request_id))

    services.dispatcher.call(Call(operation, arguments, visit.caller, preference), answer)


def _validated(model: type[JobStart], body: Mapping[str, Any]) -> JobStart:
    unknown = [name for name in body if name not in model.model_fields]
    if (
        unknown
        or not isinstance(body.get("operation"), str)
        or not isinstance(body.get("arguments", {}), dict)
    ):
        raise ArgumentInvalidError(
            'The body must be {"operation": "noun.verb", "arguments": {...}}.',
            errors=[FieldProblem(f"/{name}", "is unknown", "operation, arguments") for name in unknown],
        )
    return model(operation=body["operation"], arguments=body.get("arguments", {}))


def _mentions(operation: Operation, words: list[str]) -> bool:
    text = f"{operation.name} {operation.description}".lower()
    return all(word in text for word in words)


def _operation_row(services: Services, operation: Operation) -> dict[str, Any]:
    mark = operation.mark
    route = mark.route
    return {
        "name": operation.name,
        "summary": operation.summary,
        "capability": mark.capability,
        "mode": services.safety.current().mode(mark.capability),
        "route": None if route is None else f"{route.method} {PREFIX}{route.path}",
        "read_only": mark.read_only,
        "destructive": mark.destructive,
        "idempotent": mark.idempotent,
        "long": mark.long,
        "links": {"self": f"{PREFIX}/operations/{operation.name}"},
    }


def _is_wanted(job: Job, state: str | None, operation: str | None) -> bool:
    return (state is None or job.state == state) and (operation is None or job.operation == operation)


def _page(query: Mapping[str, str], total: int) -> tuple[int, int]:
    limit, cursor = query.get("limit", "100"), query.get("cursor", "0")
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise _invalid("limit", limit, "a whole number from 1 to 1000")
    if not cursor.isdigit() or int(cursor) > max(total, 0):
        raise _invalid("cursor", cursor, "the next_cursor of the page before")
    return int(cursor), int(limit)


def _invalid(name: str, value: str, expected: str) -> BridgeError:
    return ArgumentInvalidError(
        f"{name} is '{value}'; it must be {expected}.",
        errors=[FieldProblem(f"/{name}", "has no usable value", expected)],
    )
