"""What routes work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.routing import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.audit import AuditLog
    from AgentBridgeLib.dispatch.call import Call, Outcome
    from AgentBridgeLib.dispatch.events import EventRing
    from AgentBridgeLib.dispatch.job_service import JobService
    from AgentBridgeLib.dispatch.kernel import Dispatcher
    from AgentBridgeLib.dispatch.safety import Redaction, Safety
    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.model.exchange import Exchange
    from AgentBridgeLib.registry.catalog import Catalog


@dataclass(slots=True)
class Services:
    """The objects behind the routes.

    Attributes
    ----------
    identity
        Gives what the service document says of this instance.
    limits
        Gives the limits in force, by name.
    mcp
        Answers the requests of the Model Context Protocol.
    openapi
        Makes the OpenAPI document; its text is kept while the catalog stays the same.
    """

    catalog: Catalog
    dispatcher: Dispatcher
    jobs: JobService
    events: EventRing
    audit: AuditLog
    safety: Safety
    redaction: Redaction
    turn: Turn
    loop: EventLoop
    identity: Callable[[], dict[str, Any]]
    limits: Callable[[], dict[str, Any]]
    openapi: Callable[[Catalog], bytes]
    mcp: Callable[[Exchange], None]
    _openapi: tuple[int, bytes] | None = field(default=None, init=False)

    def call(self, exchange: Exchange, call: Call) -> None:
        """Make a call, and answer the exchange with what comes of it."""

        def answer(outcome: Outcome) -> None:
            try:
                response = answers.from_outcome(outcome, call.caller.request_id)
            except Exception as error:  # noqa: BLE001 - the client waits, whatever cannot be said
                fault = self.dispatcher.blame(error, call.operation)
                response = answers.from_error(fault, call.caller.request_id, call.operation)
            exchange.respond(response)

        self.dispatcher.call(call, answer)

    def openapi_text(self) -> bytes:
        """Give the OpenAPI document as JSON text."""
        if self._openapi is None or self._openapi[0] != self.catalog.version:
            self._openapi = (self.catalog.version, self.openapi(self.catalog))
        return self._openapi[1]
