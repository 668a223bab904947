"""Routes about this running instance: health, the service document, the OpenAPI document and its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.routing import answers
from AgentBridgeLib.routing.docs_page import asset, page
from AgentBridgeLib.routing.table import PREFIX
from AgentBridgeLib.routing.visit import ServiceRoute

if TYPE_CHECKING:
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.visit import Visit

_LINKS = {
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
}


class Health(Result):
    """Whether the bridge answers."""

    status: Literal["ok"] = "ok"
    busy: bool = Field(description="Whether an operation is on the stack right now.")
    api: Literal["v1"] = "v1"


class ApplicationRow(Result):
    """The program that the bridge lives in."""

    name: str
    version: str
    revision: str
    os: str
    architecture: str
    has_main_window: bool = Field(description="Whether a person can see it.")


class CapabilityRow(Result):
    """How a capability is set."""

    mode: Literal["allow", "ask", "deny"]
    sentence: str = Field(description="What it lets an agent do.")


class ServiceDocument(Result):
    """This running instance."""

    name: str
    version: str = Field(description="Version of AgentBridge.")
    api: Literal["v1"] = "v1"
    instance_id: str
    process_id: int
    started_at: str = Field(description="ISO 8601, UTC.")
    application: ApplicationRow
    capabilities: dict[str, CapabilityRow]
    identifier_policy: Literal["hide", "pseudonymize", "show"]
    stopped: bool = Field(description="Whether the person pressed Stop all.")
    door: Literal["listener", "webserver", "webserver_plain"] = Field(
        description="How this request came in. Behind `webserver_plain` status and code stand in the body alone."
    )
    attended: bool = Field(description="Whether somebody can answer what is set to ask.")
    operations: int = Field(description="How many there are.")
    limits: dict[str, Any] = Field(description="Limits in force, by name; the unit is in the name.")
    links: dict[str, str] = Field(description="Where to go on.")


def health(services: Services, visit: Visit) -> None:
    """Say that the bridge answers, and nothing more."""
    visit.give(Health(busy=services.turn.is_taken))


def service_document(services: Services, visit: Visit) -> None:
    """Describe this running instance: links, version, capabilities with their modes, limits."""
    visit.expect_query()
    settings = services.safety.current()
    visit.give(
        ServiceDocument(
            **services.identity(),
            capabilities={
                name: CapabilityRow(mode=settings.mode(name), sentence=row.sentence)
                for name, row in CAPABILITIES.items()
            },
            identifier_policy=settings.identifiers,
            stopped=services.safety.is_stopped,
            door=visit.exchange.head.door,
            attended=services.dispatcher.desk.is_attended,
            operations=len(services.catalog.operations),
            limits=services.limits(),
            links=_LINKS,
        )
    )


def openapi(services: Services, visit: Visit) -> None:
    """Give the OpenAPI 3.1 document of every route."""
    visit.expect_query()
    visit.exchange.respond(answers.from_json(services.openapi_text()))


def docs(_services: Services, visit: Visit) -> None:
    """Give a page that shows the OpenAPI document; it asks for the token itself and needs no network."""
    visit.exchange.respond(page())


def docs_asset(_services: Services, visit: Visit) -> None:
    """Give a file of the documentation page."""
    visit.exchange.respond(asset(visit.parameters["name"]))


ROUTES: tuple[ServiceRoute, ...] = (
    ServiceRoute("GET", "/health", "Whether the bridge answers", health, needs_token=False, result=Health),
    ServiceRoute("GET", "/", "This running instance", service_document, result=ServiceDocument),
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
)
