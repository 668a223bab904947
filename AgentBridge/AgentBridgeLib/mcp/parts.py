"""What the tools and resources of the product work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.job_service import JobService
    from AgentBridgeLib.dispatch.kernel import Dispatcher
    from AgentBridgeLib.dispatch.safety import Safety
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.mcp.preferences import Preferences
    from AgentBridgeLib.policy.identifiers import Redactor
    from AgentBridgeLib.registry.catalog import Catalog


@dataclass(frozen=True, slots=True)
class ProductParts:
    """The objects behind the product's surface.

    Attributes
    ----------
    preferences
        Gives the person's choices as they are now.
    redactor
        Gives the redactor of the identifier policy in force, for what comes from the panel.
    url
        Gives the base URL of `/agent/v1`, for what does not fit into a conversation.
    """

    catalog: Catalog
    dispatcher: Dispatcher
    jobs: JobService
    safety: Safety
    loop: EventLoop
    preferences: Callable[[], Preferences]
    redactor: Callable[[], Redactor]
    url: Callable[[], str]
