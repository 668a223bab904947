"""The application as transport sees it: one that never raises.

An exception of routing or below must neither leave a slot nor leave a client without an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import BridgeError, InternalError
from AgentBridgeLib.host.qtcompat import attempt, report_incident
from AgentBridgeLib.transport.answers import problem_of_last_resort

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Admission, Application, Exchange, RequestHead, Response


class SafeApplication:
    """Turns whatever the application raises into an error of the tree.

    Parameters
    ----------
    application
        The real one.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def admit(self, head: RequestHead) -> Admission | BridgeError:
        """Decide on the head alone."""

        def ask() -> Admission | BridgeError:
            return self._application.admit(head)

        return attempt(ask, lambda error: as_bridge_error("admitting a request", error))

    def handle(self, exchange: Exchange) -> BridgeError | None:
        """Hand over a complete request; what went wrong, if anything did."""
        return attempt(
            lambda: self._application.handle(exchange),
            lambda error: as_bridge_error("handling a request", error),
        )

    def refuse(self, head: RequestHead | None, error: BridgeError) -> Response:
        """Describe a fault; in the application's way if it can."""

        def describe(failure: BaseException) -> Response:
            report_incident("describing a fault", failure)
            return problem_of_last_resort(error)

        return attempt(lambda: self._application.refuse(head, error), describe)


def as_bridge_error(place: str, error: BaseException) -> BridgeError:
    """Let errors of the tree pass; make an incident of everything else."""
    if isinstance(error, BridgeError):
        return error
    incident = report_incident(place, error)
    return InternalError(
        f"The bridge failed. Slicer's log has incident {incident}.", facts={"incident": incident}
    )
