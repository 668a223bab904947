"""What the service itself says: problems, jobs, the service document."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.errors import BridgeError, InternalError
from AgentBridgeLib.model.base import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEM_TYPE = "https://github.com/AgentBridge/SlicerAgentBridge/blob/main/docs/errors.md#"


def timestamp(seconds: float | None) -> str | None:
    """Write seconds since 1970 as ISO 8601 in UTC with milliseconds; None stays None."""
    if seconds is None:
        return None
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def problem(error: BridgeError, *, request_id: str = "", operation: str = "") -> dict[str, Any]:
    """Describe an error as a problem document (RFC 9457), the same on every route and in MCP."""
    wire = error.wire
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + error.code,
        "title": error.title,
        "status": wire.status,
        "code": error.code,
        "detail": error.message,
        "retryable": wire.is_retryable,
    }
    if error.errors:
        document["errors"] = [
            {"pointer": entry.pointer, "problem": entry.problem, "expected": entry.expected}
            for entry in error.errors
        ]
    if operation:
        document["operation"] = operation
    if request_id:
        document["request_id"] = request_id
    for name, fact in error.facts.items():
        document.setdefault(name, fact)
    return document


def internal_error(incident: str) -> InternalError:
    """Make the answer for a fault of ours. The text of the exception stays in Slicer's log."""
    return InternalError(
        f"The bridge failed in a way it should not. Slicer's log has the details under incident {incident}.",
        facts={"incident": incident},
    )


class JobProgress(Result):
    """How far a job is."""

    fraction: float | None = Field(description="From 0 to 1; null when it cannot be told.")
    message: str = Field(description="What is going on.")


class JobLinks(Result):
    """Where to go on."""

    self: str
    result: str


class JobView(Result):
    """A job as clients see it. Times are ISO 8601 in UTC."""

    id: str
    operation: str
    state: str = Field(
        description="awaiting_approval, queued, running, waiting_for_user, succeeded, failed or canceled."
    )
    progress: JobProgress
    created_at: str
    started_at: str | None
    finished_at: str | None
    cancelable: bool = Field(description="Whether a cancel can have an effect now.")
    cancel_requested: bool = Field(
        description="Somebody asked to cancel it. With state succeeded: the cancel came too late."
    )
    arguments_digest: str = Field(description="SHA-256 of the arguments; an approval is bound to it.")
    client: str
    prompt: str = Field(description="What the person is asked to do, in state waiting_for_user.")
    error: dict[str, Any] | None = Field(description="Problem document of a failed job.")
    links: JobLinks


def describe_error(error: BridgeError | None, operation: str) -> Mapping[str, Any] | None:
    """Give the problem document of a job's error; None without one."""
    return None if error is None else problem(error, operation=operation)
