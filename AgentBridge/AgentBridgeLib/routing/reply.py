"""The answer to one request, with its id and the other header fields that every answer carries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.model.exchange import EventStream, Exchange, RequestHead, Response
    from AgentBridgeLib.routing.answers import Headers


class Reply:
    """An exchange that adds header fields to whatever it is answered with.

    Parameters
    ----------
    exchange
        The one that transport waits for.
    request_id
        The client's, or the one that was minted; `head` shows it in either case.
    headers
        What to add.
    """

    def __init__(self, exchange: Exchange, request_id: str, headers: Headers) -> None:
        self._exchange = exchange
        self._head = replace(exchange.head, headers={**exchange.head.headers, "x-request-id": request_id})
        self._headers = headers

    @property
    def head(self) -> RequestHead:
        """Everything of the request but its body."""
        return self._head

    @property
    def body(self) -> memoryview:
        """The body; empty once the answer is out."""
        return self._exchange.body

    def respond(self, response: Response) -> None:
        """Give the answer."""
        self._exchange.respond(with_headers(response, self._headers))

    def open_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> EventStream:
        """Begin an answer of unknown length."""
        return self._exchange.open_stream(status, [*headers, *self._headers])

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Register what is called once if the client goes before its answer is complete."""
        self._exchange.on_disconnect(callback)


def with_headers(response: Response, headers: Headers) -> Response:
    """Add header fields to an answer."""
    return replace(response, headers=[*response.headers, *headers])
