"""The service's own routes, in the order of the documentation. What is not an operation on the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.routing import instance_routes, job_routes, operation_routes, watching_routes
from AgentBridgeLib.routing.visit import ServiceRoute

if TYPE_CHECKING:
    from AgentBridgeLib.routing.services import Services
    from AgentBridgeLib.routing.visit import Visit


def model_context_protocol(services: Services, visit: Visit) -> None:
    """Hand the request to the Model Context Protocol, which has answers of its own."""
    services.mcp(visit.exchange)


SERVICE_ROUTES: tuple[ServiceRoute, ...] = (
    *instance_routes.ROUTES,
    *operation_routes.ROUTES,
    *job_routes.ROUTES,
    *watching_routes.ROUTES,
    ServiceRoute("POST", "/mcp", "A message of the Model Context Protocol", model_context_protocol),
    ServiceRoute(
        "GET", "/mcp", "Resume a stream of the Model Context Protocol", model_context_protocol, status=405
    ),
    ServiceRoute(
        "DELETE", "/mcp", "End a session of the Model Context Protocol", model_context_protocol, status=204
    ),
)
