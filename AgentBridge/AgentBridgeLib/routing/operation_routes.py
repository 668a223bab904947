"""Routes to the catalogue: search operations, describe one, call one by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.call import Call
from AgentBridgeLib.model.base import Arguments, Result
from AgentBridgeLib.registry.examples import example_arguments
from AgentBridgeLib.routing import reading
from AgentBridgeLib.routing.table import PREFIX
from AgentBridgeLib.routing.visit import PAGE_QUERY, Rows, ServiceRoute

if TYPE_CHECKING:
    from AgentBridgeLib.registry.operation import Operation
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.visit import Visit


class OperationLinks(Result):
    """Where to go on."""

    self: str


class OperationRow(Result):
    """An operation in short."""

    name: str = Field(description="noun.verb")
    summary: str
    capability: str
    mode: Literal["allow", "ask", "deny"] = Field(description="How its capability is set.")
    route: str | None = Field(description="Method and path; null where it is called by name only.")
    read_only: bool
    destructive: bool
    idempotent: bool
    long: bool = Field(description="Whether it always runs as a job.")
    links: OperationLinks


class OperationDetail(OperationRow):
    """An operation with its schemas."""

    description: str
    arguments_schema: dict[str, Any] = Field(description="JSON Schema of its arguments.")
    result_schema: dict[str, Any] | None = Field(description="JSON Schema of its result; null for bytes.")
    binary_result: bool = Field(description="Whether it answers with bytes.")
    example_arguments: dict[str, Any] = Field(
        description="Arguments that it takes, to learn from; bytes are left out, node ids are such as a scene gives."
    )


class OperationRows(Rows[OperationRow]):
    """Operations of the catalogue, in its order; what was searched for, best first."""


def list_operations(services: Services, visit: Visit) -> None:
    """List the operations; with `search` those that fit its words, best first."""
    visit.expect_query("search", *PAGE_QUERY)
    search = visit.query.get("search", "")
    found = services.catalog.find(search).operations
    chosen, next_cursor = visit.page(found, lambda operation: operation.name, f"operations {search}")
    items = [OperationRow(**_row(services, operation)) for operation in chosen]
    visit.give(OperationRows(items=items, next_cursor=next_cursor, total=len(found)))


def describe_operation(services: Services, visit: Visit) -> None:
    """Describe one operation with the JSON Schemas of its arguments and its result."""
    visit.expect_query()
    operation = services.catalog.get(visit.parameters["name"])
    visit.give(
        OperationDetail(
            **_row(services, operation),
            description=operation.description,
            arguments_schema=operation.schemas["arguments"],
            result_schema=operation.schemas.get("result"),
            binary_result=operation.result is None,
            example_arguments=example_arguments(operation.schemas["arguments"]),
        )
    )


def call_operation(services: Services, visit: Visit) -> None:
    """Call any operation by its name, with its arguments as the body."""
    visit.expect_query()
    preference = reading.preferences(visit.exchange.head)
    services.call(visit.exchange, Call(visit.parameters["name"], visit.body, visit.caller, preference))


ROUTES: tuple[ServiceRoute, ...] = (
    ServiceRoute(
        "GET",
        "/operations",
        "All operations",
        list_operations,
        result=OperationRows,
        query={
            "search": "Words of a task, such as: align two scans. The best fit comes first.",
            **PAGE_QUERY,
        },
    ),
    ServiceRoute(
        "GET",
        "/operations/{name}",
        "One operation with its schemas",
        describe_operation,
        result=OperationDetail,
    ),
    ServiceRoute("POST", "/operations/{name}", "Call any operation by name", call_operation, body=Arguments),
)


def _row(services: Services, operation: Operation) -> dict[str, Any]:
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
        "links": OperationLinks(self=f"{PREFIX}/operations/{operation.name}"),
    }
