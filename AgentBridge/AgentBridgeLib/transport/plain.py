"""The compatibility route: `/agent` requests that Slicer's server hands to a handler.

It shows method, address and body, no headers, and sends a body, no status. It waits for nobody: what is not answered
when the application comes back is given up, and the client is told that nothing was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, urlparse

from AgentBridgeLib.errors import BridgeError, FeatureMissingError, RequestTooLargeError, SceneBusyError
from AgentBridgeLib.host.qtcompat import run_guarded
from AgentBridgeLib.model.exchange import RequestHead
from AgentBridgeLib.transport.handlers import as_plain_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.model.exchange import Response
    from AgentBridgeLib.transport.handlers import PlainAnswer
    from AgentBridgeLib.transport.safe_application import SafeApplication

PREFIX = b"/agent"
_RETRY_AFTER_S = 1.0
_PRINTABLE_ASCII = bytes(range(0x21, 0x7F)).decode("ascii")


class PlainExchange:
    """Implements `model.exchange.Exchange` for one call that has to be answered before it returns.

    Parameters
    ----------
    head
        Without headers.
    body
        Complete.
    """

    def __init__(self, head: RequestHead, body: memoryview) -> None:
        self.head = head
        self.body = body
        self.response: Response | None = None
        self.is_streamed = False
        self._is_over = False
        self._callbacks: list[Callable[[], None]] = []

    def respond(self, response: Response) -> None:
        """Give the answer; ignored when it comes too late or twice."""
        if not self._is_over and self.response is None:
            self.response = response

    def open_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> ClosedStream:
        """Refuse to stream: Slicer's server cannot."""
        del status, headers
        self.is_streamed = True
        return ClosedStream()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Register what is called once if the answer comes too late."""
        if self._is_over:
            run_guarded(callback)
        else:
            self._callbacks.append(callback)

    def end(self) -> Response | None:
        """Take the answer; without one tell the application that nobody waits any more."""
        self._is_over = True
        if self.response is None:
            for callback in self._callbacks:
                run_guarded(callback)
        self._callbacks.clear()
        return self.response


class ClosedStream:
    """Implements `model.exchange.EventStream` where there is nobody to stream to."""

    is_open = False

    def write(self, data: bytes) -> None:
        """Drop it."""

    def close(self) -> None:
        """Do nothing."""


class PlainHandler:
    """Answers `/agent` requests in Slicer's plain way; a `handlers.HandlerCore`.

    Parameters
    ----------
    application
        Where requests go.
    is_answering
        Says whether this route is switched on.
    get_port
        Gives the port of Slicer's server.
    get_peer_host
        Gives the address of the client, as far as it can be known.
    """

    def __init__(
        self,
        application: SafeApplication,
        is_answering: Callable[[], bool],
        get_port: Callable[[], int],
        get_peer_host: Callable[[], str],
    ) -> None:
        self._application = application
        self._is_answering = is_answering
        self._get_port = get_port
        self._get_peer_host = get_peer_host

    def confidence(self, method: str, uri: bytes, body: bytes) -> float:
        """Claim `/agent` and what is below it."""
        del method, body
        try:
            path = urlparse(uri).path
        except ValueError:
            return 0.0
        is_ours = path == PREFIX or path.startswith(PREFIX + b"/")
        return 1.0 if is_ours and self._is_answering() else 0.0

    def answer(self, method: str, uri: bytes, body: bytes) -> PlainAnswer:
        """Ask the application, and take what it says at once."""
        parsed = urlparse(uri)
        target = parsed.path + (b"?" + parsed.query if parsed.query else b"")
        head = RequestHead(
            method,
            quote_from_bytes(target, safe=_PRINTABLE_ASCII),
            {},
            self._get_peer_host(),
            0,
            self._get_port(),
            "webserver_plain",
            len(body),
        )
        result = self._ask(head, body)
        if isinstance(result, BridgeError):
            result = self._application.refuse(head, result)
        return as_plain_answer(result)

    def _ask(self, head: RequestHead, body: bytes) -> Response | BridgeError:
        admission = self._application.admit(head)
        if isinstance(admission, BridgeError):
            return admission
        if admission.refusal is not None:
            return admission.refusal
        if len(body) > admission.max_body_bytes:
            return RequestTooLargeError(
                f"The body has {len(body)} bytes; the limit here is {admission.max_body_bytes}."
            )
        exchange = PlainExchange(head, memoryview(body))
        fault = self._application.handle(exchange)
        response = exchange.end()
        return response or fault or self._without_answer(exchange)

    def _without_answer(self, exchange: PlainExchange) -> BridgeError:
        if exchange.is_streamed:
            return FeatureMissingError("Slicer's WebServer cannot stream; use the bridge's own listener.")
        return SceneBusyError(
            "Slicer is busy, and its WebServer cannot wait; repeat, or use the bridge's own listener.",
            retry_after_s=_RETRY_AFTER_S,
        )
