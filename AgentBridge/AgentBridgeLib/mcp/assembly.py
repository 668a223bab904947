"""Builds the endpoint of the product, and tells clients that listen when the list of tools has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import preferences
from AgentBridgeLib.mcp.endpoint import McpEndpoint
from AgentBridgeLib.mcp.parts import ProductParts
from AgentBridgeLib.mcp.product import ProductSurface
from AgentBridgeLib.mcp.vocabulary import TOOLS_CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.events import EventRing, ServiceEvent
    from AgentBridgeLib.dispatch.job_service import JobService
    from AgentBridgeLib.dispatch.kernel import Dispatcher
    from AgentBridgeLib.dispatch.safety import Safety
    from AgentBridgeLib.host.ports.application import SettingsStore
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.policy.identifiers import Redactor
    from AgentBridgeLib.registry.catalog import Catalog


_MAY_CHANGE_TOOLS = frozenset({"policy.changed", "operations.changed"})


def make_endpoint(
    catalog: Catalog,
    dispatcher: Dispatcher,
    jobs: JobService,
    safety: Safety,
    loop: EventLoop,
    settings: SettingsStore,
    events: EventRing,
    *,
    redactor: Callable[[], Redactor],
    url: Callable[[], str],
) -> McpEndpoint:
    """Build the endpoint.

    Parameters
    ----------
    settings
        Where the person's choices for agents are read.
    events
        Tells when the safety settings or the catalogue change.
    redactor
        Gives the redactor of the identifier policy in force.
    url
        Gives the base URL of `/agent/v1`.
    """
    parts = ProductParts(
        catalog, dispatcher, jobs, safety, loop, lambda: preferences.read(settings.read), redactor, url
    )
    surface = ProductSurface(parts)

    def look() -> None:
        if surface.has_changed():
            endpoint.tell(TOOLS_CHANGED)

    # Nobody tells what was written into the settings file by hand, so the beat of those who listen looks, too.
    endpoint = McpEndpoint(surface, loop, dispatcher.blame, look, url)

    def on_event(event: ServiceEvent) -> None:
        if event.kind in _MAY_CHANGE_TOOLS:
            look()

    events.listen(on_event)
    return endpoint
