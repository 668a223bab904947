"""Routes of the job queue: start, list, follow, result, cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.call import Call, Preference
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.jobs.states import State
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.envelopes import JobView
from AgentBridgeLib.routing import answers, reading
from AgentBridgeLib.routing.visit import PAGE_QUERY, Rows, ServiceRoute, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.jobs.machine import Job
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.visit import Visit


class JobStart(Arguments):
    """What to run as a job."""

    operation: str = Field(description="Name of the operation.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")


class JobRows(Rows[JobView]):
    """Jobs, newest first."""


def start_job(services: Services, visit: Visit) -> None:
    """Run an operation as a job; the answer is the job."""
    visit.expect_query()
    start = _validated(visit.body)
    wishes = reading.preferences(visit.exchange.head)
    preference = Preference(
        respond_async=True, if_match=wishes.if_match, idempotency_key=wishes.idempotency_key
    )
    services.call(visit.exchange, Call(start.operation, start.arguments, visit.caller, preference))


def list_jobs(services: Services, visit: Visit) -> None:
    """List the jobs, newest first."""
    visit.expect_query("state", "operation", *PAGE_QUERY)
    state, operation = visit.query.get("state"), visit.query.get("operation")
    if state is not None and state not in set(State):
        raise invalid("state", state, f"one of: {', '.join(State)}")
    newest = [job for job in reversed(list(services.jobs.machine)) if _is_wanted(job, state, operation)]
    chosen, next_cursor = visit.page(newest, lambda job: job.id, f"jobs {state} {operation}")
    items = [services.jobs.view(job) for job in chosen]
    visit.give(JobRows(items=items, next_cursor=next_cursor, total=len(newest)))


def get_job(services: Services, visit: Visit) -> None:
    """Give one job; with `wait`, when it changes or after so many seconds (at most 25)."""
    wait_s = reading.wait_seconds(visit.exchange.head, visit.query)
    visit.expect_query()
    job = services.jobs.machine.get(visit.parameters["job_id"])
    seen = job.version

    def tell() -> None:
        visit.give(services.jobs.view(job), headers=[] if job.has_ended else [("Retry-After", "1")])

    services.jobs.when_changed(job.id, lambda now: now.has_ended or now.version != seen, wait_s, tell)


def job_result(services: Services, visit: Visit) -> None:
    """Give the result of a job that succeeded, or the problem of one that failed."""
    visit.expect_query()
    done = replace(services.jobs.result(visit.parameters["job_id"]), status=200)
    visit.exchange.respond(answers.from_outcome(done, visit.caller.request_id))


def cancel_job(services: Services, visit: Visit) -> None:
    """Ask a job to stop; it says `canceled` only when the work has really stopped."""
    visit.expect_query()
    visit.give(services.jobs.view(services.jobs.cancel(visit.parameters["job_id"])), status=202)


ROUTES: tuple[ServiceRoute, ...] = (
    ServiceRoute(
        "POST", "/jobs", "Run an operation as a job", start_job, body=JobStart, result=JobView, status=202
    ),
    ServiceRoute(
        "GET",
        "/jobs",
        "All jobs, newest first",
        list_jobs,
        result=JobRows,
        query={
            "state": "Only jobs in this state.",
            "operation": "Only jobs of this operation.",
            **PAGE_QUERY,
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
)


def _validated(body: Mapping[str, Any]) -> JobStart:
    unknown = [name for name in body if name not in JobStart.model_fields]
    if (
        unknown
        or not isinstance(body.get("operation"), str)
        or not isinstance(body.get("arguments", {}), dict)
    ):
        raise ArgumentInvalidError(
            'The body must be {"operation": "noun.verb", "arguments": {...}}.',
            errors=[FieldProblem(f"/{name}", "is unknown", "operation, arguments") for name in unknown],
        )
    return JobStart(operation=body["operation"], arguments=body.get("arguments", {}))


def _is_wanted(job: Job, state: str | None, operation: str | None) -> bool:
    return (state is None or job.state == state) and (operation is None or job.operation == operation)
