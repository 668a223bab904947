"""The application as transport sees it: one that never raises.

An exception of routing or below must neither leave a slot nor leave a client without an answer. This is the only
file of the room with a broad `except`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import BridgeError, InternalError
from AgentBridgeLib.host.qtcompat import report_incident
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
        try:
            return self._application.admit(head)
        except BaseException as error:  # noqa: BLE001  see above
            return as_bridge_error("admitting a request", error)

    def handle(self, exchange: Exchange) -> BridgeError | None:
        """Hand over a complete request; what went wrong, if anything did."""
        try:
            self._application.handle(exchange)
        except BaseException as error:  # noqa: BLE001  see above
            return as_bridge_error("handling a request", error)
        return None

    def refuse(self, head: RequestHead | None, error: BridgeError) -> Response:
        """Describe a fault; in the application's way if it can."""
        try:
            return self._application.refuse(head, error)
        except BaseException as failure:  # noqa: BLE001  see above
            report_incident("describing a fault", failure)
            return problem_of_last_resort(error)


def as_bridge_error(place: str, error: BaseException) -> BridgeError:
    """Let errors of the tree pass; make an incident of everything else."""
    if isinstance(error, BridgeError):
        return error
    incident = report_incident(place, error)
    return InternalError(
        f"The bridge failed. Slicer's log has incident {incident}.", facts={"incident": incident}
    )
